/** When images are read against their indexes, and what is done about damage. */
import { describe, expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../kernel/config.ts";
import type { Effect } from "../../kernel/effect.ts";
import type { DiskRequest, DiskResult, FoundImage } from "../../kernel/storage/request.ts";
import {
  createRig,
  directoryOf,
  imageOf,
  indexOf,
  pathOf,
  type Rig,
  sentFrames,
  stageLacking,
  WALL,
} from "./rig.ts";

const { scrubAfterMs, scrubEveryMs, scrubBlocks } = DEFAULT_LIMITS;
const ROUND_MS = 1_000;
const BLOCK = 32_768;
const WRONG = "/file has other bytes";
const NO_SPACE: DiskResult = { ok: false, code: "no_space", detail: "write" };
const NO_INDEX: DiskResult = { ok: false, code: "index_missing", detail: "set aside" };
const A = pathOf("a");

function found(name: string, number: number): FoundImage {
  const signatures = [{ timestamp: WALL - number, bytes: new Uint8Array(64) }];
  const committed = { image: imageOf(number), signatures };
  return { path: pathOf(name), committed, missing: false, intent: null, floor: null, published: null };
}

function started(images: readonly FoundImage[] = [found("a", 1), found("b", 2)]): Rig {
  const rig = createRig();
  rig.start(images);
  return rig;
}

function printed(request: DiskRequest): readonly string[] {
  if (request.kind === "scrub_shape") return [`${request.place.path} names`];
  if (request.kind !== "scrub_blocks") return [];
  const pieces = request.pieces.map(({ offset, length }) => `${offset / BLOCK}+${length / BLOCK}`);
  return [`${request.place.path} ${pieces.join(" ")}`];
}

const asked = (effects: readonly Effect[]) =>
  effects.flatMap((each) => (each.kind === "disk" ? printed(each.request) : []));
const marksOf = (effects: readonly Effect[]) =>
  effects.flatMap((each) => (each.kind === "trace" ? [each.mark] : []));
const problemsOf = (rig: Rig) => [...rig.node.problems].map(([about, what]) => `${about}: ${what}`);

/** Rounds until a moment; what was asked. */
function rounds(rig: Rig, ms: number): readonly string[] {
  const out: string[] = [];
  for (let waited = 0; waited < ms; waited += ROUND_MS) out.push(...asked(rig.wait(ROUND_MS)));
  return out;
}

function shape(rig: Rig, number: number, blocks = 1, wrong: string | null = null): readonly Effect[] {
  return rig.done("scrub_shape", { kind: "shape", wrong, index: indexOf(imageOf(number), blocks) });
}
const blocks = (rig: Rig, wrong: string | null = null): readonly Effect[] =>
  rig.done("scrub_blocks", { kind: "scrubbed", wrong });

/** Answers what is asked next, of an image with one block. */
function read(rig: Rig, number: number, wrong: string | null = null): readonly Effect[] {
  shape(rig, number);
  rounds(rig, ROUND_MS);
  return blocks(rig, wrong);
}

/** Until the first image is asked for. */
function due(images?: readonly FoundImage[]): Rig {
  const rig = started(images);
  rounds(rig, scrubAfterMs + ROUND_MS);
  return rig;
}

/** The first of two is damaged, and the disk takes no promise, so that nothing fetches it. */
function damaged(): Rig {
  const rig = due();
  read(rig, 1, WRONG);
  rig.disk("put_intent", NO_SPACE);
  expect([...rig.node.problems.keys()]).toEqual(["damage of /site/a"]);
  return rig;
}

test("images are read one after the other, a bounded piece a round, and then not for a week", () => {
  const rig = started();
  expect(rounds(rig, scrubAfterMs - ROUND_MS)).toEqual([]);
  expect(rounds(rig, 3 * ROUND_MS)).toEqual(["/site/a names"]); // and no more before the answer
  shape(rig, 1, scrubBlocks + 2);
  expect(rounds(rig, ROUND_MS)).toEqual([`/site/a 0+${scrubBlocks}`]);
  blocks(rig);
  expect(rounds(rig, ROUND_MS)).toEqual([`/site/a ${scrubBlocks}+2`]);
  blocks(rig);
  expect(rounds(rig, ROUND_MS)).toEqual(["/site/b names"]);
  shape(rig, 2, 0); // nothing in it to be read
  expect(rounds(rig, 60 * ROUND_MS)).toEqual([]);
  const began = scrubAfterMs;
  expect(asked(rig.wait(began + scrubEveryMs - rig.now().mono - 1))).toEqual([]);
  expect(rounds(rig, 2 * ROUND_MS)).toEqual(["/site/a names"]);
  expect(problemsOf(rig)).toEqual([]);
});

test("the index is loaded once for an image, and a piece takes only its own part of it along", () => {
  const rig = due();
  shape(rig, 1, 3 * scrubBlocks);
  rounds(rig, ROUND_MS);
  blocks(rig);
  rounds(rig, ROUND_MS);
  const [request] = rig.pending.map((each) => each.request);
  expect(request).toMatchObject({ kind: "scrub_blocks", blockBytes: BLOCK, hashName: "blake2b/256" });
  if (request?.kind !== "scrub_blocks") return;
  expect(request.hashes.buffer.byteLength).toBe(scrubBlocks * 32);
  const numbers = new DataView(request.hashes.buffer);
  expect(numbers.getUint32(28)).toBe(scrubBlocks);
  expect(rig.all.filter((each) => each.kind === "disk" && each.request.kind === "scrub_shape")).toHaveLength(
    1,
  );
  // Nobody holds it once it is read.
  blocks(rig);
  rounds(rig, ROUND_MS);
  blocks(rig);
  expect(rig.node.scrub.current).toBe(null);
});

test("images are listed one base directory at a time", () => {
  const rig = createRig({ settings: { numLevels: 2 } });
  rig.start(
    ["x/a", "x/b", "y/c"].map((name, at) => ({ ...found("a", at + 1), path: pathOf(name) })) as FoundImage[],
  );
  rounds(rig, scrubAfterMs + ROUND_MS);
  const { bases, images } = rig.node.scrub;
  expect({ bases, images }).toEqual({ bases: ["/site/y"], images: ["/site/x/b"] });
});

test("what is damaged is promised again as it was signed, and told until it is whole", () => {
  const rig = due();
  const effects = read(rig, 1, WRONG);
  expect(effects).toContainEqual({
    kind: "trace",
    mark: "image_damaged",
    fields: { path: A, image: imageOf(1), what: WRONG, detail: "" },
  });
  const intent = effects.flatMap((each) =>
    each.kind === "disk" && each.request.kind === "put_intent" ? [each.request] : [],
  );
  expect(intent).toMatchObject([{ mode: "replace", state: found("a", 1).committed }]);
  expect(problemsOf(rig)).toEqual([expect.stringContaining(`damage of /site/a: /site/a: ${WRONG}`)]);
  rig.done("put_intent");
  expect(rig.node.downloads.has(A)).toBe(true);
  // What is on its way is not read, and others are.
  expect(rounds(rig, ROUND_MS)).toEqual(["/site/b names"]);
  rig.done("load_index", { kind: "index", index: indexOf(imageOf(1), 1) });
  rig.done("prepare_stage", stageLacking(1, []));
  expect(problemsOf(rig)).toHaveLength(1);
  rig.done("commit");
  expect(problemsOf(rig)).toEqual([]);
  expect(rig.node.scrub.damaged.size).toBe(0);
});

test("a lost index is told and logged once, and fetched again from a peer, under its id", () => {
  const rig = due([found("a", 1)]);
  const effects = rig.disk("scrub_shape", NO_INDEX);
  expect(effects).toContainEqual({
    kind: "trace",
    mark: "image_damaged",
    fields: { path: A, image: imageOf(1), what: "its index is lost", detail: "set aside" },
  });
  expect(problemsOf(rig)).toEqual([
    expect.stringContaining("/site/a: its index is lost: it is fetched again"),
  ]);
  rig.disk("put_intent", NO_SPACE);
  expect(rounds(rig, scrubAfterMs + ROUND_MS)).toEqual(["/site/a names"]);
  const again = rig.disk("scrub_shape", { ...NO_INDEX, detail: imageOf(1) });
  expect(marksOf(again)).toEqual([]);
  rig.done("put_intent");
  // A download that does not find the index here asks for it.
  rig.disk("load_index", NO_INDEX);
  const dialled = rig.wait(ROUND_MS);
  expect(rig.node.downloads.get(A)?.phase.kind).toBe("asking");
  expect([...rig.all, ...dialled].some(({ kind }) => kind === "dial")).toBe(true);
});

test("a promise that the disk does not take is tried again after a while", () => {
  const rig = damaged();
  expect(rig.node.downloads.size).toBe(0);
  rounds(rig, ROUND_MS);
  read(rig, 2); // the other one
  rounds(rig, ROUND_MS);
  read(rig, 2); // those beside a damaged one are read once more
  expect(rounds(rig, scrubAfterMs + ROUND_MS)).toEqual(["/site/a names"]);
  read(rig, 1);
  expect(problemsOf(rig)).toEqual([]);
});

test("an upload that comes while its image is read is not undone by what was read", () => {
  const rig = due();
  rig.open(9);
  rig.upload(9, 1, "a", imageOf(3), WALL);
  rig.done("put_intent");
  const effects = shape(rig, 1, 1, WRONG);
  expect(effects.filter(({ kind }) => kind === "disk" || kind === "trace")).toEqual([]);
  expect(problemsOf(rig)).toEqual([]);
  expect(rig.node.scrub.damaged.size).toBe(0);
});

test("an image that the disk does not let us read is named, and tried again until it does", () => {
  const rig = due();
  const effects = rig.disk("scrub_shape", { ok: false, code: "not_permitted", detail: "open: EACCES" });
  expect(effects).toContainEqual({
    kind: "trace",
    mark: "disk_failed",
    fields: { what: "scrub", path: A, code: "not_permitted", detail: "open: EACCES" },
  });
  expect(problemsOf(rig)).toEqual([
    "damage of /site/a: /site/a: cannot be read again: not_permitted: open: EACCES; give the user of this program the right to it; it is tried later",
  ]);
  expect(rig.pending).toEqual([]); // nothing is fetched again for that
  rounds(rig, ROUND_MS);
  read(rig, 2);
  expect(rounds(rig, scrubAfterMs)).toEqual(["/site/a names"]);
  read(rig, 1);
  expect(problemsOf(rig)).toEqual([]);
});

test("a directory that is not mounted is no damage of its images", () => {
  const rig = due();
  rig.disk("scrub_shape", { ok: false, code: "missing", detail: "open_directory: group" });
  expect(problemsOf(rig)).toEqual([expect.stringContaining("see that its directory is mounted")]);
  expect(rig.pending).toEqual([]);
});

test("images beside a damaged one are read once more in the same turn, since they may share its files", () => {
  const rig = due([found("a", 1), found("b", 2), found("c", 3)]);
  read(rig, 1); // before the disk loses it
  rounds(rig, ROUND_MS);
  read(rig, 2, WRONG);
  rig.done("put_intent");
  expect(rounds(rig, ROUND_MS)).toEqual(["/site/c names"]);
  read(rig, 3);
  expect(rounds(rig, ROUND_MS)).toEqual(["/site/a names"]);
  read(rig, 1, WRONG);
  rig.done("put_intent");
  expect(rounds(rig, ROUND_MS)).toEqual(["/site/c names"]);
  read(rig, 3);
  expect(rounds(rig, 60 * ROUND_MS)).toEqual([]); // and not a third time
});

test("damaged images that nothing mends take every other turn, and no more", () => {
  const bad = Array.from({ length: 4 }, (_, at) => found(`bad${at}`, at + 1));
  const good = Array.from({ length: 4 }, (_, at) => found(`good${at}`, at + 10));
  const rig = due([...bad, ...good]);
  /** Answers one image. */
  const one = (): string => {
    const [path = ""] = (asked(rig.all).at(-1) ?? "").split(" ");
    shape(rig, 1, 0, path.includes("bad") ? WRONG : null);
    if (rig.pending.some(({ request }) => request.kind === "put_intent")) rig.disk("put_intent", NO_SPACE);
    rounds(rig, ROUND_MS);
    return path.replace("/site/", "");
  };
  expect(Array.from({ length: 4 }, one)).toEqual(["bad0", "bad1", "bad2", "bad3"]);
  rig.wait(scrubAfterMs); // an answer that takes so long that they are all due again
  expect(Array.from({ length: 7 }, one)).toEqual([
    "good0",
    "bad0",
    "good1",
    "bad1",
    "good2",
    "bad2",
    "good3",
  ]);
});

test("few damaged images are fetched at once; the others wait for a minute", () => {
  const rig = due(Array.from({ length: 8 }, (_, at) => found(`x${at}`, at + 1)));
  for (let number = 0; number < 8; number++) {
    shape(rig, number + 1, 0, WRONG);
    rounds(rig, ROUND_MS);
  }
  const promises = () => rig.pending.filter(({ request }) => request.kind === "put_intent").length;
  expect(promises()).toBe(5);
  expect(rig.node.problems.size).toBe(8);
  expect(rounds(rig, 55 * ROUND_MS)).toEqual([]);
  expect(rounds(rig, 5 * ROUND_MS)).toEqual(["/site/x5 names"]);
  shape(rig, 6, 0, WRONG);
  expect(promises()).toBe(5);
  rig.disk("put_intent", NO_SPACE); // of another one
  rounds(rig, ROUND_MS);
  shape(rig, 7, 0, WRONG);
  expect(promises()).toBe(5);
});

describe("an upload of what is here and damaged", () => {
  const receipts = (effects: readonly Effect[]) =>
    sentFrames(effects, 9).filter(
      (frame) => frame.kind === "notification" && frame.notification.type === "ReceivedImage",
    );

  /** The image of `a` comes again; what is answered. */
  function uploaded(rig: Rig): readonly Effect[] {
    rig.open(9);
    rig.upload(9, 1, "a", imageOf(1), WALL);
    return rig.done("put_state");
  }

  test("is accepted, mends it, and is received when it is mended", () => {
    const rig = damaged();
    const effects = uploaded(rig);
    expect(sentFrames(effects, 9)).toMatchObject([{ response: { type: "ReplaceDir", accepted: true } }]);
    const state = rig.pending.flatMap(({ request }) =>
      request.kind === "put_intent" ? [request.state] : [],
    );
    expect(state).toMatchObject([{ image: imageOf(1), signatures: [{ timestamp: WALL }] }]);
    rig.done("put_intent");
    rig.done("load_index", { kind: "index", index: indexOf(imageOf(1), 1) });
    // The blocks are asked of who has just uploaded them.
    const stage = rig.done("prepare_stage", stageLacking(1, [0]));
    const [request] = sentFrames(stage, 9).filter((frame) => frame.kind === "request");
    expect(request).toMatchObject({ request: { type: "GetBlock" } });
    rig.respond(9, request?.kind === "request" ? request.id : 0, {
      type: "GetBlock",
      data: new Uint8Array(BLOCK),
    });
    rig.done("write_block");
    expect(receipts(rig.all)).toEqual([]);
    expect(receipts(rig.done("commit"))).toHaveLength(1);
    expect(problemsOf(rig)).toEqual([]);
  });

  test("is told when the disk does not take the promise", () => {
    const rig = damaged();
    uploaded(rig);
    expect(sentFrames(rig.disk("put_intent", NO_SPACE), 9)).toMatchObject([
      { notification: { type: "AbortedImage", reason: "no_space" } },
    ]);
  });

  test("is received at once when nothing is wrong with it", () => {
    const rig = started();
    expect(receipts(uploaded(rig))).toHaveLength(1);
    expect(rig.pending).toEqual([]);
  });
});

test("damage is forgotten with the directory that it is in", () => {
  const rig = damaged();
  rig.feed({ kind: "config_changed", directories: [] });
  expect(problemsOf(rig)).toEqual([]);
  expect([...rig.node.scrub.damaged]).toEqual([]);
});

test("damage is forgotten with an image that is removed", () => {
  const rig = damaged();
  const cleaned = directoryOf("site", { autoClean: true, keepMin: 0, keepMax: 0, keepRecentMs: 0 });
  rig.feed({ kind: "config_changed", directories: [cleaned] });
  while (!rig.pending.some(({ request }) => request.kind === "remove")) rig.wait(ROUND_MS);
  rig.done("remove");
  expect(problemsOf(rig)).toEqual([]);
  expect([...rig.node.scrub.damaged]).toEqual([]);
});

test("what the disk has refused of a repair that was given up is forgotten with the image", () => {
  const rig = damaged();
  rig.node.problems.set(`download ${A}`, "no_space");
  const cleaned = directoryOf("site", { autoClean: true, keepMin: 0, keepMax: 0, keepRecentMs: 0 });
  rig.feed({ kind: "config_changed", directories: [cleaned] });
  while (!rig.pending.some(({ request }) => request.kind === "remove")) rig.wait(ROUND_MS);
  rig.done("remove");
  expect(problemsOf(rig)).toEqual([]);
});

test("damage is forgotten when another image takes its place", () => {
  const rig = damaged();
  rig.open(9);
  rig.upload(9, 1, "a", imageOf(3), WALL);
  rig.commit(imageOf(3));
  expect(problemsOf(rig)).toEqual([]);
  expect([...rig.node.scrub.damaged]).toEqual([]);
});
