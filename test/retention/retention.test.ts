import { describe, expect, test } from "vitest";
import type { Effect } from "../../kernel/effect.ts";
import { createCatalog, putCommitted, putIntent } from "../../kernel/catalog.ts";
import { type ImageId, type Now, type VPath, parentOf } from "../../kernel/ids.ts";
import { createRetention, keptIn } from "../../kernel/retention/retention.ts";
import type { FoundImage } from "../../kernel/storage/request.ts";
import {
  createRig,
  directoryOf,
  found,
  imageOf,
  indexOf,
  pathOf,
  type Rig,
  sentFrames,
  stageLacking,
  stateOf,
  WALL,
} from "../kernel/rig.ts";

const HOUR = 3_600_000;
const SETTINGS = { autoClean: true, keepMin: 1, keepMax: 100, keepRecentMs: 24 * HOUR };

function aged(name: string, number: number, ...agesHours: readonly number[]): FoundImage {
  const timestamps = agesHours.map((age) => WALL - age * HOUR);
  return found(pathOf(name), stateOf(imageOf(number), ...timestamps));
}

/** Rounds go on for a while; what was removed on disk by then, as the disk is asked for it. */
function live(rig: Rig, seconds: number): readonly string[] {
  const removed: string[] = [];
  for (let round = 0; round < seconds; round++) {
    rig.wait(1_000);
    for (;;) {
      const next = rig.pending.find(({ request }) => request.kind === "remove");
      if (next?.request.kind !== "remove") break;
      removed.push(next.request.place.path);
      rig.done("remove");
    }
  }
  return removed;
}

const listed = (rig: Rig): readonly string[] => {
  const frames = sentFrames(
    rig.request(9, 1, { type: "GetBaseDir", path: pathOf("x").slice(0, 5) as never }),
    9,
  );
  const [answer] = frames;
  if (answer?.kind !== "response" || answer.response.type !== "GetBaseDir") throw new Error("no listing");
  return answer.response.listing.map(([name]) => name);
};

function started(images: readonly FoundImage[], settings: object = {}): Rig {
  const rig = createRig({ settings: { ...SETTINGS, ...settings } });
  rig.start(images);
  rig.open(9);
  return rig;
}

const OLD = [aged("a", 1, 100), aged("b", 2, 90), aged("c", 3, 1)];

test("what is too old is hidden at the first look and removed at the second", () => {
  const rig = started(OLD);
  expect(listed(rig)).toEqual(["a", "b", "c"]);
  expect(live(rig, 11)).toEqual([]);
  expect(listed(rig)).toEqual(["c"]);
  expect(live(rig, 11)).toEqual([pathOf("a"), pathOf("b")]);
  expect(listed(rig)).toEqual(["c"]);
  expect(live(rig, 60)).toEqual([]);
});

test("a directory without auto-clean keeps everything", () => {
  expect(live(started(OLD, { autoClean: false }), 60)).toEqual([]);
});

test("the oldest signature counts, also after the image was signed again", () => {
  const rig = started([aged("a", 1, 100, 1), aged("b", 2, 1), aged("c", 3, 2)]);
  expect(live(rig, 30)).toEqual([pathOf("a")]);
  const again = started([aged("a", 1, 100), aged("b", 2, 1)]);
  again.upload(9, 1, "a", imageOf(1), WALL);
  again.done("put_state");
  expect(live(again, 30)).toEqual([pathOf("a")]);
});

test("what was removed does not come back by its old signature, from nobody; a newer one counts", () => {
  const rig = started(OLD);
  live(rig, 30);
  const [refused] = sentFrames(rig.upload(9, 2, "a", imageOf(1), WALL - 100 * HOUR), 9);
  expect(refused).toMatchObject({ response: { accepted: false, reason: "already_removed" } });
  rig.upload(9, 3, "a", imageOf(1), WALL);
  const [taken] = sentFrames(rig.done("put_intent"), 9);
  expect(taken).toMatchObject({ response: { accepted: true } });
});

test("a floor that was found on disk counts as well", () => {
  const floor = { timestamp: WALL, image: imageOf(1), removing: false };
  const rig = started([found(pathOf("a"), null, { floor })]);
  const [refused] = sentFrames(rig.upload(9, 1, "a", imageOf(1), WALL), 9);
  expect(refused).toMatchObject({ response: { accepted: false, reason: "already_removed" } });
});

test("where something older than what was removed is here again, nothing else that is older is taken", () => {
  const floor = { timestamp: WALL, image: imageOf(9), removing: false };
  const rig = started([{ ...aged("a", 1, 100), floor }, aged("b", 2, 100)]);
  expect([...rig.node.problems.values()]).toEqual([
    expect.stringMatching(/^\/site\/a: older than what was removed here, and here again: /),
  ]);
  const answersOf = (effects: readonly Effect[]) =>
    sentFrames(effects, 9).filter(({ kind }) => kind === "response");
  // Newer than what is here, and older than what was removed.
  const between = WALL - 50 * HOUR;
  expect(answersOf(rig.upload(9, 1, "a", imageOf(3), between))).toMatchObject([
    { response: { accepted: false, reason: "already_removed" } },
  ]);
  // What is here may be signed again by whom it was signed.
  rig.upload(9, 2, "a", imageOf(1), between);
  expect(answersOf(rig.done("put_state"))).toMatchObject([{ response: { accepted: true } }]);
  rig.upload(9, 3, "a", imageOf(3), WALL + 1);
  expect(answersOf(rig.done("put_intent"))).toMatchObject([{ response: { accepted: true } }]);
  // Elsewhere there is no floor.
  rig.upload(9, 4, "b", imageOf(3), between);
  expect(answersOf(rig.done("put_intent"))).toMatchObject([{ response: { accepted: true } }]);
});

describe("what was removed and is here again", () => {
  const about = `start: ${pathOf("a")}`;
  const again = (image: number, ageHours: number): Rig => {
    const floor = { timestamp: WALL - HOUR, image: imageOf(1), removing: false };
    return started([{ ...aged("a", image, ageHours), floor }]);
  };

  test.each([
    ["the same", 1, 1, "/site/a: removed here, and here again: "],
    ["an older one", 2, 2, "/site/a: older than what was removed here, and here again: "],
  ])("%s is told as what it is", (_what, image, age, says) => {
    expect([...again(image, age).node.problems]).toEqual([[about, expect.stringContaining(says)]]);
  });

  test("it is over when it is signed anew, and not by a signature that is as old", () => {
    const rig = again(2, 3);
    rig.upload(9, 1, "a", imageOf(2), WALL - 2 * HOUR);
    rig.done("put_state");
    expect([...rig.node.problems.keys()]).toEqual([about]);
    rig.upload(9, 2, "a", imageOf(2), WALL);
    rig.done("put_state");
    expect([...rig.node.problems.keys()]).toEqual([]);
  });

  test("it is over when another image takes its place", () => {
    const rig = again(1, 1);
    rig.upload(9, 1, "a", imageOf(3), WALL);
    rig.done("put_intent");
    rig.done("load_index", { kind: "index", index: indexOf(imageOf(3), 1) });
    rig.done("prepare_stage", stageLacking(1, []));
    expect([...rig.node.problems.keys()]).toEqual([about]);
    rig.done("commit");
    expect([...rig.node.problems.keys()]).toEqual([]);
  });

  test("it is over when its directory goes", () => {
    const rig = again(1, 1);
    rig.feed({ kind: "config_changed", directories: [] });
    expect([...rig.node.problems.keys()]).toEqual([]);
  });
});

test("an upload that comes during a removal waits for its end, and is then judged by what is there", () => {
  const rig = started(OLD);
  live(rig, 11);
  let asked: readonly Effect[] = [];
  while (!asked.some((each) => each.kind === "disk" && each.request.kind === "remove"))
    asked = rig.wait(1_000);
  rig.upload(9, 1, "a", imageOf(1), WALL);
  expect(rig.pending.map(({ request }) => request.kind)).not.toContain("put_state");
  rig.done("remove");
  expect(rig.pending.map(({ request }) => request.kind)).toContain("put_intent");
});

test("a removal that the disk refuses is told, tried again, and told no more when it was done", () => {
  const rig = started(OLD);
  live(rig, 11);
  while (rig.pending.every(({ request }) => request.kind !== "remove")) rig.wait(1_000);
  const stageOf = (kind: string) =>
    rig.pending.flatMap(({ request }) =>
      request.kind === kind && "stage" in request ? [request.stage] : [],
    );
  const first = stageOf("remove");
  rig.disk("remove", { ok: false, code: "read_only", detail: "rename" });
  // Its tree may have that name already, and the next try gives it another.
  for (let waited = 0; waited < 4; waited++) rig.wait(1_000);
  expect(stageOf("delete_old")).toEqual(first.slice(0, 1));
  rig.done("delete_old");
  expect([...rig.node.problems.keys()]).toEqual([`removal of ${pathOf("a")}`]);
  expect(live(rig, 30)).toContain(pathOf("a"));
  expect([...rig.node.problems.keys()]).toEqual([]);
});

test("a removal that the disk refuses keeps none of those that wait behind it", () => {
  const names = ["a", "b", "c", "d", "e", "f"];
  const rig = started([...names.map((name, at) => aged(name, at + 1, 100)), aged("z", 9, 1)]);
  const asked = () =>
    rig.pending.flatMap(({ request }) => (request.kind === "remove" ? [request.place.path] : []));
  while (asked().length === 0) rig.wait(1_000);
  const first = asked();
  expect(first.length).toBeLessThan(names.length);
  rig.disk("remove", { ok: false, code: "read_only", detail: "rename" });
  expect(asked()).toHaveLength(first.length);
  expect(first).not.toContain(asked().at(-1));
});

test("nothing goes while the keep list cannot be read; then all but what it names", () => {
  const rig = started(OLD, { keepListFile: "/etc/keep" });
  expect(live(rig, 60)).toEqual([]);
  expect([...rig.node.problems.keys()]).toEqual(["keep list of site"]);
  rig.feed({ kind: "keep_list", key: "site", paths: [pathOf("a")] });
  expect(live(rig, 30)).toEqual([pathOf("b")]);
  expect([...rig.node.problems.keys()]).toEqual([]);
  rig.feed({ kind: "keep_list", key: "site", paths: null });
  expect(live(rig, 60)).toEqual([]);
});

test("a name that is listed between the looks stays; one that is listed later lifts exactly its floor", () => {
  const rig = started(OLD, { keepListFile: "/etc/keep" });
  rig.feed({ kind: "keep_list", key: "site", paths: [] });
  live(rig, 11);
  rig.feed({ kind: "keep_list", key: "site", paths: [pathOf("a")] });
  expect(live(rig, 30)).toEqual([pathOf("b")]);
  expect(listed(rig)).toEqual(["a", "c"]);
  rig.feed({ kind: "keep_list", key: "site", paths: [pathOf("a"), pathOf("b")] });
  const answerTo = (id: number, image: ImageId, age: number): unknown => {
    const [refused] = sentFrames(rig.upload(9, id, "b", image, WALL - age * HOUR), 9);
    return refused ?? sentFrames(rig.done("put_intent"), 9)[0];
  };
  expect(answerTo(1, imageOf(1), 91)).toMatchObject({ response: { accepted: false } });
  expect(answerTo(2, imageOf(2), 90)).toMatchObject({ response: { accepted: true } });
});

test("what was listed for a moment between two looks is judged twice more", () => {
  const rig = started(OLD, { keepListFile: "/etc/keep" });
  const list = (...paths: VPath[]): void => void rig.feed({ kind: "keep_list", key: "site", paths });
  list();
  live(rig, 11);
  list(pathOf("a"));
  list();
  expect(live(rig, 11)).toEqual([pathOf("b")]);
  expect(live(rig, 11)).toEqual([pathOf("a")]);
});

test("what was listed for a moment while its removal waited for its turn is judged twice more", () => {
  const many = "abcdefgh".split("").map((name, at) => aged(name, at + 1, 100 + at));
  const rig = started(many, { keepListFile: "/etc/keep" });
  rig.feed({ kind: "keep_list", key: "site", paths: [] });
  while (rig.pending.every(({ request }) => request.kind !== "remove")) rig.wait(1_000);
  const running = rig.pending.flatMap(({ request }) =>
    request.kind === "remove" ? [request.place.path] : [],
  );
  const later = many
    .map(({ path }) => path)
    .filter((path) => path !== pathOf("a") && !running.includes(path));
  expect(later.length).toBeGreaterThan(0);
  rig.feed({ kind: "keep_list", key: "site", paths: later });
  rig.feed({ kind: "keep_list", key: "site", paths: [] });
  expect(live(rig, 8).toSorted()).toEqual(running.toSorted());
});

test("an image that is on its way takes no other one's place", () => {
  const coming = { state: aged("b", 2, 1).committed, stage: "s1", mode: "append" } as const;
  const rig = started([
    aged("a", 1, 100),
    { ...aged("b", 2, 1), committed: null, intent: coming } as FoundImage,
  ]);
  expect(live(rig, 60)).toEqual([]);
});

test("an image that is on its way, perhaps from nobody, keeps out no other one that is offered", () => {
  const directory = directoryOf("site", { ...SETTINGS, keepMax: 1 });
  const catalog = createCatalog();
  const now = { mono: 0, wall: WALL } as Now;
  const newest = { timestamp: WALL, image: imageOf(3), signatures: [] };
  putIntent(catalog, pathOf("c"), { ...newest, stage: "s1", mode: "append" });
  const kept = (): readonly string[] => {
    const offered = [{ name: "b", since: WALL - 2 * HOUR }];
    const base = parentOf(pathOf("b")) as VPath;
    return [...keptIn(createRetention(now), base, directory, { catalog, now }, offered)];
  };
  expect(kept()).toEqual(["b"]);
  putCommitted(catalog, pathOf("c"), newest);
  expect(kept()).toEqual(["c"]);
});

test("after a step of the wall clock nothing is removed that waited for its turn", () => {
  const rig = started("abcdef".split("").map((name, at) => aged(name, at + 1, 100 + at)));
  let asked = 0;
  while (asked === 0) {
    rig.wait(1_000);
    asked = rig.pending.filter(({ request }) => request.kind === "remove").length;
  }
  expect(asked).toBe(4);
  rig.setClock(1_000 * HOUR);
  rig.wait(10_000);
  for (let each = 0; each < asked; each++) rig.done("remove");
  expect(rig.pending.filter(({ request }) => request.kind === "remove")).toEqual([]);
});

test("after a step of the wall clock nothing is removed for a while", () => {
  const rig = started([aged("a", 1, 2), aged("b", 2, 1)]);
  live(rig, 25);
  rig.setClock(1_000 * HOUR);
  expect(live(rig, 300)).toEqual([]);
  expect([...rig.node.problems.keys()]).toEqual(["clock"]);
  rig.setClock(-1_000 * HOUR); // somebody has set it right
  expect(live(rig, 1_300)).toEqual([]);
  expect([...rig.node.problems.keys()]).toEqual([]);
});
