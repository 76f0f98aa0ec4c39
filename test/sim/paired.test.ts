import fc from "fast-check";
import { expect, test } from "vitest";
import { comparePairs } from "../../sim/paired.ts";

test("the mean of the differences, and its interval by Student's distribution", () => {
  // Worked by hand: differences 1, 2, 3, 4; deviation 1.29099, t(3) = 3.18245.
  const paired = comparePairs([
    [1, 2],
    [1, 3],
    [1, 4],
    [1, 5],
  ]);
  expect(paired).toMatchObject({ runs: 4, meanA: 1, meanB: 3.5, difference: 2.5, less: 0, same: 0, more: 4 });
  expect(paired.margin).toBeCloseTo((3.182_45 * 1.290_99) / 2, 1);
});

test.each([
  [0, 10, 2 / 1024],
  [1, 9, 22 / 1024],
  [5, 5, 1],
  [0, 0, 1],
])("%i less and %i more is so likely by chance", (less, more, chance) => {
  const pairs = [...Array<number>(less).fill(-1), ...Array<number>(more).fill(1), 0].map(
    (b) => [0, b] as const,
  );
  expect(comparePairs(pairs).chance).toBeCloseTo(chance, 9);
});

test("what is swapped is turned round, and a thousand runs have a chance between 0 and 1", () => {
  const value = fc.integer({ min: -50, max: 50 });
  fc.assert(
    fc.property(fc.array(fc.tuple(value, value), { minLength: 2, maxLength: 1_000 }), (pairs) => {
      const there = comparePairs(pairs);
      const back = comparePairs(pairs.map(([a, b]) => [b, a]));
      expect(back.difference).toBeCloseTo(-there.difference, 9);
      expect(back.margin).toBeCloseTo(there.margin, 9);
      expect(back.chance).toBe(there.chance);
      expect(there.chance).toBeGreaterThanOrEqual(0);
      expect(there.chance).toBeLessThanOrEqual(1);
    }),
    { numRuns: 50 },
  );
});
