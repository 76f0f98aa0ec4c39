"""
What a disk holds, said by a program that shares nothing with the server: states, promises and floors of a database, and
of each image directory the id that follows from its tree. Nothing is changed.

    check.py --tree DIRECTORY          prints the image id of any tree
    check.py DATABASE IMAGES KEY       prints one JSON object:

    {"paths": {"/key/name": {"state": ID, "intent": ID, "floor": [TIMESTAMP, ID], "published": the same,
                             "tree": ID, "signed": {ID: TIMESTAMP of its newest signature}}},
     "wrong": ["what is there and is not what its name says", ...],
     "left": ["temporary names", ...]}

Formats: index text and order from the index format, state files from the storage format.
"""

import hashlib
import json
import os
import stat
import sys

BLOCK = 32768
STATE, INTENT, FLOOR = ".state", ".new.state", ".floor"


def blake(data):
    return hashlib.blake2b(data, digest_size=32).digest()


def escaped(name):
    return b"".join(
        bytes([b]) if 0x21 <= b <= 0x7E and b != 0x5C else b"\\x%02x" % b for b in name
    )


def lines_of(path, shown):
    """Body lines of the index of a tree: its directory, its files and links, then each inner directory."""
    yield shown or b"/"
    inner = []
    for name in sorted(os.listdir(path)):
        own = os.path.join(path, name)
        info = os.lstat(own)
        if stat.S_ISDIR(info.st_mode):
            inner.append(name)
        elif stat.S_ISLNK(info.st_mode):
            yield b"  " + escaped(name) + b" s " + escaped(os.readlink(own)).replace(b"\\x2f", b"/")
        elif stat.S_ISREG(info.st_mode):
            with open(own, "rb") as file:
                data = file.read()
            hashes = [blake(data[at : at + BLOCK]).hex().encode() for at in range(0, len(data), BLOCK)]
            kind = b"x" if info.st_mode & 0o100 else b"f"
            yield b" ".join([b"  " + escaped(name), kind, b"%d" % len(data), *hashes])
        else:
            yield b"  " + escaped(name) + b" ?"
    for name in inner:
        yield from lines_of(os.path.join(path, name), shown + b"/" + escaped(name))


def tree_id(path):
    return blake(b"".join(line + b"\n" for line in lines_of(path, b""))).hex()


class Cbor:
    """Numbers, byte strings, texts, arrays, maps and booleans, of definite length."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if self.at + count > len(self.data):
            raise ValueError("short")
        self.at += count
        return self.data[self.at - count : self.at]

    def value(self):
        first = self.take(1)[0]
        kind, low = first >> 5, first & 31
        if kind == 7:
            return {20: False, 21: True, 22: None}[low]
        count = low if low < 24 else int.from_bytes(self.take(1 << (low - 24)), "big")
        if kind == 0:
            return count
        if kind == 2:
            return self.take(count)
        if kind == 3:
            return self.take(count).decode()
        if kind == 4:
            return [self.value() for _ in range(count)]
        if kind == 5:
            return {self.value(): self.value() for _ in range(count)}
        raise ValueError("kind %d" % kind)

    @staticmethod
    def whole(data):
        reader = Cbor(data)
        value = reader.value()
        if reader.at != len(data):
            raise ValueError("more behind it")
        return value


def read(path):
    with open(path, "rb") as file:
        return file.read()


def remember(seen, kind, value):
    image = value["image"].hex()
    seen[kind] = image
    newest = max((each[0] for each in value["signatures"]), default=0)
    seen["signed"][image] = max(newest, seen["signed"].get(image, 0))


def look(database, images, key):
    paths, wrong, left = {}, [], []

    def own(path):
        return paths.setdefault(path, dict(state=None, intent=None, floor=None, published=None, tree=None, signed={}))

    for folder, folders, files in os.walk(os.path.join(database, "signatures", key)):
        prefix = os.path.relpath(folder, os.path.join(database, "signatures"))
        for name in sorted(files):
            path = os.path.join(folder, name)
            if name.startswith("."):
                left.append(os.path.relpath(path, database))
                continue
            try:
                value = Cbor.whole(read(path))
                if name.endswith(INTENT):
                    remember(own("/%s/%s" % (prefix, name[: -len(INTENT)])), "intent", value)
                elif name.endswith(STATE):
                    remember(own("/%s/%s" % (prefix, name[: -len(STATE)])), "state", value)
                elif name.endswith(FLOOR):
                    here = own("/%s/%s" % (prefix, name[: -len(FLOOR)]))
                    if "image" in value:
                        here["floor"] = [value["timestamp"], value["image"].hex()]
                    if "published" in value:
                        here["published"] = [value["published"], value["published_image"].hex()]
                if name.endswith(STATE) and not value["signatures"]:
                    wrong.append("%s has no signature" % path)
            except Exception as error:  # whatever it is, the file is not what its name says
                wrong.append("%s: %r" % (path, error))
    for folder, folders, files in os.walk(os.path.join(database, "indexes")):
        for name in sorted(files):
            path = os.path.join(folder, name)
            if name.startswith("."):
                left.append(os.path.relpath(path, database))
                continue
            text = read(path)
            body = text[text.find(b"\n") + 1 : -65]
            if blake(body).hex() != name[:-4] or text[-65:] != name[:-4].encode() + b"\n":
                wrong.append("%s is not that index" % path)
    for name in sorted(os.listdir(images)):
        path = os.path.join(images, name)
        if name.startswith("."):
            left.append(name)
        elif name != "lost+found" and not os.path.isdir(path):
            wrong.append("%s is no directory" % path)
        elif name != "lost+found":
            own("/%s/%s" % (key, name))["tree"] = tree_id(os.fsencode(path))
    return {"paths": paths, "wrong": wrong, "left": left}


if __name__ == "__main__":
    if sys.argv[1] == "--tree":
        print(tree_id(os.fsencode(sys.argv[2])))
    else:
        json.dump(look(*sys.argv[1:4]), sys.stdout)
