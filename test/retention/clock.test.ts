/** Nothing is removed by a clock that nobody may trust, also when it was set while the server did not run. */
import { expect, test } from "vitest";
import { statusPage } from "../../kernel/status.ts";
import type { UnixMs } from "../../kernel/ids.ts";
import type { FoundImage } from "../../kernel/storage/request.ts";
import { createRig, found, imageOf, pathOf, type Rig, stateOf, WALL } from "../kernel/rig.ts";

const MINUTE = 60_000;
const DAY = 86_400_000;

function old(name: string, number: number): FoundImage {
  return found(pathOf(name), stateOf(imageOf(number), WALL - (10 + number) * DAY));
}

/** @param ranUntil  by how many milliseconds the last run ended after the clock of this start */
function started(ranUntil: number | null): Rig {
  const rig = createRig({ settings: { autoClean: true, keepMin: 1, keepRecentMs: DAY } });
  rig.start([old("a", 2), old("b", 1)], {
    ranUntil: ranUntil === null ? null : ((WALL + ranUntil) as UnixMs),
  });
  return rig;
}

/** Minutes until something is removed, of at most so many. */
function minutesToRemoval(rig: Rig, minutes: number): number {
  for (let minute = 1; minute <= minutes; minute++)
    for (let second = 0; second < 60; second++) {
      rig.wait(1_000);
      if (rig.pending.some(({ request }) => request.kind === "remove")) return minute;
    }
  return Infinity;
}

const clockOf = (rig: Rig): string | undefined => {
  const { problems } = statusPage(rig.node, "/status/") as { problems: { about: string; what: string }[] };
  return problems.find(({ about }) => about === "clock")?.what;
};

/** What was written down of the clock, since WALL. */
const savedBy = (rig: Rig): readonly number[] => rig.saved.map((time) => time - WALL);

test.each([
  ["that is not known", null],
  ["a moment ago", -MINUTE],
  ["a moment ahead", MINUTE],
  ["29 days ago", -29 * DAY],
])("a start after a run %s removes at its second look", (_, ranUntil) => {
  const rig = started(ranUntil);
  expect(clockOf(rig)).toBeUndefined();
  expect(minutesToRemoval(rig, 2)).toBe(1);
});

test("a clock behind the last run removes nothing until it has come there, and says what to do", () => {
  const rig = started(30 * MINUTE);
  expect(clockOf(rig)).toMatch(/^the clock is 1800 s behind the last run .* set it right, or, .*"time"/);
  expect(minutesToRemoval(rig, 29)).toBe(Infinity);
  expect(clockOf(rig)).toMatch(/^the clock is \d+ s behind/);
  expect(minutesToRemoval(rig, 3)).toBe(2);
  expect(clockOf(rig)).toBeUndefined();
});

test("a clock that is set right meanwhile is held as long as any that is set", () => {
  const rig = started(365 * DAY);
  rig.wait(MINUTE);
  rig.setClock(366 * DAY);
  rig.wait(MINUTE);
  expect(clockOf(rig)).toMatch(/^the clock was set by /);
  expect(minutesToRemoval(rig, 9)).toBe(Infinity);
  expect(minutesToRemoval(rig, 3)).toBeLessThan(3);
});

test("a start a month or more after the last run waits for ten minutes", () => {
  const rig = started(-31 * DAY);
  expect(clockOf(rig)).toMatch(/^this server last ran 31 days ago: .* see that its clock is right$/);
  expect(minutesToRemoval(rig, 10)).toBe(Infinity);
  expect(minutesToRemoval(rig, 2)).toBe(1);
  expect(clockOf(rig)).toBeUndefined();
});

test("what the clock shows is written down once a minute, and at the end", () => {
  const rig = started(null);
  for (let second = 0; second < 150; second++) rig.wait(1_000);
  expect(savedBy(rig)).toEqual([1_000, 61_000, 121_000]);
  rig.feed({ kind: "stop" });
  expect(savedBy(rig).at(-1)).toBe(150_000);
});

test.each([
  ["behind the last run", 10 * DAY, 0],
  ["just set forward", null, 365 * DAY],
  ["just set back", null, -365 * DAY],
])("a clock %s is not written down, also not at the end", (_, ranUntil, set) => {
  const rig = started(ranUntil);
  rig.setClock(set);
  for (let second = 0; second < 120; second++) rig.wait(1_000);
  rig.feed({ kind: "stop" });
  expect(savedBy(rig)).toEqual([]);
});

test("a clock that shows a time before 1970 is never written down, which no start could read", () => {
  const rig = started(null);
  rig.setClock(-WALL - DAY);
  for (let second = 0; second < 900; second++) rig.wait(1_000);
  rig.feed({ kind: "stop" });
  expect(savedBy(rig)).toEqual([]);
});

test("ten minutes after it was set, a clock counts as right", () => {
  const rig = started(null);
  rig.setClock(-365 * DAY);
  for (let second = 0; second < 900; second++) rig.wait(1_000);
  expect(savedBy(rig)[0]).toBeLessThan(-364 * DAY);
});
