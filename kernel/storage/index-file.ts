/** Index files: checked against their id whenever they are read, because a cut or a hand may have changed them. */
import { type ImageId, parseImageId } from "../ids.ts";
import { INDEX_BYTES_MAX } from "../index/limits.ts";
import type { HashName, PackedIndex } from "../index/packed.ts";
import { type DigestBytes, type IndexRefusal, parseIndex } from "../index/parse.ts";
import { printIndex } from "../index/print.ts";
import type { IndexBody } from "../index/builder.ts";
import type { Result } from "../result.ts";
import { byteString, compareText, toHex, utf8Encode } from "../text.ts";
import { readOwn, replaceFile, setAside } from "./aside.ts";
import type { RootName, StorageProgram } from "./call.ts";
import { digest, list, root, unless, unlink, usingMadePath, usingPath } from "./calls.ts";
import { INDEX_FOLDERS, INDEX_SUFFIX, indexFile, indexFolder, indexFolders } from "./names.ts";
import { refuse } from "./refusal.ts";

const TAG = "index";
const LF = 0x0a;
const HEADER_BYTES_MAX = 4096;
const FOOTER_BYTES = 65;

/** The parser takes its digest at once, so the only one that it can ask for is made before. */
export function* parseText(
  text: Uint8Array,
  image: ImageId,
): StorageProgram<Result<PackedIndex, IndexRefusal>> {
  const found = bodyOf(text);
  if (found === null) return parseIndex(text, { image }, noDigest);
  const made = yield* digest(found.hashName, found.body);
  return parseIndex(text, { image }, (hashName, body) =>
    hashName === found.hashName && body.length === found.body.length ? made : noDigest(hashName, body),
  );
}

/** Equal to no id. */
const noDigest: DigestBytes = () => new Uint8Array(0);

function bodyOf(text: Uint8Array): { readonly hashName: HashName; readonly body: Uint8Array } | null {
  if (text.length > INDEX_BYTES_MAX) return null;
  const start = text.subarray(0, HEADER_BYTES_MAX).indexOf(LF) + 1;
  const hashName = byteString(text.subarray(0, start)).split(" ")[1];
  if (start === 0 || text.length < start + FOOTER_BYTES) return null;
  if (hashName !== "blake2b/256" && hashName !== "sha512/256") return null;
  return { hashName, body: text.subarray(start, text.length - FOOTER_BYTES) };
}

/** The index of a text whose id nobody has told: the one in its footer, if that is true. */
export function* checkIndex(text: Uint8Array): StorageProgram<PackedIndex> {
  const image = parseImageId(byteString(text.subarray(-FOOTER_BYTES, -1)));
  if (image === null) return refuse("index_invalid", "no footer");
  const parsed = yield* parseText(text, image);
  return parsed.ok ? parsed.value : refuse("index_invalid", `${parsed.code} ${parsed.detail}`);
}

/** U4. */
export function* storeIndex(db: RootName, image: ImageId, text: Uint8Array): StorageProgram<PackedIndex> {
  const parsed = yield* parseText(text, image);
  if (!parsed.ok) return refuse("index_invalid", `${parsed.code} ${parsed.detail}`);
  yield* usingMadePath(yield* root(db), indexFolders(image), (dir) =>
    replaceFile(dir, indexFile(image), text, TAG),
  );
  return parsed.value;
}

export function* loadIndex(db: RootName, image: ImageId): StorageProgram<PackedIndex> {
  return (yield* readVerified(db, image)).index;
}

/** The bytes of an index for a peer: never any that do not have the id. */
export function* readIndexText(db: RootName, image: ImageId): StorageProgram<Uint8Array> {
  return (yield* readVerified(db, image)).text;
}

/** Folders that may hold indexes, sorted. */
export function* listIndexFolders(db: RootName): StorageProgram<readonly string[]> {
  const names = yield* unless("missing", usingPath(yield* root(db), INDEX_FOLDERS, list));
  return (names ?? []).filter((name) => /^[0-9a-f]{2}$/.test(name)).toSorted(compareText);
}

/** Images whose indexes are in one folder; other names there are somebody else's. */
export function* listIndexes(db: RootName, folder: string): StorageProgram<readonly ImageId[]> {
  const names = yield* unless("missing", usingPath(yield* root(db), indexFolder(folder), list));
  return (names ?? []).flatMap((name) => {
    const image = name.endsWith(INDEX_SUFFIX) ? parseImageId(name.slice(0, -INDEX_SUFFIX.length)) : null;
    return image === null || !image.startsWith(folder) ? [] : [image];
  });
}

/** Not synced: an index that comes back is dropped again. */
export function* dropIndex(db: RootName, image: ImageId): StorageProgram<void> {
  const folders = indexFolders(image);
  yield* unless(
    "missing",
    usingPath(yield* root(db), folders, (dir) => unlink(dir, indexFile(image))),
  );
}

type Verified = { readonly text: Uint8Array; readonly index: PackedIndex };

function* readVerified(db: RootName, image: ImageId): StorageProgram<Verified> {
  const read = yield* unless(
    "missing",
    usingPath(yield* root(db), indexFolders(image), function* (dir) {
      const own = yield* readOwn(dir, indexFile(image), INDEX_BYTES_MAX);
      if (own.kind === "missing") return null;
      if (own.kind === "bytes") {
        const parsed = yield* parseText(own.bytes, image);
        if (parsed.ok) return { text: own.bytes, index: parsed.value };
      }
      const backup = yield* setAside(dir, indexFile(image), TAG);
      return refuse("index_missing", `was not what its name says, now ${backup}`);
    }),
  );
  return read ?? refuse("index_missing", image);
}

/** The printer takes its digest at once too: it prints with an empty one, and the footer is filled in. */
export function* sealIndex(tree: IndexBody): StorageProgram<Verified> {
  let body = new Uint8Array(0);
  const { text } = printIndex(tree, (_, bytes) => {
    body = Uint8Array.from(bytes);
    return new Uint8Array(32);
  });
  const image = toHex(yield* digest(tree.hashName, body)) as ImageId;
  text.set(utf8Encode(image), text.length - FOOTER_BYTES);
  return { text, index: { ...tree, image, textBytes: text.length } };
}
