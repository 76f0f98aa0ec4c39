import { FsFailure, type StorageProgram } from "../../kernel/storage/call.ts";

/** Of the failure that a program ends with; `fine` without one. */
export function* codeOf(program: StorageProgram<unknown>): StorageProgram<string> {
  try {
    yield* program;
    return "fine";
  } catch (failure) {
    if (failure instanceof FsFailure) return failure.code;
    throw failure;
  }
}
