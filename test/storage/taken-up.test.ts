/** A stage that a process has left behind, and one that is given up. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  done,
  placeAt,
  plant,
  readOf,
  seal,
  stateOf,
  type Upload,
  upload,
  type World,
  worlds,
  writeOf,
} from "./world.ts";

const BLOCK = 32_768;

describe.each(worlds)("$world", ({ make }) => {
  let world: World;
  beforeEach(async () => {
    world = await make();
  });
  afterEach(() => {
    world.end();
  });

  test("a stage that is taken up again has the blocks that are right, and no others", () => {
    plant(world, world.roots.source, { file: ["a", "b", "c"].map((each) => each.repeat(BLOCK)).join("") });
    const sealed = seal(world);
    const asked: Upload = { place: placeAt(world), sealed, stage: "s1", mode: "append" };
    const { image } = sealed.index;
    done(world, "index", { kind: "store_index", image, text: sealed.text });
    const prepare = { kind: "prepare_stage", place: asked.place, image, stage: "s1", sources: [] } as const;
    expect([...done(world, "stage", prepare).stored]).toEqual([0]);
    const { bytes } = done(world, "bytes", readOf(world, sealed.index, 2));
    done(world, "done", writeOf(asked, 2, bytes));
    world.restart();
    expect([...done(world, "stage", prepare).stored]).toEqual([0b100]);
  });

  test("what is committed stays as it is when what was to replace it is given up", () => {
    plant(world, world.roots.source, { file: "content" });
    const sealed = seal(world);
    const place = placeAt(world);
    upload(world, { place, sealed, stage: "s1", mode: "append" });
    const before = [world.tree(world.roots.db), world.tree(world.roots.images)];
    const state = stateOf(sealed.index.image, 9);
    done(world, "done", { kind: "put_intent", place, state, stage: "s2", mode: "replace" });
    done(world, "stage", {
      kind: "prepare_stage",
      place,
      image: sealed.index.image,
      stage: "s2",
      sources: [],
    });
    expect(world.tree(world.roots.db)).not.toEqual(before[0]);
    done(world, "done", { kind: "abort", place, stage: "s2" });
    expect([world.tree(world.roots.db), world.tree(world.roots.images)]).toEqual(before);
  });
});
