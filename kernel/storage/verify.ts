/** Compares a tree with an index, through handles and to the last byte. Reads only. */
import { KIND_LINK, type PackedIndex } from "../index/packed.ts";
import { entryOf, hashesOf, kindOf, sizeOf } from "../index/view.ts";
import { equalBytes } from "../text.ts";
import { type FileName, FsFailure, type Handle, type StorageProgram } from "./call.ts";
import { checkpoint, list, openDirectory, openFile, readLink, stat, statName, using } from "./calls.ts";
import { digestFile } from "./digest-range.ts";
import { type Folder, entryName, foldersOf } from "./layout.ts";
import { modeOf } from "./stage.ts";

const FILES_AT_ONCE = 64;

/** True when the name is a directory with exactly the image in it. What it is instead does not matter. */
export function* isImage(dir: Handle, name: FileName, index: PackedIndex): StorageProgram<boolean> {
  try {
    return (yield* using(openDirectory(dir, name), (tree) => firstDifference(tree, index))) === null;
  } catch (failure) {
    const codes = ["missing", "not_a_directory", "is_a_link", "is_a_directory"];
    if (failure instanceof FsFailure && codes.includes(failure.code)) return false;
    throw failure;
  }
}

/** Where a tree is not what its index says, in words; null when it is. */
export function firstDifference(tree: Handle, index: PackedIndex): StorageProgram<string | null> {
  return differenceIn(tree, index, foldersOf(index), differs);
}

/** The same of names, kinds, sizes, modes and links alone: no file is read. */
export function shapeDifference(tree: Handle, index: PackedIndex): StorageProgram<string | null> {
  return differenceIn(tree, index, foldersOf(index), hasOtherShape);
}

type Compare = (dir: Handle, name: FileName, index: PackedIndex, at: number) => StorageProgram<boolean>;

function* differenceIn(
  dir: Handle,
  index: PackedIndex,
  folder: Folder,
  isOther: Compare,
): StorageProgram<string | null> {
  const names = new Set<FileName>(folder.folders.map((each) => each.name).filter((name) => name !== null));
  for (let at = folder.first; at < folder.end; at++) names.add(entryName(index, folder, at));
  const there = yield* list(dir);
  const extra = there.find((name) => !names.has(name));
  if (extra !== undefined) return `${folder.prefix}${extra} is not in the index`;
  if (there.length !== names.size) return `${folder.prefix} lacks a name`;
  for (let at = folder.first; at < folder.end; at++) {
    if ((at - folder.first) % FILES_AT_ONCE === FILES_AT_ONCE - 1) yield* checkpoint();
    const different = yield* isOther(dir, entryName(index, folder, at), index, at);
    if (different) return `${folder.prefix}${entryName(index, folder, at)} differs`;
  }
  for (const inner of folder.folders) {
    if (inner.name === null) continue;
    const found = yield* using(openDirectory(dir, inner.name), (handle) =>
      differenceIn(handle, index, inner, isOther),
    );
    if (found !== null) return found;
  }
  yield* checkpoint();
  return null;
}

function* hasOtherShape(
  dir: Handle,
  name: FileName,
  index: PackedIndex,
  at: number,
): StorageProgram<boolean> {
  if (kindOf(index, at) === KIND_LINK) return yield* isOtherLink(dir, name, index, at);
  const { kind, size, mode } = yield* statName(dir, name);
  return kind !== "file" || size !== sizeOf(index, at) || mode !== modeOf(index, at);
}

function* isOtherLink(dir: Handle, name: FileName, index: PackedIndex, at: number): StorageProgram<boolean> {
  const entry = entryOf(index, at);
  if ((yield* statName(dir, name)).kind !== "link" || entry.kind !== "link") return true;
  return (yield* readLink(dir, name)) !== entry.target;
}

function* differs(dir: Handle, name: FileName, index: PackedIndex, at: number): StorageProgram<boolean> {
  if (kindOf(index, at) === KIND_LINK) return yield* isOtherLink(dir, name, index, at);
  return yield* using(openFile(dir, name), function* (file) {
    const { kind, size, mode } = yield* stat(file);
    if (kind !== "file" || size !== sizeOf(index, at) || mode !== modeOf(index, at)) return true;
    const digests = yield* digestFile(file, size, index.blockBytes, index.hashName);
    return !equalBytes(digests, hashesOf(index, at));
  });
}
