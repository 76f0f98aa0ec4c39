/** Destinations that take two names for one, or short names alone. */
import { describe, expect, test } from "vitest";
import { joinVPath } from "../../kernel/ids.ts";
import { programOf } from "../../kernel/storage/program.ts";
import type { DiskResult } from "../../kernel/storage/request.ts";
import { resume } from "../../kernel/storage/run.ts";
import type { NameRule } from "../../sim/disk.ts";
import {
  belowOf,
  codeOf,
  type Garden,
  grown,
  PATH,
  placeAt,
  plant,
  PowerCut,
  recoverRequest,
  run,
  seal,
  type Sealed,
  simWorld,
  type SimWorld,
  stateOf,
  below,
  upload,
  type World,
  worlds,
} from "./world.ts";

const utf8 = (text: string) => Buffer.from(text).toString("latin1");
const decoded = (name: string) => Buffer.from(name, "latin1").toString();
const E = "\u00e9";
const EACUTE = "e\u0301";

const CASE: NameRule = { fold: (name) => name.toLowerCase(), bytesMax: 255 };
const FORM: NameRule = { fold: (name) => decoded(name).normalize("NFC"), bytesMax: 255 };
const BOTH: NameRule = { fold: (name) => decoded(name).normalize("NFKC").toUpperCase(), bytesMax: 255 };
const SHORT: NameRule = { fold: (name) => name, bytesMax: 143 };

function folding(rule: NameRule, model: "weak" | "ordered" = "weak"): SimWorld {
  const world = simWorld(model);
  world.disk.setNames(world.roots.images, rule);
  return world;
}

/** Everything up to where the first block would be asked for. */
function prepared(world: World, sealed: Sealed, stage = "s1", path = PATH): DiskResult {
  const { image } = sealed.index;
  const place = placeAt(world, path);
  const stored = [
    run(world, { kind: "put_intent", place, stage, mode: "replace", state: stateOf(image, 8) }),
    run(world, { kind: "store_index", image, text: sealed.text }),
  ];
  expect(stored.map(codeOf)).toEqual(["fine", "fine"]);
  return run(world, { kind: "prepare_stage", place, image, stage, sources: [] });
}

function sealedOf(world: World, garden: Garden): Sealed {
  plant(world, world.roots.source, garden);
  return seal(world);
}

type Case = readonly [what: string, rule: NameRule, garden: Garden, code: string, detail: string];
const REFUSED: readonly Case[] = [
  ["two files", CASE, { README: "a", readme: "b" }, "index_conflict", "/README and /readme are one name"],
  [
    "a file and a directory",
    CASE,
    { "d/A/x": "1", "d/a": "2" },
    "index_conflict",
    "/d/a and /d/A are one name",
  ],
  ["two directories", CASE, { "Ab/x": "1", "aB/y": "2" }, "index_conflict", "/Ab and /aB are one name"],
  ["a link and a file", CASE, { l: { to: "L" }, L: "" }, "index_conflict", "/L and /l are one name"],
  [
    "two forms of a letter",
    FORM,
    { [utf8(`caf${E}`)]: "1", [utf8(`caf${EACUTE}`)]: "2" },
    "index_conflict",
    "/cafe\\xcc\\x81 and /caf\\xc3\\xa9 are one name",
  ],
  [
    "of three names the two that are one",
    FORM,
    { [utf8(E)]: "1", [utf8("\u00c9")]: "2", [utf8(EACUTE)]: "3" },
    "index_conflict",
    "/e\\xcc\\x81 and /\\xc3\\xa9 are one name",
  ],
  [
    "a ligature and a sharp s",
    BOTH,
    { [utf8("\ufb01\u00df")]: "1", FISS: "2" },
    "index_conflict",
    "/FISS and /\\xef\\xac\\x81\\xc3\\x9f are one name",
  ],
  [
    "a name of 144 bytes",
    SHORT,
    { [`d/${"n".repeat(144)}`]: "1", ["m".repeat(143)]: "2" },
    "index_name_too_long",
    `no name of 144 bytes, as /d/${"n".repeat(144)}`,
  ],
];

describe.each(["weak", "ordered"] as const)("memory, %s directories", (model) => {
  test.each(REFUSED)(
    "BI19 BF10 %s: refused before there is a stage, and nothing is left at the destination",
    (_, rule, garden, code, detail) => {
      const world = folding(rule, model);
      upload(world, {
        place: placeAt(world),
        sealed: sealedOf(world, { old: "old" }),
        stage: "s0",
        mode: "append",
      });
      const before = world.tree(world.roots.images);
      const result = prepared(world, sealedOf(world, garden));
      expect(result).toEqual({ ok: false, code, detail });
      expect(world.tree(world.roots.images)).toEqual(before);
      const abort = run(world, { kind: "abort", place: placeAt(world), stage: "s1" });
      expect(codeOf(abort)).toBe("fine");
      expect(world.tree(world.roots.images)).toEqual(before);
      expect([...world.tree(world.roots.db).keys()].filter((path) => path.includes(".new."))).toEqual([]);
      expect(world.openHandles()).toBe(0);
    },
  );
});

test("BF10 an image whose own name leaves no room there is refused, and given up without a trace", () => {
  const world = folding(SHORT);
  const sealed = sealedOf(world, { plain: "1" });
  const [fits, long] = [113, 140].map(
    (length) => joinVPath("/key/group" as typeof PATH, "i".repeat(length))!,
  );
  expect(codeOf(prepared(world, sealed, "s1", fits))).toBe("fine");
  const before = world.tree(world.roots.images);
  expect(prepared(world, sealed, "s2", long)).toMatchObject({ ok: false, code: "name_too_long" });
  expect(world.tree(world.roots.images)).toEqual(before);
  expect(codeOf(run(world, { kind: "abort", place: placeAt(world, long), stage: "s2" }))).toBe("fine");
  expect(codeOf(run(world, { kind: "abort", place: placeAt(world, fits), stage: "s1" }))).toBe("fine");
});

test.each(worlds)("$world: where each name is its own, all of them are one image", async ({ make }) => {
  const world = await make();
  const garden: Garden = Object.assign({}, ...REFUSED.map(([, , each]) => each), {
    "A/README": "",
    "A/readme": "r",
  });
  const sealed = sealedOf(world, garden);
  upload(world, { place: placeAt(world), sealed, stage: "s1", mode: "append" });
  const tree = world.tree(world.roots.images);
  expect(below(tree, "group/app")).toEqual(grown(garden));
  expect([...tree.keys()].filter((path) => path.includes(".tmp."))).toEqual([]);
  expect(world.openHandles()).toBe(0);
  world.end();
});

test("a folding destination takes an image that has no such names", () => {
  const world = folding(CASE);
  upload(world, {
    place: placeAt(world),
    sealed: sealedOf(world, { README: "1", "d/readme": "2" }),
    stage: "s1",
    mode: "append",
  });
  expect(below(world.tree(world.roots.images), "group/app")).toEqual(grown({ README: "1", "d/readme": "2" }));
});

/** Calls that change or look at the destination, by kind. */
function callsOf(garden: Garden): readonly string[] {
  const world = simWorld("weak");
  const sealed = sealedOf(world, garden);
  const calls: string[] = [];
  world.disk.setFaultHook((call) => {
    calls.push(call.call);
    return null;
  });
  expect(codeOf(prepared(world, sealed))).toBe("fine");
  return calls;
}

test("an image without such names costs no call more, and one with them a few", () => {
  const plain = callsOf({ README: "1", "d/readme": "2", [utf8(`caf${E}`)]: "3", ["n".repeat(143)]: "4" });
  const alike = callsOf({ README: "1", readme: "2", "d/README": "3", "d/readme": "4" });
  expect(
    plain.filter((call) => call === "make_directory" || call === "create_file" || call === "unlink"),
  ).toEqual(
    callsOf({ one: "1" }).filter(
      (call) => call === "make_directory" || call === "create_file" || call === "unlink",
    ),
  );
  expect(plain.length).toBe(callsOf({ one: "1" }).length);
  expect(alike.filter((call) => call === "unlink").length).toBe(2); // the same two names of two directories
});

test("a trial of many names that may be one lets others run, again and again", () => {
  const world = simWorld("weak");
  // `a` and nine marks that are not seen.
  const marks = (at: number) =>
    at.toString(2).padStart(9, "0").replaceAll("0", "\u200c").replaceAll("1", "\u200d");
  const names = Array.from({ length: 512 }, (_, at) => [utf8(`a${marks(at)}`), ""]);
  const sealed = sealedOf(world, Object.fromEntries(names) as Garden);
  const place = placeAt(world);
  const { image } = sealed.index;
  run(world, { kind: "put_intent", place, stage: "s1", mode: "append", state: stateOf(image, 8) });
  run(world, { kind: "store_index", image, text: sealed.text });
  let since = 0;
  let most = 0;
  world.disk.setFaultHook(() => {
    most = Math.max(most, ++since);
    return null;
  });
  const prepare = { kind: "prepare_stage", place, image, stage: "s1", sources: [] } as const;
  const program = programOf(prepare, world.context);
  while (resume(world.fs, program).kind === "paused") since = 0;
  expect(most).toBeGreaterThan(64);
  expect(most).toBeLessThan(256);
});

test.each(["weak", "ordered"] as const)(
  "memory, %s directories: a cut before any call of a trial, or a refusal of it, leaves nothing that lasts",
  (model) => {
    let cuts = 0;
    for (let at = 0; ; at++) {
      for (const how of ["cut", "refuse"] as const) {
        const world = folding(CASE, model);
        const sealed = sealedOf(world, { README: "a", readme: "b" });
        const { image } = sealed.index;
        const place = placeAt(world);
        run(world, { kind: "put_intent", place, stage: "s1", mode: "append", state: stateOf(image, 8) });
        run(world, { kind: "store_index", image, text: sealed.text });
        let calls = 0;
        world.disk.setFaultHook(({ call }) => {
          if (calls++ !== at) return null;
          if (how === "cut") throw new PowerCut();
          return call === "close" ? null : "io"; // a handle that is not closed is no matter of names
        });
        const prepare = { kind: "prepare_stage", place, image, stage: "s1", sources: [] } as const;
        let result: DiskResult | null = null;
        try {
          result = run(world, prepare);
        } catch (failure) {
          if (!(failure instanceof PowerCut)) throw failure;
        }
        world.disk.setFaultHook(null);
        if (calls <= at) return expect(cuts).toBeGreaterThan(20);
        cuts += 1;
        if (result !== null) expect(["io", "index_conflict", "index_missing"]).toContain(codeOf(result));
        if (how === "refuse") expect(world.openHandles()).toBe(0);
        if (how === "cut") world.disk.crash(belowOf(at));
        else world.restart();
        expect(codeOf(run(world, recoverRequest(world)))).toBe("fine");
        expect([...world.tree(world.roots.images).keys()].filter((path) => path !== "group")).toEqual([]);
        run(world, { kind: "store_index", image, text: sealed.text });
        expect(codeOf(run(world, prepare))).toBe("index_conflict");
      }
    }
  },
);
