/**
 * The state of a machine as a number, in another order, and as a copy that is compared: what two equal runs have to
 * agree on besides what they do. A state is plain data. The order of a map or a set counts, unless it is a bag: then it
 * must not matter.
 */
import { type Prng, shuffle } from "../kernel/prng.ts";
import { sumOfText } from "./text-sum.ts";

export type Known = {
  readonly inspect: () => object;
  /** Names of the fields whose maps and sets are bags. */
  readonly bags: ReadonlySet<string>;
};

/** Told once and never changed, or made of the rest and of what came, so that it is not made again. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  "config",
  "limits",
  "packets",
  "said",
  "sorted",
  "strangers",
  "talking",
]);

const TEXT = 2;
const BYTES = 3;
const NOTHING = 4;
const LIST = 6;
const TABLE = 7;
const RECORD = 8;

/** 32 bits: by kind, content, and order where that counts. */
export function stateDigest({ inspect, bags }: Known): number {
  function digest(value: unknown, field: string): number {
    switch (typeof value) {
      case "string":
        return textDigest(TEXT, value);
      case "number":
        return Number.isSafeInteger(value)
          ? mix(mix(1, value | 0), Math.floor(value / 2 ** 32) | 0)
          : textDigest(1, String(value));
      case "object":
        return value === null ? NOTHING : objectDigest(value, field);
      default:
        return textDigest(NOTHING, String(value));
    }
  }

  function objectDigest(value: object, field: string): number {
    if (ArrayBuffer.isView(value)) return viewDigest(value);
    if (Array.isArray(value)) {
      let list = LIST;
      for (const each of value as readonly unknown[]) list = mix(list, digest(each, field));
      return list;
    }
    if (value instanceof Map || value instanceof Set) {
      const isBag = bags.has(field);
      let sum = mix(TABLE, value.size);
      for (const [key, each] of value.entries() as Iterable<[unknown, unknown]>) {
        const one = mix(digest(key, ""), value instanceof Map ? digest(each, field) : 0);
        sum = isBag ? (sum + one) | 0 : mix(sum, one);
      }
      return sum;
    }
    const index = imageOf(value);
    if (index !== null) return textDigest(RECORD, index);
    let record = RECORD;
    for (const name in value) {
      if (LEFT_OUT.has(name)) continue;
      record = mix(textDigest(record, name), digest((value as Record<string, unknown>)[name], name));
    }
    return record;
  }

  return digest(inspect(), "") >>> 0;
}

/** Puts the entries of every bag into another order. */
export function disorder({ inspect, bags }: Known, prng: Prng): void {
  const visit = (value: unknown, field: string): void => {
    if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return;
    if (Array.isArray(value)) return value.forEach((each) => visit(each, field));
    if (value instanceof Map || value instanceof Set) {
      if (value instanceof Map) for (const each of value.values()) visit(each, field);
      if (value.size > 1 && bags.has(field)) reorder(value, prng);
      return;
    }
    if (imageOf(value) !== null) return;
    for (const [name, each] of Object.entries(value)) if (!LEFT_OUT.has(name)) visit(each, name);
  };
  visit(inspect(), "");
}

function reorder(bag: Map<unknown, unknown> | Set<unknown>, prng: Prng): void {
  if (bag instanceof Map) {
    const entries = shuffle(prng, [...bag]);
    bag.clear();
    for (const [key, value] of entries) bag.set(key, value);
  } else {
    const values = shuffle(prng, [...bag]);
    bag.clear();
    for (const value of values) bag.add(value);
  }
}

/** A copy that does not change any more, with bags in the order of their keys. */
export function stateCopy({ inspect, bags }: Known): unknown {
  const copy = (value: unknown, field: string): unknown => {
    if (typeof value !== "object" || value === null) return value;
    if (ArrayBuffer.isView(value)) return [...bytesOf(value)];
    if (Array.isArray(value)) return value.map((each) => copy(each, field));
    if (value instanceof Map || value instanceof Set) {
      const isMap = value instanceof Map;
      const entries = Array.from(
        value.entries() as Iterable<[unknown, unknown]>,
        ([key, each]) => [String(key), isMap ? copy(each, field) : true] as const,
      );
      const isBag = bags.has(field);
      return new Map(isBag ? entries.toSorted(([a], [b]) => (a < b ? -1 : 1)) : entries);
    }
    const index = imageOf(value);
    if (index !== null) return index;
    const kept = Object.entries(value).filter(([name]) => !LEFT_OUT.has(name));
    return Object.fromEntries(kept.map(([name, each]) => [name, copy(each, name)]));
  };
  return copy(inspect(), "");
}

/** An index is told by the image that it is the index of, and is never changed. */
function imageOf(value: object): string | null {
  return "image" in value && "hashes" in value && typeof value.image === "string" ? value.image : null;
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return view instanceof Uint8Array ? view : new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function viewDigest(view: ArrayBufferView): number {
  const bytes = bytesOf(view);
  let hash = mix(BYTES, bytes.length);
  let at = 0;
  for (; at + 4 <= bytes.length; at += 4) {
    const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
    hash = mix(hash, low | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24));
  }
  for (; at < bytes.length; at++) hash = mix(hash, bytes[at] as number);
  return hash;
}

function textDigest(begin: number, text: string): number {
  const { low, high } = sumOfText(text);
  return mix(mix(begin, low), high);
}

function mix(hash: number, value: number): number {
  const mixed = Math.imul(hash ^ value, 0x85ebca6b);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) ^ (mixed >>> 15);
}
