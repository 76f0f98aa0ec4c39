/** A commit that failed behind the exchange is done again: by then the displaced tree has the stage's name. */
import { expect, test } from "vitest";
import { type FileSystem, FsFailure } from "../../kernel/storage/call.ts";
import {
  below,
  codeOf,
  type Garden,
  grown,
  placeAt,
  plant,
  requestsOf,
  run,
  seal,
  upload,
  worlds,
} from "./world.ts";

const OLD: Garden = { same: "1", tool: "old" };
const NEW: Garden = { same: "1", tool: { run: "new" }, "sub/empty": "", empty: "", link: { to: "same" } };
const STAGE = "group/.tmp.app.s2";

/** Fails the first sync behind an exchange of names. */
function failing(fs: FileSystem): FileSystem {
  let exchanged = false;
  let failed = false;
  return {
    perform(call) {
      if (call.call === "rename" && call.mode === "exchange") exchanged = true;
      if (exchanged && !failed && call.call === "sync") {
        failed = true;
        throw new FsFailure("io", "sync", "EIO");
      }
      return fs.perform(call);
    },
  };
}

test.each(worlds)("the old tree stays as its readers know it: $world", async ({ make }) => {
  const world = await make();
  plant(world, world.roots.source, OLD);
  const place = placeAt(world);
  upload(world, { place, sealed: seal(world), stage: "s1", mode: "append" });
  plant(world, world.roots.source, NEW);
  const requests = requestsOf(world, { place, sealed: seal(world), stage: "s2", mode: "replace" });
  let next = requests.next();
  while (next.done !== true && next.value.kind !== "commit") next = requests.next(run(world, next.value));
  if (next.done === true || next.value.kind !== "commit") throw new Error("no commit");

  expect(codeOf(run({ ...world, fs: failing(world.fs) }, next.value))).toBe("io");
  expect(below(world.tree(world.roots.images), STAGE)).toEqual(grown(OLD));
  expect(codeOf(run(world, { ...next.value, again: true }))).toBe("fine");
  expect(below(world.tree(world.roots.images), STAGE)).toEqual(grown(OLD));
  expect(below(world.tree(world.roots.images), "group/app")).toEqual(grown(NEW));
  world.end();
});
