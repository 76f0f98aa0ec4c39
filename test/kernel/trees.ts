/** Trees as plain objects, their indexes by an own, slow rule, and any of them for properties. */
import fc from "fast-check";
import {
  addDirectory,
  addFile,
  addLink,
  build,
  createBuilder,
  type IndexBody,
} from "../../kernel/index/builder.ts";
import { entryOf, firstBlockOf } from "../../kernel/index/view.ts";
import type { ByteString } from "../../kernel/text.ts";

export type Leaf =
  /** All bytes of all block hashes are `mark`. */
  | { readonly size: number; readonly mark: number; readonly executable: boolean }
  | { readonly target: string };
/** Absolute path to what stands there; directories are those that the paths need. */
export type Tree = Readonly<Record<string, Leaf>>;

const order = (a: string, b: string) => (a < b ? -1 : 1);

/** In index order: files and links of a directory by name, then its sub-directories. */
export function indexOf(tree: Tree): IndexBody {
  const builder = createBuilder("blake2b/256", 32_768);
  const marks: number[] = [];
  const write = (prefix: string): void => {
    addDirectory(builder, (prefix === "/" ? "/" : prefix.slice(0, -1)) as ByteString);
    const below = Object.keys(tree).filter((path) => path.startsWith(prefix));
    for (const path of below.filter((each) => !each.slice(prefix.length).includes("/")).toSorted(order)) {
      const leaf = tree[path];
      if (leaf === undefined) continue;
      if ("target" in leaf) addLink(builder, path as ByteString, leaf.target as ByteString);
      else {
        const first = addFile(builder, path as ByteString, leaf.executable, leaf.size);
        for (let block = first; block < builder.blockCount; block++) marks[block] = leaf.mark;
      }
    }
    const inner = below.map((path) => path.slice(prefix.length)).filter((rest) => rest.includes("/"));
    for (const folder of [...new Set(inner.map((rest) => rest.split("/")[0] ?? ""))].toSorted(order))
      write(`${prefix}${folder}/`);
  };
  write("/");
  const body = build(builder);
  for (const [block, mark] of marks.entries()) body.hashes.fill(mark, block * 32, block * 32 + 32);
  return body;
}

/** The same backwards; empty directories are lost. */
export function treeOf(index: IndexBody): Tree {
  const out: Record<string, Leaf> = {};
  for (let at = 0; at < index.entryCount; at++) {
    const entry = entryOf(index, at);
    if (entry.kind === "link") out[entry.path] = { target: entry.target };
    else if (entry.kind === "file") {
      const mark = entry.size === 0 ? 0 : (index.hashes[firstBlockOf(index, at) * 32] ?? 0);
      out[entry.path] = { size: entry.size, mark, executable: entry.executable };
    }
  }
  return out;
}

const names = fc.constantFrom("a", "b", "B", "a-", "\xe9");
const leaf: fc.Arbitrary<Leaf> = fc.oneof(
  fc.record({
    size: fc.constantFrom(0, 1, 32_768, 40_000),
    mark: fc.integer({ min: 1, max: 3 }),
    executable: fc.boolean(),
  }),
  fc.record({ target: fc.constantFrom("x", "../y") }),
);

/** Names of files and of directories may meet: then the directory is left out. */
export const anyTree: fc.Arbitrary<Tree> = fc
  .dictionary(
    fc.tuple(fc.constantFrom("", "a/", "d2/", "d2/e/"), names).map(([folder, own]) => `/${folder}${own}`),
    leaf,
    { maxKeys: 8 },
  )
  .map((tree) => {
    const paths = Object.keys(tree);
    return Object.fromEntries(
      Object.entries(tree).filter(([path]) => !paths.some((other) => path.startsWith(`${other}/`))),
    );
  });
