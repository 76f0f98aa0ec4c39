/** The mark of a run that ended in order, and what a start makes of it. */
import { expect, test } from "vitest";
import { parentOf, type VPath } from "../../kernel/ids.ts";
import { createRig, found, imageOf, indexOf, pathOf, type Rig, stateOf, WALL } from "./rig.ts";

const HERE = found(pathOf("a"), stateOf(imageOf(1), WALL));

function started(wasClean: boolean): Rig {
  const rig = createRig();
  rig.start([HERE], { wasClean });
  return rig;
}

const isAsked = (rig: Rig, kind: string): boolean => rig.pending.some(({ request }) => request.kind === kind);

test("after a run that was cut, images are read again at once; after one that ended in order they have time", () => {
  const [cut, clean] = [started(false), started(true)];
  for (const rig of [cut, clean]) rig.wait(1_000);
  expect([isAsked(cut, "scrub_shape"), isAsked(clean, "scrub_shape")]).toEqual([true, false]);
});

test("a run that ends at rest is marked, after all else that is written of it", () => {
  const rig = started(true);
  const effects = rig.feed({ kind: "stop" });
  const asked = effects.flatMap((each) => (each.kind === "disk" ? [each] : []));
  expect(asked.map(({ request }) => request.kind)).toEqual(["save_transfer", "save_time", "mark_clean"]);
  expect(rig.done("save_transfer")).toEqual([]);
  expect(rig.done("mark_clean")).toEqual([{ kind: "stopped" }]);
});

test("a run that ends while something is written is not marked", () => {
  const rig = started(true);
  rig.open(9);
  rig.upload(9, 1, "b", imageOf(2));
  rig.done("put_intent");
  rig.done("load_index", { kind: "index", index: indexOf(imageOf(2), 1) });
  expect(isAsked(rig, "prepare_stage")).toBe(true);
  rig.feed({ kind: "stop" });
  expect(isAsked(rig, "mark_clean")).toBe(false);
});

test("a start that has failed or has not looked writes nothing of a server that it does not know", () => {
  const locked = createRig();
  locked.feed({ kind: "wake" });
  locked.disk("recover", { ok: false, code: "locked", detail: "" });
  const early = createRig();
  early.feed({ kind: "wake" });
  for (const rig of [locked, early]) {
    const effects = rig.feed({ kind: "stop" });
    expect(effects.map(({ kind }) => kind)).toEqual(["stopped"]);
  }
});

test("who is about to end takes no more questions", () => {
  const rig = started(true);
  rig.open(9);
  const ask = () => rig.request(9, 1, { type: "GetBaseDir", path: parentOf(pathOf("a")) as VPath });
  expect(ask()).not.toEqual([]);
  rig.feed({ kind: "stop" });
  expect(ask()).toEqual([]);
});
