/** What a disk does not let go of is deleted later, without a restart. */
import { expect, test } from "vitest";
import type { RootName } from "../../kernel/storage/call.ts";
import { statusPage } from "../../kernel/status.ts";
import { createRig, directoryOf, found, imageOf, pathOf, type Rig, stateOf, WALL } from "./rig.ts";

const NO = { ok: false, code: "io", detail: "unlink: EIO" } as const;

/** An image that was committed, so that what it has displaced goes. */
function committed(): Rig {
  const rig = createRig();
  rig.start();
  rig.open(2);
  const image = imageOf(7);
  rig.upload(2, 1, "a", image);
  rig.commit(image);
  rig.wait(3_000);
  return rig;
}

const problems = (rig: Rig) =>
  (statusPage(rig.node, "/status/") as { problems: readonly unknown[] }).problems;
const isAsked = (rig: Rig, kind = "delete_old") => rig.pending.some(({ request }) => request.kind === kind);

/** Seconds until the disk is asked again. */
function secondsUntilAsked(rig: Rig): number {
  for (let seconds = 1; seconds <= 120; seconds++) {
    rig.wait(1_000);
    if (isAsked(rig)) return seconds;
  }
  throw new Error("never");
}

test("a displaced tree that cannot be deleted is tried again, each time later, and told until it is gone", () => {
  const rig = committed();
  const waits: number[] = [];
  for (let tries = 0; tries < 9; tries++) {
    rig.disk("delete_old", NO);
    expect(problems(rig)).toEqual([
      {
        about: "cleanup of /site/a",
        what: expect.stringMatching(/^io: unlink: EIO; see the kernel.s log.* it is tried until/),
      },
    ]);
    waits.push(secondsUntilAsked(rig));
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
  rig.done("delete_old");
  expect(problems(rig)).toEqual([]);
  for (let seconds = 0; seconds < 120; seconds++) rig.wait(1_000);
  expect(isAsked(rig)).toBe(false);
});

test("what belongs to a promise is not asked for again", () => {
  const rig = committed();
  rig.disk("delete_old", { ok: false, code: "stage_incomplete", detail: "not committed" });
  for (let seconds = 0; seconds < 120; seconds++) rig.wait(1_000);
  expect(isAsked(rig)).toBe(false);
  expect(problems(rig)).toEqual([]);
});

test("a promise that has lost is dropped in the end", () => {
  const rig = createRig();
  const intent = { state: stateOf(imageOf(2), WALL - 1), stage: "s", mode: "replace" } as const;
  rig.start([found(pathOf("a"), stateOf(imageOf(1), WALL), { intent })]);
  rig.disk("abort", NO);
  expect(isAsked(rig, "abort")).toBe(false);
  rig.wait(1_000);
  expect(isAsked(rig, "abort")).toBe(true);
  rig.done("abort");
  expect(problems(rig)).toEqual([]);
});

test("what is of a directory that is not served any more is left alone", () => {
  const rig = committed();
  rig.disk("delete_old", NO);
  rig.feed({ kind: "config_changed", directories: [] });
  for (let seconds = 0; seconds < 120; seconds++) rig.wait(1_000);
  expect(isAsked(rig)).toBe(false);
  expect(problems(rig)).toEqual([]);
});

test("nor is what is of a directory that has moved, where it was before", () => {
  const rig = committed();
  rig.disk("delete_old", NO);
  const moved = directoryOf("site", { root: "/mnt/site" as RootName });
  rig.feed({ kind: "config_changed", directories: [moved] });
  rig.done("adopt", { kind: "adopted", found: [], problems: [], unread: [], complete: true });
  for (let seconds = 0; seconds < 120; seconds++) rig.wait(1_000);
  expect(isAsked(rig)).toBe(false);
  expect(problems(rig)).toEqual([]);
});
