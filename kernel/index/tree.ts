/** A tree whose entries come from one or several indexes, to be changed and written out again in index order. */
import { assert } from "../assert.ts";
import type { ByteString } from "../text.ts";
import { addDirectory, addFile, addLink, build, createBuilder, type IndexBody } from "./builder.ts";
import { KIND_DIRECTORY } from "./packed.ts";
import { entryOf, hashesOf, kindOf, pathOf } from "./view.ts";

export type Leaf =
  /** `executable` overrules that of the entry. */
  | {
      readonly kind: "indexed";
      readonly index: IndexBody;
      readonly entry: number;
      readonly executable: boolean | null;
    }
  /** Its content is elsewhere: it is left out of what is written. */
  | { readonly kind: "local"; readonly number: number; readonly executable: boolean };
export type Folder = { readonly leaves: Map<string, Leaf>; readonly folders: Map<string, Folder> };

export function newFolder(): Folder {
  return { leaves: new Map(), folders: new Map() };
}

/** Puts all entries of an index into a tree, over what is there; a directory and something else never meet. */
export function putIndex(top: Folder, index: IndexBody): void {
  for (let entry = 0; entry < index.entryCount; entry++) {
    const parts = partsOf(pathOf(index, entry));
    if (kindOf(index, entry) === KIND_DIRECTORY) {
      makeFolder(top, parts);
      continue;
    }
    const name = parts.pop();
    assert(name !== undefined, "only the root has no name");
    const folder = makeFolder(top, parts);
    assert(!folder.folders.has(name), "a file takes no directory's place");
    folder.leaves.set(name, { kind: "indexed", index, entry, executable: null });
  }
}

/** The directory that these names lead to; what is missing is made. */
export function makeFolder(top: Folder, parts: readonly string[]): Folder {
  let folder = top;
  for (const part of parts) {
    assert(!folder.leaves.has(part), "a directory takes no file's place");
    const inner = folder.folders.get(part) ?? newFolder();
    folder.folders.set(part, inner);
    folder = inner;
  }
  return folder;
}

export function partsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "");
}

/** All that comes from indexes, which are of one kind. */
export function indexOfTree(top: Folder, { hashName, blockBytes }: IndexBody): IndexBody {
  const builder = createBuilder(hashName, blockBytes);
  const copies: { readonly hashes: Uint8Array; readonly first: number }[] = [];

  function write(folder: Folder, path: string): void {
    addDirectory(builder, (path === "" ? "/" : path) as ByteString);
    for (const [name, leaf] of sorted(folder.leaves)) {
      if (leaf.kind === "local") continue;
      assert(leaf.index.hashName === hashName && leaf.index.blockBytes === blockBytes, "trees of one kind");
      const entry = entryOf(leaf.index, leaf.entry);
      const own = `${path}/${name}` as ByteString;
      if (entry.kind === "link") addLink(builder, own, entry.target);
      if (entry.kind !== "file") continue;
      const first = addFile(builder, own, leaf.executable ?? entry.executable, entry.size);
      copies.push({ hashes: hashesOf(leaf.index, leaf.entry), first });
    }
    for (const [name, inner] of sorted(folder.folders)) write(inner, `${path}/${name}`);
  }
  write(top, "");

  const body = build(builder);
  for (const { hashes, first } of copies) body.hashes.set(hashes, first * 32);
  return body;
}

export function sorted<T>(map: ReadonlyMap<string, T>): readonly (readonly [string, T])[] {
  return [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));
}
