/** A removal that the disk has stopped half way: it is decided, so that it ends, and nothing is judged by what is left. */
import { expect, test } from "vitest";
import { getEntry } from "../../kernel/catalog.ts";
import {
  createRig,
  found,
  imageOf,
  machineOf,
  NOTHING,
  pathOf,
  type Rig,
  sentPackets,
  stateOf,
  WALL,
} from "./rig.ts";

const ROUND_MS = 1_000;
const NO = { ok: false, code: "removal_begun", detail: "io (unlink: EIO)" } as const;
const CLEANED = { autoClean: true, keepMin: 0, keepMax: 0, keepRecentMs: 0 };

/** The removal of `/site/a` is what the disk was asked for last. */
function removing(): Rig {
  const rig = createRig({ settings: CLEANED });
  rig.start();
  rig.open(2);
  const image = imageOf(7);
  rig.upload(2, 1, "a", image);
  rig.commit(image);
  while (!isAsked(rig)) rig.wait(ROUND_MS);
  return rig;
}

const isAsked = (rig: Rig) => rig.pending.some(({ request }) => request.kind === "remove");

test("it is tried until it is gone, each time later, and told meanwhile", () => {
  const rig = removing();
  const waits: number[] = [];
  for (let tries = 0; tries < 8; tries++) {
    rig.disk("remove", NO);
    expect(rig.node.problems.get("removal of /site/a")).toMatch(/^removal_begun: io .*; it is tried until/);
    let seconds = 0;
    for (; !isAsked(rig); seconds++) rig.wait(ROUND_MS);
    waits.push(seconds);
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
  rig.done("remove");
  expect(rig.node.problems.size).toBe(0);
  expect(rig.node.retention.floors.get(pathOf("a"))?.image).toBe(imageOf(7));
});

test("another image of its path waits for the end, and is taken then", () => {
  const rig = removing();
  rig.disk("remove", NO);
  rig.open(4);
  rig.upload(4, 1, "a", imageOf(8), WALL + 60_000);
  expect(rig.pending.some(({ request }) => request.kind === "put_intent")).toBe(false);
  while (!isAsked(rig)) rig.wait(ROUND_MS);
  rig.done("remove");
  expect(rig.pending.some(({ request }) => request.kind === "put_intent")).toBe(true);
});

test("whoever waits for the path is told nothing of what is on its way out", () => {
  const rig = createRig({ settings: CLEANED });
  rig.start([found(pathOf("a"), stateOf(imageOf(7), 1))]);
  const told = (): readonly string[] => {
    const effects = [...rig.gossip(1, { ...NOTHING, watching: [pathOf("a")] }), ...rig.wait(ROUND_MS)];
    return sentPackets(effects).flatMap(({ packet: { message } }) => {
      if (message.type === "BaseDirs") return message.complete.size > 0 ? ["in a round"] : [];
      return message.type === "Complete" ? ["at once"] : [];
    });
  };
  expect(new Set(told())).toEqual(new Set(["in a round", "at once"]));
  while (!isAsked(rig)) rig.wait(ROUND_MS);
  expect(told()).toEqual([]);
  expect(rig.node.view.peers.has(machineOf(1))).toBe(true);
});

test("what still stands at its name is judged again", () => {
  const rig = removing();
  rig.disk("remove", { ok: false, code: "io", detail: "rename: EIO" });
  for (let seconds = 0; seconds < 9; seconds++) rig.wait(ROUND_MS);
  expect(isAsked(rig)).toBe(false);
});

test("with its directory it is left to the start that serves it next", () => {
  const rig = removing();
  rig.disk("remove", NO);
  rig.feed({ kind: "config_changed", directories: [] });
  for (let seconds = 0; seconds < 9; seconds++) rig.wait(ROUND_MS);
  expect(isAsked(rig)).toBe(false);
  expect(rig.node.retention.running.size).toBe(0);
});

test("one that a start has found decided, and could not end, is ended by the server, and shown to nobody meanwhile", () => {
  const rig = createRig({ settings: CLEANED });
  const floor = { timestamp: WALL, image: imageOf(7), removing: true };
  rig.start([found(pathOf("a"), stateOf(imageOf(7), WALL), { floor })]);
  expect(rig.node.catalog.hidden.has(pathOf("a"))).toBe(true);
  rig.wait(ROUND_MS);
  expect(isAsked(rig)).toBe(true);
  rig.disk("remove", NO);
  rig.wait(ROUND_MS);
  rig.done("remove");
  expect(getEntry(rig.node.catalog, pathOf("a")).committed).toBeNull();
  expect(rig.node.problems.size).toBe(0);
});

test("what was signed again after it was decided stays", () => {
  const rig = createRig({ settings: CLEANED });
  const floor = { timestamp: WALL, image: imageOf(7), removing: true };
  rig.start([found(pathOf("a"), stateOf(imageOf(7), WALL + 1), { floor })]);
  rig.wait(ROUND_MS);
  expect([isAsked(rig), rig.node.catalog.hidden.size]).toEqual([false, 0]);
});
