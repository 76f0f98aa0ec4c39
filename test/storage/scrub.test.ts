import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ImageId } from "../../kernel/ids.ts";
import { done, type Garden, placeAt, plant, run, seal, upload, type World, worlds } from "./world.ts";

const BLOCK = 32_768;
const LARGE = ["1", "2", "3"].map((each) => each.repeat(BLOCK)).join("");
const GARDEN: Garden = {
  large: LARGE,
  "sub/small": "small",
  empty: "",
  run: { run: "#!/bin/sh\n" },
  link: { to: "large" },
};

describe.each(worlds)("$world", ({ make }) => {
  let world: World;
  let image: ImageId;
  beforeEach(async () => {
    world = await make();
    plant(world, world.roots.source, GARDEN);
    const sealed = seal(world);
    ({ image } = sealed.index);
    upload(world, { place: placeAt(world), sealed, stage: "s1", mode: "append" });
  });
  afterEach(() => {
    expect(world.openHandles()).toBe(0);
    world.end();
  });

  const scrub = (from = 0, count = 100) =>
    done(world, "scrubbed", { kind: "scrub", place: placeAt(world), image, from, count });
  const becomes = (garden: Garden): void => plant(world, world.roots.images, garden, ["group", "app"]);

  test("what is as it was is whole, in one piece and block after block", () => {
    const before = JSON.stringify([...world.tree(world.roots.images)]);
    expect(scrub()).toMatchObject({ wrong: null, next: null });
    const nexts = [];
    for (let from: number | null = 0; from !== null; from = scrub(from, 1).next) nexts.push(from);
    expect(nexts).toEqual([0, 1, 2, 3, 4]);
    expect(JSON.stringify([...world.tree(world.roots.images)])).toBe(before);
  });

  test("the same tree that another program has made is whole as well", () => {
    becomes(GARDEN);
    expect(scrub()).toMatchObject({ wrong: null, next: null });
  });

  const { link: _, ...unlinked } = GARDEN;
  test.each<readonly [what: string, garden: Garden, says: string]>([
    ["one byte", { ...GARDEN, "sub/small": "smalL" }, "/sub/small has other bytes"],
    ["a byte of the last block", { ...GARDEN, large: `${LARGE.slice(0, -1)}x` }, "/large has other bytes"],
    ["a shorter file", { ...GARDEN, large: LARGE.slice(0, -1) }, "large differs"],
    ["a file where nothing was", { ...GARDEN, empty: "x" }, "empty differs"],
    ["another mode", { ...GARDEN, run: "#!/bin/sh\n" }, "run differs"],
    ["another link", { ...GARDEN, link: { to: "run" } }, "link differs"],
    ["a link to nothing but itself", { ...GARDEN, run: { to: "run" } }, "run differs"],
    ["a name less", unlinked, "lacks a name"],
    ["a name more", { ...GARDEN, "sub/more": "" }, "more is not in the index"],
  ])("%s is seen", (_what, garden, says) => {
    becomes(garden);
    const found = scrub();
    expect(found.wrong).toContain(says);
    expect(found.next).toBe(null);
  });

  test("bytes are seen in the piece that they are in", () => {
    becomes({ ...GARDEN, large: LARGE.replace("2", "x") });
    const pieces = [0, 1, 2, 3, 4].map((from) => scrub(from, 1).wrong);
    expect(pieces.map((wrong) => wrong !== null)).toContain(true);
    expect(pieces.filter((wrong) => wrong !== null)).toEqual(["/large has other bytes"]);
  });

  test("without an index nothing is said of the image", () => {
    done(world, "done", { kind: "drop_index", image });
    const result = run(world, { kind: "scrub", place: placeAt(world), image, from: 0, count: 1 });
    expect(result).toMatchObject({ ok: false, code: "index_missing" });
  });
});
