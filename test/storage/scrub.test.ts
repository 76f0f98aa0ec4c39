import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ImageId } from "../../kernel/ids.ts";
import type { PackedIndex } from "../../kernel/index/packed.ts";
import { piecesOf } from "../../kernel/index/pieces.ts";
import { type FileSystem, FsFailure, type StorageProgram } from "../../kernel/storage/call.ts";
import * as calls from "../../kernel/storage/calls.ts";
import { programOf } from "../../kernel/storage/program.ts";
import { runProgram } from "../../kernel/storage/run.ts";
import {
  done,
  fileName,
  type Garden,
  PATH,
  placeAt,
  plant,
  run,
  seal,
  type Sealed,
  upload,
  type World,
  worlds,
} from "./world.ts";

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
  let sealed: Sealed;
  let index: PackedIndex;
  let image: ImageId;
  beforeEach(async () => {
    world = await make();
    plant(world, world.roots.source, GARDEN);
    sealed = seal(world);
    ({ index } = sealed);
    ({ image } = index);
    upload(world, { place: placeAt(world), sealed, stage: "s1", mode: "append" });
  });
  afterEach(() => {
    expect(world.openHandles()).toBe(0);
    world.end();
  });

  const shape = () => done(world, "shape", { kind: "scrub_shape", place: placeAt(world), image });
  const blocks = (from: number, end: number) =>
    done(world, "scrubbed", { kind: "scrub_blocks", place: placeAt(world), ...piecesOf(index, from, end) })
      .wrong;
  /** Names first, then all blocks at once. */
  const scrub = (): string | null => shape().wrong ?? blocks(0, index.blockCount);
  const becomes = (garden: Garden): void => plant(world, world.roots.images, garden, ["group", "app"]);

  test("what is as it was is whole, in one piece and block after block", () => {
    const before = JSON.stringify([...world.tree(world.roots.images)]);
    expect(scrub()).toBe(null);
    expect(shape().index).toEqual(index);
    expect(Array.from({ length: 5 }, (_, at) => blocks(at, at + 1))).toEqual([null, null, null, null, null]);
    expect(index.blockCount).toBe(5);
    expect(JSON.stringify([...world.tree(world.roots.images)])).toBe(before);
  });

  test("a piece is of one file, and begins and ends with whole blocks", () => {
    const printed = (from: number, end: number) =>
      piecesOf(index, from, end).pieces.map(({ file, offset, length }) => `${file} ${offset}+${length}`);
    expect(printed(0, 5)).toEqual([`/large 0+${3 * BLOCK}`, "/run 0+10", "/sub/small 0+5"]);
    expect(printed(1, 2)).toEqual([`/large ${BLOCK}+${BLOCK}`]);
    expect(printed(2, 4)).toEqual([`/large ${2 * BLOCK}+${BLOCK}`, "/run 0+10"]);
    expect(printed(3, 3)).toEqual([]);
    plant(world, world.roots.source, { long: `${LARGE}end` });
    const { pieces } = piecesOf(seal(world).index, 2, 4);
    expect(pieces).toEqual([{ file: "/long", offset: 2 * BLOCK, length: BLOCK + 3 }]);
  });

  test("the same tree that another program has made is whole as well", () => {
    becomes(GARDEN);
    expect(scrub()).toBe(null);
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
    expect(scrub()).toContain(says);
  });

  test("bytes are seen in the piece that they are in, and in no other", () => {
    becomes({ ...GARDEN, large: LARGE.replace("2", "x") });
    expect(Array.from({ length: 5 }, (_, at) => blocks(at, at + 1))).toEqual([
      null,
      "/large has other bytes",
      null,
      null,
      null,
    ]);
    expect(blocks(2, 5)).toBe(null);
    expect(blocks(0, 2)).toBe("/large has other bytes");
  });

  test("a file that is gone or became a link while it was read is seen as well", () => {
    const { run: _run, ...without } = GARDEN;
    becomes(without);
    expect(blocks(3, 4)).toContain("open_file");
    becomes({ ...GARDEN, run: { to: "large" } });
    expect(blocks(3, 4)).toContain("open_file");
  });

  test.each(["io", "not_permitted"] as const)("of bytes that cannot be read: %s", (code) => {
    const failing: FileSystem = {
      perform(call) {
        if (call.call === "digest_blocks") throw new FsFailure(code, call.call, "of a test");
        return world.fs.perform(call);
      },
    };
    const request = { kind: "scrub_blocks", place: placeAt(world), ...piecesOf(index, 0, 5) } as const;
    const lost = { ok: true, value: { kind: "scrubbed", wrong: "digest_blocks: of a test" } };
    // What the disk has lost is wrong; what it only keeps from us says nothing.
    expect(runProgram(failing, programOf(request, world.context))).toMatchObject(
      code === "io" ? lost : { ok: false, code },
    );
  });

  test("an image of which nothing is there is seen, and a root of which nothing is there says nothing of it", () => {
    plant(world, world.roots.images, {}, ["group"]);
    expect(scrub()).toContain("open_directory");
    plant(world, world.roots.images, {});
    const request = { kind: "scrub_shape", place: placeAt(world), image } as const;
    expect(run(world, request)).toMatchObject({ ok: false, code: "missing" });
  });

  test("without an index nothing is said of the image", () => {
    done(world, "done", { kind: "drop_index", image });
    const result = run(world, { kind: "scrub_shape", place: placeAt(world), image });
    expect(result).toMatchObject({ ok: false, code: "index_missing" });
  });

  test("an index that is not what its name says is set aside, once, and a new one takes its place", () => {
    const [folder, name] = [["indexes", image.slice(0, 2)], `${image}.ds1`] as const;
    const rotten = Buffer.from(sealed.text).toString("latin1").replace("large ", "lerge ");
    plant(world, world.roots.db, { [name]: rotten }, folder);
    const request = { kind: "scrub_shape", place: placeAt(world), image } as const;
    expect(run(world, request)).toMatchObject({
      code: "index_missing",
      detail: expect.stringContaining("now ."),
    });
    expect(run(world, request)).toMatchObject({ code: "index_missing", detail: image });
    const names = [...world.tree(world.roots.db).keys()].filter((each) => each.includes(image));
    expect(names).toEqual([`indexes/${image.slice(0, 2)}/.${name}.backup.index`]);
    done(world, "index", { kind: "store_index", image, text: sealed.text });
    expect(scrub()).toBe(null);
  });

  test("what is wrong in a file that two images share is linked by neither when one of them is mended", () => {
    const other = { path: `${PATH}2` as typeof PATH, root: world.roots.images };
    upload(world, { place: other, sealed, stage: "s2", mode: "append", sources: [{ path: PATH, image }] });
    const shared = () => {
      const seen = world.identities(world.roots.images);
      return ["large", "run"].map((name) => seen.get(`group/app/${name}`) === seen.get(`group/app2/${name}`));
    };
    expect(shared()).toEqual([true, true]);
    flip(world, "group/app/large");
    const both = () => [PATH, other.path].map((path) => scrubAt(path));
    const scrubAt = (path: typeof PATH) =>
      done(world, "scrubbed", {
        kind: "scrub_blocks",
        place: placeAt(world, path),
        ...piecesOf(index, 0, index.blockCount),
      }).wrong;
    expect(both()).toEqual(["/large has other bytes", "/large has other bytes"]);
    const sources = [PATH, other.path].map((path) => ({ path, image }));
    upload(world, { place: placeAt(world), sealed, stage: "s3", mode: "replace", sources });
    expect(both()).toEqual([null, "/large has other bytes"]);
    expect(shared()).toEqual([false, true]);
    upload(world, { place: other, sealed, stage: "s4", mode: "replace", sources });
    expect(both()).toEqual([null, null]);
    expect(shared()).toEqual([true, true]);
  });
});

/** One byte of a file changes in place, as a disk or another program does it: in every name that it has. */
function flip(world: World, path: string): void {
  const parts = path.split("/").map(fileName);
  const own = parts.pop() ?? fileName("none");
  runProgram(
    world.fs,
    (function* (): StorageProgram<void> {
      yield* calls.usingPath(yield* calls.root(world.roots.images), parts, (dir) =>
        calls.using(calls.openForWrite(dir, own), (file) => calls.write(file, BLOCK, Uint8Array.of(0x78))),
      );
    })(),
  );
}
