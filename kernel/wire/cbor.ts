/** CBOR by cbor-x behind the guard. What comes out of `decodeCbor` is `unknown` until one parser has shaped it. */
import { Encoder, type Options } from "cbor-x/index-no-eval";
import { assert } from "../assert.ts";
import { type Result, accepted, refused } from "../result.ts";
import { toHex } from "../text.ts";
import { type CborRefusal, guardCbor } from "./guard.ts";
import { closeStrings } from "./open-strings.ts";

const options: Options & { readonly useTag259ForMaps: boolean } = {
  useRecords: false,
  mapsAsObjects: false,
  useTag259ForMaps: false, // missing from the package's types
  variableMapSize: true,
  tagUint8Array: false,
};
const codec = new Encoder(options);

/** What may be encoded: maps keep the order of their entries. */
export type Cbor =
  | number
  | boolean
  | null
  | string
  | Uint8Array
  | readonly Cbor[]
  | ReadonlyMap<string | Uint8Array, Cbor>;

export function encodeCbor(value: Cbor): Uint8Array<ArrayBuffer> {
  return new Uint8Array(codec.encode(isWide(value) ? widened(value) : value));
}

/**
 * A value whose last item is a byte string, given with an empty one in its place: the bytes are copied once, which
 * counts for blocks.
 */
export function encodeCborEndingIn(value: Cbor, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const before = encodeCbor(value);
  assert(before.at(-1) === BYTES, "the value ends with an empty byte string");
  const head = headOfBytes(bytes.length);
  const out = new Uint8Array(before.length - 1 + head.length + bytes.length);
  out.set(before);
  out.set(head, before.length - 1);
  out.set(bytes, before.length - 1 + head.length);
  return out;
}

/** A value whose last item is a map, given with an empty one in its place. */
export function encodeCborEndingInMap(value: Cbor, map: Uint8Array): Uint8Array<ArrayBuffer> {
  const before = encodeCbor(value);
  assert(before.at(-1) === MAP, "the value ends with an empty map");
  const out = new Uint8Array(before.length - 1 + map.length);
  out.set(before);
  out.set(map, before.length - 1);
  return out;
}

const BYTES = 0x40; // major type 2
const MAP = 0xa0; // major type 5

/** RFC 8949, section 3: the shortest form of a length. */
function headOfBytes(length: number): readonly number[] {
  if (length < 24) return [BYTES + length];
  if (length < 0x100) return [BYTES + 24, length];
  if (length < 0x1_0000) return [BYTES + 25, length >> 8, length & 0xff];
  return [BYTES + 26, length >>> 24, (length >>> 16) & 0xff, (length >>> 8) & 0xff, length & 0xff];
}

/** Whether a number is in it that the codec would write as a float. */
function isWide(value: Cbor): boolean {
  if (typeof value === "number") {
    assert(Number.isSafeInteger(value) && value >= 0, "only unsigned integers are sent");
    return value > 0xffff_ffff;
  }
  if (Array.isArray(value)) return value.some(isWide);
  if (value instanceof Map) {
    for (const each of (value as ReadonlyMap<unknown, Cbor>).values()) if (isWide(each)) return true;
  }
  return false;
}

/** The codec writes numbers from 2^32 up as floats, unless they are bigints; bigints always take nine bytes. */
function widened(value: Cbor): unknown {
  if (typeof value === "number") return value > 0xffff_ffff ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(widened);
  if (value instanceof Map) return new Map(Array.from(value, ([key, each]) => [key, widened(each)]));
  return value;
}

/** Arrays, `Map`s, strings, views of the given bytes, numbers (bigint where eight bytes were used), booleans, null. */
export function decodeCbor(bytes: Uint8Array, trailing: "refuse" | "ignore"): Result<unknown, CborRefusal> {
  const guarded = guardCbor(bytes, trailing);
  if (!guarded.ok) return guarded;
  let value: unknown;
  try {
    // A view of its own: the codec leaves a property on what it decodes.
    const item = bytes.subarray(0, guarded.value.end);
    value = codec.decode(guarded.value.openStrings ? closeStrings(item) : item);
  } catch (error) {
    return refused("cbor_malformed", error instanceof Error ? error.message : "");
  }
  return distinctEntries(value) === guarded.value.mapEntries
    ? accepted(value)
    : refused("cbor_duplicate_key");
}

/** Entries of all maps with different keys: the codec keeps the last of equal text keys, but all equal byte strings. */
function distinctEntries(value: unknown): number {
  let sum = 0;
  if (Array.isArray(value)) {
    for (const each of value as readonly unknown[]) sum += distinctEntries(each);
  } else if (value instanceof Map) {
    let names: Set<string> | null = null;
    for (const [key, each] of value) {
      if (key instanceof Uint8Array) (names ??= new Set()).add(toHex(key));
      else sum += 1 + (typeof key === "object" ? distinctEntries(key) : 0);
      if (typeof each === "object") sum += distinctEntries(each);
    }
    sum += names?.size ?? 0;
  }
  return sum;
}
