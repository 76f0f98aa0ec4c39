/**
 * The content of a simulated file: pieces that are never changed, so that a copy of a file costs nothing, and a
 * thousand disks share what is the same on them. All pieces but the last are of one length.
 */
import { equalWords } from "./pieces.ts";

export const PIECE_BYTES = 32_768; // a block of an image

export type FileBytes = { readonly size: number; readonly pieces: readonly Uint8Array[] };

const ZEROS = new Uint8Array(PIECE_BYTES);
export const NO_BYTES: FileBytes = { size: 0, pieces: [] };

/** Zeros come in when it gets longer. */
export function resized(bytes: FileBytes, size: number): FileBytes {
  if (size === bytes.size) return bytes;
  const pieces = bytes.pieces.slice(0, Math.ceil(size / PIECE_BYTES));
  const last = pieces.length - 1;
  const piece = pieces[last];
  const length = Math.min(PIECE_BYTES, size - last * PIECE_BYTES);
  if (piece !== undefined && piece.length !== length) {
    pieces[last] = piece.length > length ? piece.subarray(0, length) : joined([piece], length);
  }
  for (let at = pieces.length * PIECE_BYTES; at < size; at += PIECE_BYTES) {
    pieces.push(size - at >= PIECE_BYTES ? ZEROS : ZEROS.subarray(0, size - at));
  }
  return { size, pieces };
}

/** `data` belongs to the content from now on. */
export function written(bytes: FileBytes, offset: number, data: Uint8Array): FileBytes {
  const end = offset + data.length;
  const before = bytes.size < offset ? resized(bytes, offset) : bytes;
  const size = Math.max(before.size, end);
  const pieces = before.pieces.slice();
  for (let at = Math.floor(offset / PIECE_BYTES); at * PIECE_BYTES < end; at++) {
    const start = at * PIECE_BYTES;
    const length = Math.min(PIECE_BYTES, size - start);
    const from = Math.max(offset, start);
    const to = Math.min(end, start + PIECE_BYTES);
    if (from === start && to - from === length) {
      pieces[at] = length === data.length ? data : data.subarray(from - offset, to - offset);
      continue;
    }
    const piece = joined([before.pieces[at] ?? ZEROS.subarray(0, 0)], length);
    piece.set(data.subarray(from - offset, to - offset), from - start);
    pieces[at] = piece;
  }
  return { size, pieces };
}

/** Not to be changed: it may be a piece. Shorter at the end of the file. */
export function sliceOf({ size, pieces }: FileBytes, from: number, to: number): Uint8Array {
  const end = Math.min(to, size);
  if (from >= end) return new Uint8Array(0);
  const first = Math.floor(from / PIECE_BYTES);
  const start = first * PIECE_BYTES;
  const piece = pieces[first] as Uint8Array;
  if (end <= start + PIECE_BYTES) {
    return from === start && end - start === piece.length ? piece : piece.subarray(from - start, end - start);
  }
  const last = Math.ceil(end / PIECE_BYTES);
  return joined(pieces.slice(first, last), last * PIECE_BYTES - start).subarray(from - start, end - start);
}

/** All of it; not to be changed. */
export function wholeOf(bytes: FileBytes): Uint8Array {
  return sliceOf(bytes, 0, bytes.size);
}

/** `whole` belongs to the content from now on. */
export function fileBytesOf(whole: Uint8Array): FileBytes {
  return written(NO_BYTES, 0, whole);
}

/** The bit with this number is another one; unchanged where there is none. */
export function withBitFlipped(bytes: FileBytes, bit: number): FileBytes {
  const at = bit >> 3;
  if (at >= bytes.size) return bytes;
  return written(bytes, at, Uint8Array.of((sliceOf(bytes, at, at + 1)[0] as number) ^ (1 << (bit & 7))));
}

export function equalFileBytes(a: FileBytes, b: FileBytes): boolean {
  return a.size === b.size && a.pieces.every((piece, at) => equalWords(piece, b.pieces[at] as Uint8Array));
}

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  for (const [at, piece] of pieces.entries()) whole.set(piece, at * PIECE_BYTES);
  return whole;
}
