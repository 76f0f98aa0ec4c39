/**
 * Whether the file system of a destination can hold an image under its names. Some take two names for one, by case or by
 * the form of a letter, and some take short names alone: there a part of the image would be lost or never be made. Names
 * that could be concerned are tried before there is a stage, those that may be one in a directory of their own; images
 * that have none, nearly all, cost no call.
 *
 * What a cut leaves of a trial is a temporary like any other, and goes with the next try or the next start.
 */
import { nameOf } from "../ids.ts";
import { escapeBytes } from "../index/escape.ts";
import type { PackedIndex } from "../index/packed.ts";
import type { ByteString } from "../text.ts";
import { alikeOf } from "./alike.ts";
import { type FileName, type FileStat, FsFailure, type Handle, type StorageProgram } from "./call.ts";
import {
  checkpoint,
  close,
  createFile,
  makeDirectory,
  openDirectory,
  orElse,
  removeTree,
  statName,
  unless,
  unlink,
  using,
} from "./calls.ts";
import { type Folder, entryName } from "./layout.ts";
import { foreignName, probeName } from "./names.ts";
import { refuse } from "./refusal.ts";
import type { Place } from "./request.ts";

/** What every file system takes that images are kept on: eCryptfs has the least. */
const SHORT_NAME_BYTES = 143;
/** Names between two places where others may run. */
const NAMES_AT_ONCE = 64;

/** Names of one directory of the image. */
type Group = { readonly prefix: ByteString; readonly names: readonly FileName[] };

/**
 * Refuses: `index_conflict`, `index_name_too_long`. Fails with `name_too_long` when the image's own name is.
 *
 * @param base  where the stage is going to be
 */
export function* tryNames(
  base: Handle,
  { path }: Place,
  stage: string,
  index: PackedIndex,
  top: Folder,
): StorageProgram<void> {
  const around = foreignName(nameOf(path), stage); // the longest of those that are made of it
  const { long, alike } = doubtsOf(index, top);
  if (around.length > SHORT_NAME_BYTES && !(yield* isTaken(base, around)))
    throw new FsFailure("name_too_long", "stat_name", `no name of ${around.length} bytes, as ${around}`);
  if (long !== null && !(yield* isTaken(base, long.name)))
    refuse(
      "index_name_too_long",
      `no name of ${long.name.length} bytes, as ${shown(long.prefix, long.name)}`,
    );
  if (alike.size === 0) return;
  const trial = probeName(stage, "names");
  yield* removeTree(base, trial); // of an earlier try
  yield* makeDirectory(base, trial);
  try {
    yield* using(openDirectory(base, trial), function* (dir) {
      for (const group of alike.values()) yield* tryGroup(dir, group);
    });
  } finally {
    yield* orElse(undefined, removeTree(base, trial));
  }
}

/** Whether the file system takes a name of this length: it says so when it is asked what is there. */
function* isTaken(base: Handle, name: FileName): StorageProgram<boolean> {
  return (yield* unless("name_too_long", orMissing(statName(base, name)))) !== null;
}

function* orMissing(program: StorageProgram<FileStat>): StorageProgram<FileStat | "missing"> {
  return (yield* unless("missing", program)) ?? "missing";
}

function* make(dir: Handle, name: FileName): StorageProgram<void> {
  yield* close(yield* createFile(dir, name));
}

/** Each is made where the others are, and must be new. */
function* tryGroup(dir: Handle, { prefix, names }: Group): StorageProgram<void> {
  yield* checkpoint();
  for (const [at, name] of names.entries()) {
    if (at % NAMES_AT_ONCE === NAMES_AT_ONCE - 1) yield* checkpoint();
    if ((yield* unless("exists", make(dir, name))) !== null) continue;
    const other = yield* otherOf(dir, name, names.slice(0, at));
    refuse("index_conflict", `${shown(prefix, other)} and ${shown(prefix, name)} are one name`);
  }
  for (const [at, name] of names.entries()) {
    if (at % NAMES_AT_ONCE === NAMES_AT_ONCE - 1) yield* checkpoint();
    yield* unlink(dir, name);
  }
}

/** Which of those that are there is there by this name too. */
function* otherOf(dir: Handle, name: FileName, before: readonly FileName[]): StorageProgram<FileName> {
  yield* unlink(dir, name);
  for (const each of before) if ((yield* unless("missing", statName(dir, each))) === null) return each;
  return name; // another process has made it
}

/** As in an index: letters of two forms look alike otherwise. */
function shown(prefix: ByteString, name: FileName): string {
  return escapeBytes(`${prefix}${name}` as ByteString);
}

type Doubts = {
  /** The first of the longest, if it is not short: what takes it takes the others. */
  long: { readonly prefix: ByteString; readonly name: FileName } | null;
  /** Names that some file system may take for one; the same ones of many directories once. */
  readonly alike: Map<string, Group>;
};

function doubtsOf(index: PackedIndex, top: Folder): Doubts {
  const doubts: Doubts = { long: null, alike: new Map() };
  function look(folder: Folder): void {
    const names = isPlain(index, folder) ? [] : namesIn(index, folder);
    for (const name of names)
      if (name.length > (doubts.long?.name.length ?? SHORT_NAME_BYTES))
        doubts.long = { prefix: folder.prefix, name };
    for (const group of alikeOf(names)) {
      const key = group.join("/");
      if (!doubts.alike.has(key)) doubts.alike.set(key, { prefix: folder.prefix, names: group });
    }
    for (const inner of folder.folders) look(inner);
  }
  look(top);
  return doubts;
}

/**
 * Whether its names are short, ASCII, and differ in more than case: seen from the bytes and a sum of them, because most
 * directories are plain and an index may have a million entries. Names of one sum are looked at like those that are not.
 */
function isPlain(index: PackedIndex, { prefix, first, end, folders }: Folder): boolean {
  const seen = new Set<number>();
  for (let at = first; at < end; at++) {
    const start = (index.pathStarts[at] ?? 0) + prefix.length;
    const length = (index.pathStarts[at + 1] ?? 0) - start;
    if (!isPlainName(length, (nth) => index.paths[start + nth] ?? 0, seen)) return false;
  }
  return folders.every(({ name }) => {
    return name === null || isPlainName(name.length, (nth) => name.charCodeAt(nth), seen);
  });
}

/** Short, ASCII, and the first one of its sum. */
function isPlainName(length: number, byteAt: (nth: number) => number, seen: Set<number>): boolean {
  if (length > SHORT_NAME_BYTES) return false;
  let sum = length;
  for (let nth = 0; nth < length; nth++) {
    const byte = byteAt(nth);
    if (byte > 0x7f) return false;
    const isUpper = byte >= 0x41 && byte <= 0x5a;
    sum = Math.imul(sum ^ (isUpper ? byte | 0x20 : byte), FNV_PRIME);
  }
  if (seen.has(sum)) return false;
  seen.add(sum);
  return true;
}

const FNV_PRIME = 0x0100_0193;

/** Its files and links, then its directories. */
function namesIn(index: PackedIndex, folder: Folder): FileName[] {
  const names: FileName[] = [];
  for (let at = folder.first; at < folder.end; at++) names.push(entryName(index, folder, at));
  for (const { name } of folder.folders) if (name !== null) names.push(name);
  return names;
}
