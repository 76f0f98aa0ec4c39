/**
 * The structural guard in front of the CBOR decoder: one pass over the bytes that builds nothing. It refuses what our
 * decoder would turn into work, memory or surprise (tags, big numbers, floats, deep nesting, lengths that are not
 * there) and lets through what 0.6.12 sends and tolerates: any member order, byte-string keys, non-shortest integers,
 * indefinite lengths.
 *
 * Source: RFC 8949; specification of the wire protocol, section 4.
 */
import { type Result, accepted, refused } from "../result.ts";
import { CBOR_DEPTH_MAX, CBOR_ITEMS_MAX } from "./limits.ts";

export type CborRefusal =
  | "cbor_malformed" // a head that CBOR does not have, or a kind of value that no message has
  | "cbor_truncated" // a length that is longer than what is left
  | "cbor_too_deep"
  | "cbor_too_many_items"
  | "cbor_bad_utf8"
  | "cbor_duplicate_key"
  | "cbor_trailing";

const MAJOR_UNSIGNED = 0;
const MAJOR_BYTES = 2;
const MAJOR_TEXT = 3;
const MAJOR_ARRAY = 4;
const MAJOR_MAP = 5;
const MAJOR_SIMPLE = 7;
const BREAK = 0xff;
const INDEFINITE = 31;

export type Guarded = {
  /** Bytes of the first item. */
  readonly end: number;
  /** Entries of all maps together, so that a decoder that swallows equal keys is found out. */
  readonly mapEntries: number;
  /** There are strings of open length, which the codec cannot read. */
  readonly openStrings: boolean;
};

/**
 * Refuses with the first trouble met. Linear in the length of the input, without allocation.
 */
export function guardCbor(bytes: Uint8Array, trailing: "refuse" | "ignore"): Result<Guarded, CborRefusal> {
  const walk: Walk = { bytes, at: 0, items: 0, mapEntries: 0, openStrings: false };
  const trouble = skipItem(walk, CBOR_DEPTH_MAX);
  if (trouble !== null) return refused(trouble, `at byte ${walk.at}`);
  if (walk.at !== bytes.length && trailing === "refuse")
    return refused("cbor_trailing", `at byte ${walk.at}`);
  return accepted({ end: walk.at, mapEntries: walk.mapEntries, openStrings: walk.openStrings });
}

type Walk = {
  readonly bytes: Uint8Array;
  at: number;
  items: number;
  mapEntries: number;
  openStrings: boolean;
};

/** Recursion is bounded by `depth`, not by the input. */
function skipItem(walk: Walk, depth: number): CborRefusal | null {
  const { bytes } = walk;
  if (depth === 0) return "cbor_too_deep";
  if (++walk.items > CBOR_ITEMS_MAX) return "cbor_too_many_items";
  const head = bytes[walk.at];
  if (head === undefined) return "cbor_truncated";
  const major = head >> 5;
  const info = head & 31;
  if (major === MAJOR_SIMPLE) {
    walk.at += 1;
    return head === 0xf4 || head === 0xf5 || head === 0xf6 ? null : "cbor_malformed"; // false, true, null
  }
  if (
    major !== MAJOR_UNSIGNED &&
    major !== MAJOR_BYTES &&
    major !== MAJOR_TEXT &&
    major !== MAJOR_ARRAY &&
    major !== MAJOR_MAP
  ) {
    return "cbor_malformed"; // negative numbers and tags
  }
  if (info === INDEFINITE)
    return major === MAJOR_UNSIGNED ? "cbor_malformed" : skipIndefinite(walk, major, depth);
  const length = readArgument(walk, info);
  if (length === null) return info > 27 ? "cbor_malformed" : "cbor_truncated";
  if (major === MAJOR_UNSIGNED) return null;
  const left = bytes.length - walk.at;
  if (major === MAJOR_BYTES || major === MAJOR_TEXT) {
    if (length > left) return "cbor_truncated";
    const start = walk.at;
    walk.at += length;
    return major === MAJOR_TEXT && !isUtf8(bytes, start, walk.at) ? "cbor_bad_utf8" : null;
  }
  // Every item needs a byte at least, so a count that is not there is refused before it is walked.
  if (length > left || (major === MAJOR_MAP && length * 2 > left)) return "cbor_truncated";
  if (major === MAJOR_MAP) walk.mapEntries += length;
  for (let each = major === MAJOR_MAP ? length * 2 : length; each > 0; each--) {
    const trouble = skipItem(walk, depth - 1);
    if (trouble !== null) return trouble;
  }
  return null;
}

function skipIndefinite(walk: Walk, major: number, depth: number): CborRefusal | null {
  walk.at += 1;
  const string = major === MAJOR_BYTES || major === MAJOR_TEXT;
  walk.openStrings ||= string;
  for (let count = 0; ; count++) {
    const head = walk.bytes[walk.at];
    if (head === undefined) return "cbor_truncated";
    if (head === BREAK) {
      walk.at += 1;
      if (major === MAJOR_MAP) walk.mapEntries += count >> 1;
      return major === MAJOR_MAP && count % 2 === 1 ? "cbor_malformed" : null;
    }
    if (string && (head >> 5 !== major || (head & 31) === INDEFINITE)) return "cbor_malformed";
    const trouble = skipItem(walk, depth - 1);
    if (trouble !== null) return trouble;
  }
}

/** Moves behind the head and returns its argument, or null when it is cut, reserved or above 2^53 - 1. */
function readArgument(walk: Walk, info: number): number | null {
  const { bytes } = walk;
  if (info < 24) {
    walk.at += 1;
    return info;
  }
  if (info > 27) return null;
  const size = 1 << (info - 24);
  if (walk.at + 1 + size > bytes.length) return null;
  let value = 0;
  for (let byte = 1; byte <= size; byte++) value = value * 256 + (bytes[walk.at + byte] ?? 0);
  walk.at += 1 + size;
  // A number above 2^53 is legal CBOR and no length; the shape parser refuses it as a number.
  return value;
}

/** Well-formed UTF-8: no overlong form, no surrogate, nothing above U+10FFFF (RFC 3629, section 4). */
function isUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; ) {
    const lead = bytes[at++] ?? 0;
    if (lead < 0x80) continue;
    const more =
      lead >= 0xc2 && lead <= 0xdf
        ? 1
        : lead >= 0xe0 && lead <= 0xef
          ? 2
          : lead >= 0xf0 && lead <= 0xf4
            ? 3
            : 0;
    if (more === 0 || at + more > end) return false;
    const second = bytes[at] ?? 0;
    if (lead === 0xe0 && second < 0xa0) return false;
    if (lead === 0xed && second > 0x9f) return false;
    if (lead === 0xf0 && second < 0x90) return false;
    if (lead === 0xf4 && second > 0x8f) return false;
    for (const last = at + more; at < last; at++) if (((bytes[at] ?? 0) & 0xc0) !== 0x80) return false;
  }
  return true;
}
