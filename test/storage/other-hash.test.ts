/** What an image finds here of its neighbours, when they were made by another scanner. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { done, PATH, placeAt, plant, seal, upload, type World, worlds } from "./world.ts";

describe.each(worlds)("$world", ({ make }) => {
  let world: World;
  beforeEach(async () => {
    world = await make();
  });
  afterEach(() => {
    expect(world.openHandles()).toBe(0);
    world.end();
  });

  test("a neighbour whose index has another hash is left alone, and the rest is fetched", () => {
    plant(world, world.roots.source, { file: "content" });
    const sealed = seal(world);
    upload(world, { place: placeAt(world), sealed, stage: "s1", mode: "append" });
    const other = done(world, "sealed", {
      kind: "seal_index",
      tree: { ...sealed.index, hashName: "sha512/256" },
    });
    expect(other.index.image).not.toBe(sealed.index.image);
    done(world, "index", { kind: "store_index", image: other.index.image, text: other.text });
    const prepare = {
      kind: "prepare_stage",
      place: { ...placeAt(world), path: `${PATH}-2` as typeof PATH },
      image: sealed.index.image,
      stage: "s2",
    } as const;
    const alone = done(world, "stage", { ...prepare, sources: [{ path: PATH, image: other.index.image }] });
    expect([alone.linkedBlocks, [...alone.stored]]).toEqual([0, [0]]);
    const same = done(world, "stage", {
      ...prepare,
      sources: [other, sealed].map(({ index: { image } }) => ({ path: PATH, image })),
    });
    expect([same.linkedBlocks, [...same.stored]]).toEqual([1, [1]]);
  });
});
