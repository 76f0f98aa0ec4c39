import { expect, test } from "vitest";
import { CELLS } from "../../sim/kinds.ts";
import { AIMS_MAX, aimOf } from "../../sim/plan-aim.ts";
import { planScript } from "../../sim/plan.ts";
import { deedOf } from "../../sim/script.ts";

test("a few hundred seeds aim at every cell that is aimed at, and so does each shard of them", () => {
  const aimsOf = (seeds: readonly number[]): ReadonlySet<string> =>
    new Set(seeds.flatMap((seed) => Array.from({ length: AIMS_MAX }, (_, nth) => aimOf(seed, nth))));
  const all = aimsOf(Array.from({ length: 2_000 }, (_, at) => at));
  expect(all.size).toBeGreaterThanOrEqual(150);
  for (const cell of all) expect(CELLS).toContain(cell);
  expect(aimsOf(Array.from({ length: 250 }, (_, at) => at)).size).toBe(all.size);
  for (const shard of [0, 1, 2, 3])
    expect(aimsOf(Array.from({ length: 400 }, (_, at) => shard + 4 * at)).size).toBe(all.size);
});

test("where images are removed, the cells of removal are aimed at", () => {
  const aims = Array.from({ length: 150 }, (_, at) =>
    [0, 1, 2].map((nth) => aimOf(8 * at, nth, true)),
  ).flat();
  const cells = CELLS.filter((cell) => / (removing|collecting)$/.test(cell));
  expect(cells.length).toBeGreaterThanOrEqual(70);
  for (const cell of cells.filter((each) => !/^(off|dup_old|join|rejoin|clone|machine) /.test(each)))
    expect(aims).toContain(cell);
});

test("no fault comes before the servers have talked", () => {
  const harmless = ["rate", "config"];
  for (let seed = 0; seed < 300; seed++) {
    const faults = planScript(seed).lines.filter(({ verb }) => !harmless.includes(deedOf(verb).kind));
    expect(Math.min(...faults.map(({ at }) => at)), String(seed)).toBeGreaterThanOrEqual(1_000_000);
  }
});
