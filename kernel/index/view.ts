/** Reads single facts out of a `PackedIndex`. */
import { assert } from "../assert.ts";
import { type ByteString, byteString, equalBytes, toHex } from "../text.ts";
import type { BlockHash } from "../ids.ts";
import { type Entry, type EntryKind, KIND_DIRECTORY, KIND_EXECUTABLE, KIND_LINK } from "./packed.ts";
import type { IndexBody } from "./builder.ts";

export function kindOf(index: IndexBody, entry: number): EntryKind {
  const kind = index.kinds[entry];
  assert(kind !== undefined, "an entry number is below entryCount");
  return kind as EntryKind;
}

export function pathOf(index: IndexBody, entry: number): ByteString {
  return byteString(index.paths.subarray(index.pathStarts[entry], index.pathStarts[entry + 1]));
}

export function sizeOf(index: IndexBody, entry: number): number {
  return index.sizes[entry] ?? 0;
}

export function entryOf(index: IndexBody, entry: number): Entry {
  const path = pathOf(index, entry);
  const kind = kindOf(index, entry);
  if (kind === KIND_DIRECTORY) return { kind: "directory", path };
  if (kind === KIND_LINK) {
    const target = index.targets.subarray(index.targetStarts[entry], index.targetStarts[entry + 1]);
    return { kind: "link", path, target: byteString(target) };
  }
  return { kind: "file", path, executable: kind === KIND_EXECUTABLE, size: sizeOf(index, entry) };
}

/** First block of an entry; the end of its blocks is the first block of the next. */
export function firstBlockOf(index: IndexBody, entry: number): number {
  return index.firstBlocks[entry] ?? 0;
}

/** Hashes of all blocks of an entry, 32 bytes each. */
export function hashesOf(index: IndexBody, entry: number): Uint8Array {
  return index.hashes.subarray(firstBlockOf(index, entry) * 32, firstBlockOf(index, entry + 1) * 32);
}

/** Equal bytes in two files of trees that have one block size. */
export function sameContent(a: IndexBody, entry: number, b: IndexBody, other: number): boolean {
  return sizeOf(a, entry) === sizeOf(b, other) && equalBytes(hashesOf(a, entry), hashesOf(b, other));
}

export type BlockPlace = { readonly entry: number; readonly offset: number; readonly length: number };

/** Where a block belongs: the file, the byte offset in it, and the bytes of the block. */
export function placeOfBlock(index: IndexBody, block: number): BlockPlace {
  assert(block >= 0 && block < index.blockCount, "a block number is below blockCount");
  let low = 0;
  let high = index.entryCount - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (firstBlockOf(index, middle) <= block) low = middle;
    else high = middle - 1;
  }
  const offset = (block - firstBlockOf(index, low)) * index.blockBytes;
  return { entry: low, offset, length: Math.min(index.blockBytes, sizeOf(index, low) - offset) };
}

export function hashOfBlock(index: IndexBody, block: number): BlockHash {
  return toHex(index.hashes.subarray(block * 32, block * 32 + 32)) as BlockHash;
}

/** The number of the file (not directory, not link) with this absolute path, or -1. */
export function findFile(index: IndexBody, path: ByteString): number {
  let low = 0;
  let high = index.entryCount - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const own = pathOf(index, middle);
    const kind = kindOf(index, middle);
    const order = compareToFile(own, kind === KIND_DIRECTORY, path);
    if (order === 0) return kind === KIND_LINK ? -1 : middle;
    if (order < 0) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/** Index order of an entry and of a file: in one directory the files stand before every sub-directory. */
function compareToFile(own: ByteString, isDirectory: boolean, file: ByteString): number {
  if (own === file && !isDirectory) return 0;
  let start = 1;
  for (;;) {
    const ownEnd = own.indexOf("/", start);
    const fileEnd = file.indexOf("/", start);
    // What is left of each here: nothing of a directory that holds the other, a file's name, or a sub-directory.
    if (start >= own.length && isDirectory) return -1;
    const ownIsFile = ownEnd < 0 && !isDirectory;
    const fileIsFile = fileEnd < 0;
    if (ownIsFile !== fileIsFile) return ownIsFile ? -1 : 1;
    const ownPart = own.slice(start, ownEnd < 0 ? undefined : ownEnd);
    const filePart = file.slice(start, fileEnd < 0 ? undefined : fileEnd);
    if (ownPart !== filePart) return ownPart < filePart ? -1 : 1;
    if (ownEnd < 0) return -1; // the directory that the file is somewhere below
    start = ownEnd + 1;
  }
}
