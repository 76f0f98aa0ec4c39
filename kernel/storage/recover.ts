/**
 * What a start does before anything else: the lock, what was promised and what is here, and the end of what a power cut
 * or a kill interrupted.
 *
 *   the mark of a run that ended in order      taken away, before anything changes
 *   intent, and its image stands at the name   the last steps of the commit are done
 *   intent, anything else                      reported: its download goes on in the same stage
 *   floor, and the state that it removed       the last steps of the removal are done
 *   floor, and neither state nor promise       reported: its path has nothing, and nothing smaller may come to it
 *   floor that cannot be looked at, no tree    not reported, and so not promised again: the next start knows
 *   state, and nothing stands at the name      reported as missing: a state is a promise, not a proof
 *   a file that does not say what it should    set aside under a name of its own, and told
 *   a stage, trash or temporary of no intent   removed
 *
 * What cannot be looked at is left as it is, and said: a moment later the disk may say something else. Running it twice is
 * running it once.
 */
import { unreachable } from "../assert.ts";
import type { VPath } from "../ids.ts";
import { compareVPath, joinVPath, nameOf, parseVPath } from "../ids.ts";
import { type ByteString, byteStringOfText, textOfByteString } from "../text.ts";
import { compareVersions, versionOf } from "../winner.ts";
import { type Floor, type RemovedFloor, decodeFloor } from "../wire/floor-file.ts";
import type { SignedState } from "../wire/signed-state.ts";
import { decodeState } from "../wire/state-file.ts";
import { readOwn, setAside } from "./aside.ts";
import {
  type FileName,
  type FsCode,
  FsFailure,
  type Handle,
  type RootName,
  type StorageProgram,
  parseFileName,
} from "./call.ts";
import {
  checkpoint,
  close,
  createFile,
  list,
  lock,
  makeDirectory,
  openDirectory,
  openForWrite,
  removeTree,
  rename,
  root,
  statName,
  sync,
  unless,
  using,
  usingPath,
} from "./calls.ts";
import { takeClean } from "./clean.ts";
import { finish, spareForeign } from "./commit.ts";
import { loadIndex } from "./index-file.ts";
import { type Intent, STATE_BYTES_MAX, decodeIntent } from "./intent.ts";
import { imageFolders, imageName, probeName, stageName } from "./names.ts";
import { finishRemoval } from "./remove.ts";
import { StorageRefusal, refuse } from "./refusal.ts";
import type { DiskRequest, FoundImage, Inventory, LastRun } from "./request.ts";
import { loadTime } from "./time.ts";
import { loadTransfer } from "./transfer.ts";
import { isImage } from "./verify.ts";

type Recover = Extract<DiskRequest, { kind: "recover" }>;
type Adopt = Extract<DiskRequest, { kind: "adopt" }>;
export type Recovered = Inventory & LastRun;
type Run = {
  readonly db: RootName;
  readonly tag: string;
  readonly found: FoundImage[];
  readonly problems: string[];
  readonly unread: Unread[];
  /** Whose part is looked at; null for what belongs to all. */
  key: string | null;
  complete: boolean;
};
type Unread = Inventory["unread"][number];

const LOCK = "lock" as FileName;
const SIGNATURES = "signatures" as FileName;
const INDEXES = "indexes" as FileName;
const TEMPORARY = ".tmp.";
const FOREIGN = ".tmp.foreign.";
const PROBE = ".tmp.probe.";
const FILES_AT_ONCE = 64;
/** These say what is there: another look finds the same. */
const LASTING: readonly FsCode[] = ["not_a_directory", "is_a_directory", "is_a_link", "name_too_long"];

export function* recover(
  db: RootName,
  roots: readonly RootName[],
  { places, tag }: Recover,
): StorageProgram<Recovered> {
  const top = yield* root(db);
  const held = yield* takeLock(top);
  try {
    const run = newRun(db, tag);
    const wasClean = (yield* attempt(run, "database", takeClean(top))) ?? false;
    yield* attempt(run, "database", sweep(top, new Set()));
    yield* attempt(run, "indexes", sweepIndexes(top));
    const transfer = yield* loadTransfer(top, tag, run.problems);
    const ranUntil = yield* attempt(run, "database", loadTime(top, tag, run.problems));
    yield* probeAll(run, [...roots, ...places.map((place) => place.root)]);
    for (const place of places) yield* recoverPlace(run, top, place);
    yield* attempt(run, "database", findStrangers(run, top, places));
    return { ...inventoryOf(run), transfer, wasClean, ranUntil };
  } catch (failure) {
    yield* close(held);
    throw failure;
  }
}

/** One directory more, while the server runs. What belongs to all of them is in use, and left alone. */
export function* adopt(db: RootName, place: Adopt): StorageProgram<Inventory> {
  const run = newRun(db, place.tag);
  yield* probeAll(run, [place.root]);
  yield* recoverPlace(run, yield* root(db), place);
  return inventoryOf(run);
}

function newRun(db: RootName, tag: string): Run {
  return { db, tag, found: [], problems: [], unread: [], key: null, complete: true };
}

function inventoryOf({ found, problems, unread, complete }: Run): Inventory {
  return { found: found.toSorted((a, b) => compareVPath(a.path, b.path)), problems, unread, complete };
}

function* probeAll(run: Run, roots: readonly RootName[]): StorageProgram<void> {
  const stuck: RootName[] = [];
  for (const each of new Set(roots)) {
    if ((yield* attempt(run, `directory ${each}`, probe(run, each))) === "stuck") stuck.push(each);
  }
  if (stuck.length > 0) refuse("exchange_unsupported", `${stuck.join(", ")}: ${STUCK}`);
}

function* recoverPlace(
  run: Run,
  db: Handle,
  { key, root: images, numLevels }: Recover["places"][number],
): StorageProgram<void> {
  const path = parseVPath(`/${key}`);
  const name = parseFileName(byteStringOfText(key));
  if (path === null || name === null) {
    run.problems.push(`key ${key} is no name`);
    return;
  }
  const open = usingPath(db, [SIGNATURES, name], (dir) =>
    recoverLevel(run, dir, path, images, numLevels - 1),
  );
  run.key = key;
  yield* attempt(run, path, unless("missing", open));
  run.key = null;
}

const STUCK =
  "the file system cannot swap two directories: keep images on one that can, such as ext4, xfs, btrfs or tmpfs";
const LOCKED = "another server has this database: stop it, or give each a database of its own";

/** States of a directory that is not configured just now: its images keep their indexes. */
function* findStrangers(run: Run, db: Handle, places: Recover["places"]): StorageProgram<void> {
  const keys = yield* unless("missing", using(openDirectory(db, SIGNATURES), list));
  const known = new Set<string>(places.map(({ key }) => byteStringOfText(key)));
  if ((keys ?? []).some((name) => !name.startsWith(".") && !known.has(name))) run.complete = false;
}

/** The handle stays open as long as the process: closing it would end the lock. */
function* takeLock(db: Handle): StorageProgram<Handle> {
  const held =
    (yield* unless("missing", openForWrite(db, LOCK))) ??
    (yield* unless("exists", createFile(db, LOCK))) ??
    (yield* openForWrite(db, LOCK));
  try {
    yield* lock(held);
  } catch (failure) {
    yield* close(held);
    if (failure instanceof FsFailure && failure.code === "busy") refuse("locked", LOCKED);
    throw failure;
  }
  return held;
}

/** A failure of one part is said and stops that part. */
function* attempt<T>(run: Run, about: string, program: StorageProgram<T>): StorageProgram<T | null> {
  try {
    return yield* program;
  } catch (failure) {
    if (!(failure instanceof FsFailure) && !(failure instanceof StorageRefusal)) throw failure;
    const what = `${about}: ${failure.code} (${failure.message})`;
    const isPassing = failure instanceof FsFailure && !LASTING.includes(failure.code);
    if (run.key !== null && isPassing) run.unread.push({ key: run.key, what });
    else {
      run.problems.push(what);
      run.complete = false;
    }
    return null;
  }
}

/** Tries with two directories whether names can be exchanged here: without that no replace would ever end. */
function* probe(run: Run, images: RootName): StorageProgram<"sound" | "stuck"> {
  const dir = yield* root(images);
  for (const name of yield* list(dir)) if (name.startsWith(PROBE)) yield* removeTree(dir, name);
  const [a, b] = [probeName(run.tag, "a"), probeName(run.tag, "b")];
  try {
    yield* makeDirectory(dir, a);
    yield* makeDirectory(dir, b);
    const swapped = yield* unless("unsupported", rename(dir, a, dir, b, "exchange"));
    return swapped === null ? "stuck" : "sound";
  } finally {
    yield* removeTree(dir, a);
    yield* removeTree(dir, b);
  }
}

function* recoverLevel(
  run: Run,
  dir: Handle,
  path: VPath,
  images: RootName,
  levels: number,
): StorageProgram<void> {
  if (levels <= 0) {
    yield* recoverBase(run, dir, path, images);
    return;
  }
  for (const name of yield* list(dir)) {
    if (name.startsWith(".") || (yield* statName(dir, name)).kind !== "directory") continue;
    const text = textOfByteString(name);
    const inner = text === null ? null : joinVPath(path, text);
    if (inner === null) run.problems.push(`${path}: folder ${JSON.stringify(name)} is no name`);
    else {
      const open = using(openDirectory(dir, name), (handle) =>
        recoverLevel(run, handle, inner, images, levels - 1),
      );
      yield* attempt(run, inner, open);
    }
  }
}

type Records = {
  readonly path: VPath;
  committed: SignedState | null;
  intent: Intent | null;
  floor: RemovedFloor | null;
  published: Floor | null;
  /** A floor is there and could not be looked at: what is gone may have been removed. */
  floorUnread: boolean;
  /** The same of a state. */
  stateUnread: boolean;
};

function* recoverBase(run: Run, states: Handle, path: VPath, images: RootName): StorageProgram<void> {
  const { records, unreadable } = yield* readRecords(run, states, path);
  yield* attempt(run, path, sync(states)); // who wrote what is seen here may have ended before its sync
  const looked = yield* attempt(
    run,
    path,
    unless(
      "missing",
      inBase(images, path, function* (base) {
        for (const each of records) yield* attempt(run, each.path, recoverImage(run, base, states, each));
        const live = new Set(records.map((each) => liveStage(run, each)).filter((stage) => stage !== null));
        // A promise that could not be read may own any of the stages.
        if (!unreadable) yield* attempt(run, path, sweep(base, live));
        return true;
      }),
    ),
  );
  if (looked !== true) for (const each of records) report(run, each, each.committed !== null);
}

function* inBase<T>(
  images: RootName,
  path: VPath,
  use: (base: Handle) => StorageProgram<T>,
): StorageProgram<T> {
  const child = joinVPath(path, "-");
  return yield* usingPath(yield* root(images), child === null ? [] : imageFolders(child), use);
}

function liveStage(run: Run, { path, intent }: Records): FileName | null {
  return intent === null ? null : stageName(nameOf(path), intent.stage ?? run.tag);
}

/** Rolls a commit or a removal forward that a power cut interrupted, and says what is here. */
function* recoverImage(run: Run, base: Handle, states: Handle, record: Records): StorageProgram<void> {
  const { path, intent } = record;
  const name = nameOf(path);
  let missing = false;
  try {
    // Of a state that could not be looked at nobody knows whether what was displaced is its image or a stranger's.
    if (intent !== null && !record.stateUnread && (yield* isCommitted(run, base, imageName(name), intent))) {
      if (record.committed === null) yield* spareForeign(base, name, intent.stage ?? run.tag);
      record.published = (yield* finish(base, states, name, intent.state)) ?? record.published;
      record.committed = intent.state;
      record.intent = null;
    }
    const { floor } = record;
    if (floor !== null && isBeingRemoved(record, floor)) {
      yield* finishRemoval(base, states, name, floor, run.tag);
      record.committed = null;
    }
    const there = yield* unless("missing", statName(base, imageName(name)));
    missing = record.committed !== null && there?.kind !== "directory";
  } finally {
    report(run, record, missing);
  }
  yield* checkpoint();
}

/** The floor was written, and the power went before the state was gone. */
function isBeingRemoved({ committed, intent }: Records, floor: RemovedFloor): boolean {
  const version = committed === null ? null : versionOf(committed);
  return floor.removing && intent === null && version !== null && compareVersions(version, floor) <= 0;
}

function* isCommitted(run: Run, base: Handle, name: FileName, intent: Intent): StorageProgram<boolean> {
  try {
    return yield* isImage(base, name, yield* loadIndex(run.db, intent.state.image));
  } catch (failure) {
    if (failure instanceof StorageRefusal) return false; // no index yet, so no commit either
    throw failure;
  }
}

function report(run: Run, record: Records, missing: boolean): void {
  const { path, committed, intent, floor, published } = record;
  // To promise it again would bring back what was removed, and hide its floor from every later start.
  const nothing = committed === null && intent === null && floor === null && published === null;
  if ((record.floorUnread || record.stateUnread) && nothing) return;
  if (record.floorUnread && missing && intent === null) return;
  run.found.push({
    path,
    committed,
    missing,
    intent: intent === null ? null : { ...intent, stage: intent.stage ?? run.tag },
    floor: floor === null ? null : { ...floor, removing: floor.removing && committed !== null },
    published,
  });
}

type Read = { readonly records: readonly Records[]; readonly unreadable: boolean };

function* readRecords(run: Run, states: Handle, path: VPath): StorageProgram<Read> {
  const records = new Map<VPath, Records>();
  let unreadable = false;
  let seen = 0;
  yield* attempt(run, path, sweep(states, new Set()));
  for (const file of yield* list(states)) {
    if (++seen % FILES_AT_ONCE === 0) yield* checkpoint();
    const role = roleOf(file);
    if (role === null) continue;
    const text = textOfByteString(role.name);
    const image = text === null ? null : joinVPath(path, text);
    if (image === null) {
      run.problems.push(`${path}: state ${JSON.stringify(file)} is of no name`);
      continue;
    }
    const record = records.get(image) ?? nothingOf(image);
    const done = yield* attempt(run, image, readRecord(run, states, file, role.of, record));
    if (done === null) unreadable = true;
    if (done === null && role.of === "floor") record.floorUnread = true;
    if (done === null && role.of === "state") record.stateUnread = true;
    if (isSome(record)) records.set(image, record);
  }
  return { records: [...records.values()].toSorted((a, b) => compareVPath(a.path, b.path)), unreadable };
}

function nothingOf(path: VPath): Records {
  const nothing = { committed: null, intent: null, floor: null, published: null };
  return { path, ...nothing, floorUnread: false, stateUnread: false };
}

function isSome({ committed, intent, floor, published, floorUnread, stateUnread }: Records): boolean {
  return floorUnread || stateUnread || [committed, intent, floor, published].some((each) => each !== null);
}

type Role = { readonly name: ByteString; readonly of: "state" | "intent" | "floor" };

const SUFFIXES = [
  [".new.state", "intent"],
  [".state", "state"],
  [".floor", "floor"],
] as const;

function roleOf(file: FileName): Role | null {
  if (file.startsWith(".")) return null;
  for (const [suffix, of] of SUFFIXES) {
    if (!file.endsWith(suffix)) continue;
    const name = file.slice(0, -suffix.length);
    return name === "" ? null : { name: name as ByteString, of };
  }
  return null;
}

function* readRecord(
  run: Run,
  states: Handle,
  file: FileName,
  of: Role["of"],
  record: Records,
): StorageProgram<true> {
  const own = yield* readOwn(states, file, STATE_BYTES_MAX);
  if (own.kind === "missing") return true;
  if (own.kind === "bytes" && take(record, of, own.bytes)) return true;
  const backup = yield* setAside(states, file, run.tag);
  run.complete = false;
  run.problems.push(`${record.path}: ${file} cannot be read as a ${of}; kept as ${backup}`);
  return true;
}

function take(record: Records, of: Role["of"], bytes: Uint8Array): boolean {
  switch (of) {
    case "intent": {
      const intent = decodeIntent(bytes);
      record.intent = intent ?? record.intent;
      return intent !== null;
    }
    case "state": {
      const state = decodeState(bytes);
      if (state.ok) record.committed = state.value;
      return state.ok;
    }
    case "floor": {
      const floor = decodeFloor(bytes);
      if (floor.ok) record.floor = floor.value.removed;
      if (floor.ok) record.published = floor.value.published;
      return floor.ok;
    }
    default:
      return unreachable(of);
  }
}

/** Removes what only a process that has ended can have been working on. Foreign trees stay for their owner. */
function* sweep(dir: Handle, live: ReadonlySet<FileName>): StorageProgram<void> {
  for (const name of yield* list(dir)) {
    if (!name.startsWith(TEMPORARY) || name.startsWith(FOREIGN) || live.has(name)) continue;
    yield* removeTree(dir, name);
  }
}

function* sweepIndexes(db: Handle): StorageProgram<void> {
  yield* unless(
    "missing",
    using(openDirectory(db, INDEXES), function* (indexes) {
      for (const name of yield* list(indexes)) {
        if ((yield* statName(indexes, name)).kind !== "directory") continue;
        yield* using(openDirectory(indexes, name), (dir) => sweep(dir, new Set()));
      }
    }),
  );
}
