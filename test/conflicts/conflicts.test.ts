/** Schedules of `npm run conflicts`: some of them, and bugs that they have to find. */
import { expect, test } from "vitest";
import { search } from "./search.ts";

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

test.each(["winner_reversed", "tie_to_the_first", "older_accepted"])(
  "the bug %s is found",
  async (mutant) => {
    const { found } = await search({ ...asked, schedules: 150, mutant });
    expect(found?.wrong).toMatch(/is the winner|shows image|has the signatures|still promises/);
    // The same again, and only with the bug.
    const seed = found?.seed ?? 0;
    expect((await search({ ...asked, seed, schedules: 1, mutant })).found).toEqual(found);
    expect((await search({ ...asked, seed, schedules: 1 })).found).toBe(null);
  },
);

test("a bug that there is not is refused", async () => {
  await expect(search({ ...asked, schedules: 1, mutant: "none" })).rejects.toThrow("--mutant is one of ");
});
