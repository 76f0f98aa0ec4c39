/** Collects entries in index order into the flat arrays of a `PackedIndex`; shared by the parser and the scanner. */
import type { ByteString } from "../text.ts";
import {
  type EntryKind,
  type HashName,
  KIND_DIRECTORY,
  KIND_EXECUTABLE,
  KIND_FILE,
  KIND_LINK,
  type PackedIndex,
} from "./packed.ts";

/** Everything but the id, which is the digest of the printed body. */
export type IndexBody = Omit<PackedIndex, "image" | "textBytes">;

export type IndexBuilder = {
  readonly hashName: HashName;
  readonly blockBytes: number;
  entryCount: number;
  blockCount: number;
  totalBytes: number;
  kinds: Uint8Array<ArrayBuffer>;
  paths: Uint8Array<ArrayBuffer>;
  pathStarts: Uint32Array<ArrayBuffer>;
  targets: Uint8Array<ArrayBuffer>;
  targetStarts: Uint32Array<ArrayBuffer>;
  sizes: Float64Array<ArrayBuffer>;
  firstBlocks: Uint32Array<ArrayBuffer>;
  hashes: Uint8Array<ArrayBuffer>;
};

export function createBuilder(hashName: HashName, blockBytes: number): IndexBuilder {
  return {
    hashName,
    blockBytes,
    entryCount: 0,
    blockCount: 0,
    totalBytes: 0,
    kinds: new Uint8Array(64),
    paths: new Uint8Array(1024),
    pathStarts: new Uint32Array(65),
    targets: new Uint8Array(64),
    targetStarts: new Uint32Array(65),
    sizes: new Float64Array(64),
    firstBlocks: new Uint32Array(65),
    hashes: new Uint8Array(1024),
  };
}

export function blocksOf(size: number, blockBytes: number): number {
  return Math.ceil(size / blockBytes);
}

export function addDirectory(builder: IndexBuilder, path: ByteString): void {
  addEntry(builder, KIND_DIRECTORY, path, "" as ByteString, 0);
}

/** Returns the number of the file's first block; its hashes are `builder.hashes`, to be filled in by the caller. */
export function addFile(builder: IndexBuilder, path: ByteString, executable: boolean, size: number): number {
  const first = builder.blockCount;
  builder.blockCount += blocksOf(size, builder.blockBytes);
  builder.totalBytes += size;
  builder.hashes = grown(builder.hashes, builder.blockCount * 32, (length) => new Uint8Array(length));
  addEntry(builder, executable ? KIND_EXECUTABLE : KIND_FILE, path, "" as ByteString, size);
  return first;
}

export function addLink(builder: IndexBuilder, path: ByteString, target: ByteString): void {
  addEntry(builder, KIND_LINK, path, target, 0);
}

/** The arrays cut to their length. The builder is used up. */
export function build(builder: IndexBuilder): IndexBody {
  const { entryCount, blockCount } = builder;
  return {
    hashName: builder.hashName,
    blockBytes: builder.blockBytes,
    entryCount,
    blockCount,
    totalBytes: builder.totalBytes,
    kinds: builder.kinds.slice(0, entryCount),
    paths: builder.paths.slice(0, builder.pathStarts[entryCount] ?? 0),
    pathStarts: builder.pathStarts.slice(0, entryCount + 1),
    targets: builder.targets.slice(0, builder.targetStarts[entryCount] ?? 0),
    targetStarts: builder.targetStarts.slice(0, entryCount + 1),
    sizes: builder.sizes.slice(0, entryCount),
    firstBlocks: builder.firstBlocks.slice(0, entryCount + 1),
    hashes: builder.hashes.slice(0, blockCount * 32),
  };
}

function addEntry(
  builder: IndexBuilder,
  kind: EntryKind,
  path: ByteString,
  target: ByteString,
  size: number,
): void {
  const at = builder.entryCount;
  const pathEnd = (builder.pathStarts[at] ?? 0) + path.length;
  const targetEnd = (builder.targetStarts[at] ?? 0) + target.length;
  builder.kinds = grown(builder.kinds, at + 1, (length) => new Uint8Array(length));
  builder.sizes = grown(builder.sizes, at + 1, (length) => new Float64Array(length));
  builder.paths = grown(builder.paths, pathEnd, (length) => new Uint8Array(length));
  builder.targets = grown(builder.targets, targetEnd, (length) => new Uint8Array(length));
  builder.pathStarts = grown(builder.pathStarts, at + 2, (length) => new Uint32Array(length));
  builder.targetStarts = grown(builder.targetStarts, at + 2, (length) => new Uint32Array(length));
  builder.firstBlocks = grown(builder.firstBlocks, at + 2, (length) => new Uint32Array(length));
  put(builder.paths, pathEnd - path.length, path);
  put(builder.targets, targetEnd - target.length, target);
  builder.kinds[at] = kind;
  builder.sizes[at] = size;
  builder.pathStarts[at + 1] = pathEnd;
  builder.targetStarts[at + 1] = targetEnd;
  builder.firstBlocks[at + 1] = builder.blockCount;
  builder.entryCount = at + 1;
}

function put(into: Uint8Array, start: number, text: ByteString): void {
  for (let at = 0; at < text.length; at++) into[start + at] = text.charCodeAt(at);
}

type Grows = { readonly length: number; set(from: never, offset: number): void };

/** The same array while it is long enough, else one of twice the length with the same beginning. */
function grown<A extends Grows>(array: A, length: number, make: (length: number) => A): A {
  if (length <= array.length) return array;
  const longer = make(Math.max(length, array.length * 2));
  longer.set(array as never, 0);
  return longer;
}
