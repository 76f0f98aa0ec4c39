/** A reserve is left on every disk: what is on its way ends, and nothing more begins. */
import { expect, test } from "vitest";
import type { Space } from "../../kernel/event.ts";
import { isShort, RESERVE_BYTES_MAX } from "../../kernel/node/space.ts";
import { statusPage } from "../../kernel/status.ts";
import type { RootName } from "../../kernel/storage/call.ts";
import { createRig, imageOf, type Rig, sentFrames, WALL } from "./rig.ts";

const [A, B] = [imageOf(1), imageOf(2)];
const SITE = "/srv/site" as RootName;
const GIB = 2 ** 30;
const short = (root: RootName | null): Space => ({ root, totalBytes: 100 * GIB, freeBytes: GIB / 8 });
const tell = (rig: Rig, ...places: readonly Space[]) => rig.feed({ kind: "space", places });
const problemsOf = (rig: Rig): unknown =>
  (statusPage(rig.node, "/status/") as { problems: unknown }).problems;

test.each([
  [64 * GIB, RESERVE_BYTES_MAX - 1, true],
  [64 * GIB, RESERVE_BYTES_MAX, false],
  [32_000_000, 999_999, true],
  [32_000_000, 1_000_000, false],
  [0, 0, false],
])("of %i bytes %i free: short is %s", (totalBytes, freeBytes, expected) => {
  expect(isShort({ root: null, totalBytes, freeBytes })).toBe(expected);
});

test.each([[SITE], [null]])("an upload is refused while %s is short, and not before and after", (root) => {
  const rig = createRig();
  rig.start();
  rig.open(2);
  rig.upload(2, 1, "before", A);
  rig.done("put_intent");
  tell(rig, short(root));
  expect(sentFrames(rig.upload(2, 2, "x", A)).at(-1)).toMatchObject({
    response: { type: "ReplaceDir", accepted: false, reason: "no_space" },
  });
  expect(problemsOf(rig)).toMatchObject([{ about: `space in ${root ?? "the database"}` }]);
  expect(rig.node.downloads.size).toBe(1);
  tell(rig, { root, totalBytes: 100 * GIB, freeBytes: GIB });
  expect(problemsOf(rig)).toEqual([]);
  rig.upload(2, 3, "x", A, WALL + 1);
  expect(rig.pending.map(({ request }) => request.kind)).toContain("put_intent");
});

test("what is here already needs no room, and another disk has its own", () => {
  const rig = createRig();
  rig.start();
  rig.open(2);
  rig.upload(2, 1, "x", A);
  rig.done("put_intent");
  tell(rig, short(SITE));
  expect(sentFrames(rig.upload(2, 1, "x", A)).at(-1)).toMatchObject({ response: { accepted: true } });
  tell(rig, short("/srv/other" as RootName));
  rig.upload(2, 3, "y", B);
  expect(rig.pending.map(({ request }) => request.kind)).toContain("put_intent");
});

test("it is said once, not at every look", () => {
  const rig = createRig();
  rig.start();
  const marks = [1, 2].map(() => tell(rig, short(SITE)).filter(({ kind }) => kind === "trace").length);
  expect(marks).toEqual([1, 0]);
});
