import { expect, test } from "vitest";
import { type FileSystem, FsFailure } from "../../kernel/storage/call.ts";
import { programOf } from "../../kernel/storage/program.ts";
import { runProgram } from "../../kernel/storage/run.ts";
import { recoverRequest, worlds } from "./world.ts";

test.each(worlds)(
  "$world: a file system that cannot swap directories is refused at the start, and left as it was",
  async ({ make }) => {
    const world = await make();
    const before = world.tree(world.roots.images);
    const fs: FileSystem = {
      perform(call) {
        if (call.call === "rename" && call.mode === "exchange")
          throw new FsFailure("unsupported", "rename", "EINVAL");
        return world.fs.perform(call);
      },
    };
    const result = runProgram(fs, programOf(recoverRequest(world, "r0"), world.context));
    expect(result).toMatchObject({ ok: false, code: "exchange_unsupported" });
    expect(result.ok ? "" : result.detail).toMatch(
      `${world.roots.images}: the file system cannot swap two directories: keep images on one that can`,
    );
    expect(world.tree(world.roots.images)).toEqual(before);
    expect(world.openHandles()).toBe(0);
    world.end();
  },
);
