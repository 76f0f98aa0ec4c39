/** Schedules of `npm run conflicts`: some of them, and bugs that they have to find. */
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { mutantOf, search } from "./search.ts";

const asked = { seed: 1, jobs: 1, mutant: null };

test("every schedule ends with the calculated winner on every server", async () => {
  const { found, ...tally } = await search({ ...asked, schedules: 150 });
  expect(found).toBe(null);
  expect(tally.schedules).toBe(150);
  // They are about what they are for.
  expect(tally.conflicts).toBeGreaterThan(40);
  expect(tally.equalTimes).toBeGreaterThan(30);
  expect(tally.resigned).toBeGreaterThan(100);
});

test.each(["winner_reversed", "tie_to_the_first", "older_accepted"])("the bug %s is found", async (name) => {
  const mutant = await mutantOf(name);
  const { found } = await search({ ...asked, schedules: 150, mutant });
  expect(found?.wrong).toMatch(/is the winner|shows image|has the signatures|still promises/);
  // The same again, and only with the bug.
  const seed = found?.seed ?? 0;
  expect((await search({ ...asked, seed, schedules: 1, mutant })).found).toEqual(found);
  expect((await search({ ...asked, seed, schedules: 1 })).found).toBe(null);
});

test("schedules that never end are found, and which they are is said", async () => {
  const { found, ...tally } = await search({ ...asked, seed: 7, schedules: 60, answerMs: 1 });
  expect(found).toEqual({
    seed: 7,
    schedules: 50,
    schedule: "",
    wrong: "no answer in 1 ms for the seeds 7 to 56",
  });
  expect(tally.schedules).toBe(0);
});

test.each([
  [["--mutant", "none"], /^conflicts: --mutant is one of .*winner_reversed/],
  [["--jobs", "0"], /^conflicts: --jobs 0: write a whole number from 1\n/],
  [["--what"], /^conflicts: Unknown option '--what'/],
])("%j is a wrong command line", (line, says) => {
  const words = ["node_modules/tsx/dist/cli.mjs", "test/conflicts/main.ts", ...line];
  const { status, stderr } = spawnSync(process.execPath, words, { encoding: "utf8" });
  expect(stderr).toMatch(says);
  expect(status).toBe(64);
});
