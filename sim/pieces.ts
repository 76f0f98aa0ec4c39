/**
 * Arrays of bytes that are never changed, one for all with the same content, each with its digests: what a thousand
 * disks hold of one image is in memory once, and is digested once.
 *
 * An array is found by its identity first, then by a sketch of its content and a comparison of all of it.
 */
import type { HashName } from "../kernel/index/packed.ts";

type Piece = {
  readonly bytes: Uint8Array;
  readonly digests: { [name in HashName]?: Uint8Array };
};

export type Pieces = {
  /** The array that stands for all with these bytes: a copy of the first that came. */
  shared(bytes: Uint8Array): Uint8Array;
  /** 32 bytes, computed once. */
  digest(name: HashName, bytes: Uint8Array): Uint8Array;
};

const BYTES_MAX = 512 * 1024 * 1024; // of all arrays together; then all are forgotten
const SAMPLES = 32;

export function createPieces(
  compute: { readonly [name in HashName]: (bytes: Uint8Array) => Uint8Array },
): Pieces {
  let bySketch = new Map<number, Piece[]>();
  let byIdentity = new WeakMap<Uint8Array, Piece>();
  let held = 0;

  function pieceOf(bytes: Uint8Array): Piece {
    const known = byIdentity.get(bytes);
    if (known !== undefined) return known;
    const name = sketch(bytes);
    const alike = bySketch.get(name);
    if (alike !== undefined) for (const piece of alike) if (equalWords(piece.bytes, bytes)) return piece;
    if (held > BYTES_MAX) {
      bySketch = new Map();
      byIdentity = new WeakMap();
      held = 0;
    }
    const piece: Piece = { bytes: bytes.slice(), digests: {} };
    held += bytes.length;
    bySketch.set(name, [...(bySketch.get(name) ?? []), piece]);
    byIdentity.set(piece.bytes, piece);
    return piece;
  }

  return {
    shared: (bytes) => pieceOf(bytes).bytes,
    digest(name, bytes) {
      const piece = pieceOf(bytes);
      return (piece.digests[name] ??= compute[name](piece.bytes));
    },
  };
}

/** Tells most bytes apart by a few of them. */
function sketch(bytes: Uint8Array): number {
  const { length } = bytes;
  const step = Math.max(1, Math.floor(length / SAMPLES));
  let hash = length;
  for (let at = 0; at < length; at += step) hash = (Math.imul(hash, 0x01000193) ^ (bytes[at] as number)) | 0;
  for (let at = Math.max(0, length - 8); at < length; at++)
    hash = (Math.imul(hash, 0x01000193) ^ (bytes[at] as number)) | 0;
  return hash;
}

/** As `equalBytes`, four bytes at once. */
export function equalWords(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  const words = a.length >> 2;
  if (words > 16) {
    const [left, right] = [wordsOf(a, words), wordsOf(b, words)];
    for (let at = 0; at < words; at++) if (left[at] !== right[at]) return false;
  }
  for (let at = words > 16 ? words * 4 : 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

function wordsOf(bytes: Uint8Array, count: number): Int32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice(0, count * 4);
  return new Int32Array(aligned.buffer, aligned.byteOffset, count);
}
