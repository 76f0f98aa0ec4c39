/** The sweep of crash points: that it comes to all of them, to all that a cut may leave, and that it would see a bug. */
import { describe, expect, test } from "vitest";
import type { FileName, Handle } from "../../kernel/storage/call.ts";
import { bytesOf, type ByteString } from "../../kernel/text.ts";
import { type CrashModel, type SimDisk } from "../../sim/disk.ts";
import { everyCut, keyOf } from "../../sim/sweep/cuts.ts";
import { plantEverywhere } from "../../sim/sweep/faults.ts";
import { IMAGES, newDisk, STORIES, type Story } from "../../sim/sweep/stories.ts";
import { sweepStory } from "../../sim/sweep/sweep.ts";

const bytes = (text: string): Uint8Array => bytesOf(text as ByteString);

function storyOf(name: string): Story {
  const found = STORIES.find((story) => story.name === name);
  if (found === undefined) throw new Error(name);
  return found;
}

describe("what a cut may leave", () => {
  const namesLeft = (disk: SimDisk, how: CrashModel): readonly string[] => {
    const seen = [...everyCut(disk, how, "test")].map((image) => {
      const left = newDisk(how);
      left.restore(image);
      return [...left.tree(IMAGES)]
        .map(([path, each]) => (each.kind === "file" ? `${path}=${[...each.bytes].join(".")}` : path))
        .join(" ");
    });
    return [...new Set(seen)].toSorted();
  };
  const create = (disk: SimDisk, ...names: readonly string[]): readonly Handle[] => {
    const dir = disk.perform({ call: "root", root: IMAGES }) as Handle;
    return names.map((name) => disk.perform({ call: "create_file", dir, name: name as FileName }) as Handle);
  };

  test("is every subset of names, or every beginning of them", () => {
    const weak = newDisk("weak");
    create(weak, "a", "b", "c");
    expect(namesLeft(weak, "weak")).toEqual(["", "a=", "a= b=", "a= b= c=", "a= c=", "b=", "b= c=", "c="]);
    expect(weak.unsynced()).toBe(3);
    expect(namesLeft(weak, "ordered")).toEqual(["", "a=", "a= b=", "a= b= c="]);
  });

  test("is of a file nothing, some of its writes, zeros or all; and nothing else where it was synced", () => {
    const disk = newDisk("weak");
    const [handle] = create(disk, "a");
    if (handle === undefined) throw new Error("no file");
    disk.perform({ call: "sync", handle: disk.perform({ call: "root", root: IMAGES }) as Handle });
    disk.perform({ call: "write", handle, offset: 0, bytes: bytes("\u0007") });
    disk.perform({ call: "write", handle, offset: 1, bytes: bytes("\u0008") });
    expect(namesLeft(disk, "weak")).toEqual(["a=", "a=0.0", "a=7", "a=7.8"]);
    disk.perform({ call: "sync", handle });
    expect(namesLeft(disk, "weak")).toEqual(["a=7.8"]);
    expect(disk.unsynced()).toBe(0);
  });

  test("leaves the disk as it is, and is told apart by what is on it", () => {
    const disk = newDisk("weak");
    create(disk, "a", "b");
    const keys = new Set([...everyCut(disk, "weak", "test")].map(keyOf));
    expect(keys.size).toBe(4);
    expect([...disk.tree(IMAGES).keys()]).toEqual(["a", "b"]);
  });
});

describe("every point of", () => {
  test.each(["upload", "removal"])(
    "%s is cut at, and cut again in the start, and nothing is wrong",
    { timeout: 120_000 },
    (name) => {
      for (const how of ["weak", "ordered"] as const) {
        const { points, covered, subsets, states, again, wrong } = sweepStory(storyOf(name), how);
        expect(wrong).toEqual([]);
        expect(covered).toBe(points);
        expect(points).toBeGreaterThan(30);
        expect(subsets).toBeGreaterThan(states);
        expect(again.points).toBeGreaterThan(100);
      }
    },
  );
});

test("a sync left out of a removal, or two of its steps swapped, is found, but for what is harmless", {
  timeout: 120_000,
}, () => {
  const planted = [...plantEverywhere(storyOf("removal"))];
  expect(planted.filter(({ found, harmless }) => found === null && harmless === null)).toEqual([]);
  expect(planted.filter(({ found }) => found !== null).length).toBeGreaterThanOrEqual(8);
});
