/**
 * Random numbers that repeat: xoshiro128** over 32-bit integers. A stream is keyed by what it decides (seed, node,
 * kind, n-th time), so that leaving one decision out changes no other. Not for secrets.
 *
 * Source: Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021; the finalizer of MurmurHash3.
 */
import { assert } from "./assert.ts";
import { utf8Encode } from "./text.ts";

/** Four 32-bit words, not all zero; advanced in place. */
export type Prng = { a: number; b: number; c: number; d: number };

const TWO_32 = 2 ** 32;
const LANES = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 0x6a09e667] as const;

/** The stream of a seed and an identity: equal arguments give equal streams; `("ab", "c")` is not `("a", "bc")`. */
export function keyed(seed: number | string, ...identity: readonly string[]): Prng {
  const [a, b, c, d] = LANES;
  const words: [number, number, number, number] = [a, b, c, d];
  absorb(words, String(seed));
  for (const part of identity) absorb(words, part);
  const prng = { a: words[0], b: words[1], c: words[2], d: words[3] };
  if ((prng.a | prng.b | prng.c | prng.d) === 0) prng.a = 1; // the one state that never leaves itself
  return prng;
}

/** A child stream; the parent moves on by four words. */
export function split(prng: Prng): Prng {
  return keyed([next(prng), next(prng), next(prng), next(prng)].join(" "));
}

/** 32 bits, 0 to 2^32 - 1. */
export function next(prng: Prng): number {
  const result = Math.imul(rotate(Math.imul(prng.b, 5), 7), 9) >>> 0;
  const shifted = prng.b << 9;
  prng.c = (prng.c ^ prng.a) >>> 0;
  prng.d = (prng.d ^ prng.b) >>> 0;
  prng.b = (prng.b ^ prng.c) >>> 0;
  prng.a = (prng.a ^ prng.d) >>> 0;
  prng.c = (prng.c ^ shifted) >>> 0;
  prng.d = rotate(prng.d, 11) >>> 0;
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
  const out = [...items];
  const taken = Math.min(count, out.length);
  for (let at = 0; at < taken; at++) {
    const other = at + below(prng, out.length - at);
    const moved = out[at] as T;
    out[at] = out[other] as T;
    out[other] = moved;
  }
  return out.slice(0, taken);
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}

/** Every byte changes all four words; the length at the end keeps neighbouring parts apart. */
function absorb(words: [number, number, number, number], text: string): void {
  const bytes = utf8Encode(text);
  for (const byte of bytes) round(words, byte);
  round(words, bytes.length + 256);
}

function round(words: [number, number, number, number], word: number): void {
  const a = finalize(words[0] ^ word);
  const b = finalize((words[1] + a) | 0);
  const c = finalize(words[2] ^ b);
  const d = finalize((words[3] + c) | 0);
  words[0] = (a ^ d) >>> 0;
  words[1] = b >>> 0;
  words[2] = c >>> 0;
  words[3] = d >>> 0;
}

function finalize(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
