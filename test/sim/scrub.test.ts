/** Bits that a disk has lost, and files that another program has changed: found by reading, fetched again from others. */
import { expect, test } from "vitest";
import type { RootName } from "../../kernel/storage/call.ts";
import { castWith } from "../../sim/cast.ts";
import { createCrypto } from "../../sim/crypto.ts";
import { parseScript } from "../../sim/parse.ts";
import { type Outcome, runScript } from "../../sim/run.ts";

const crypto = createCrypto();
const IMAGES = "/srv/site" as RootName;
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

test("where nobody else has it, its bytes stay, and status says so", () => {
  const { outcome, marks } = runOf(
    "cluster 1",
    UPLOAD,
    "at 3s rot n1 images nth=1",
    "at 200s slow n1 factor=1",
  );
  expect(marks).toContain("n1 image_damaged");
  expect(marks).toContain("n1 download_aborted");
  expect(outcome.world.host("n1")?.disk.tree(IMAGES).has("current/number")).toBe(true);
});
