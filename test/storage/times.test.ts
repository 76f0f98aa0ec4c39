/** The times of files, as readers and archives see them. */
import { lstatSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { placeAt, plant, realWorld, seal, upload } from "./world.ts";

test("every file of an image has one time, empty ones too", async () => {
  const world = await realWorld();
  try {
    plant(world, world.roots.source, { file: "content", empty: "", "bin/run": { run: "" } });
    upload(world, { place: placeAt(world), sealed: seal(world), stage: "s1", mode: "append" });
    const timeOf = (name: string) => lstatSync(join(world.roots.images, "group/app", name)).mtimeMs;
    expect(["file", "empty", "bin/run"].map(timeOf)).toEqual([1_000, 1_000, 1_000]);
  } finally {
    world.end();
  }
});
