import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createFileSystem } from "../../adapters/file-system.ts";
import {
  type FileName,
  type FileSystem,
  parseFileName,
  type RootName,
  type StorageProgram,
} from "../../kernel/storage/call.ts";
import * as calls from "../../kernel/storage/calls.ts";
import { runProgram } from "../../kernel/storage/run.ts";
import { type ByteString, byteStringOfText, toHex } from "../../kernel/text.ts";
import { createSimDisk } from "../../sim/disk.ts";
import { digestBytes } from "../digest.ts";
import { codeOf } from "./code-of.ts";

const name = (text: string): FileName => {
  const parsed = parseFileName(text as ByteString);
  if (parsed === null) throw new Error(text);
  return parsed;
};
const bytes = (text: string) => Uint8Array.from(Buffer.from(text));
const text = (value: Uint8Array) => Buffer.from(value).toString();

const folder = mkdtempSync(join(tmpdir(), "ciruela-contract-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function* file(dir: Parameters<typeof calls.list>[0], own: string, content: string): StorageProgram<void> {
  yield* calls.using(calls.createFile(dir, name(own)), (handle) => calls.write(handle, 0, bytes(content)));
}

const worlds = [
  { world: "real descriptors", make: () => createFileSystem() },
  {
    world: "the simulator's disk",
    make: async () => {
      const disk = createSimDisk("weak");
      disk.makeRoot(folder as RootName);
      return disk;
    },
  },
];

describe.each(worlds)("$world", ({ make }) => {
  let fs: FileSystem;
  let next = 0;
  beforeAll(async () => {
    fs = await make();
  });

  /** Runs a program in a new empty directory. */
  function inside<T>(use: (dir: Parameters<typeof calls.list>[0]) => StorageProgram<T>): T {
    next += 1;
    const own = name(`case-${next}`);
    return runProgram(
      fs,
      (function* () {
        const top = yield* calls.root(folder as RootName);
        yield* calls.makeDirectory(top, own);
        return yield* calls.using(calls.openDirectory(top, own), use);
      })(),
    );
  }

  test("what is written at offsets is read back; holes are zeros; a read ends with the file", () => {
    inside(function* (dir) {
      yield* calls.using(calls.createFile(dir, name("f")), function* (handle) {
        yield* calls.write(handle, 4, bytes("efgh"));
        yield* calls.write(handle, 0, bytes("ab"));
        expect(text(yield* calls.read(handle, 0, 100))).toBe("ab\0\0efgh");
        expect(text(yield* calls.read(handle, 6, 1))).toBe("g");
        expect(yield* calls.read(handle, 8, 4)).toHaveLength(0);
        yield* calls.truncate(handle, 3);
        expect(text(yield* calls.read(handle, 0, 9))).toBe("ab\0");
        yield* calls.setMode(handle, 0o755);
        yield* calls.setTimes(handle, 1);
        expect(yield* calls.stat(handle)).toMatchObject({
          kind: "file",
          size: 3,
          mode: 0o755,
          links: 1,
          own: true,
        });
      });
    });
  });

  test("names are listed in byte order, whatever their bytes, and without . and ..", () => {
    const names = ["b", "a", "a b", "\n", "\\", "\xff\xfe", "\xc3\xa4", "a".repeat(255), ".hidden"];
    inside(function* (dir) {
      for (const each of names) yield* file(dir, each, each);
      expect(yield* calls.list(dir)).toEqual(names.toSorted((a, b) => (a < b ? -1 : 1)));
      for (const each of names)
        expect(yield* calls.readWhole(dir, name(each), 300)).toHaveLength(Buffer.from(each).length);
    });
  });

  test("each call says what is wrong by its code", () => {
    inside(function* (dir) {
      yield* file(dir, "f", "x");
      yield* calls.makeDirectory(dir, name("d"));
      yield* calls.makeLink(dir, name("l"), "d" as ByteString);
      yield* calls.makeLink(dir, name("lf"), "f" as ByteString);
      yield* calls.using(calls.openDirectory(dir, name("d")), (inner) => file(inner, "inner", "y"));
      const f = yield* calls.openFile(dir, name("f"));
      const expected: readonly (readonly [string, StorageProgram<unknown>])[] = [
        ["missing", calls.openFile(dir, name("none"))],
        ["missing", calls.openDirectory(dir, name("none"))],
        ["missing", calls.openForWrite(dir, name("none"))],
        ["missing", calls.statName(dir, name("none"))],
        ["missing", calls.unlink(dir, name("none"))],
        ["missing", calls.removeDirectory(dir, name("none"))],
        ["missing", calls.rename(dir, name("none"), dir, name("x"), "replace")],
        ["missing", calls.rename(dir, name("f"), dir, name("none"), "exchange")],
        ["exists", calls.createFile(dir, name("f"))],
        ["exists", calls.createFile(dir, name("l"))],
        ["exists", calls.makeDirectory(dir, name("f"))],
        ["exists", calls.makeLink(dir, name("f"), "x" as ByteString)],
        ["exists", calls.link(f, dir, name("l"))],
        ["exists", calls.rename(dir, name("f"), dir, name("l"), "keep")],
        ["exists", calls.removeDirectory(dir, name("d"))],
        ["not_a_directory", calls.openDirectory(dir, name("f"))],
        ["not_a_directory", calls.openDirectory(dir, name("l"))],
        ["not_a_directory", calls.removeDirectory(dir, name("f"))],
        ["is_a_link", calls.openFile(dir, name("lf"))],
        ["is_a_link", calls.openForWrite(dir, name("lf"))],
        ["is_a_directory", calls.openForWrite(dir, name("d"))],
        ["is_a_directory", calls.unlink(dir, name("d"))],
        ["is_a_directory", calls.rename(dir, name("f"), dir, name("d"), "replace")],
        ["not_a_directory", calls.rename(dir, name("d"), dir, name("f"), "replace")],
        ["unsupported", calls.readLink(dir, name("f"))],
      ];
      for (const [at, [code, program]] of expected.entries()) {
        expect(`${at} ${yield* codeOf(program)}`).toBe(`${at} ${code}`);
      }
      yield* calls.close(f);
      expect(yield* calls.list(dir)).toEqual(["d", "f", "l", "lf"]);
    });
  });

  test("renames replace, keep and exchange", () => {
    inside(function* (dir) {
      yield* file(dir, "a", "A");
      yield* file(dir, "b", "B");
      yield* calls.makeDirectory(dir, name("d"));
      yield* calls.rename(dir, name("a"), dir, name("d"), "exchange");
      expect(text(yield* calls.readWhole(dir, name("d"), 9))).toBe("A");
      expect((yield* calls.statName(dir, name("a"))).kind).toBe("directory");
      yield* calls.rename(dir, name("d"), dir, name("b"), "replace");
      expect(text(yield* calls.readWhole(dir, name("b"), 9))).toBe("A");
      yield* calls.rename(dir, name("b"), dir, name("c"), "keep");
      yield* calls.using(calls.openDirectory(dir, name("a")), (inner) =>
        calls.rename(dir, name("c"), inner, name("moved"), "keep"),
      );
      expect(yield* calls.list(dir)).toEqual(["a"]);
    });
  });

  test("a hard link is the same file, found through the open handle", () => {
    inside(function* (dir) {
      yield* file(dir, "a", "A");
      yield* calls.using(calls.openFile(dir, name("a")), (handle) => calls.link(handle, dir, name("b")));
      const [a, b] = [yield* calls.statName(dir, name("a")), yield* calls.statName(dir, name("b"))];
      expect(a.identity).toBe(b.identity);
      expect([a.links, b.links]).toEqual([2, 2]);
      yield* calls.unlink(dir, name("a"));
      expect((yield* calls.statName(dir, name("b"))).links).toBe(1);
    });
  });

  test("links are made and read as bytes, and stat of their name does not follow", () => {
    inside(function* (dir) {
      const target = byteStringOfText("../ä/\\ x");
      yield* calls.makeLink(dir, name("l"), target);
      expect(yield* calls.readLink(dir, name("l"))).toBe(target);
      expect((yield* calls.statName(dir, name("l"))).kind).toBe("link");
    });
  });

  test("a held directory stays the same directory when it is moved, or replaced by a link", () => {
    inside(function* (dir) {
      yield* calls.makeDirectory(dir, name("d"));
      yield* calls.makeDirectory(dir, name("elsewhere"));
      yield* calls.using(calls.openDirectory(dir, name("d")), function* (held) {
        yield* calls.rename(dir, name("d"), dir, name("moved"), "keep");
        yield* calls.makeLink(dir, name("d"), "elsewhere" as ByteString);
        yield* file(held, "f", "x");
      });
      yield* calls.using(calls.openDirectory(dir, name("moved")), function* (moved) {
        expect(yield* calls.list(moved)).toEqual(["f"]);
      });
      yield* calls.using(calls.openDirectory(dir, name("elsewhere")), function* (other) {
        expect(yield* calls.list(other)).toEqual([]);
      });
    });
  });

  test("an unlinked file lives while it is open", () => {
    inside(function* (dir) {
      yield* file(dir, "f", "still here");
      yield* calls.using(calls.openFile(dir, name("f")), function* (handle) {
        yield* calls.unlink(dir, name("f"));
        expect(text(yield* calls.read(handle, 0, 100))).toBe("still here");
      });
    });
  });

  test("a lock is for one, and goes with its handles", () => {
    inside(function* (dir) {
      yield* file(dir, "lock", "");
      const [one, two] = [
        yield* calls.openForWrite(dir, name("lock")),
        yield* calls.openForWrite(dir, name("lock")),
      ];
      yield* calls.lock(one);
      expect(yield* codeOf(calls.lock(two))).toBe("busy");
      yield* calls.close(one);
      yield* calls.close(two);
    });
  });

  test("digests are those of an outside implementation", () => {
    const content = Uint8Array.from({ length: 100_000 }, (_, at) => (at * 31) & 255);
    inside(function* (dir) {
      yield* calls.using(calls.createFile(dir, name("f")), function* (handle) {
        yield* calls.write(handle, 0, content);
        const want = [0, 1, 2, 3].map((at) =>
          digestBytes("blake2b/256", content.slice(at * 32_768, (at + 1) * 32_768)),
        );
        expect(toHex(yield* calls.digestBlocks(handle, 0, content.length, 32_768))).toBe(
          want.map(toHex).join(""),
        );
        const last = yield* calls.digestBlocks(handle, 98_304, 1_696, 32_768);
        expect(toHex(last)).toBe(toHex(want[3] ?? new Uint8Array()));
        expect(yield* codeOf(calls.digestBlocks(handle, 0, content.length + 1, 32_768))).toBe("io");
        expect(yield* calls.digestBlocks(handle, 0, 0, 32_768)).toHaveLength(0);
      });
      for (const algorithm of ["blake2b/256", "sha512/256"] as const) {
        expect(toHex(yield* calls.digest(algorithm, content))).toBe(toHex(digestBytes(algorithm, content)));
      }
    });
  });

  test("a tree is removed whole, without following a link, and a missing one is fine", () => {
    inside(function* (dir) {
      yield* calls.makeDirectory(dir, name("outside"));
      yield* calls.using(calls.openDirectory(dir, name("outside")), (outside) =>
        file(outside, "precious", "x"),
      );
      yield* calls.makeDirectory(dir, name("t"));
      yield* calls.using(calls.openDirectory(dir, name("t")), function* (tree) {
        yield* calls.makeLink(tree, name("link"), "../outside" as ByteString);
        yield* calls.usingMadePath(tree, ["a", "b", "c"].map(name), (deep) => file(deep, "f", "y"));
        yield* calls.usingMadePath(tree, ["a", "z"].map(name), (deep) => file(deep, "g", "y"));
      });
      yield* calls.removeTree(dir, name("t"));
      yield* calls.removeTree(dir, name("t"));
      expect(yield* calls.list(dir)).toEqual(["outside"]);
      yield* calls.using(calls.openDirectory(dir, name("outside")), function* (outside) {
        expect(yield* calls.list(outside)).toEqual(["precious"]);
      });
    });
  });

  test("a durable replace leaves nothing aside", () => {
    inside(function* (dir) {
      yield* calls.durableReplace(dir, name("s"), bytes("one"), "t1");
      yield* calls.durableReplace(dir, name("s"), bytes("two"), "t2");
      expect(yield* calls.list(dir)).toEqual(["s"]);
      expect(text(yield* calls.readWhole(dir, name("s"), 9))).toBe("two");
      expect(yield* codeOf(calls.readWhole(dir, name("s"), 2))).toBe("io");
    });
  });
});
