/**
 * Strings of open length, which 0.6.12 reads and our codec does not: rewritten with a declared length. Only for bytes
 * that have passed the guard, which says that there are any. The protocol's own senders never write them.
 */
import { assert } from "../assert.ts";

export function closeStrings(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  // The shortest open string takes 2 bytes and becomes a head of 5.
  const out = new Uint8Array(Math.ceil(bytes.length * 2.5));
  let end = 0;
  const copy = (from: number, to: number): void => {
    out.set(bytes.subarray(from, to), end);
    end += to - from;
  };
  // Containers need no stack: their heads and breaks are copied as they come.
  for (let at = 0; at < bytes.length; ) {
    const head = bytes[at] ?? 0;
    if (head !== 0x5f && head !== 0x7f) {
      const next = endOfToken(bytes, at);
      copy(at, next);
      at = next;
      continue;
    }
    const start = end;
    end += 5;
    for (at += 1; bytes[at] !== 0xff; at = endOfToken(bytes, at))
      copy(contentOf(bytes, at), endOfToken(bytes, at));
    at += 1;
    out[start] = (head & 0xe0) | 26;
    new DataView(out.buffer).setUint32(start + 1, end - start - 5);
  }
  return out.slice(0, end);
}

/** Behind the head of the token at `at`. */
function contentOf(bytes: Uint8Array, at: number): number {
  const info = (bytes[at] ?? 0) & 31;
  return at + 1 + (info < 24 || info === 31 ? 0 : 1 << (info - 24));
}

/** Behind a head, and behind the content of a string of declared length. */
function endOfToken(bytes: Uint8Array, at: number): number {
  const major = (bytes[at] ?? 0) >> 5;
  const content = contentOf(bytes, at);
  if (major !== 2 && major !== 3) return content;
  let length = content - at === 1 ? (bytes[at] ?? 0) & 31 : 0;
  for (let byte = at + 1; byte < content; byte++) length = length * 256 + (bytes[byte] ?? 0);
  assert(content + length <= bytes.length, "the guard has compared every length with what is left");
  return content + length;
}
