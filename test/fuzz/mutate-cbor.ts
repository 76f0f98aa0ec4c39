/**
 * Changes to CBOR as a tree, so that what comes out is mostly well-formed and gets past the guard: items replaced,
 * doubled, moved, wrapped, heads written longer or open. What is no CBOR, and every fourth input, gets `mutateBytes`.
 */
import type { Dice } from "./dice.ts";
import { type Mutate, mutateBytes } from "./mutate-bytes.ts";

/** `width` is that of the head's argument: 0, 1, 2, 4 or 8 bytes, or null for an open length. */
type Item = {
  major: number;
  width: number | null;
  /** Of a number, a tag or a simple value; above 2^53 roughly. */
  value: number;
  /** Of a string. */
  bytes: Uint8Array;
  /** Of a container: keys and values in turn, of a map. Of an open string: its chunks. */
  items: Item[];
};

const DEPTH_MAX = 24;
const ITEMS_MAX = 2_000;
const TWO_32 = 2 ** 32;
const TWO_64 = 2 ** 64;
const NUMBERS = [0, 1, 15, 23, 24, 255, 256, 65_535, 65_536, TWO_32 - 1, TWO_32, 2 ** 53 - 1, 2 ** 53].concat(
  [2 ** 63, TWO_64, 1_700_000_000_000],
);
const NONE = new Uint8Array();
const LENGTHS = [0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65];
const PATHS = [
  "",
  "/",
  "/a",
  "/a/b",
  "/a/b/c",
  "//a",
  "/a/",
  "/a/.",
  "/a/../b",
  "a/b",
  "/a/\0",
  "/a/\n",
].concat(["/dir1/sub", `/a/${"x".repeat(256)}`, `/a${"/b".repeat(64)}`]);

/** @param words  texts that mean something to the format: names of members and variants */
export function mutateCbor(words: readonly string[]): Mutate {
  const texts = [...words, ...PATHS, "__proto__", "constructor"].map((text) =>
    new TextEncoder().encode(text),
  );
  return (dice, input, other) => {
    const tree = parse(input);
    if (tree === null || dice.once(4)) return mutateBytes(dice, input, other);
    const top = { major: 4, width: 0, value: 0, bytes: NONE, items: [tree] };
    for (let more = 1 + dice.roll(3); more > 0; more--) change(dice, top, other, texts);
    const out: Out = { bytes: new Uint8Array(input.length * 2 + 1_024), at: 0 };
    for (const item of top.items) print(item, out);
    const bytes = out.bytes.slice(0, out.at);
    return dice.once(8) ? mutateBytes(dice, bytes, other) : bytes;
  };
}

function change(dice: Dice, top: Item, other: Uint8Array, texts: readonly Uint8Array[]): void {
  const holders: Item[] = [];
  collect(top, holders);
  const holder = dice.pick(holders);
  const { items } = holder;
  const at = dice.roll(items.length + 1);
  const item = items[at];
  const fresh = (): Item => {
    const list: Item[] = [];
    const tree = dice.once(3) ? parse(other) : null;
    if (tree === null) return anyItem(dice, texts);
    collect(tree, list, true);
    return dice.pick(list);
  };
  if (item === undefined) {
    if (holder !== top) items.push(fresh());
    return;
  }
  switch (dice.roll(10)) {
    case 0:
      items[at] = fresh();
      return;
    case 1:
      items.splice(at, 1);
      return;
    case 2:
      items.splice(dice.roll(items.length + 1), 0, item);
      return;
    case 3: {
      const second = dice.roll(items.length);
      items[at] = items[second] ?? item;
      items[second] = item;
      return;
    }
    case 4:
      item.width = item.major >= 2 && item.major <= 5 && dice.once(3) ? null : dice.pick([1, 2, 4, 8]);
      return;
    case 5:
      item.value = dice.once(2) ? dice.pick(NUMBERS) : Math.max(0, item.value + dice.roll(3) - 1);
      return;
    case 6:
      item.bytes =
        item.bytes.length > 0 && dice.once(2) ? flipped(dice, item.bytes) : resized(dice, item.bytes);
      return;
    case 7:
      items[at] = { ...leaf(dice.pick([4, 5, 6]), dice.roll(64), NONE), items: [item, fresh()] };
      return;
    case 8:
      if (item.major === 2 || item.major === 3) item.major ^= 1;
      else if (item.major === 4 || item.major === 5) item.major ^= 1;
      else item.major = dice.pick([0, 1, 6, 7]);
      return;
    default:
      items.splice(at, 0, leaf(3, 0, dice.pick(texts)), fresh());
  }
}

function collect(item: Item, into: Item[], leaves = false): void {
  if (leaves || item.items.length > 0 || item.major === 4 || item.major === 5) into.push(item);
  for (const each of item.items) collect(each, into, leaves);
}

function leaf(major: number, value: number, bytes: Uint8Array): Item {
  return { major, width: 0, value, bytes, items: [] };
}

function anyItem(dice: Dice, texts: readonly Uint8Array[]): Item {
  switch (dice.roll(7)) {
    case 0:
    case 1:
      return leaf(3, 0, dice.pick(texts));
    case 2:
      return leaf(2, 0, new Uint8Array(dice.pick(LENGTHS)).fill(dice.roll(256)));
    case 3:
      return leaf(0, dice.pick(NUMBERS), NONE);
    case 4:
      return leaf(7, 20 + dice.roll(5), NONE);
    case 5:
      return leaf(dice.pick([4, 5]), 0, NONE);
    default:
      return leaf(dice.pick([1, 6, 7]), dice.roll(32), NONE);
  }
}

function flipped(dice: Dice, bytes: Uint8Array): Uint8Array {
  const out = bytes.slice();
  const at = dice.roll(out.length);
  out[at] = (out[at] ?? 0) ^ (1 << dice.roll(8));
  return out;
}

function resized(dice: Dice, bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(
    dice.once(2) ? dice.pick(LENGTHS) : Math.max(0, bytes.length - 1 + dice.roll(3)),
  );
  out.set(bytes.subarray(0, out.length));
  return out;
}

type In = { readonly bytes: Uint8Array; at: number; items: number };

/** Null for what is no single well-formed item of moderate size; this reader shares no code with the one under test. */
function parse(bytes: Uint8Array): Item | null {
  const from: In = { bytes, at: 0, items: 0 };
  const item = readItem(from, DEPTH_MAX);
  return from.at === bytes.length ? item : null;
}

function readItem(from: In, depth: number): Item | null {
  const { bytes } = from;
  const head = bytes[from.at++];
  if (head === undefined || depth === 0 || ++from.items > ITEMS_MAX) return null;
  const major = head >> 5;
  const info = head & 31;
  if (info > 27 && info < 31) return null;
  const open = info === 31;
  const width = open ? null : info < 24 ? 0 : 1 << (info - 24);
  let value = info < 24 ? info : 0;
  for (let byte = 0; byte < (width ?? 0); byte++) value = value * 256 + (bytes[from.at++] ?? 0);
  if (from.at > bytes.length) return null;
  const item: Item = { major, width, value, bytes: NONE, items: [] };
  if (major < 2 || major === 7) return item;
  if (!open && (major === 2 || major === 3)) {
    if (value > bytes.length - from.at) return null;
    item.bytes = bytes.subarray(from.at, from.at + value);
    from.at += value;
    return item;
  }
  const wanted = open ? Number.POSITIVE_INFINITY : major === 6 ? 1 : major === 5 ? value * 2 : value;
  while (item.items.length < wanted) {
    if (open && bytes[from.at] === 0xff) {
      from.at += 1;
      return item;
    }
    const inner = readItem(from, depth - 1);
    if (inner === null) return null;
    item.items.push(inner);
  }
  return item;
}

type Out = { bytes: Uint8Array; at: number };

function put(out: Out, byte: number): void {
  if (out.at === out.bytes.length) {
    const longer = new Uint8Array(out.bytes.length * 2);
    longer.set(out.bytes);
    out.bytes = longer;
  }
  out.bytes[out.at++] = byte;
}

function print(item: Item, out: Out): void {
  const { major, items, bytes } = item;
  const string = major === 2 || major === 3;
  if (item.width === null && major >= 2 && major <= 5) {
    put(out, (major << 5) | 31);
    if (string && items.length === 0) print({ ...item, width: 0 }, out);
    for (const each of items) print(each, out);
    put(out, 0xff);
    return;
  }
  const length = major === 4 ? items.length : major === 5 ? Math.ceil(items.length / 2) : bytes.length;
  const value = string || major === 4 || major === 5 ? length : item.value;
  const least = value < 24 ? 0 : value < 0x100 ? 1 : value < 0x1_0000 ? 2 : value < TWO_32 ? 4 : 8;
  const width = Math.max(least, item.width ?? 0);
  put(out, (major << 5) | (width === 0 ? value : 24 + Math.log2(width)));
  for (let byte = width - 1; byte >= 0; byte--)
    put(out, value >= TWO_64 ? 0xff : Math.floor(value / 256 ** byte) % 256);
  if (string) for (let at = 0; at < bytes.length; at++) put(out, bytes[at] ?? 0);
  else for (const each of items) print(each, out);
  if (major === 5 && items.length % 2 === 1) put(out, 0xf6);
}
