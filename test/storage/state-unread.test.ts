/** A start on a half replace that cannot look at the state: what was displaced is no stranger's, and waits for the next look. */
import { expect, test } from "vitest";
import { type FileSystem, FsFailure } from "../../kernel/storage/call.ts";
import { programOf } from "../../kernel/storage/program.ts";
import { runProgram } from "../../kernel/storage/run.ts";
import { done, placeAt, plant, recoverRequest, run, seal, simWorld, upload, type World } from "./world.ts";

class Killed extends Error {}

/** A new image stands at its name, what it displaced under the name of the stage, and the state is that of before. */
function halfReplaced() {
  const world = simWorld("weak");
  const sealed = (["append", "replace"] as const).map((mode) => {
    plant(world, world.roots.source, { file: `${mode} `.repeat(50) });
    const each = { place: placeAt(world), sealed: seal(world), stage: mode, mode };
    if (mode === "append") upload(world, each);
    else expect(() => upload(killing(world), each)).toThrow(Killed);
    return each.sealed;
  });
  world.restart();
  return { world, old: sealed[0]!.index.image, young: sealed[1]!.index.image };
}

function killing(world: World): World {
  const fs: FileSystem = {
    perform(call) {
      if (call.call === "rename" && call.to === "app.state" && call.from === "app.new.state")
        throw new Killed();
      return world.fs.perform(call);
    },
  };
  return { ...world, fs };
}

/** No descriptor is left for the state. */
function failing({ fs }: World): FileSystem {
  return {
    perform(call) {
      if (call.call === "open_file" && call.name === "app.state")
        throw new FsFailure("too_many_open", call.call, "EMFILE");
      return fs.perform(call);
    },
  };
}

test("it is looked at again, and then the old tree goes and the new one is committed", () => {
  const { world, old, young } = halfReplaced();
  const names = () => [...world.tree(world.roots.images).keys()].filter((name) => !name.includes("/file"));
  const before = names();
  const first = runProgram(failing(world), programOf(recoverRequest(world), world.context));
  expect(first).toMatchObject({ ok: true, value: { unread: [{ key: "key" }] } });
  expect(names()).toEqual(before);
  const { found, unread, problems } = done(world, "adopted", {
    kind: "adopt",
    key: "key",
    root: world.roots.images,
    numLevels: 2,
    tag: "r2",
  });
  expect({ unread, problems }).toEqual({ unread: [], problems: [] });
  expect(found).toMatchObject([{ committed: { image: young }, intent: null }]);
  expect(names()).toEqual(["group", "group/app"]);
  expect(young).not.toBe(old);
  expect(run(world, { kind: "load_index", image: young }).ok).toBe(true);
});
