import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ImageId } from "../../kernel/ids.ts";
import {
  addDirectory,
  addFile,
  addLink,
  build,
  createBuilder,
  type IndexBody,
} from "../../kernel/index/builder.ts";
import { escapeBytes, unescapeBytes } from "../../kernel/index/escape.ts";
import type { Entry, HashName } from "../../kernel/index/packed.ts";
import { parseIndex, type Wanted } from "../../kernel/index/parse.ts";
import { printIndex } from "../../kernel/index/print.ts";
import { entryOf, findFile, firstBlockOf, hashOfBlock, placeOfBlock } from "../../kernel/index/view.ts";
import { type ByteString, byteString, byteStringOfText, bytesOf } from "../../kernel/text.ts";
import { digestBytes } from "../digest.ts";

type Content = { utf8?: string; hex?: string; fill?: number; mod?: number; count?: number };
type Node = {
  path?: string;
  path_hex?: string;
  type: "file" | "dir" | "symlink";
  mode?: string;
  target?: string;
  content?: Content;
};
type Tree = { name: string; tree: Node[]; indexes: Record<HashName, { file: string; image_id: string }> };

const vectors: { trees: Tree[]; other_block_size: { file: string; block_size: number; image_id: string } } =
  JSON.parse(readFileSync("test/vectors/index.json", "utf8"));
const malformed: { cases: { name: string; text_latin1: string; strict_parser: string; why: string }[] } =
  JSON.parse(readFileSync("test/vectors/index-malformed.json", "utf8"));
const ANY: Wanted = { image: null };

function contentOf(content: Content): Buffer {
  if (content.utf8 !== undefined) return Buffer.from(content.utf8, "utf8");
  if (content.hex !== undefined) return Buffer.from(content.hex, "hex");
  const count = content.count ?? 0;
  if (content.fill !== undefined) return Buffer.alloc(count, content.fill);
  return Buffer.from(Uint8Array.from({ length: count }, (_, at) => at % (content.mod ?? 1)));
}

/** The described tree in index order, by a slow obvious sort: a directory, its files, then its sub-directories. */
function bodyOf(tree: readonly Node[], hashName: HashName): IndexBody {
  const builder = createBuilder(hashName, 32_768);
  const nodes = tree.map((node) => ({
    node,
    path:
      node.path_hex === undefined
        ? byteStringOfText(node.path ?? "")
        : byteString(Buffer.from(node.path_hex, "hex")),
  }));
  const visit = (directory: string): void => {
    addDirectory(builder, (directory === "" ? "/" : directory) as ByteString);
    const inside = nodes
      .filter(({ path }) => path.slice(0, path.lastIndexOf("/")) === directory && path !== "/" && path !== "")
      .toSorted((a, b) => (a.path < b.path ? -1 : 1));
    for (const { node, path } of inside) {
      if (node.type === "symlink") addLink(builder, path, byteStringOfText(node.target ?? ""));
      if (node.type !== "file") continue;
      const bytes = contentOf(node.content ?? {});
      const executable = (Number.parseInt(node.mode ?? "0644", 8) & 0o100) !== 0;
      const first = addFile(builder, path, executable, bytes.length);
      for (let at = 0; at * 32_768 < bytes.length; at++) {
        const block = bytes.subarray(at * 32_768, (at + 1) * 32_768);
        builder.hashes.set(digestBytes(hashName, block), (first + at) * 32);
      }
    }
    for (const { node, path } of inside) if (node.type === "dir") visit(path);
  };
  visit("");
  return build(builder);
}

describe.each(
  vectors.trees.flatMap((tree) => Object.entries(tree.indexes).map(([hash, want]) => ({ tree, hash, want }))),
)("the tree $tree.name by $hash", ({ tree, hash, want }) => {
  const text = readFileSync(`test/vectors/${want.file}`);

  test("prints as the vector", () => {
    const printed = printIndex(bodyOf(tree.tree, hash as HashName), digestBytes);
    expect(printed.image).toBe(want.image_id);
    expect(Buffer.from(printed.text).equals(text)).toBe(true);
  });

  test("parses, and prints again as it was", () => {
    const parsed = parseIndex(text, { image: want.image_id as ImageId }, digestBytes);
    if (!parsed.ok) throw new Error(`${parsed.code} ${parsed.detail}`);
    expect(Buffer.from(printIndex(parsed.value, digestBytes).text).equals(text)).toBe(true);
    expect(parsed.value.textBytes).toBe(text.length);
  });
});

test("another block size is for tools, not for transfers", () => {
  const { file, image_id, block_size } = vectors.other_block_size;
  const text = readFileSync(`test/vectors/${file}`);
  expect(parseIndex(text, ANY, digestBytes)).toMatchObject({ ok: false, code: "index_bad_block_size" });
  const parsed = parseIndex(text, { image: null, anyBlockBytes: true }, digestBytes);
  expect(parsed).toMatchObject({ ok: true, value: { image: image_id, blockBytes: block_size } });
});

test.each(malformed.cases)("$name: $why", ({ text_latin1, strict_parser, name }) => {
  const parsed = parseIndex(Buffer.from(text_latin1, "latin1"), ANY, digestBytes);
  const verdict = parsed.ok ? "accept" : "reject";
  expect(`${name} ${verdict}`).toBe(`${name} ${strict_parser}`);
});

test("the right index of another image is refused before its entries are read", () => {
  const [one, two] = vectors.trees;
  const text = readFileSync(`test/vectors/${one?.indexes["blake2b/256"].file}`);
  const image = two?.indexes["blake2b/256"].image_id as ImageId;
  expect(parseIndex(text, { image }, digestBytes)).toMatchObject({ ok: false, code: "index_hash_mismatch" });
});

/** Entries of random trees, in index order, with names that need escapes. */
const entries = fc
  .uniqueArray(fc.uint8Array({ minLength: 1, maxLength: 6 }).map(byteString), { minLength: 1, maxLength: 12 })
  .chain((names) =>
    fc.array(
      fc.record({
        name: fc.constantFrom(...names),
        kind: fc.constantFrom("file", "link", "directory"),
        size: fc.constantFrom(0, 1, 32_767, 32_768, 32_769, 100_000),
        executable: fc.boolean(),
      }),
      { maxLength: 12 },
    ),
  );
const trees = fc.tuple(entries, entries).map(([root, sub]) => {
  const builder = createBuilder("blake2b/256", 32_768);
  const made: Entry[] = [];
  const visit = (prefix: string, [list = [], ...below]: readonly (typeof root)[]): void => {
    const seen = new Map(
      list.filter(({ name }) => !/[/\0]|^\.\.?$/.test(name)).map((each) => [each.name, each]),
    );
    const sorted = [...seen.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
    for (const { name, kind, size, executable } of sorted) {
      const path = `${prefix}/${name}` as ByteString;
      if (kind === "link") {
        addLink(builder, path, name);
        made.push({ kind: "link", path, target: name });
      } else if (kind === "file") {
        addFile(builder, path, executable, size);
        made.push({ kind: "file", path, executable, size });
      }
    }
    for (const { name, kind } of sorted) {
      if (kind !== "directory") continue;
      const path = `${prefix}/${name}` as ByteString;
      addDirectory(builder, path);
      made.push({ kind: "directory", path });
      visit(path, below);
    }
  };
  addDirectory(builder, "/" as ByteString);
  made.push({ kind: "directory", path: "/" as ByteString });
  visit("", [root, sub]);
  for (let at = 0; at < builder.hashes.length; at++) builder.hashes[at] = (at * 7) & 255;
  return { body: build(builder), made };
});

test("what is printed is parsed as the same entries, and every file is found by its path", () => {
  fc.assert(
    fc.property(trees, ({ body, made }) => {
      const printed = printIndex(body, digestBytes);
      const parsed = parseIndex(printed.text, { image: printed.image }, digestBytes);
      if (!parsed.ok) throw new Error(`${parsed.code} ${parsed.detail}`);
      const index = parsed.value;
      expect(Array.from({ length: index.entryCount }, (_, at) => entryOf(index, at))).toEqual(made);
      expect(Buffer.from(index.hashes).equals(body.hashes)).toBe(true);
      for (const [at, entry] of made.entries()) {
        expect(findFile(index, entry.path)).toBe(entry.kind === "file" ? at : -1);
        expect(findFile(index, `${entry.path}?` as ByteString)).toBe(
          made.findIndex((other) => other.kind === "file" && other.path === `${entry.path}?`),
        );
        for (let block = firstBlockOf(index, at); block < firstBlockOf(index, at + 1); block++) {
          const place = placeOfBlock(index, block);
          expect(place.entry).toBe(at);
          expect(place.offset).toBe((block - firstBlockOf(index, at)) * 32_768);
          expect(place.length).toBeGreaterThan(0);
          expect(hashOfBlock(index, block)).toHaveLength(64);
        }
      }
    }),
  );
});

test("a changed byte anywhere behind the header is refused", () => {
  const text = readFileSync("test/vectors/index/escapes.blake2b.ds1");
  const start = text.indexOf(10) + 1;
  for (let at = start; at < text.length; at++) {
    const changed = Buffer.from(text);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(parseIndex(changed, ANY, digestBytes).ok).toBe(false);
  }
});

test("an index cut anywhere is refused, and random bytes never throw", () => {
  const text = readFileSync("test/vectors/index/dir1.blake2b.ds1");
  for (let end = 0; end < text.length; end++)
    expect(parseIndex(text.subarray(0, end), ANY, digestBytes).ok).toBe(false);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => !parseIndex(bytes, ANY, digestBytes).ok),
  );
});

test("random bodies under a right footer never throw either", () => {
  const piece = fc.constantFrom(
    "/",
    "/a",
    "/a/b",
    "  ",
    "x",
    " f ",
    "0",
    "\n",
    " s ",
    "\\x20",
    "..",
    " ",
    "1",
    "a".repeat(64),
  );
  let reached = 0;
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const body = Buffer.from(`/\n${pieces.join("")}\n`);
      const footer = Buffer.from(digestBytes("blake2b/256", body)).toString("hex");
      const text = Buffer.concat([
        Buffer.from("DIRSIGNATURE.v1 blake2b/256 block_size=32768\n"),
        body,
        Buffer.from(`${footer}\n`),
      ]);
      const parsed = parseIndex(text, ANY, digestBytes);
      if (!parsed.ok) reached += parsed.code === "index_hash_mismatch" ? 0 : 1;
      else expect(Buffer.from(printIndex(parsed.value, digestBytes).text).equals(text)).toBe(true);
    }),
  );
  expect(reached).toBeGreaterThan(10);
});

test("a value has one spelling", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const text = escapeBytes(byteString(bytes));
      expect(unescapeBytes(Buffer.from(text, "latin1"))).toBe(byteString(bytes));
    }),
  );
  for (const wrong of ["\\x41", "\\xZZ", "\\x4", "\\", "\\x0A", "a b", "\u00e4", "\\y20"]) {
    expect(unescapeBytes(bytesOf(wrong as ByteString))).toBeNull();
  }
});
