/** What differs between two trees, by a slow twin over plain objects; and what an audit makes of it. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Expectation, expectationOf, findingOf } from "../../kernel/audit.ts";
import type { Address, ImageId } from "../../kernel/ids.ts";
import { differencesBetween } from "../../kernel/index/difference.ts";
import { parseIndex } from "../../kernel/index/parse.ts";
import { printIndex } from "../../kernel/index/print.ts";
import type { Reading } from "../../kernel/reader.ts";
import { utf8Encode } from "../../kernel/text.ts";
import { digestBytes } from "../digest.ts";
import { anyTree, indexOf, type Tree } from "./trees.ts";

test("each entry that differs is named once for each way in which it does, and no other is", () => {
  fc.assert(
    fc.property(anyTree, anyTree, (one, two) => {
      const [a, b] = [indexOf(one), indexOf(two)];
      const said = differencesBetween(a, b).map(({ kind, path }) => `${kind} ${path}`);
      expect(new Set(said)).toEqual(new Set(twin(withFolders(one), withFolders(two))));
      expect(said.length).toBe(new Set(said).size);
      expect(differencesBetween(a, a)).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

type Node = Tree[string] | "directory";

function withFolders(tree: Tree): Readonly<Record<string, Node>> {
  const out: Record<string, Node> = { "/": "directory", ...tree };
  for (const path of Object.keys(tree))
    for (let end = path.indexOf("/", 1); end > 0; end = path.indexOf("/", end + 1))
      out[path.slice(0, end)] = "directory";
  return out;
}

function twin(a: Readonly<Record<string, Node>>, b: Readonly<Record<string, Node>>): readonly string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((path) => {
    const [one, two] = [a[path], b[path]];
    if (two === undefined) return [`missing ${path}`];
    if (one === undefined) return [`extra ${path}`];
    if (one === "directory" || two === "directory") return one === two ? [] : [`type ${path}`];
    if ("target" in one || "target" in two) {
      if (!("target" in one && "target" in two)) return [`type ${path}`];
      return one.target === two.target ? [] : [`target ${path}`];
    }
    return [
      ...(one.executable === two.executable ? [] : [`mode ${path}`]),
      ...(one.size === two.size && (one.mark === two.mark || one.size === 0) ? [] : [`content ${path}`]),
    ];
  });
}

const TREE: Tree = {
  "/a": { size: 5, mark: 1, executable: false },
  "/d/b": { size: 40_000, mark: 2, executable: true },
};
const good = printIndex(indexOf(TREE), digestBytes);

/** As a reader would answer of a server that sends this text. */
function readingOf(text: Uint8Array, signers: number, timestamp = 1): Reading {
  const parsed = parseIndex(text, { image: null }, digestBytes);
  if (!parsed.ok) return { ok: false, code: "index_invalid", detail: parsed.code, text };
  const origin = { address: "1.1.1.1:1" as Address, timestamp, hosts: new Map(), signers: [] };
  const keys = Array.from({ length: signers }, () => "key") as never[];
  return { ok: true, index: parsed.value, text, file: null, origin: { ...origin, signers: keys } };
}

function edited(change: (text: string) => string): Uint8Array {
  return utf8Encode(change(String.fromCharCode(...good.text)));
}

test("a wrong id, a missing file, a changed mode and a flipped byte are told apart", () => {
  const right = readingOf(good.text, 0);
  if (!right.ok) throw new Error("the index is sound");
  const expected: Expectation = { image: right.index.image, index: right.index };
  expect(findingOf(expected, right)).toBeNull();
  const sound = (tree: Tree) =>
    findingOf(expected, readingOf(printIndex(indexOf(tree), digestBytes).text, 0));
  expect(sound({ "/d/b": TREE["/d/b"] as never })).toMatchObject({
    kind: "wrong_image",
    differences: [{ kind: "missing", path: "/a" }],
  });
  expect(sound({ ...TREE, "/a": { size: 5, mark: 1, executable: true } })).toMatchObject({
    kind: "wrong_image",
    differences: [{ kind: "mode", path: "/a" }],
  });
  const otherId = edited((text) => text.replace(/[0-9a-f]{64}\n$/, `${"0".repeat(64)}\n`));
  expect(findingOf(expected, readingOf(otherId, 0))).toMatchObject({ kind: "wrong_id" });
  const flipped = edited((text) => text.replace("02020202", "02020203"));
  expect(findingOf(expected, readingOf(flipped, 0))).toMatchObject({
    kind: "corrupt_index",
    differences: [{ kind: "content", path: "/d/b" }],
  });
  const torn = edited((text) => text.slice(0, 60));
  expect(findingOf(expected, readingOf(torn, 0))).toMatchObject({ kind: "corrupt_index", differences: [] });
  expect(findingOf({ ...expected, index: null }, readingOf(otherId, 0))).toMatchObject({
    kind: "corrupt_index",
  });
});

test("every byte of an index that is flipped is noticed", () => {
  const right = readingOf(good.text, 0);
  if (!right.ok) throw new Error("the index is sound");
  const expected: Expectation = { image: right.index.image, index: right.index };
  for (let at = 0; at < good.text.length; at++) {
    const text = good.text.slice();
    text[at] = (text[at] ?? 0) ^ 1;
    expect(findingOf(expected, readingOf(text, 0)), `byte ${at}`).not.toBeNull();
  }
});

test("without an expectation it is the newest that a known key has signed", () => {
  const other = printIndex(indexOf({}), digestBytes).text;
  const imageOf = (readings: readonly Reading[]): ImageId | null => expectationOf(readings)?.image ?? null;
  expect(imageOf([readingOf(other, 0, 9), readingOf(good.text, 1, 2)])).toBe(good.image);
  expect(imageOf([readingOf(other, 1, 1), readingOf(good.text, 1, 2)])).toBe(good.image);
  expect(imageOf([readingOf(other, 0, 1), readingOf(good.text, 0, 2)])).toBe(good.image);
  expect(imageOf([{ ok: false, code: "unreachable", detail: "" }])).toBeNull();
});
