/** One tree over another: what is in both comes from the upper one; and what a path would meet in a tree. */
import { assert } from "../assert.ts";
import type { ByteString } from "../text.ts";
import { addDirectory, addFile, addLink, build, createBuilder, type IndexBody } from "./builder.ts";
import { KIND_DIRECTORY, KIND_LINK } from "./packed.ts";
import { entryOf, firstBlockOf, kindOf, pathOf } from "./view.ts";

type Leaf = { readonly index: IndexBody; readonly entry: number };
type Folder = { readonly leaves: Map<string, Leaf>; readonly folders: Map<string, Folder> };

/**
 * The entries of both, in index order. A file or link of the upper tree takes the place of one of the lower; where one
 * has a directory and the other has not, there is no answer: see `obstacleAt`.
 */
export function overlay(lower: IndexBody, upper: IndexBody): IndexBody {
  assert(lower.hashName === upper.hashName && lower.blockBytes === upper.blockBytes, "trees of one kind");
  const top = newFolder();
  for (const index of [lower, upper])
    for (let entry = 0; entry < index.entryCount; entry++) put(top, index, entry);
  const builder = createBuilder(lower.hashName, lower.blockBytes);
  const copies: { readonly from: Leaf; readonly first: number }[] = [];

  function write(folder: Folder, path: string): void {
    addDirectory(builder, (path === "" ? "/" : path) as ByteString);
    for (const [name, leaf] of sorted(folder.leaves)) {
      const entry = entryOf(leaf.index, leaf.entry);
      const own = `${path}/${name}` as ByteString;
      if (entry.kind === "link") addLink(builder, own, entry.target);
      else if (entry.kind === "file")
        copies.push({ from: leaf, first: addFile(builder, own, entry.executable, entry.size) });
    }
    for (const [name, inner] of sorted(folder.folders)) write(inner, `${path}/${name}`);
  }
  write(top, "");

  const body = build(builder);
  for (const { from, first } of copies) {
    const start = firstBlockOf(from.index, from.entry) * 32;
    const end = firstBlockOf(from.index, from.entry + 1) * 32;
    body.hashes.set(from.index.hashes.subarray(start, end), first * 32);
  }
  return body;
}

/** Why a file cannot be written at a path of a tree; null when it can, whether it is there or not. */
export function obstacleAt(
  index: IndexBody,
  path: ByteString,
): "is_a_directory" | "not_a_directory" | "is_a_link" | null {
  for (let entry = 0; entry < index.entryCount; entry++) {
    const own = pathOf(index, entry);
    const kind = kindOf(index, entry);
    if (own === path) {
      if (kind === KIND_DIRECTORY) return "is_a_directory";
      return kind === KIND_LINK ? "is_a_link" : null;
    }
    if (kind !== KIND_DIRECTORY && path.startsWith(`${own}/`)) return "not_a_directory";
  }
  return null;
}

function newFolder(): Folder {
  return { leaves: new Map(), folders: new Map() };
}

function put(top: Folder, index: IndexBody, entry: number): void {
  const isFolder = kindOf(index, entry) === KIND_DIRECTORY;
  const parts = pathOf(index, entry).split("/").slice(1);
  let folder = top;
  for (const [at, part] of parts.entries()) {
    if (part === "") return; // the root
    if (at === parts.length - 1 && !isFolder) {
      assert(!folder.folders.has(part), "a file takes no directory's place");
      folder.leaves.set(part, { index, entry });
      return;
    }
    assert(!folder.leaves.has(part), "a directory takes no file's place");
    const inner = folder.folders.get(part) ?? newFolder();
    folder.folders.set(part, inner);
    folder = inner;
  }
}

function sorted<T>(map: ReadonlyMap<string, T>): readonly (readonly [string, T])[] {
  return [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));
}
