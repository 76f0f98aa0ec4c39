/** When images are read against their indexes, and what is done about damage. */
import { expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../kernel/config.ts";
import type { Effect } from "../../kernel/effect.ts";
import type { FoundImage } from "../../kernel/storage/request.ts";
import { createRig, directoryOf, imageOf, pathOf, type Rig, WALL } from "./rig.ts";

const { scrubAfterMs, scrubEveryMs, scrubBlocks } = DEFAULT_LIMITS;
const ROUND_MS = 1_000;
const WHOLE = { kind: "scrubbed", wrong: null, next: null } as const;
const DAMAGED = { kind: "scrubbed", wrong: "/file has other bytes", next: null } as const;

function found(name: string, number: number): FoundImage {
  const signatures = [{ timestamp: WALL - number, bytes: new Uint8Array(64) }];
  const committed = { image: imageOf(number), signatures };
  return { path: pathOf(name), committed, missing: false, intent: null, floor: null };
}

function started(): Rig {
  const rig = createRig();
  rig.start([found("a", 1), found("b", 2)]);
  return rig;
}

const asked = (effects: readonly Effect[]) =>
  effects.flatMap((each) =>
    each.kind === "disk" && each.request.kind === "scrub"
      ? [`${each.request.place.path} from ${each.request.from}, ${each.request.count}`]
      : [],
  );

/** Rounds until a moment; what was asked. */
function rounds(rig: Rig, ms: number): readonly string[] {
  const out: string[] = [];
  for (let waited = 0; waited < ms; waited += ROUND_MS) out.push(...asked(rig.wait(ROUND_MS)));
  return out;
}

test("images are read one after the other, a bounded piece a round, and then not for a week", () => {
  const rig = started();
  expect(rounds(rig, scrubAfterMs - ROUND_MS)).toEqual([]);
  expect(rounds(rig, 3 * ROUND_MS)).toEqual([`/site/a from 0, ${scrubBlocks}`]); // and no more before the answer
  rig.done("scrub", { kind: "scrubbed", wrong: null, next: scrubBlocks });
  expect(rounds(rig, ROUND_MS)).toEqual([`/site/a from ${scrubBlocks}, ${scrubBlocks}`]);
  rig.done("scrub", WHOLE);
  expect(rounds(rig, ROUND_MS)).toEqual([`/site/b from 0, ${scrubBlocks}`]);
  rig.done("scrub", WHOLE);
  expect(rounds(rig, 60 * ROUND_MS)).toEqual([]);
  expect(asked(rig.wait(scrubEveryMs))).toEqual([`/site/a from 0, ${scrubBlocks}`]);
  expect([...rig.node.problems]).toEqual([]);
});

test("what is damaged is promised again as it was signed, and told until it is whole", () => {
  const rig = started();
  rounds(rig, scrubAfterMs + ROUND_MS);
  const effects = rig.done("scrub", DAMAGED);
  expect(effects).toContainEqual({
    kind: "trace",
    mark: "image_damaged",
    fields: { path: pathOf("a"), image: imageOf(1), what: "/file has other bytes" },
  });
  const intent = effects.flatMap((each) =>
    each.kind === "disk" && each.request.kind === "put_intent" ? [each.request] : [],
  );
  expect(intent).toMatchObject([{ mode: "replace", state: found("a", 1).committed }]);
  expect([...rig.node.problems.values()]).toEqual([expect.stringContaining("/file has other bytes")]);
  rig.done("put_intent");
  expect(rig.node.downloads.has(pathOf("a"))).toBe(true);
  // What is on its way is not read, and others are.
  expect(rounds(rig, ROUND_MS)).toEqual([`/site/b from 0, ${scrubBlocks}`]);
});

test("a promise that the disk does not take is tried again after a while", () => {
  const rig = started();
  rounds(rig, scrubAfterMs + ROUND_MS);
  rig.done("scrub", DAMAGED);
  rig.disk("put_intent", { ok: false, code: "no_space", detail: "write" });
  expect(rig.node.downloads.size).toBe(0);
  rounds(rig, ROUND_MS);
  rig.done("scrub", WHOLE); // of the other
  expect(rounds(rig, scrubAfterMs)).toEqual([`/site/a from 0, ${scrubBlocks}`]);
  rig.done("scrub", WHOLE);
  expect([...rig.node.problems]).toEqual([]);
});

test("an upload that comes while its image is read is not undone by what was read", () => {
  const rig = started();
  rounds(rig, scrubAfterMs + ROUND_MS);
  rig.open(9);
  rig.upload(9, 1, "a", imageOf(3), WALL);
  rig.done("put_intent");
  const effects = rig.done("scrub", DAMAGED);
  expect(effects.filter(({ kind }) => kind === "disk" || kind === "trace")).toEqual([]);
  expect([...rig.node.problems]).toEqual([]);
});

/** An image that was found damaged. */
function damaged(): Rig {
  const rig = started();
  rounds(rig, scrubAfterMs + ROUND_MS);
  rig.done("scrub", DAMAGED);
  rig.disk("put_intent", { ok: false, code: "no_space", detail: "write" });
  expect([...rig.node.problems.keys()]).toEqual(["damage of /site/a"]);
  return rig;
}

test("damage is forgotten with the directory that it is in", () => {
  const rig = damaged();
  rig.feed({ kind: "config_changed", directories: [] });
  expect([...rig.node.problems]).toEqual([]);
  expect([...rig.node.scrub.damaged]).toEqual([]);
});

test("damage is forgotten with an image that is removed", () => {
  const rig = damaged();
  const cleaned = directoryOf("site", { autoClean: true, keepMin: 0, keepMax: 0, keepRecentMs: 0 });
  rig.feed({ kind: "config_changed", directories: [cleaned] });
  while (!rig.pending.some(({ request }) => request.kind === "remove")) rig.wait(ROUND_MS);
  rig.done("remove");
  expect([...rig.node.problems]).toEqual([]);
  expect([...rig.node.scrub.damaged]).toEqual([]);
});
