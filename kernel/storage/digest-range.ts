/** Block digests of an open file by the algorithm of an index. */
import type { HashName } from "../index/packed.ts";
import { equalBytes } from "../text.ts";
import type { Handle, StorageProgram } from "./call.ts";
import { checkpoint, digest, digestBlocks, read } from "./calls.ts";

/** Long files let others run between pieces of this many blocks: 8 MiB, some milliseconds. */
const BLOCKS_AT_ONCE = 256;

/** 32 bytes a block, of `length` bytes from the start of the file; a shorter file fails with `io`. */
export function digestFile(
  handle: Handle,
  length: number,
  blockBytes: number,
  hashName: HashName,
): StorageProgram<Uint8Array<ArrayBuffer>> {
  return digestRange(handle, 0, length, blockBytes, hashName);
}

/** The same from any block on. */
export function* digestRange(
  handle: Handle,
  offset: number,
  length: number,
  blockBytes: number,
  hashName: HashName,
): StorageProgram<Uint8Array<ArrayBuffer>> {
  const hashes = new Uint8Array(Math.ceil(length / blockBytes) * 32);
  const atOnce = BLOCKS_AT_ONCE * blockBytes;
  for (let at = 0; at < length; at += atOnce) {
    if (at > 0) yield* checkpoint();
    const piece = Math.min(atOnce, length - at);
    hashes.set(yield* digestPiece(handle, offset + at, piece, blockBytes, hashName), (at / blockBytes) * 32);
  }
  return hashes;
}

function* digestPiece(
  handle: Handle,
  offset: number,
  length: number,
  blockBytes: number,
  hashName: HashName,
): StorageProgram<Uint8Array> {
  if (hashName === "blake2b/256") return yield* digestBlocks(handle, offset, length, blockBytes);
  const hashes = new Uint8Array(Math.ceil(length / blockBytes) * 32);
  for (let at = 0; at < length; at += blockBytes) {
    const bytes = yield* read(handle, offset + at, Math.min(blockBytes, length - at));
    hashes.set(yield* digest(hashName, bytes), (at / blockBytes) * 32);
  }
  return hashes;
}

export function sameHash(a: Uint8Array, atBlock: number, b: Uint8Array, bBlock: number): boolean {
  return equalBytes(a.subarray(atBlock * 32, atBlock * 32 + 32), b.subarray(bBlock * 32, bBlock * 32 + 32));
}
