import { expect, test } from "vitest";
import type { ImageId } from "../../kernel/ids.ts";
import type { FileName, RootName, StorageProgram } from "../../kernel/storage/call.ts";
import { close, openDirectory, rename, root } from "../../kernel/storage/calls.ts";
import { runProgram } from "../../kernel/storage/run.ts";
import {
  codeOf,
  done,
  PATH,
  placeAt,
  plant,
  recoverRequest,
  run,
  seal,
  simWorld,
  stateOf,
  upload,
} from "./world.ts";

const OTHER = "ab".repeat(32) as ImageId;
const PROMISE = "signatures/key/group/app.new.state";

test("new signatures of what is here drop the promise that loses to them, and no other", () => {
  const world = simWorld("weak");
  plant(world, world.roots.source, { file: "1" });
  const sealed = seal(world);
  const place = placeAt(world);
  upload(world, { place, sealed, stage: "s1", mode: "append" });
  done(world, "done", { kind: "put_intent", place, state: stateOf(OTHER, 8), stage: "s2", mode: "replace" });
  const state = stateOf(sealed.index.image, 9);
  done(world, "done", { kind: "put_state", place, state, supersedes: "s1" });
  expect(world.tree(world.roots.db).has(PROMISE)).toBe(true);
  done(world, "done", { kind: "put_state", place, state, supersedes: "s2" });
  expect(world.tree(world.roots.db).has(PROMISE)).toBe(false);
  world.disk.crash(() => 0);
  const { found } = done(world, "recovered", recoverRequest(world));
  expect(found).toMatchObject([{ path: PATH, committed: state, intent: null }]);
  const late = run(world, {
    kind: "commit",
    place,
    image: OTHER,
    stage: "s2",
    mode: "replace",
    again: false,
  });
  expect(codeOf(late)).toBe("index_missing");
});

test("a smaller promise is refused beside an image that stands, and taken where nothing stands any more", () => {
  const world = simWorld("weak");
  plant(world, world.roots.source, { file: "1" });
  const sealed = seal(world);
  const place = placeAt(world);
  upload(world, { place, sealed, stage: "s1", mode: "append" });
  const state = stateOf(OTHER, 6);
  const smaller = { kind: "put_intent", place, state, stage: "s2", mode: "replace" } as const;
  expect(codeOf(run(world, smaller))).toBe("older_than_present");
  runProgram(world.fs, takeAway(world.roots.images));
  expect(codeOf(run(world, smaller))).toBe("fine");
});

function* takeAway(images: RootName): StorageProgram<void> {
  const dir = yield* openDirectory(yield* root(images), "group" as FileName);
  yield* rename(dir, "app" as FileName, dir, "elsewhere" as FileName, "keep");
  yield* close(dir);
}
