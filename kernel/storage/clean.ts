/** `clean` in the database: the last run ended in order. It goes before a start changes anything else. */
import { replaceFile } from "./aside.ts";
import { type FileName, FsFailure, type Handle, type StorageProgram } from "./call.ts";
import { sync, unlink } from "./calls.ts";

const FILE = "clean" as FileName;
const TAG = "end";

/** Takes the mark away, durably: until the next one this run counts as one that was cut. */
export function* takeClean(db: Handle): StorageProgram<boolean> {
  try {
    yield* unlink(db, FILE);
  } catch (failure) {
    if (failure instanceof FsFailure && failure.code === "missing") return false;
    throw failure;
  }
  yield* sync(db);
  return true;
}

export function* markClean(db: Handle): StorageProgram<void> {
  yield* replaceFile(db, FILE, new Uint8Array(0), TAG);
}
