/** Drives a program over a file system, at once or a call at a time. */
import { type FileSystem, FsFailure, type FsValue, type StorageProgram } from "./call.ts";

export type Step<T> =
  /** The program stands at a checkpoint: others may run. */
  | { readonly kind: "paused" }
  | { readonly kind: "ended"; readonly value: T }
  | { readonly kind: "failed"; readonly failure: FsFailure };

/** Runs to the next checkpoint, the end, or a failure that the program does not catch. Bugs are thrown. */
export function resume<T>(fs: FileSystem, program: StorageProgram<T>): Step<T> {
  try {
    let next = program.next();
    while (next.done !== true) {
      if (next.value.call === "checkpoint") return { kind: "paused" };
      let value: FsValue;
      try {
        value = fs.perform(next.value);
      } catch (failure) {
        if (!(failure instanceof FsFailure)) throw failure;
        next = program.throw(failure);
        continue;
      }
      next = program.next(value);
    }
    return { kind: "ended", value: next.value };
  } catch (failure) {
    if (failure instanceof FsFailure) return { kind: "failed", failure };
    throw failure;
  }
}

/** Runs to the end through all checkpoints; a failure is thrown. */
export function runProgram<T>(fs: FileSystem, program: StorageProgram<T>): T {
  for (;;) {
    const step = resume(fs, program);
    if (step.kind === "ended") return step.value;
    if (step.kind === "failed") throw step.failure;
  }
}
