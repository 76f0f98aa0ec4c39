/** Files that get new bytes durably, and files that cannot be read as what their name says. */
import { assert } from "../assert.ts";
import { type FileName, FsFailure, type Handle, type StorageProgram } from "./call.ts";
import {
  close,
  durableReplace,
  openFile,
  read,
  removeTree,
  rename,
  stat,
  sync,
  unless,
  unlink,
  wholeReplace,
} from "./calls.ts";
import { backupName, temporaryName, trashName } from "./names.ts";

const BACKUPS_MAX = 1000; // of one file by one tag: nobody breaks a file that often

/** Replaces a file durably. */
export function* replaceFile(
  dir: Handle,
  name: FileName,
  bytes: Uint8Array,
  tag: string,
): StorageProgram<void> {
  yield* overLeftover(dir, temporaryName(name, tag), () => durableReplace(dir, name, bytes, tag));
}

/** The same, and its name is durable when the directory is synced. */
export function* putFile(dir: Handle, name: FileName, bytes: Uint8Array, tag: string): StorageProgram<void> {
  yield* overLeftover(dir, temporaryName(name, tag), () => wholeReplace(dir, name, bytes, tag));
}

/** Writers of one file exclude each other, so that a temporary of its name can only be what a killed process left. */
function* overLeftover(
  dir: Handle,
  temporary: FileName,
  put: () => StorageProgram<void>,
): StorageProgram<void> {
  const first = yield* unless("exists", put());
  if (first !== null) return;
  yield* unlink(dir, temporary);
  yield* put();
}

/** Moves a file out of the way, never over an older one. Returns its new name. */
export function* setAside(dir: Handle, name: FileName, tag: string): StorageProgram<FileName> {
  for (let count = 0; count < BACKUPS_MAX; count++) {
    const backup = backupName(name, count === 0 ? tag : `${tag}.${count}`);
    const moved = yield* unless("exists", rename(dir, name, dir, backup, "keep"));
    if (moved === null) continue;
    yield* sync(dir);
    return backup;
  }
  throw new FsFailure("exists", "rename", `${BACKUPS_MAX} backups of one file`);
}

export type OwnFile =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "missing" }
  /** A link, a directory, a device, or larger than any of ours. */
  | { readonly kind: "strange" };

/** Reads one of our own files, whatever stands at its name. */
export function* readOwn(dir: Handle, name: FileName, bytesMax: number): StorageProgram<OwnFile> {
  let file: Handle;
  try {
    file = yield* openFile(dir, name);
  } catch (failure) {
    if (!(failure instanceof FsFailure)) throw failure;
    if (failure.code === "missing") return { kind: "missing" };
    if (failure.code === "is_a_link" || failure.code === "is_a_directory") return { kind: "strange" };
    throw failure;
  }
  try {
    const { kind, size } = yield* stat(file);
    if (kind !== "file" || size > bytesMax) return { kind: "strange" };
    return { kind: "bytes", bytes: yield* read(file, 0, size) };
  } finally {
    yield* close(file);
  }
}

/** Takes a tree out of sight in one step, then deletes it. Missing is fine. */
export function* discard(dir: Handle, tree: FileName, name: string, tag: string): StorageProgram<void> {
  assert(tree !== name, "an image under its own name is not discarded");
  const trash = trashName(name, tag);
  yield* removeTree(dir, trash); // of an earlier try
  const moved = yield* unless("missing", rename(dir, tree, dir, trash, "keep"));
  if (moved !== null) yield* removeTree(dir, trash);
}
