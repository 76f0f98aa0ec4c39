/** What the server that ran before has left of itself: the mark of its end, and what its clock showed. */
import { describe, expect, test } from "vitest";
import type { UnixMs } from "../../kernel/ids.ts";
import { type FileSystem, FsFailure } from "../../kernel/storage/call.ts";
import * as calls from "../../kernel/storage/calls.ts";
import { runProgram } from "../../kernel/storage/run.ts";
import { belowOf, done, fileName, recoverRequest, run, simWorld, type World, worlds } from "./world.ts";

const TIME = 1_800_000_000_123 as UnixMs;

function start(world: World, tag = "r1") {
  world.restart();
  const { wasClean, ranUntil, problems, complete } = done(world, "recovered", recoverRequest(world, tag));
  return { wasClean, ranUntil, problems, complete };
}

function hand(world: World, name: string, change: (bytes: Uint8Array) => void): void {
  runProgram(
    world.fs,
    (function* () {
      const top = yield* calls.root(world.roots.db);
      const bytes = yield* calls.using(calls.openFile(top, fileName(name)), (file) =>
        calls.read(file, 0, 1_000),
      );
      change(bytes);
      yield* calls.durableReplace(top, fileName(name), bytes, "hand");
    })(),
  );
}

const failing = (world: World, call: string): World => {
  const fs: FileSystem = {
    perform(each) {
      if (each.call === call && "name" in each && each.name === "clean")
        throw new FsFailure("io", call, "EIO");
      return world.fs.perform(each);
    },
  };
  return { ...world, fs };
};

describe.each(worlds)("in $world", ({ make }) => {
  test("an end is marked once, and says nothing of the run after it", async () => {
    const world = await make();
    expect(start(world)).toMatchObject({ wasClean: false, ranUntil: null });
    expect(run(world, { kind: "save_time", time: TIME }).ok).toBe(true);
    expect(run(world, { kind: "mark_clean" }).ok).toBe(true);
    expect(start(world)).toEqual({ wasClean: true, ranUntil: TIME, problems: [], complete: true });
    expect(start(world)).toMatchObject({ wasClean: false, ranUntil: TIME });
    world.end();
  });

  test("a time that is damaged is none, is kept aside, and is told", async () => {
    const world = await make();
    run(world, { kind: "save_time", time: TIME });
    hand(world, "time", (bytes) => {
      bytes[10]! ^= 1;
    });
    const { ranUntil, problems } = start(world);
    expect(ranUntil).toBeNull();
    expect(problems).toEqual([
      expect.stringMatching(/^when this server last ran is unreadable: .* kept as /),
    ]);
    expect(start(world, "r2")).toMatchObject({ ranUntil: null, problems: [] });
    world.end();
  });

  test("a mark that cannot be taken away counts as none", async () => {
    const world = await make();
    run(world, { kind: "mark_clean" });
    const { wasClean, problems } = start(failing(world, "unlink"));
    expect(wasClean).toBe(false);
    expect(problems).toEqual([expect.stringMatching(/^database: io/)]);
    world.end();
  });
});

test.each(["weak", "ordered"] as const)(
  "a power cut after a start leaves no mark: %s directories",
  (model) => {
    for (let seed = 0; seed < 40; seed++) {
      const world = simWorld(model);
      run(world, { kind: "save_time", time: TIME });
      run(world, { kind: "mark_clean" });
      start(world);
      world.disk.crash(belowOf(seed));
      expect(start(world)).toMatchObject({ wasClean: false, ranUntil: TIME, problems: [] });
    }
  },
);

test.each(["weak", "ordered"] as const)("a power cut after the mark leaves it: %s directories", (model) => {
  for (let seed = 0; seed < 40; seed++) {
    const world = simWorld(model);
    run(world, { kind: "save_time", time: TIME });
    run(world, { kind: "mark_clean" });
    world.disk.crash(belowOf(seed));
    expect(start(world)).toMatchObject({ wasClean: true, ranUntil: TIME });
  }
});
