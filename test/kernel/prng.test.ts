import fc from "fast-check";
import { expect, test } from "vitest";
import {
  below,
  chance,
  keyed,
  keyOf,
  next,
  type Prng,
  sample,
  shuffle,
  split,
  streamOf,
} from "../../kernel/prng.ts";

const MASK = 0xffff_ffffn;
const rotate = (word: bigint, by: bigint) => ((word << by) | (word >> (32n - by))) & MASK;

/** The published C program, word for word, in wide integers. */
function twin(state: bigint[]): bigint {
  const [a = 0n, b = 0n, c = 0n, d = 0n] = state;
  const result = (rotate((b * 5n) & MASK, 7n) * 9n) & MASK;
  let [s0, s1, s2, s3] = [a, b, c, d];
  const t = (s1 << 9n) & MASK;
  s2 ^= s0;
  s3 ^= s1;
  s1 ^= s2;
  s0 ^= s3;
  s2 ^= t;
  s3 = rotate(s3, 11n);
  state.splice(0, 4, s0, s1, s2, s3);
  return result;
}

test("the generator is xoshiro128**", () => {
  const one: Prng = { a: 1, b: 2, c: 3, d: 4 };
  expect([next(one), next(one), next(one), next(one)]).toEqual([11520, 0, 5927040, 70819200]);
  const word = fc.integer({ min: 0, max: 0xffff_ffff });
  fc.assert(
    fc.property(word, word, word, word, (a, b, c, d) => {
      const prng = { a, b, c, d };
      const wide = [a, b, c, d].map(BigInt);
      for (let n = 0; n < 20; n++) expect(BigInt(next(prng))).toBe(twin(wide));
      expect([prng.a, prng.b, prng.c, prng.d].map((each) => BigInt(each >>> 0))).toEqual(wide);
    }),
  );
});

const first = (prng: Prng) => [next(prng), next(prng)].join();

test("streams of one seed are told apart by their identity, and repeat", () => {
  expect(first(keyed(7, "node", "n1"))).toBe(first(keyed(7, "node", "n1")));
  const all = [
    keyed(7),
    keyed(8),
    keyed(7, ""),
    keyed(7, "", ""),
    keyed(7, "ab", "c"),
    keyed(7, "a", "bc"),
    keyed(7, "abc"),
    keyed(7, "c", "ab"),
    ...Array.from({ length: 2000 }, (_, n) => keyed(7, "link", String(n))),
  ].map(first);
  expect(new Set(all).size).toBe(all.length);
});

test("first words of neighbouring streams are spread evenly", () => {
  const buckets = Array.from({ length: 16 }, () => 0);
  for (let n = 0; n < 16_000; n++) {
    const bucket = next(keyed(1, "x", String(n))) >>> 28;
    buckets[bucket] = (buckets[bucket] ?? 0) + 1;
  }
  const chiSquare = buckets.reduce((sum, seen) => sum + (seen - 1000) ** 2 / 1000, 0);
  expect(chiSquare).toBeLessThan(45); // 15 degrees of freedom: above it once in 10,000
});

test("a child stream differs from its parent and its brothers", () => {
  const parent = keyed(3);
  const children = [split(parent), split(parent), parent].map(next);
  expect(new Set(children).size).toBe(3);
});

test("a bounded draw stays below its bound and has no bias from the rest of 2^32", () => {
  const prng = keyed(5, "below");
  const bound = 3 * 2 ** 30; // plain modulo would draw the lower third twice as often
  let low = 0;
  for (let n = 0; n < 9000; n++) if (below(prng, bound) < 2 ** 30) low += 1;
  expect(Math.abs(low - 3000)).toBeLessThan(200); // 4.5 standard deviations; with bias it is 4500
  fc.assert(fc.property(fc.integer({ min: 1, max: 2 ** 32 }), (n) => below(prng, n) < n));
  for (const wrong of [0, -1, 1.5, 2 ** 32 + 1, Number.NaN])
    expect(() => below(prng, wrong)).toThrow(/bound/);
});

test("a chance of 0 never happens and one of all always does", () => {
  const prng = keyed(5, "chance");
  let hits = 0;
  for (let n = 0; n < 1000; n++) {
    expect(chance(prng, 0, 10)).toBe(false);
    expect(chance(prng, 10, 10)).toBe(true);
    if (chance(prng, 1, 10)) hits += 1;
  }
  expect(Math.abs(hits - 100)).toBeLessThan(45);
});

test("shuffling keeps the items, leaves the input alone and reaches every order", () => {
  const prng = keyed(5, "shuffle");
  const items = [1, 2, 3, 4];
  const orders = new Set(Array.from({ length: 1000 }, () => shuffle(prng, items).join()));
  expect(orders.size).toBe(24);
  expect(items).toEqual([1, 2, 3, 4]);
  expect(new Set(sample(prng, items, 3)).size).toBe(3);
  expect(sample(prng, items, 9)).toHaveLength(4);
  expect(sample(prng, items, 0)).toEqual([]);
});

test("a few of many are those that come first when many are taken", () => {
  fc.assert(
    fc.property(fc.nat(1_000), fc.nat(60), (size, count) => {
      const items = Array.from({ length: size }, (_, at) => at);
      const shuffled = shuffle(keyed(size, "few"), items);
      expect(sample(keyed(size, "few"), items, count)).toEqual(shuffled.slice(0, count));
    }),
  );
});

test("a key is the beginning of an identity, absorbed once", () => {
  const text = fc.string({ unit: "binary" });
  fc.assert(
    fc.property(text, text, text, (seed, one, last) => {
      expect(first(streamOf(keyOf(seed, one), last))).toBe(first(keyed(seed, one, last)));
    }),
  );
});
