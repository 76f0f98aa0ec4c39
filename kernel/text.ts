/**
 * Text and bytes. The kernel is compiled against the ES library alone, so the two host classes that it may use
 * are declared here and nowhere else.
 *
 * File names and paths inside an image are byte strings: a `ByteString` holds one byte a character (0 to 255), so
 * that `<` compares bytes, a `Map` finds them, and names that are not UTF-8 survive.
 */
import type { Brand } from "./brand.ts";

declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>;
}
declare class TextDecoder {
  constructor(label: string, options: { fatal: boolean; ignoreBOM: boolean });
  decode(bytes: Uint8Array): string;
}

/** One byte a character, 0 to 255. */
export type ByteString = Brand<string, "ByteString">;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function utf8Encode(text: string): Uint8Array<ArrayBuffer> {
  if (text.length > SHORT || !isAscii(text)) return encoder.encode(text);
  return bytesOf(text as ByteString);
}

const SHORT = 64; // up to here a loop is faster than the call of an encoder

/** Text and its UTF-8 bytes, one a character, are the same. */
function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 0x7f) return false;
  return true;
}

/** Text of well-formed UTF-8, or null: lone surrogates, overlong forms and truncation are not text. */
export function utf8Decode(bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}

const CHARACTERS_AT_ONCE = 8192; // fromCharCode takes its input as arguments, and their number is bounded

export function byteString(bytes: Uint8Array): ByteString {
  let text = "";
  for (let at = 0; at < bytes.length; at += CHARACTERS_AT_ONCE) {
    const some: ArrayLike<number> = bytes.subarray(at, at + CHARACTERS_AT_ONCE);
    text += String.fromCharCode.apply(null, some as number[]); // spread, it would be iterated item by item
  }
  return text as ByteString;
}

export function bytesOf(text: ByteString): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/** The UTF-8 bytes of a text, one a character. */
export function byteStringOfText(text: string): ByteString {
  return isAscii(text) ? (text as ByteString) : byteString(utf8Encode(text));
}

/** How many bytes a text has in UTF-8. */
export function utf8Length(text: string): number {
  return isAscii(text) ? text.length : utf8Encode(text).length;
}

/** The text that a byte string spells in UTF-8, or null when it spells none. */
export function textOfByteString(bytes: ByteString): string | null {
  return isAscii(bytes) ? bytes : utf8Decode(bytesOf(bytes));
}

/** Made at once of all its digits: a text that grows by two at a time takes four times as long. */
export function toHex(bytes: Uint8Array): string {
  if (bytes.length > HEX_AT_ONCE) {
    const half = bytes.length >> 1;
    return toHex(bytes.subarray(0, half)) + toHex(bytes.subarray(half));
  }
  const digits = ZEROS.slice(0, bytes.length * 2);
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    digits[2 * at] = DIGITS[byte >> 4] as number;
    digits[2 * at + 1] = DIGITS[byte & 15] as number;
  }
  return String.fromCharCode.apply(null, digits);
}

const HEX_AT_ONCE = 64; // bytes
const ZEROS: readonly number[] = Array.from({ length: 2 * HEX_AT_ONCE }, () => 0);
const DIGITS = Uint8Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0));

/** Bytes of lowercase hex digits of even number; the caller has checked the form. */
export function fromHex(hex: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(hex.length / 2);
  for (let at = 0; at < bytes.length; at++) {
    bytes[at] = (nibble(hex.charCodeAt(at * 2)) << 4) | nibble(hex.charCodeAt(at * 2 + 1));
  }
  return bytes;
}

function nibble(digit: number): number {
  return digit < 0x3a ? digit - 0x30 : digit - 0x57;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

/** Unsigned byte order, the shorter first when one is the beginning of the other. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Order of two texts by code point, which is the order of their UTF-8 bytes. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(at);
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}

/** Halves of pairs, which spell the highest code points, go behind all other units. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x1_0000 : unit;
}
