"""
Makes of a database what 0.6.12 leaves: states with its two members, and nothing that it does not know.

    old_layout.py DATABASE
"""

import os
import sys

from check import Cbor, read


def head(kind, count):
    for bits, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if count < 24:
            return bytes([kind << 5 | count])
        if count < 1 << (8 * size):
            return bytes([kind << 5 | bits]) + count.to_bytes(size, "big")
    raise ValueError(count)


def cbor(value):
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value)) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(cbor, value))
    return head(5, len(value)) + b"".join(cbor(key) + cbor(value[key]) for key in value)


for folder, folders, files in os.walk(sys.argv[1]):
    for name in files:
        path = os.path.join(folder, name)
        if name.endswith(".state"):
            whole = Cbor.whole(read(path))
            with open(path, "wb") as file:
                file.write(cbor({key: whole[key] for key in ("image", "signatures")}))
        elif not name.endswith(".ds1"):
            os.unlink(path)
