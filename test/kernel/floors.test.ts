/** What was published at a path keeps out what is older, also when its state is lost. */
import { expect, test } from "vitest";
import { statusPage } from "../../kernel/status.ts";
import { isPast } from "../../kernel/retention/retention.ts";
import type { FoundImage } from "../../kernel/storage/request.ts";
import {
  createRig,
  directoryOf,
  found,
  imageOf,
  pathOf,
  type Rig,
  sentFrames,
  stateOf,
  WALL,
} from "./rig.ts";

const A = pathOf("a");
const PUBLISHED = { timestamp: WALL, image: imageOf(5) };
const NOTHING = found(A, null, { published: PUBLISHED });

function here(number: number, timestamp: number): FoundImage {
  return { ...NOTHING, committed: stateOf(imageOf(number), timestamp) };
}

function started(...found: readonly FoundImage[]): Rig {
  const rig = createRig();
  rig.start(found);
  rig.open(9);
  return rig;
}

const problemsOf = (rig: Rig): unknown =>
  (statusPage(rig.node, "/status/") as { problems: unknown }).problems;
const answer = (rig: Rig, number: number, timestamp: number): object | undefined =>
  sentFrames(rig.upload(9, 1, "a", imageOf(number), timestamp), 9)[0];
const refused = (reason: string): object => ({ response: { accepted: false, reason } });
const isStored = (rig: Rig): boolean => rig.pending.some(({ request }) => request.kind === "put_intent");

test("a state that is lost is a problem that says what to do, and an old signature brings nothing back", () => {
  const rig = started(NOTHING);
  expect(problemsOf(rig)).toEqual([
    {
      about: "start: /site/a",
      what: expect.stringMatching(
        /^\/site\/a: the state is lost of .* 00000000 of 17\d+: another server .* upload it anew/,
      ),
    },
  ]);
  expect(answer(rig, 4, WALL - 1)).toMatchObject(refused("older_than_present"));
  expect(isStored(rig)).toBe(false);
});

test.each([
  ["the same version", 5, WALL],
  ["an older signature of the same image", 5, WALL - 9],
  ["a newer image", 6, WALL + 1],
] as const)("%s is welcome, and then all is well", (_, number, timestamp) => {
  const rig = started(NOTHING);
  rig.upload(9, 1, "a", imageOf(number), timestamp);
  rig.commit(imageOf(number));
  expect(problemsOf(rig)).toEqual([]);
  expect(rig.node.retention.published.has(A)).toBe(timestamp < WALL);
  expect(isPast(rig.node.retention, A, { timestamp: WALL - 1, image: imageOf(4) })).toBe(timestamp < WALL);
});

test.each([
  [5, "replace"],
  [6, "append"],
] as const)("the tree of what was published is no stranger to image %i", (number, mode) => {
  const rig = started(NOTHING);
  const signatures = [new Uint8Array(64).fill(1)];
  rig.request(9, 1, { type: "AppendDir", path: A, image: imageOf(number), timestamp: WALL + 1, signatures });
  rig.verify();
  expect(rig.pending.map(({ request }) => request)).toMatchObject([{ kind: "put_intent", mode }]);
});

test("an older state is served and told; what is between it and the floor is not taken", () => {
  const rig = started(here(3, WALL - 100));
  expect(problemsOf(rig)).toMatchObject([
    { what: expect.stringMatching(/^\/site\/a: older than what was published/) },
  ]);
  expect(rig.node.catalog.images).toBe(1);
  expect(answer(rig, 4, WALL - 50)).toMatchObject(refused("older_than_present"));
  // New signatures of what is here are taken, and it is still too old.
  rig.upload(9, 2, "a", imageOf(3), WALL - 60);
  rig.done("put_state");
  expect(problemsOf(rig)).toHaveLength(1);
});

test("a floor that says no more than the state, or than a removal, is not kept", () => {
  const rig = started(here(5, WALL), {
    ...NOTHING,
    path: pathOf("b"),
    floor: { ...PUBLISHED, removing: false },
    published: PUBLISHED,
  });
  expect([rig.node.retention.published.size, problemsOf(rig)]).toEqual([0, []]);
});

test("a promise takes the place of a state that is lost, and no problem is told", () => {
  const signatures = [{ timestamp: WALL + 5, bytes: new Uint8Array(64) }];
  const intent = { state: { image: imageOf(6), signatures }, stage: "s1", mode: "replace" } as const;
  const rig = started({ ...NOTHING, intent });
  expect([rig.node.downloads.size, problemsOf(rig)]).toEqual([1, []]);
});

test("what a removal says goes before what a publication says", () => {
  const rig = started({ ...NOTHING, floor: { timestamp: WALL - 50, image: imageOf(4), removing: false } });
  expect(answer(rig, 3, WALL - 60)).toMatchObject(refused("already_removed"));
  expect(answer(rig, 3, WALL - 40)).toMatchObject(refused("older_than_present"));
});

test("who forgets a directory forgets its floors", () => {
  const rig = started(NOTHING);
  rig.feed({ kind: "config_changed", directories: [directoryOf("other")] });
  expect(rig.node.retention.published.size).toBe(0);
  expect(problemsOf(rig)).toEqual([]);
});

test("an image that is gone and that nobody has keeps nothing out", () => {
  const rig = started({ ...here(5, WALL - 9), missing: true });
  expect(rig.node.retention.published.get(A)).toEqual(PUBLISHED);
  rig.disk("put_intent", { ok: false, code: "io", detail: "" });
  expect(rig.node.retention.published.size).toBe(0);
  rig.upload(9, 1, "a", imageOf(4), WALL - 20);
  expect(isStored(rig)).toBe(true);
});
