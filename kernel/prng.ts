/**
 * Random numbers that repeat: xoshiro128** over 32-bit integers. A stream is keyed by what it decides (seed, node,
 * kind, n-th time), so that leaving one decision out changes no other. Not for secrets.
 *
 * Source: Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021; the finalizer of MurmurHash3.
 */
import { assert } from "./assert.ts";
import { utf8Encode } from "./text.ts";

/** Four 32-bit words as signed integers, not all zero; advanced in place. */
export type Prng = { a: number; b: number; c: number; d: number };

const TWO_32 = 2 ** 32;
const FEW = 16; // of so many items for each that is taken, a copy costs more than what is remembered instead
const LANES = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 0x6a09e667] as const;

/** A seed and the beginning of an identity, absorbed once for the many streams that begin with them. */
export type Key = Readonly<Prng>;

/** The stream of a seed and an identity: equal arguments give equal streams; `("ab", "c")` is not `("a", "bc")`. */
export function keyed(seed: number | string, ...identity: readonly string[]): Prng {
  return awake(absorbed(seed, identity));
}

export function keyOf(seed: number | string, ...identity: readonly string[]): Key {
  return absorbed(seed, identity);
}

/** `streamOf(keyOf(seed, ...some), last)` is `keyed(seed, ...some, last)`. */
export function streamOf(key: Key, last: string): Prng {
  const words = { a: key.a, b: key.b, c: key.c, d: key.d };
  absorb(words, last);
  return awake(words);
}

function absorbed(seed: number | string, identity: readonly string[]): Prng {
  const [a, b, c, d] = LANES;
  const words = { a: a | 0, b: b | 0, c: c | 0, d: d | 0 };
  absorb(words, String(seed));
  for (const part of identity) absorb(words, part);
  return words;
}

/** All zero is the one state that never leaves itself. */
function awake(words: Prng): Prng {
  if ((words.a | words.b | words.c | words.d) === 0) words.a = 1;
  return words;
}

/** A child stream; the parent moves on by four words. */
export function split(prng: Prng): Prng {
  return keyed([next(prng), next(prng), next(prng), next(prng)].join(" "));
}

/** 32 bits, 0 to 2^32 - 1. */
export function next(prng: Prng): number {
  const result = Math.imul(rotate(Math.imul(prng.b, 5), 7), 9) >>> 0;
  const shifted = prng.b << 9;
  prng.c ^= prng.a;
  prng.d ^= prng.b;
  prng.b ^= prng.c;
  prng.a ^= prng.d;
  prng.c ^= shifted;
  prng.d = rotate(prng.d, 11);
  return result;
}

/** A whole number from 0 to `bound - 1`, each as likely: the uneven rest of 2^32 is drawn again. */
export function below(prng: Prng, bound: number): number {
  assert(
    Number.isInteger(bound) && bound >= 1 && bound <= TWO_32,
    "a bound is a whole number from 1 to 2^32",
  );
  const even = TWO_32 - (TWO_32 % bound);
  for (;;) {
    const drawn = next(prng);
    if (drawn < even) return drawn % bound;
  }
}

/** True `hits` times in `outOf`. */
export function chance(prng: Prng, hits: number, outOf: number): boolean {
  return below(prng, outOf) < hits;
}

/** A new list of the same items, every order as likely. */
export function shuffle<T>(prng: Prng, items: readonly T[]): T[] {
  return sample(prng, items, items.length);
}

/** `count` different places of a list (all of it when it is shorter), every choice and order as likely. */
export function sample<T>(prng: Prng, items: readonly T[], count: number): T[] {
  const taken = Math.min(count, items.length);
  if (items.length > taken * FEW) return fewOf(prng, items, taken);
  const out = [...items];
  for (let at = 0; at < taken; at++) {
    const other = at + below(prng, out.length - at);
    const moved = out[at] as T;
    out[at] = out[other] as T;
    out[other] = moved;
  }
  return out.slice(0, taken);
}

/** The same choice without a copy of all: only the places that have another item are kept. */
function fewOf<T>(prng: Prng, items: readonly T[], taken: number): T[] {
  const moved = new Map<number, T>();
  const itemAt = (at: number): T => (moved.has(at) ? moved.get(at) : items[at]) as T;
  return Array.from({ length: taken }, (_, at) => {
    const other = at + below(prng, items.length - at);
    const chosen = itemAt(other);
    moved.set(other, itemAt(at));
    return chosen;
  });
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}

/** Every byte of its UTF-8 changes all four words; the length at the end keeps neighbouring parts apart. */
function absorb(words: Prng, text: string): void {
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit > 0x7f) return absorbBytes(words, utf8Encode(text), at);
    round(words, unit);
  }
  round(words, text.length + 256);
}

/** The first `done` bytes are absorbed already. */
function absorbBytes(words: Prng, bytes: Uint8Array, done: number): void {
  for (let at = done; at < bytes.length; at++) round(words, bytes[at] as number);
  round(words, bytes.length + 256);
}

function round(words: Prng, word: number): void {
  const a = finalize(words.a ^ word);
  const b = finalize((words.b + a) | 0);
  const c = finalize(words.c ^ b);
  const d = finalize((words.d + c) | 0);
  words.a = a ^ d;
  words.b = b;
  words.c = c;
  words.d = d;
}

function finalize(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
