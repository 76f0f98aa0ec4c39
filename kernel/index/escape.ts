/**
 * Names, paths and link targets in an index: every byte up to 0x20, from 0x7f, and the backslash stand as `\xHH` with
 * lowercase digits, and nothing else does. One value has one spelling.
 */
import type { ByteString } from "../text.ts";

const BACKSLASH = 0x5c;
const LOWER_X = 0x78;

function mustEscape(byte: number): boolean {
  return byte <= 0x20 || byte >= 0x7f || byte === BACKSLASH;
}

export function escapeBytes(bytes: ByteString): string {
  let text = "";
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes.charCodeAt(at);
    text += mustEscape(byte) ? `\\x${byte.toString(16).padStart(2, "0")}` : bytes[at];
  }
  return text;
}

/** The bytes that a field spells, or null when it is not spelt as the scanner would. */
export function unescapeBytes(field: Uint8Array): ByteString | null {
  let text = "";
  for (let at = 0; at < field.length; at++) {
    const byte = field[at] ?? 0;
    if (byte !== BACKSLASH) {
      if (mustEscape(byte)) return null;
      text += String.fromCharCode(byte);
      continue;
    }
    const high = hexDigit(field[at + 2]);
    const low = hexDigit(field[at + 3]);
    if (field[at + 1] !== LOWER_X || high < 0 || low < 0) return null;
    const value = high * 16 + low;
    if (!mustEscape(value)) return null;
    text += String.fromCharCode(value);
    at += 3;
  }
  return text as ByteString;
}

/** Value of a lowercase hex digit, or -1. */
export function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  return byte >= 0x61 && byte <= 0x66 ? byte - 0x57 : -1;
}
