/**
 * Changes of a tree that is known by its index alone: one after the other, each a whole or the first that cannot be. What
 * is put has its content elsewhere; the index that comes out is without it, to be overlaid with the tree that has it.
 */
import { unreachable } from "../assert.ts";
import { type Result, accepted, refused } from "../result.ts";
import type { ByteString } from "../text.ts";
import type { IndexBody } from "./builder.ts";
import { DEPTH_MAX, NAME_BYTES_MAX, PATH_BYTES_MAX } from "./limits.ts";
import { KIND_EXECUTABLE, KIND_LINK } from "./packed.ts";
import {
  type Folder,
  indexOfTree,
  type Leaf,
  makeFolder,
  newFolder,
  partsOf,
  putIndex,
  sorted,
} from "./tree.ts";
import { kindOf } from "./view.ts";

export type Edit =
  /** A file or link of ours; over a file it keeps that one's exec bit, as `put-file` does. */
  | { readonly kind: "put"; readonly path: ByteString; readonly executable: boolean }
  | { readonly kind: "make_directory"; readonly path: ByteString }
  /** With all that is below. */
  | { readonly kind: "remove"; readonly path: ByteString }
  | { readonly kind: "rename" | "copy"; readonly from: ByteString; readonly to: ByteString }
  | { readonly kind: "set_exec"; readonly path: ByteString; readonly executable: boolean };

export type EditRefusal =
  | "no_such_entry"
  | "already_there" // a rename or copy would take something's place
  | "is_a_directory"
  | "is_a_link"
  | "not_a_directory" // a part of the path is a file or a link
  | "into_itself"
  | "is_the_root"
  | "path_too_long";

export type Edited = {
  readonly base: IndexBody;
  /** Where what was put has come to, by the number of its edit. */
  readonly puts: readonly {
    readonly edit: number;
    readonly path: ByteString;
    readonly executable: boolean;
  }[];
};

/** A refusal's detail is the number of the edit. */
export function applyEdits(index: IndexBody, edits: readonly Edit[]): Result<Edited, EditRefusal> {
  const top = newFolder();
  putIndex(top, index);
  for (const [number, edit] of edits.entries()) {
    const wrong = apply(top, edit, number);
    if (wrong !== null) return refused(wrong, String(number));
  }
  const puts: Edited["puts"][number][] = [];
  collect(top, "", puts);
  if (isTooLong(top, "")) return refused("path_too_long", String(edits.length - 1));
  return accepted({ base: indexOfTree(top, index), puts });
}

function apply(top: Folder, edit: Edit, number: number): EditRefusal | null {
  switch (edit.kind) {
    case "put":
      return put(top, partsOf(edit.path), { kind: "local", number, executable: edit.executable });
    case "make_directory":
      return makeDirectory(top, partsOf(edit.path));
    case "remove": {
      const found = find(top, partsOf(edit.path));
      if (typeof found === "string") return found;
      found.parent.leaves.delete(found.name);
      found.parent.folders.delete(found.name);
      return null;
    }
    case "rename":
    case "copy":
      return move(top, partsOf(edit.from), partsOf(edit.to), edit.kind === "copy");
    case "set_exec": {
      const found = find(top, partsOf(edit.path));
      if (typeof found === "string") return found;
      if (found.leaf === null) return "is_a_directory";
      if (found.leaf.kind === "indexed" && kindOf(found.leaf.index, found.leaf.entry) === KIND_LINK)
        return "is_a_link";
      found.parent.leaves.set(found.name, { ...found.leaf, executable: edit.executable });
      return null;
    }
    default:
      return unreachable(edit);
  }
}

type Found = { readonly parent: Folder; readonly name: string; readonly leaf: Leaf | null };

function find(top: Folder, parts: readonly string[]): Found | EditRefusal {
  const name = parts.at(-1);
  if (name === undefined) return "is_the_root";
  let parent = top;
  for (const part of parts.slice(0, -1)) {
    if (parent.leaves.has(part)) return "not_a_directory";
    const inner = parent.folders.get(part);
    if (inner === undefined) return "no_such_entry";
    parent = inner;
  }
  const leaf = parent.leaves.get(name) ?? null;
  return leaf === null && !parent.folders.has(name) ? "no_such_entry" : { parent, name, leaf };
}

/** The directory of a path, made where it is missing; and the path's last name. */
function place(top: Folder, parts: readonly string[]): { parent: Folder; name: string } | EditRefusal {
  const name = parts.at(-1);
  if (name === undefined) return "is_the_root";
  return meetsLeaf(top, parts.slice(0, -1))
    ? "not_a_directory"
    : { parent: makeFolder(top, parts.slice(0, -1)), name };
}

function meetsLeaf(top: Folder, parts: readonly string[]): boolean {
  let folder: Folder | undefined = top;
  for (const part of parts) {
    if (folder?.leaves.has(part) === true) return true;
    folder = folder?.folders.get(part);
  }
  return false;
}

function put(
  top: Folder,
  parts: readonly string[],
  leaf: Extract<Leaf, { kind: "local" }>,
): EditRefusal | null {
  const there = find(top, parts);
  if (typeof there !== "string") {
    const { leaf: before } = there;
    if (before === null) return "is_a_directory";
    if (before.kind === "indexed" && kindOf(before.index, before.entry) === KIND_LINK) return "is_a_link";
    there.parent.leaves.set(there.name, { ...leaf, executable: isExecutable(before) });
    return null;
  }
  if (there !== "no_such_entry") return there;
  const where = place(top, parts);
  if (typeof where === "string") return where;
  where.parent.leaves.set(where.name, leaf);
  return null;
}

function isExecutable(leaf: Leaf): boolean {
  return leaf.executable ?? kindOf(leaf.index, leaf.entry) === KIND_EXECUTABLE;
}

function makeDirectory(top: Folder, parts: readonly string[]): EditRefusal | null {
  if (meetsLeaf(top, parts)) return "not_a_directory";
  makeFolder(top, parts);
  return null;
}

function move(
  top: Folder,
  from: readonly string[],
  to: readonly string[],
  isCopy: boolean,
): EditRefusal | null {
  const found = find(top, from);
  if (typeof found === "string") return found;
  if (from.every((part, at) => part === to[at]))
    return from.length === to.length ? "already_there" : "into_itself";
  const there = find(top, to);
  if (typeof there !== "string") return "already_there";
  if (there !== "no_such_entry") return there;
  const folder = found.parent.folders.get(found.name);
  if (!isCopy) {
    found.parent.leaves.delete(found.name);
    found.parent.folders.delete(found.name);
  }
  const where = place(top, to);
  if (typeof where === "string") return where;
  if (found.leaf !== null) where.parent.leaves.set(where.name, found.leaf);
  else if (folder !== undefined) where.parent.folders.set(where.name, isCopy ? copyOf(folder) : folder);
  return null;
}

function copyOf(folder: Folder): Folder {
  const folders = new Map([...folder.folders].map(([name, inner]) => [name, copyOf(inner)] as const));
  return { leaves: new Map(folder.leaves), folders };
}

function collect(folder: Folder, path: string, puts: Edited["puts"][number][]): void {
  for (const [name, leaf] of sorted(folder.leaves))
    if (leaf.kind === "local") {
      const { number: edit, executable } = leaf;
      puts.push({ edit, path: `${path}/${name}` as ByteString, executable });
    }
  for (const [name, inner] of sorted(folder.folders)) collect(inner, `${path}/${name}`, puts);
}

/** A rename may make paths longer than an index can have. */
function isTooLong(folder: Folder, path: string, depth = 0): boolean {
  if (depth > DEPTH_MAX) return true;
  for (const name of [...folder.leaves.keys(), ...folder.folders.keys()])
    if (name.length > NAME_BYTES_MAX || path.length + 1 + name.length > PATH_BYTES_MAX) return true;
  for (const [name, inner] of folder.folders) if (isTooLong(inner, `${path}/${name}`, depth + 1)) return true;
  return false;
}
