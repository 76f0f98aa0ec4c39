/** A start, or a directory that comes, whose disk says no for a moment. */
import { expect, test } from "vitest";
import type { Effect } from "../../kernel/effect.ts";
import { wakeAt } from "../../kernel/node.ts";
import { statusPage } from "../../kernel/status.ts";
import type { FoundImage, Inventory } from "../../kernel/storage/request.ts";
import { createRig, directoryOf, imageOf, pathOf, type Rig, WALL } from "./rig.ts";

const ZERO = { bytes: 0, blocks: 0 };
const NOTHING: Inventory = { found: [], problems: [], unread: [], complete: true };
const unread = (key: string): Inventory["unread"] => [{ key, what: `/${key}: io (open_directory: EIO)` }];

function here(name: string): FoundImage {
  const signatures = [{ timestamp: WALL, bytes: new Uint8Array(64) }];
  const committed = { image: imageOf(1), signatures };
  return { path: pathOf(name), committed, missing: false, intent: null, floor: null, published: null };
}

/** A start whose first look has found this. */
function begun(inventory: Partial<Inventory>, keys: readonly string[] = ["site"]): Rig {
  const rig = createRig({ keys });
  rig.feed({ kind: "wake" });
  const transfer = { fetched: ZERO, reused: ZERO, linked: ZERO, served: { bytes: 5, blocks: 1 } };
  rig.done("recover", {
    kind: "recovered",
    transfer,
    wasClean: true,
    ranUntil: null,
    ...NOTHING,
    ...inventory,
  });
  return rig;
}

const again = (rig: Rig, inventory: Partial<Inventory>): readonly Effect[] =>
  rig.done("adopt", { kind: "adopted", ...NOTHING, ...inventory });
const isReady = (rig: Rig): boolean => rig.all.some(({ kind }) => kind === "ready");
const problemsOf = (rig: Rig): unknown =>
  (statusPage(rig.node, "/status/") as { problems: { what: string }[] }).problems.map(({ what }) => what);
const askedOf = (rig: Rig): readonly unknown[] =>
  rig.pending.flatMap(({ request }) => (request.kind === "adopt" ? request.key : []));

test("what a start could not look at is looked at again, and is no problem when it is seen", () => {
  const rig = begun({ unread: unread("site") });
  expect(isReady(rig)).toBe(false);
  expect(rig.pending).toEqual([]);
  rig.wait(499);
  expect(rig.pending).toEqual([]);
  rig.wait(1);
  expect(rig.pending).toMatchObject([{ request: { kind: "adopt", key: "site", root: "/srv/site" } }]);
  again(rig, { found: [here("a")] });
  expect(isReady(rig)).toBe(true);
  expect(rig.node.catalog.images).toBe(1);
  expect(problemsOf(rig)).toEqual([]);
  expect(rig.node.collect).not.toBeNull();
  expect(rig.node.transfer.served.bytes).toBe(5);
});

test("what cannot be seen for eight seconds is a problem, and the server is there with the rest", () => {
  const rig = begun({ unread: unread("site"), found: [here("a")] });
  const waits: number[] = [];
  for (let look = 0; !isReady(rig); look++) {
    const wait = wakeAt(rig.node) - rig.now().mono;
    waits.push(wait);
    rig.wait(wait);
    // A look that fails as a whole has seen nothing new, and forgets nothing.
    if (look % 2 === 0) rig.disk("adopt", { ok: false, code: "io", detail: "root" });
    else again(rig, { unread: unread("site"), found: [here("a"), here("b")] });
  }
  expect(waits).toEqual([500, 1_000, 2_000, 4_000]);
  expect(problemsOf(rig)).toEqual(["/site: io (open_directory: EIO)"]);
  expect(rig.all.filter((each) => each.kind === "trace" && each.mark === "problem")).toHaveLength(1);
  expect(rig.node.catalog.images).toBe(2);
  expect(rig.node.collect).toBeNull(); // an image that was not seen may need any index
});

test("what the first look has set aside is told, once, also when the second one finds all whole", () => {
  const aside = "/site/x: x.state cannot be read as a state; kept as .x.state.backup.1";
  const rig = begun({ unread: unread("site"), problems: [aside], complete: false });
  rig.wait(500);
  again(rig, { problems: [aside] });
  expect(problemsOf(rig)).toEqual([aside]);
  expect(rig.all.filter((each) => each.kind === "trace" && each.mark === "problem")).toHaveLength(1);
  expect(rig.node.collect).toBeNull();
});

test("only keys that were not read whole are asked for, one after the other", () => {
  const keys = ["one", "site", "two"];
  const rig = begun(
    { unread: [...unread("two"), ...unread("one"), ...unread("two")], found: [here("a")] },
    keys,
  );
  rig.wait(500);
  expect(askedOf(rig)).toEqual(["two"]);
  expect(wakeAt(rig.node)).toBeGreaterThan(1e9); // nothing is due while the disk looks
  again(rig, { unread: unread("two") });
  expect(askedOf(rig)).toEqual(["one"]);
  again(rig, {});
  expect(isReady(rig)).toBe(false);
  rig.wait(1_000);
  expect(askedOf(rig)).toEqual(["two"]);
  again(rig, {});
  expect(isReady(rig)).toBe(true);
  expect(rig.node.catalog.images).toBe(1);
});

test("a start that is stopped while it waits does not go on", () => {
  const rig = begun({ unread: unread("site") });
  rig.wait(500);
  rig.feed({ kind: "stop" });
  again(rig, { found: [here("a")] });
  rig.done("save_transfer");
  expect(isReady(rig)).toBe(false);
  expect(rig.all.at(-1)).toMatchObject({ kind: "stopped" });
});

test("a start that is stopped before it has read its counters leaves them alone", () => {
  const rig = createRig();
  rig.feed({ kind: "wake" });
  expect(rig.feed({ kind: "stop" })).toMatchObject([{ kind: "stopped" }]);
  expect(rig.pending.map(({ request }) => request.kind)).toEqual(["recover"]);
});

test("a configuration that changes while a start waits is taken when it is over", () => {
  const rig = begun({ unread: unread("site") });
  rig.feed({ kind: "config_changed", directories: [directoryOf("other")] });
  rig.wait(500);
  again(rig, { found: [here("a")] });
  expect(rig.node.config.directories).toEqual([]);
  expect(askedOf(rig)).toEqual(["other"]);
  again(rig, {});
  expect(rig.node.config.directories.map(({ key }) => key)).toEqual(["other"]);
});

test("a directory that comes while the server runs is looked at again too", () => {
  const rig = createRig();
  rig.start();
  rig.feed({ kind: "config_changed", directories: [directoryOf("other"), directoryOf("site")] });
  const aside = "/other/x: x.state cannot be read as a state; kept as .x.state.backup.1";
  again(rig, { unread: unread("other"), problems: [aside] });
  expect(rig.node.config.directories.map(({ key }) => key)).toEqual(["site"]);
  expect(askedOf(rig)).toEqual([]);
  // The same is wanted once more meanwhile: what was set aside is still to be told.
  rig.feed({ kind: "config_changed", directories: [directoryOf("other"), directoryOf("site")] });
  rig.wait(1_000);
  again(rig, {});
  expect(rig.node.config.directories.map(({ key }) => key)).toEqual(["other", "site"]);
  expect(problemsOf(rig)).toEqual([aside]);
  expect(rig.node.reload).toBeNull();
});
