/** U7: one block into a stage, and one block out of a tree. */
import type { BlockHash } from "../ids.ts";
import { nameOf } from "../ids.ts";
import { type ByteString, toHex } from "../text.ts";
import { type FileName, FsFailure, type Handle, type StorageProgram } from "./call.ts";
import {
  close,
  createFile,
  digest,
  makeDirectory,
  openDirectory,
  openFile,
  openForWrite,
  read,
  root,
  stat,
  unless,
  using,
  usingPath,
  write,
} from "./calls.ts";
import { imageFolders, imageName, partsOfPath, stageName } from "./names.ts";
import { refuse } from "./refusal.ts";
import type { Place } from "./request.ts";

export function* writeBlock(
  place: Place,
  stage: string,
  file: ByteString,
  offset: number,
  hash: BlockHash,
  bytes: Uint8Array,
): StorageProgram<void> {
  const top = yield* root(place.root);
  yield* usingPath(top, [...imageFolders(place.path), stageName(nameOf(place.path), stage)], (dir) =>
    writeBlockIn(dir, file, offset, hash, bytes),
  );
}

/** Into a file of the stage `dir`, if it is the block that it should be. */
export function* writeBlockIn(
  dir: Handle,
  file: ByteString,
  offset: number,
  hash: BlockHash,
  bytes: Uint8Array,
): StorageProgram<void> {
  // The request does not say by which algorithm its index was made; a hash of one is not met by chance in the other.
  if (
    toHex(yield* digest("blake2b/256", bytes)) !== hash &&
    toHex(yield* digest("sha512/256", bytes)) !== hash
  ) {
    refuse("block_hash_mismatch", file);
  }
  yield* inFolder(dir, partsOfPath(file), (folder, name) => writeInto(folder, name, offset, bytes));
}

/** Goes down to the folder of a file of a stage, making what is missing; nothing of a stage has to last yet. */
export function* inFolder(
  dir: Handle,
  parts: readonly FileName[],
  use: (dir: Handle, name: FileName) => StorageProgram<void>,
): StorageProgram<void> {
  const [first, ...rest] = parts;
  if (first === undefined) throw new FsFailure("is_a_directory", "create_file", "no name");
  if (rest.length === 0) yield* use(dir, first);
  else yield* using(openMade(dir, first), (inner) => inFolder(inner, rest, use));
}

/** Opens a directory of a stage; it is made when it is not there. */
export function* openMade(dir: Handle, name: FileName): StorageProgram<Handle> {
  const there = yield* unless("missing", openDirectory(dir, name));
  if (there !== null) return there;
  yield* unless("exists", makeDirectory(dir, name));
  return yield* openDirectory(dir, name);
}

/** Writes into a file that is ours alone: a file with a second name belongs to another image too. */
export function* writeInto(
  dir: Handle,
  name: FileName,
  offset: number,
  bytes: Uint8Array,
): StorageProgram<void> {
  yield* using(openOrCreate(dir, name, offset === 0), (file) => write(file, offset, bytes));
}

function* openOrCreate(dir: Handle, name: FileName, likelyNew: boolean): StorageProgram<Handle> {
  if (likelyNew) {
    const made = yield* unless("exists", createFile(dir, name));
    if (made !== null) return made;
  }
  const there = yield* unless("missing", openForWrite(dir, name));
  if (there === null)
    return (yield* unless("exists", createFile(dir, name))) ?? (yield* openForWrite(dir, name));
  try {
    const { kind, links } = yield* stat(there);
    if (kind !== "file" || links !== 1)
      throw new FsFailure("not_permitted", "open_for_write", "not ours alone");
  } catch (failure) {
    yield* close(there);
    throw failure;
  }
  return there;
}

/** A range of a regular file; a shorter one fails. Null for the committed tree. */
export function* readBlock(
  place: Place,
  stage: string | null,
  file: ByteString,
  offset: number,
  length: number,
): StorageProgram<Uint8Array> {
  const name = nameOf(place.path);
  const tree = stage === null ? imageName(name) : stageName(name, stage);
  const parts = [...imageFolders(place.path), tree, ...partsOfPath(file)];
  return yield* readRange(yield* root(place.root), parts, offset, length);
}

export function* readRange(
  top: Handle,
  parts: readonly FileName[],
  offset: number,
  length: number,
): StorageProgram<Uint8Array> {
  const own = parts.at(-1);
  if (own === undefined) throw new FsFailure("is_a_directory", "read", "no name");
  return yield* usingPath(top, parts.slice(0, -1), (dir) =>
    using(openFile(dir, own), function* (file) {
      const { kind, size } = yield* stat(file);
      if (kind !== "file") throw new FsFailure("unsupported", "read", kind);
      if (offset + length > size) throw new FsFailure("io", "read", `ends at ${size}`);
      return yield* read(file, offset, length);
    }),
  );
}
