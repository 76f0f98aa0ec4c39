/** Bits that a disk has lost, and files that another program has changed: found by reading, fetched again from others. */
import { expect, test } from "vitest";
import type { NodeState } from "../../kernel/node.ts";
import type { RootName } from "../../kernel/storage/call.ts";
import { castWith } from "../../sim/cast.ts";
import { createCrypto } from "../../sim/crypto.ts";
import { parseScript } from "../../sim/parse.ts";
import { type Outcome, runScript } from "../../sim/run.ts";

const crypto = createCrypto();
const IMAGES = "/srv/site" as RootName;
const DB = "/var/db" as RootName;
const HASTY = castWith({ scrubAfterMs: 5_000, scrubEveryMs: 20_000 });
const UPLOAD = "at 500ms upload c1 /site/current #7 files=6 to n1";
/** Nothing of it is done to anybody. */
const LATER = "at 40s slow n1 factor=1";

function runOf(...lines: readonly string[]): {
  readonly outcome: Outcome;
  readonly marks: readonly string[];
} {
  const parsed = parseScript(["seed 5", ...lines].join("\n"));
  if (!parsed.ok) throw new Error(`${lines[parsed.line - 2]}: ${parsed.what}`);
  const marks: string[] = [];
  const outcome = runScript(parsed.script, HASTY, {
    crypto,
    marked: (host, mark) => void marks.push(`${host} ${mark}`),
  });
  expect(outcome.failure).toBeNull();
  return { outcome, marks };
}

/** What each path holds, with its bytes. */
function treeOf(outcome: Outcome, host: string): string {
  const tree = outcome.world.host(host)?.disk.tree(IMAGES) ?? new Map();
  return JSON.stringify(
    [...tree]
      .map(([name, each]) => [name, each.kind, each.kind === "file" ? [...each.bytes] : null])
      .map((each) => JSON.stringify(each))
      .toSorted((a, b) => (a < b ? -1 : 1)),
  );
}

/** Bits of files of `current` that differ between two servers that have the same names there. */
function bitsBetween(a: Outcome, b: Outcome, host: string): number {
  const [one, other] = [a, b].map(
    (each) =>
      new Map(
        [...(each.world.host(host)?.disk.tree(IMAGES) ?? [])].filter(([name]) => name.startsWith("current/")),
      ),
  );
  expect(one?.size).toBeGreaterThan(6);
  expect([...(one?.keys() ?? [])]).toEqual([...(other?.keys() ?? [])]);
  let bits = 0;
  for (const [name, each] of one ?? []) {
    const same = other?.get(name);
    if (each.kind !== "file" || same?.kind !== "file") continue;
    expect(each.bytes.length).toBe(same.bytes.length);
    each.bytes.forEach((byte, at) => (bits += onesOf(byte ^ (same.bytes[at] ?? 0))));
  }
  return bits;
}

const onesOf = (byte: number): number => byte.toString(2).replaceAll("0", "").length;

/** Indexes of a server, and what was set aside beside them. */
function indexesOf(outcome: Outcome, host: string): ReadonlyMap<string, Uint8Array> {
  const tree = outcome.world.host(host)?.disk.tree(DB) ?? new Map();
  return new Map(
    [...tree].flatMap(([name, each]) =>
      name.startsWith("indexes/") && each.kind === "file" ? [[name, each.bytes]] : [],
    ),
  );
}

function problemsOf(outcome: Outcome, host: string) {
  const state = outcome.world.host(host)?.inspect() as NodeState | undefined;
  return [...(state?.problems ?? [])];
}

test.each(["rot", "edit"])("a bit that is changed by %s is found, and the image is as it was", (verb) => {
  const { outcome, marks } = runOf("cluster 3", UPLOAD, `at 3s ${verb} n2 images nth=1`, LATER);
  expect(outcome.faults[verb]).toBe(1);
  expect(marks.filter((mark) => mark === "n2 image_damaged")).toHaveLength(1);
  expect(marks.filter((mark) => mark.endsWith("image_damaged"))).toHaveLength(1);
  expect(treeOf(outcome, "n2")).toBe(treeOf(outcome, "n1"));
  expect(marks.filter((mark) => mark === "n2 download_done")).toHaveLength(2);
});

test("a file that two images share is mended in both, and they share it again", () => {
  // The second has the files of the first, and links them.
  const { outcome, marks } = runOf(
    "cluster 3",
    UPLOAD,
    "at 2s upload c2 /site/other #7 files=6 to n1",
    "at 4s rot n2 images nth=1",
    "at 70s slow n1 factor=1",
  );
  expect(marks.filter((mark) => mark === "n2 image_damaged")).toHaveLength(2);
  expect(treeOf(outcome, "n2")).toBe(treeOf(outcome, "n1"));
  const tree = outcome.world.host("n2")?.disk.tree(IMAGES) ?? new Map();
  const inodes = [...tree].flatMap(([name, each]) =>
    name.startsWith("current/") && each.kind === "file" && each.bytes.length > 0
      ? [each.inode, tree.get(name.replace("current", "other")).inode]
      : [],
  );
  expect(inodes.length).toBeGreaterThan(4);
  expect(inodes.filter((_, at) => at % 2 === 0)).toEqual(inodes.filter((_, at) => at % 2 === 1));
});

test("a rotten index is found, fetched again, and like that of the others", () => {
  const { outcome, marks } = runOf("cluster 3", UPLOAD, "at 3s rot n2 indexes nth=0", LATER);
  expect(outcome.faults["rot"]).toBe(1);
  expect(marks.filter((mark) => mark.endsWith("image_damaged"))).toEqual(["n2 image_damaged"]);
  expect(marks.filter((mark) => mark === "n2 download_done")).toHaveLength(2);
  const names = indexesOf(outcome, "n2");
  expect([...names.keys()]).toEqual(
    expect.arrayContaining([expect.stringMatching(/\/[0-9a-f]{64}\.ds1$/), expect.stringMatching(/backup/)]),
  );
  for (const [name, bytes] of indexesOf(outcome, "n1")) expect(names.get(name)).toEqual(bytes);
  expect(problemsOf(outcome, "n2")).toEqual([]);
});

test("where nobody else has it, its bytes stay, and status says so", () => {
  const { outcome, marks } = runOf(
    "cluster 1",
    UPLOAD,
    "at 3s rot n1 images nth=1",
    "at 200s slow n1 factor=1",
  );
  const whole = runOf("cluster 1", UPLOAD, LATER).outcome;
  expect(marks.filter((mark) => mark === "n1 image_damaged")).toHaveLength(1);
  expect(marks).toContain("n1 download_aborted");
  expect(bitsBetween(outcome, whole, "n1")).toBe(1);
  expect(problemsOf(outcome, "n1")).toEqual([
    [
      "damage of /site/current",
      expect.stringMatching(/has other bytes: it is fetched again as soon as another/),
    ],
  ]);
});

test("one that cannot be mended keeps no other from being read, or mended", () => {
  const { outcome, marks } = runOf(
    "cluster 2",
    "at 500ms upload c1 /site/a #7 files=6 to n1",
    "at 600ms upload c2 /site/b #8 files=6 to n1",
    "at 4s rot n1 images nth=1",
    "at 4s rot n2 images nth=1",
    "at 5s rot n1 images nth=9",
    "at 300s slow n1 factor=1",
  );
  expect(outcome.faults["rot"]).toBe(3);
  expect(marks.filter((mark) => mark.endsWith("image_damaged")).toSorted()).toEqual([
    "n1 image_damaged",
    "n1 image_damaged",
    "n2 image_damaged",
  ]);
  expect(problemsOf(outcome, "n1").map(([about]) => about)).toEqual(["damage of /site/a"]);
  expect(problemsOf(outcome, "n2").map(([about]) => about)).toEqual(["damage of /site/a"]);
});
