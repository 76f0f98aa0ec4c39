/** Typed forms of the calls, and the small programs that everything else is made of. */
import { assert } from "../assert.ts";
import type { HashName } from "../index/packed.ts";
import type { ByteString } from "../text.ts";
import {
  type FileName,
  type FileStat,
  type FsCall,
  type FsCode,
  FsFailure,
  type FsValue,
  type Handle,
  type RootName,
  type StorageProgram,
} from "./call.ts";
import { temporaryName } from "./names.ts";

function isHandle(value: FsValue): value is Handle {
  return typeof value === "number";
}
function isBytes(value: FsValue): value is Uint8Array {
  return value instanceof Uint8Array;
}
function isText(value: FsValue): value is ByteString {
  return typeof value === "string";
}
function isNames(value: FsValue): value is readonly FileName[] {
  return Array.isArray(value);
}
function isStat(value: FsValue): value is FileStat {
  return typeof value === "object" && "identity" in value;
}

function* handleOf(call: FsCall): StorageProgram<Handle> {
  const value = yield call;
  assert(isHandle(value), `${call.call} answers a handle`);
  return value;
}

function* bytesOfCall(call: FsCall): StorageProgram<Uint8Array> {
  const value = yield call;
  assert(isBytes(value), `${call.call} answers bytes`);
  return value;
}

function* statOf(call: FsCall): StorageProgram<FileStat> {
  const value = yield call;
  assert(isStat(value), `${call.call} answers a stat`);
  return value;
}

export function root(name: RootName): StorageProgram<Handle> {
  return handleOf({ call: "root", root: name });
}
export function openDirectory(dir: Handle, name: FileName): StorageProgram<Handle> {
  return handleOf({ call: "open_directory", dir, name });
}
export function openFile(dir: Handle, name: FileName): StorageProgram<Handle> {
  return handleOf({ call: "open_file", dir, name });
}
export function createFile(dir: Handle, name: FileName): StorageProgram<Handle> {
  return handleOf({ call: "create_file", dir, name });
}
export function openForWrite(dir: Handle, name: FileName): StorageProgram<Handle> {
  return handleOf({ call: "open_for_write", dir, name });
}
export function* close(handle: Handle): StorageProgram<void> {
  yield { call: "close", handle };
}
export function stat(handle: Handle): StorageProgram<FileStat> {
  return statOf({ call: "stat", handle });
}
export function statName(dir: Handle, name: FileName): StorageProgram<FileStat> {
  return statOf({ call: "stat_name", dir, name });
}
export function* list(dir: Handle): StorageProgram<readonly FileName[]> {
  const value = yield { call: "list", dir };
  assert(isNames(value), "list answers names");
  return value;
}
export function read(handle: Handle, offset: number, length: number): StorageProgram<Uint8Array> {
  return bytesOfCall({ call: "read", handle, offset, length });
}
export function* write(handle: Handle, offset: number, bytes: Uint8Array): StorageProgram<void> {
  yield { call: "write", handle, offset, bytes };
}
export function* truncate(handle: Handle, size: number): StorageProgram<void> {
  yield { call: "truncate", handle, size };
}
export function* setMode(handle: Handle, mode: number): StorageProgram<void> {
  yield { call: "set_mode", handle, mode };
}
export function* setTimes(handle: Handle, seconds: number): StorageProgram<void> {
  yield { call: "set_times", handle, seconds };
}
export function* sync(handle: Handle): StorageProgram<void> {
  yield { call: "sync", handle };
}
export function* syncFileSystem(dir: Handle): StorageProgram<void> {
  yield { call: "sync_file_system", dir };
}
export function* makeDirectory(dir: Handle, name: FileName): StorageProgram<void> {
  yield { call: "make_directory", dir, name };
}
export function* link(handle: Handle, dir: Handle, name: FileName): StorageProgram<void> {
  yield { call: "link", handle, dir, name };
}
export function* makeLink(dir: Handle, name: FileName, target: ByteString): StorageProgram<void> {
  yield { call: "make_link", dir, name, target };
}
export function* readLink(dir: Handle, name: FileName): StorageProgram<ByteString> {
  const value = yield { call: "read_link", dir, name };
  assert(isText(value), "read_link answers a target");
  return value;
}
export function* rename(
  fromDir: Handle,
  from: FileName,
  toDir: Handle,
  to: FileName,
  mode: "replace" | "keep" | "exchange",
): StorageProgram<void> {
  yield { call: "rename", fromDir, from, toDir, to, mode };
}
export function* unlink(dir: Handle, name: FileName): StorageProgram<void> {
  yield { call: "unlink", dir, name };
}
export function* removeDirectory(dir: Handle, name: FileName): StorageProgram<void> {
  yield { call: "remove_directory", dir, name };
}
export function* lock(handle: Handle): StorageProgram<void> {
  yield { call: "lock", handle };
}
export function digest(algorithm: HashName, bytes: Uint8Array): StorageProgram<Uint8Array> {
  return bytesOfCall({ call: "digest", algorithm, bytes });
}
/** 32 bytes a block of the range. */
export function digestBlocks(
  handle: Handle,
  offset: number,
  length: number,
  blockBytes: number,
): StorageProgram<Uint8Array> {
  return bytesOfCall({ call: "digest_blocks", handle, offset, length, blockBytes });
}
export function* checkpoint(): StorageProgram<void> {
  yield { call: "checkpoint" };
}

/** The program's answer, or null when it fails with this code; other failures pass. */
export function* unless<T>(code: FsCode, program: StorageProgram<T>): StorageProgram<T | null> {
  try {
    return yield* program;
  } catch (failure) {
    if (failure instanceof FsFailure && failure.code === code) return null;
    throw failure;
  }
}

/** Opens, uses, and closes whatever happens. */
export function* using<T>(
  open: StorageProgram<Handle>,
  use: (handle: Handle) => StorageProgram<T>,
): StorageProgram<T> {
  const handle = yield* open;
  try {
    return yield* use(handle);
  } finally {
    yield* close(handle);
  }
}

/** Uses the directory that is reached from `dir` through `names`, each opened without following a link. */
export function* usingPath<T>(
  dir: Handle,
  names: readonly FileName[],
  use: (dir: Handle) => StorageProgram<T>,
): StorageProgram<T> {
  const [first, ...rest] = names;
  if (first === undefined) return yield* use(dir);
  return yield* using(openDirectory(dir, first), (inner) => usingPath(inner, rest, use));
}

/**
 * As `usingPath`, creating what is missing. Every name is synced into its directory before it is used, also one that was
 * there: who made it may have ended before its sync.
 */
export function* usingMadePath<T>(
  dir: Handle,
  names: readonly FileName[],
  use: (dir: Handle) => StorageProgram<T>,
): StorageProgram<T> {
  const [first, ...rest] = names;
  if (first === undefined) return yield* use(dir);
  yield* unless("exists", makeDirectory(dir, first));
  yield* sync(dir);
  return yield* using(openDirectory(dir, first), (inner) => usingMadePath(inner, rest, use));
}

/** The whole of a small file; one above `bytesMax` is refused as `io`, before it is read. */
export function* readWhole(dir: Handle, name: FileName, bytesMax: number): StorageProgram<Uint8Array> {
  return yield* using(openFile(dir, name), function* (file) {
    const { kind, size } = yield* stat(file);
    if (kind !== "file" || size > bytesMax)
      throw new FsFailure("io", "read", `not a file of at most ${bytesMax} bytes`);
    return yield* read(file, 0, size);
  });
}

/**
 * Gives `name` new bytes so that a power cut leaves the old ones or the new ones, whole: written aside, synced, renamed
 * over, and the directory synced.
 */
export function* durableReplace(
  dir: Handle,
  name: FileName,
  bytes: Uint8Array,
  tag: string,
): StorageProgram<void> {
  yield* wholeReplace(dir, name, bytes, tag);
  yield* sync(dir);
}

/** The same, up to the sync of the directory: that is the caller's, with what else it changes there. */
export function* wholeReplace(
  dir: Handle,
  name: FileName,
  bytes: Uint8Array,
  tag: string,
): StorageProgram<void> {
  const aside = temporaryName(name, tag);
  const made = yield* createFile(dir, aside); // one that is there already is another's, and stays
  try {
    try {
      yield* write(made, 0, bytes);
      yield* sync(made);
    } finally {
      yield* close(made);
    }
    yield* rename(dir, aside, dir, name, "replace");
  } catch (failure) {
    yield* unless("missing", unlink(dir, aside));
    throw failure;
  }
}

type Level = { readonly handle: Handle; readonly name: FileName; readonly left: FileName[] };

/** Removes a name and everything below it, through handles and without following a link. A missing name is fine. */
export function* removeTree(dir: Handle, name: FileName): StorageProgram<void> {
  const levels: Level[] = [];
  try {
    yield* removeOrEnter(dir, name, levels);
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      const next = level.left.pop();
      if (next !== undefined) {
        yield* removeOrEnter(level.handle, next, levels);
        continue;
      }
      levels.pop();
      yield* close(level.handle);
      yield* removeDirectory(levels.at(-1)?.handle ?? dir, level.name);
      yield* checkpoint();
    }
  } finally {
    for (const level of levels) yield* close(level.handle);
  }
}

function* removeOrEnter(dir: Handle, name: FileName, levels: Level[]): StorageProgram<void> {
  const found = yield* unless("missing", statName(dir, name));
  if (found === null) return;
  if (found.kind !== "directory") {
    yield* unless("missing", unlink(dir, name));
    return;
  }
  const level: Level = { handle: yield* openDirectory(dir, name), name, left: [] };
  levels.push(level); // before anything that can fail, so that it is closed
  for (const each of yield* list(level.handle)) level.left.push(each);
}

/** For what is worth a try: a failure of the disk is an answer. */
export function* orElse<T, E>(otherwise: E, program: StorageProgram<T>): StorageProgram<T | E> {
  try {
    return yield* program;
  } catch (failure) {
    if (failure instanceof FsFailure) return otherwise;
    throw failure;
  }
}
