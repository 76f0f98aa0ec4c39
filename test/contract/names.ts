/** What a file system does that takes several names for one, or short ones alone: on a disk and in memory. */
import { expect } from "vitest";
import {
  type FileName,
  type FileSystem,
  type Handle,
  type RootName,
  type StorageProgram,
} from "../../kernel/storage/call.ts";
import * as c from "../../kernel/storage/calls.ts";
import { runProgram } from "../../kernel/storage/run.ts";
import { codeOf } from "./code-of.ts";

const n = (text: string) => text as FileName;

/** In a directory of the root that is empty before and gone after. */
function inside<T>(fs: FileSystem, root: RootName, use: (dir: Handle) => StorageProgram<T>): T {
  return runProgram(
    fs,
    (function* () {
      const top = yield* c.root(root);
      yield* c.makeDirectory(top, n("contract"));
      try {
        return yield* c.using(c.openDirectory(top, n("contract")), use);
      } finally {
        yield* c.removeTree(top, n("contract"));
      }
    })(),
  );
}

export function expectFolds(fs: FileSystem, root: RootName): void {
  const got = inside(fs, root, function* (dir) {
    yield* c.using(c.createFile(dir, n("README")), (file) => c.write(file, 0, Uint8Array.of(7)));
    yield* c.makeDirectory(dir, n("Other"));
    const again = [
      yield* codeOf(c.createFile(dir, n("readme"))),
      yield* codeOf(c.makeDirectory(dir, n("ReadMe"))),
      yield* codeOf(c.rename(dir, n("other"), dir, n("readme"), "keep")),
    ];
    const size = (yield* c.statName(dir, n("readme"))).size;
    const read = yield* c.using(c.openFile(dir, n("rEADME")), (file) => c.read(file, 0, 9));
    const listed = yield* c.list(dir);
    yield* c.unlink(dir, n("readme"));
    const gone = yield* codeOf(c.statName(dir, n("README")));
    return { again, size, read: [...read], listed, gone };
  });
  expect(got).toEqual({
    again: ["exists", "exists", "exists"],
    size: 1,
    read: [7],
    listed: ["Other", "README"],
    gone: "missing",
  });
}

/** @param bytesMax  the longest name that it takes */
export function expectShort(fs: FileSystem, root: RootName, bytesMax: number): void {
  const [fits, long] = [n("n".repeat(bytesMax)), n("n".repeat(bytesMax + 1))];
  const got = inside(fs, root, function* (dir) {
    yield* c.close(yield* c.createFile(dir, fits));
    return [
      yield* codeOf(c.createFile(dir, long)),
      yield* codeOf(c.makeDirectory(dir, long)),
      yield* codeOf(c.rename(dir, fits, dir, long, "keep")),
      yield* c.list(dir),
    ];
  });
  expect(got).toEqual(["name_too_long", "name_too_long", "name_too_long", [fits]]);
}
