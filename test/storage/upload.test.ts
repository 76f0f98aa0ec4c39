import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { digestBytes } from "../digest.ts";
import { parseIndex } from "../../kernel/index/parse.ts";
import { pathOf } from "../../kernel/index/view.ts";
import {
  type Garden,
  PATH,
  below,
  done,
  grown,
  placeAt,
  plant,
  seal,
  upload,
  type World,
  worlds,
} from "./world.ts";

const BLOCK = 32_768;
const UTF8 = Buffer.from("größe/ключ.txt").toString("latin1");

/** Names and contents that have gone wrong somewhere before. */
export const ODD: Garden = {
  "plain.txt": "hello",
  "with space": "s",
  "new\nline": "n",
  "back\\slash": "b",
  "\xff\xfe": "not UTF-8",
  [UTF8]: "utf-8",
  ["n".repeat(200)]: "long name",
  empty: "",
  "bin/run": { run: "#!/bin/sh\n" },
  "bin/empty-run": { run: "" },
  "bin/deep/er/file": "d",
  exact: "e".repeat(BLOCK),
  twice: "t".repeat(2 * BLOCK),
  over: "o".repeat(BLOCK + 1),
  "dir/empty": null,
  "links/up": { to: "../plain.txt" },
  "links/away": { to: "/etc/passwd" },
  "links/odd": { to: "\xff\n\\" },
  // Files stand before directories: `a.b` is between `a` and `a/c` in plain byte order.
  "a/c": "1",
  "a.b": "2",
  "a-b/c": "3",
};

const inode = (map: Map<string, string>, path: string) => map.get(path)?.split(" ")[0];

describe.each(worlds)("$world", ({ make }) => {
  let world: World;
  beforeEach(async () => {
    world = await make();
  });
  afterEach(() => {
    expect(world.openHandles()).toBe(0);
    world.end();
  });

  test("an image of odd names, modes, links and sizes arrives as it was, and nothing else is left", () => {
    plant(world, world.roots.source, ODD);
    const sealed = seal(world);
    upload(world, { place: placeAt(world), sealed, stage: "s1", mode: "append" });
    const tree = world.tree(world.roots.images);
    expect(below(tree, "group/app")).toEqual(grown(ODD));
    expect([...tree.keys()].filter((path) => path.includes(".tmp."))).toEqual([]);
    const files = [...world.tree(world.roots.db).keys()].filter((path) => !path.includes(".ds1"));
    expect(files).toEqual([
      "indexes",
      `indexes/${sealed.index.image.slice(0, 2)}`,
      "signatures",
      "signatures/key",
      "signatures/key/group",
      "signatures/key/group/app.floor",
      "signatures/key/group/app.state",
    ]);
  });

  test("the index of a walked tree is one that the strict parser takes, with the same id and text", () => {
    plant(world, world.roots.source, ODD);
    const { index, text } = seal(world);
    const parsed = parseIndex(text, { image: index.image }, digestBytes);
    expect(parsed).toEqual({ ok: true, value: index });
    const paths = Array.from({ length: index.entryCount }, (_, at) => pathOf(index, at));
    expect(paths).toContain("/links/away");
    expect(done(world, "index", { kind: "store_index", image: index.image, text }).index).toEqual(index);
    expect(done(world, "index", { kind: "load_index", image: index.image }).index).toEqual(index);
    const read = done(world, "bytes", { kind: "read_index", image: index.image });
    expect(Buffer.from(read.bytes).equals(text)).toBe(true);
  });

  test("a second image takes whole files by link and changed files block by block", () => {
    const many = Object.fromEntries(
      Array.from({ length: 100 }, (_, at) => [`d${at % 7}/f${at}`, `content ${at}`.repeat(50)]),
    );
    const big = Array.from({ length: 10 }, (_, at) => String(at).repeat(BLOCK));
    const first: Garden = { ...many, big: big.join(""), run: { run: "run" } };
    plant(world, world.roots.source, first);
    const before = seal(world);
    upload(world, { place: placeAt(world), sealed: before, stage: "s1", mode: "append" });
    const linked = world.identities(world.roots.images);
    big[3] = "x".repeat(BLOCK);
    const { "d0/f7": renamed, ...rest } = many;
    const second: Garden = {
      ...rest,
      "d5/renamed": renamed ?? "",
      "d1/f1": "changed",
      // One block in front: what follows is at another offset.
      big: `${"y".repeat(BLOCK)}${big.join("")}`,
      run: { run: "run" },
    };
    plant(world, world.roots.source, second);
    const after = seal(world);
    const sources = [{ path: PATH, image: before.index.image }];
    const counted = upload(world, {
      place: placeAt(world),
      sealed: after,
      stage: "s2",
      mode: "replace",
      sources,
    });
    expect(below(world.tree(world.roots.images), "group/app")).toEqual(grown(second));
    expect(counted.blocks).toBe(3); // of d1/f1, and two of big
    expect(counted.stage).toMatchObject({ linkedBlocks: 100, reusedBlocks: 9, reusedBytes: 9 * BLOCK });
    const now = world.identities(world.roots.images);
    expect(inode(now, "group/app/d1/f8")).toBe(inode(linked, "group/app/d1/f8"));
    expect(inode(now, "group/app/d5/renamed")).toBe(inode(linked, "group/app/d0/f7"));
    expect(now.get("group/app/d1/f8")?.split(" ")[1]).toBe("2");
    // The old tree is there until it is asked to go, and was not changed.
    expect(below(world.tree(world.roots.images), "group/.tmp.app.s2")).toEqual(grown(first));
    done(world, "done", { kind: "delete_old", place: placeAt(world), stage: "s2" });
    expect([...world.tree(world.roots.images).keys()].filter((path) => path.includes(".tmp."))).toEqual([]);
    expect(below(world.tree(world.roots.images), "group/app")).toEqual(grown(second));
  });
});
