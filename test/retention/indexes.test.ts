import { expect, test } from "vitest";
import type { ImageId } from "../../kernel/ids.ts";
import type { FoundImage } from "../../kernel/storage/request.ts";
import { createRig, found, imageOf, pathOf, type Rig, stateOf, WALL } from "../kernel/rig.ts";
import { done, placeAt, plant, recoverRequest, seal, upload, worlds } from "../storage/world.ts";

const DAY = 86_400_000;
const here = (name: string, number: number): FoundImage =>
  found(pathOf(name), stateOf(imageOf(number), WALL));

/** One turn through all folders; the first of them holds these images. */
function turn(rig: Rig, images: readonly ImageId[]): readonly ImageId[] {
  const dropped: ImageId[] = [];
  rig.wait(1_000);
  const folders = ["00", "7f", "ff"];
  rig.done("list_index_folders", { kind: "folders", folders });
  for (const folder of folders) {
    const asked = rig.pending.find(({ request }) => request.kind === "list_indexes");
    expect(asked?.request).toEqual({ kind: "list_indexes", folder });
    rig.done("list_indexes", { kind: "images", images: folder === "00" ? images : [] });
    for (;;) {
      const next = rig.pending.find(({ request }) => request.kind === "drop_index");
      if (next?.request.kind !== "drop_index") break;
      dropped.push(next.request.image);
      rig.done("drop_index");
    }
  }
  return dropped;
}

test("once a day what nothing refers to is dropped: not what is here, nor what is coming", () => {
  const rig = createRig();
  rig.start([here("a", 1)]);
  rig.wait(1_000);
  expect(rig.pending.map(({ request }) => request.kind)).not.toContain("list_index_folders");
  rig.wait(DAY - 2_000);
  rig.open(9);
  rig.upload(9, 1, "b", imageOf(2)); // its promise is not on the disk yet
  expect(turn(rig, [1, 2, 3].map(imageOf))).toEqual([imageOf(3)]);
  rig.done("put_intent");
  rig.wait(DAY);
  expect(turn(rig, [1, 2, 3].map(imageOf))).toEqual([imageOf(3)]);
});

test("nothing is dropped when a state could not be read", () => {
  const rig = createRig();
  rig.feed({ kind: "wake" });
  const nothing = { bytes: 0, blocks: 0 };
  const transfer = { fetched: nothing, reused: nothing, linked: nothing, served: nothing };
  rig.done("recover", {
    kind: "recovered",
    found: [],
    transfer,
    wasClean: true,
    ranUntil: null,
    problems: ["a"],
    unread: [],
    complete: false,
  });
  rig.wait(2 * DAY);
  rig.wait(1_000);
  expect(rig.pending.map(({ request }) => request.kind)).not.toContain("list_index_folders");
});

test.each(worlds)(
  "in $world an index is listed by its folder and goes when it is dropped",
  async ({ make }) => {
    const world = await make();
    plant(world, world.roots.source, { file: "1" });
    const sealed = seal(world);
    const { image } = sealed.index;
    const folder = image.slice(0, 2);
    upload(world, { place: placeAt(world), sealed, stage: "s1", mode: "append" });
    const listed = () => done(world, "images", { kind: "list_indexes", folder }).images;
    expect(done(world, "folders", { kind: "list_index_folders" }).folders).toEqual([folder]);
    expect(listed()).toEqual([image]);
    done(world, "done", { kind: "drop_index", image });
    done(world, "done", { kind: "drop_index", image });
    expect(listed()).toEqual([]);
    expect(done(world, "images", { kind: "list_indexes", folder: "zz" }).images).toEqual([]);
    expect(done(world, "recovered", recoverRequest(world)).complete).toBe(true);
    world.restart();
    const { complete } = done(world, "recovered", { kind: "recover", tag: "r2", places: [] });
    expect(complete).toBe(false); // states of a directory that is not configured any more
    world.end();
  },
);
