import fc from "fast-check";
import { expect, test } from "vitest";
import { addDirectory, addFile, addLink, build, createBuilder } from "../../kernel/index/builder.ts";
import { parseIndex } from "../../kernel/index/parse.ts";
import { obstacleAt, overlay } from "../../kernel/index/overlay.ts";
import { printIndex } from "../../kernel/index/print.ts";
import { entryOf, hashOfBlock, findFile, firstBlockOf } from "../../kernel/index/view.ts";
import type { ByteString } from "../../kernel/text.ts";
import { digestBytes } from "../digest.ts";

/** Path to size; a size below 0 is a link, and a path that ends with a slash an empty directory. */
type Tree = Readonly<Record<string, number>>;

/** In index order by an own, slow rule: files of a directory, then its sub-directories. */
function indexOf(tree: Tree, mark: number) {
  const builder = createBuilder("blake2b/256", 32_768);
  const write = (prefix: string): void => {
    addDirectory(builder, (prefix === "/" ? "/" : prefix.slice(0, -1)) as ByteString);
    const below = Object.keys(tree).filter((path) => path.startsWith(prefix) && path !== prefix);
    const files = below.filter((path) => !path.slice(prefix.length).includes("/")).toSorted(order);
    for (const path of files) {
      const size = tree[path] ?? 0;
      if (size < 0) addLink(builder, path as ByteString, `target${mark}` as ByteString);
      else addFile(builder, path as ByteString, mark === 2, size);
    }
    const folders = new Set(
      below
        .filter((path) => path.slice(prefix.length).includes("/"))
        .map((path) => path.slice(prefix.length).split("/")[0] ?? ""),
    );
    for (const folder of [...folders].toSorted(order)) write(`${prefix}${folder}/`);
  };
  write("/");
  const body = build(builder);
  body.hashes.fill(mark);
  return body;
}
const order = (a: string, b: string) => (a < b ? -1 : 1);

const name = fc.constantFrom("a", "b", "B", "a-", "\xe9");
const tree = fc.dictionary(
  fc.tuple(fc.constantFrom("", "d1/", "d2/", "d1/e/"), name).map(([folder, own]) => `/${folder}${own}`),
  fc.constantFrom(-1, 0, 1, 32_768, 40_000),
);

test("of two trees every path of either is there once, the upper one's where both have it, in index order", () => {
  fc.assert(
    fc.property(tree, tree, (lower, upper) => {
      const both = overlay(indexOf(lower, 1), indexOf(upper, 2));
      const wanted = indexOf({ ...lower, ...upper }, 1);
      const paths = Array.from({ length: both.entryCount }, (_, at) => entryOf(both, at).path);
      expect(paths).toEqual(Array.from({ length: wanted.entryCount }, (_, at) => entryOf(wanted, at).path));
      for (const path of paths) {
        const entry = findFile(both, path);
        if (entry < 0) continue;
        const mark = path in upper ? 2 : 1;
        expect(entryOf(both, entry)).toMatchObject({
          executable: mark === 2,
          size: { ...lower, ...upper }[path],
        });
        for (let block = firstBlockOf(both, entry); block < firstBlockOf(both, entry + 1); block++)
          expect(hashOfBlock(both, block)).toBe(`0${mark}`.repeat(32));
      }
      // What is printed of it is an index by the strict parser.
      const { text, image } = printIndex(both, digestBytes);
      expect(parseIndex(text, { image }, digestBytes)).toMatchObject({ ok: true });
    }),
    { numRuns: 200 },
  );
});

test("a tree over itself, and over nothing, is itself", () => {
  const index = indexOf({ "/a": 5, "/d/b": -1, "/d/e/c": 70_000 }, 1);
  expect(overlay(index, index)).toEqual(index);
  expect(overlay(indexOf({}, 1), index)).toEqual(index);
  expect(overlay(index, indexOf({}, 1))).toEqual(index);
});

test.each([
  ["/a", null],
  ["/new", null],
  ["/new/deep/er", null],
  ["/d", "is_a_directory"],
  ["/a/x", "not_a_directory"],
  ["/d/link", "is_a_link"],
  ["/d/link/x", "not_a_directory"],
  ["/d/lin", null],
])("a file at %s meets %s", (path, obstacle) => {
  const index = indexOf({ "/a": 5, "/d/link": -1, "/d/e/c": 1 }, 1);
  expect(obstacleAt(index, path as ByteString)).toBe(obstacle);
});
