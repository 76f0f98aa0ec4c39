/**
 * U8 to U14: a stage becomes the image at its name, and the promise becomes the state.
 *
 *   complete   modes, times, empty files, then links
 *   verify     the whole stage is read again
 *   sync       what is new, and every directory
 *   publish    one rename, or one exchange with what stands there; then the parent is synced
 *   state      the floor is raised, the intent is renamed to the state, and their directory is synced
 *
 * A power cut at any place leaves the old image or the new one, whole. After the exchange the displaced tree has the
 * stage's name. A sync that fails has forgotten which pages were dirty: nothing of that stage is used again.
 *
 * Source: reliability notes, section 2.3.
 */
import type { ImageId } from "../ids.ts";
import { nameOf } from "../ids.ts";
import { KIND_LINK, type PackedIndex } from "../index/packed.ts";
import { entryOf, kindOf, sizeOf } from "../index/view.ts";
import { versionOf } from "../winner.ts";
import type { Floor } from "../wire/floor-file.ts";
import type { SignedState } from "../wire/signed-state.ts";
import { decodeState } from "../wire/state-file.ts";
import { discard, readOwn } from "./aside.ts";
import { openMade } from "./block.ts";
import { type FileName, FsFailure, type Handle, type RootName, type StorageProgram } from "./call.ts";
import {
  checkpoint,
  createFile,
  makeLink,
  openDirectory,
  openFile,
  orElse,
  rename,
  root,
  setMode,
  setTimes,
  stat,
  statName,
  sync,
  syncFileSystem,
  unless,
  using,
  usingPath,
} from "./calls.ts";
import { raiseFloor } from "./floor.ts";
import { loadIndex } from "./index-file.ts";
import { STATE_BYTES_MAX, readIntent } from "./intent.ts";
import { type Folder, entryName, foldersOf } from "./layout.ts";
import {
  foreignName,
  imageFolders,
  imageName,
  intentFile,
  stageName,
  stateFile,
  stateFolders,
} from "./names.ts";
import { StorageRefusal, refuse } from "./refusal.ts";
import type { DiskRequest, UploadMode } from "./request.ts";
import { modeOf } from "./stage.ts";
import { firstDifference, isImage } from "./verify.ts";

/** Up to here each file is synced; above, one sync of the file system is faster (400 files: 39 ms against 712 ms). */
const SYNCED_EACH_MAX = 64;
const FILES_AT_ONCE = 64;
/** As 0.6.12: an image's files have one time, so that reading them twice gives equal archives. */
const FILE_SECONDS = 1;
const DIRECTORY_MODE = 0o755;

export type Commit = Extract<DiskRequest, { kind: "commit" }>;

export function* commit(db: RootName, { place, image, stage, mode, again }: Commit): StorageProgram<void> {
  const name = nameOf(place.path);
  const index = yield* loadIndex(db, image);
  yield* usingPath(yield* root(db), stateFolders(place.path), function* (states) {
    const intent = yield* readIntent(states, name);
    const isDone = intent === null && (yield* hasState(states, name, image)); // by an earlier try
    if (isDone) return;
    if (intent?.state.image !== image) refuse("stage_incomplete", "this image is not promised here");
    yield* usingPath(yield* root(place.root), imageFolders(place.path), function* (base) {
      const isOurs = (yield* unless("missing", statName(states, stateFile(name)))) !== null;
      const there = again && (yield* isImage(base, imageName(name), index));
      if (!there && (yield* makeReady(base, name, stage, index)))
        yield* publish(base, name, stage, mode, isOurs, index);
      else if (!isOurs) yield* spareForeign(base, name, stage); // an earlier try may have got no further
      yield* finish(base, states, name, intent.state);
    });
  });
}

/**
 * U12 to U14; also what recovery has left to do when the image is at its name. The floor goes first: a state is never
 * visible before it. Returns the floor.
 */
export function* finish(
  base: Handle,
  states: Handle,
  name: string,
  state: SignedState,
): StorageProgram<Floor | null> {
  yield* sync(base);
  const version = versionOf(state);
  const floor = version === null ? null : yield* raiseFloor(states, name, version);
  yield* rename(states, intentFile(name), states, stateFile(name), "replace");
  yield* sync(states);
  return floor;
}

function* hasState(states: Handle, name: string, image: ImageId): StorageProgram<boolean> {
  const own = yield* readOwn(states, stateFile(name), STATE_BYTES_MAX);
  const state = own.kind === "bytes" ? decodeState(own.bytes) : null;
  return state !== null && state.ok && state.value.image === image;
}

/** U8 to U10. False when the image is at its name already: an earlier try got past the exchange. */
function* makeReady(base: Handle, name: string, stage: string, index: PackedIndex): StorageProgram<boolean> {
  const own = stageName(name, stage);
  try {
    yield* using(openDirectory(base, own), (dir) => readyStage(dir, index));
    return true;
  } catch (failure) {
    const lacking =
      (failure instanceof StorageRefusal && failure.code === "stage_incomplete") ||
      (failure instanceof FsFailure && (failure.code === "missing" || failure.code === "not_a_directory"));
    if (lacking) {
      if (yield* isImage(base, imageName(name), index)) return false;
      if (failure instanceof FsFailure) refuse("stage_incomplete", failure.message);
    }
    if (failure instanceof FsFailure && (failure.call === "sync" || failure.call === "sync_file_system")) {
      yield* discard(base, own, name, stage);
    }
    throw failure;
  }
}

/** U8 to U10 of a directory that is held. */
export function* readyStage(dir: Handle, index: PackedIndex): StorageProgram<void> {
  const top = foldersOf(index);
  const made: Made = { files: new Set(), folders: 0 };
  yield* completeFiles(dir, index, top, made);
  yield* completeLinks(dir, index, top);
  const difference = yield* firstDifference(dir, index);
  if (difference !== null) refuse("stage_incomplete", difference);
  if (made.files.size <= SYNCED_EACH_MAX && made.folders <= SYNCED_EACH_MAX) {
    yield* syncFolder(dir, index, top, made.files);
  } else {
    yield* syncFileSystem(dir);
    yield* sync(dir);
  }
}

type Made = { /** Entries of files that are not linked. */ readonly files: Set<number>; folders: number };

function* completeFiles(dir: Handle, index: PackedIndex, folder: Folder, made: Made): StorageProgram<void> {
  made.folders += 1;
  if ((yield* stat(dir)).mode !== DIRECTORY_MODE) yield* setMode(dir, DIRECTORY_MODE);
  for (let at = folder.first; at < folder.end; at++) {
    if (kindOf(index, at) === KIND_LINK) continue;
    if ((at - folder.first) % FILES_AT_ONCE === FILES_AT_ONCE - 1) yield* checkpoint();
    const name = entryName(index, folder, at);
    yield* using(sizeOf(index, at) === 0 ? openEmpty(dir, name) : openFile(dir, name), function* (file) {
      const { kind, mode, links } = yield* stat(file);
      if (kind !== "file") refuse("stage_incomplete", `${folder.prefix}${name} is no file`);
      if (links > 1) return; // of another image too: never changed, and compared like the rest
      if (mode !== modeOf(index, at)) yield* setMode(file, modeOf(index, at));
      yield* setTimes(file, FILE_SECONDS);
      made.files.add(at);
    });
  }
  for (const inner of folder.folders) {
    if (inner.name === null) continue;
    yield* using(openMade(dir, inner.name), (handle) => completeFiles(handle, index, inner, made));
  }
}

function* openEmpty(dir: Handle, name: FileName): StorageProgram<Handle> {
  return (yield* unless("exists", createFile(dir, name))) ?? (yield* openFile(dir, name));
}

/** Last, so that nothing is ever written where a link could lead. */
function* completeLinks(dir: Handle, index: PackedIndex, folder: Folder): StorageProgram<void> {
  for (let at = folder.first; at < folder.end; at++) {
    const entry = kindOf(index, at) === KIND_LINK ? entryOf(index, at) : null;
    if (entry?.kind !== "link") continue;
    yield* unless("exists", makeLink(dir, entryName(index, folder, at), entry.target));
  }
  for (const inner of folder.folders) {
    if (inner.name === null) continue;
    yield* using(openDirectory(dir, inner.name), (handle) => completeLinks(handle, index, inner));
  }
}

/** Files before the directory that names them, inner directories before outer ones. */
function* syncFolder(
  dir: Handle,
  index: PackedIndex,
  folder: Folder,
  files: ReadonlySet<number>,
): StorageProgram<void> {
  for (let at = folder.first; at < folder.end; at++) {
    if (files.has(at)) yield* using(openFile(dir, entryName(index, folder, at)), sync);
  }
  for (const inner of folder.folders) {
    if (inner.name === null) continue;
    yield* using(openDirectory(dir, inner.name), (handle) => syncFolder(handle, index, inner, files));
  }
  yield* sync(dir);
  yield* checkpoint();
}

/** U11. One step, whoever made what stands there: readers never find the name empty. */
function* publish(
  base: Handle,
  name: string,
  stage: string,
  mode: UploadMode,
  isOurs: boolean,
  index: PackedIndex,
): StorageProgram<void> {
  const [own, to] = [stageName(name, stage), imageName(name)];
  if ((yield* unless("missing", statName(base, to))) === null) {
    yield* rename(base, own, base, to, "keep");
    return;
  }
  if (!isOurs) {
    // An earlier try got here and not to its state: the image never leaves its name again.
    if (yield* isImage(base, to, index)) return;
    if (mode === "append") refuse("already_exists", `${name} is there and has no state`);
  }
  const swapped = yield* unless("unsupported", rename(base, own, base, to, "exchange"));
  if (swapped === null) refuse("exchange_unsupported", name);
  if (isOurs) return;
  try {
    yield* spareForeign(base, name, stage);
  } catch (failure) {
    // By the stage's name it would be deleted with the promise, when something newer comes.
    yield* orElse(undefined, rename(base, own, base, to, "exchange"));
    throw failure;
  }
}

/**
 * What had no state was not ours, and has the stage's name now: its owner gets it back under another one. That is durable
 * before the state is, until when a start does the same.
 */
export function* spareForeign(base: Handle, name: string, stage: string): StorageProgram<void> {
  yield* unless("missing", rename(base, stageName(name, stage), base, foreignName(name, stage), "keep"));
}
