/** Results of shards: whichever way they are put together, the same comes out. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { describeHunt } from "../../sim/cli/hunt-text.ts";
import { describeMap } from "../../sim/cli/map.ts";
import type { Result } from "../../sim/cli/result.ts";
import { mergeResults } from "../../sim/cli/results.ts";
import { CELLS, FAULT_NAMES } from "../../sim/kinds.ts";

const count = fc.integer({ min: 1, max: 9 });
/** Equal seeds have equal results, as a run of them has. */
function resultOf(seed: number): Result {
  const [result] = fc.sample(
    fc.record<Result>({
      name: fc.constant(`seed ${seed}`),
      trouble: fc.option(fc.constantFrom("acked_lost: n1", "two runs differed"), { nil: null }),
      digest: fc.constant(`digest of ${seed}`),
      steps: count,
      time: count,
      serverTime: count,
      isValid: fc.boolean(),
      excused: fc.nat(2),
      excuses: fc.dictionary(fc.constantFrom("never_whole", "outside"), count),
      convergedAfter: fc.option(fc.nat(9), { nil: null }),
      marks: fc.dictionary(fc.constantFrom("recovered", "signing"), count),
      faults: fc.dictionary(fc.constantFrom(...FAULT_NAMES), count, { maxKeys: 3 }),
      cells: fc.dictionary(fc.constantFrom(...CELLS), count, { maxKeys: 3 }),
    }),
    { numRuns: 1, seed },
  );
  if (result === undefined) throw new Error("one is drawn");
  return result;
}

const shard = fc
  .array(fc.integer({ min: 1, max: 40 }), { maxLength: 12 })
  .map((seeds) => seeds.map(resultOf));

test("shards are merged in any order and grouping, and more than once", () => {
  fc.assert(
    fc.property(shard, shard, shard, (a, b, c) => {
      const all = mergeResults([...a, ...b, ...c]);
      expect(mergeResults([...mergeResults([...a, ...b]), ...c])).toEqual(all);
      expect(mergeResults([...a, ...mergeResults([...b, ...c])])).toEqual(all);
      expect(mergeResults([...c, ...b, ...a])).toEqual(all);
      expect(mergeResults([...all, ...all, ...b])).toEqual(all);
      // Marks, cells and failures are sums over these, so that what is said of them is the same, too.
      expect(describeHunt(mergeResults([...all, ...c]), null)).toBe(describeHunt(all, null));
      expect(describeMap(mergeResults([...b, ...all]))).toBe(describeMap(all));
    }),
    { numRuns: 60 },
  );
});

test("one seed with two digests is no result", () => {
  expect(() => mergeResults([resultOf(1), { ...resultOf(1), digest: "another" }])).toThrow(
    "seed 1 has two digests",
  );
});

test("a map names the cells that were never seen", () => {
  const result = { ...resultOf(1), cells: { "crash_weak committing": 3 } };
  const text = describeMap([result]);
  expect(text).toMatch(new RegExp(`1 seeds; 1 of ${CELLS.length} cells seen`));
  expect(text).toMatch(/never: .*crash_weak fetching/);
  expect(text).not.toMatch(/never: .*crash_weak committing/);
});
