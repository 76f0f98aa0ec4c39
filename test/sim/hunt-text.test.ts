import { expect, test } from "vitest";
import { describeHunt } from "../../sim/cli/hunt-text.ts";
import type { Result } from "../../sim/cli/result.ts";
import { CELLS, FAULT_NAMES } from "../../sim/kinds.ts";

const QUIET: Result = {
  name: "seed 1",
  trouble: null,
  digest: "00",
  steps: 100,
  time: 60_000_000,
  serverTime: 180_000_000,
  excused: 0,
  excuses: {},
  convergedAfter: 1_000_000,
  isValid: true,
  marks: {},
  faults: {},
  cells: {},
};
const once = (names: readonly string[]): Record<string, number> =>
  Object.fromEntries(names.map((each) => [each, 1]));

test("what was never seen is named, and at least 150 cells are asked for", () => {
  const seen = { ...QUIET, cells: once(CELLS.slice(1)), faults: once(FAULT_NAMES) };
  const text = describeHunt([seen], 10);
  expect(CELLS.length).toBeGreaterThanOrEqual(150);
  expect(text).toContain(`${CELLS.length - 1} of ${CELLS.length} cells seen`);
  expect(text).toContain("NOT EVERYTHING WAS SEEN");
  expect(text).toContain(`cells never seen, 1 of ${CELLS.length}: ${CELLS[0]}\n`.trimEnd());
  expect(text).toContain("marks never seen");
  expect(text).not.toContain("faults never seen");
});

test("a cell that cannot be is named when it was hit", () => {
  const text = describeHunt([{ ...QUIET, cells: { "pause down": 2 } }], 10);
  expect(text).toContain("calls impossible: pause down");
});

test("a run without traffic before its first fault proves nothing, and is named", () => {
  const results = Array.from({ length: 30 }, (_, at) => ({
    ...QUIET,
    name: `seed ${at}`,
    isValid: at !== 7,
  }));
  const text = describeHunt(results, 10);
  expect(text).toContain("before the first fault: 1: seed 7");
  expect(text).toContain("fewer than 1 in 9,"); // of 29
});

test("excused paths are a share of the seeds", () => {
  const text = describeHunt([QUIET, { ...QUIET, name: "seed 2", excused: 2 }], null);
  expect(text).toContain("excused paths: 2, in 50.0 % of the seeds: seed 2");
});
