import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { createFileSystem } from "../../adapters/file-system.ts";
import {
  type FileName,
  type FileSystem,
  type Handle,
  type RootName,
  type StorageProgram,
} from "../../kernel/storage/call.ts";
import * as c from "../../kernel/storage/calls.ts";
import { runProgram } from "../../kernel/storage/run.ts";
import type { ByteString } from "../../kernel/text.ts";
import { createSimDisk } from "../../sim/disk.ts";
import { codeOf } from "./code-of.ts";
const n = (s: string) => s as FileName;
const folder = mkdtempSync(join(tmpdir(), "probe-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const b = (s: string) => Uint8Array.from(Buffer.from(s));
const worlds: [string, () => Promise<FileSystem>][] = [
  ["real", () => createFileSystem()],
  [
    "sim",
    async () => {
      const d = createSimDisk("weak");
      d.makeRoot(folder as RootName);
      return d;
    },
  ],
];
let k = 0;
describe.each(worlds)("%s", (_w, make) => {
  const t = (title: string, want: unknown, use: (dir: Handle) => StorageProgram<unknown>) =>
    test(title, async () => {
      const fs = await make();
      k++;
      const got = runProgram(
        fs,
        (function* () {
          const top = yield* c.root(folder as RootName);
          yield* c.makeDirectory(top, n(`p${k}`));
          return yield* use(yield* c.openDirectory(top, n(`p${k}`)));
        })(),
      );
      expect(got).toEqual(want);
    });
  t(
    "P1 durableReplace keeps a file of another with the same temporary name",
    ["exists", [".tmp.s.t"]],
    function* (d) {
      yield* c.close(yield* c.createFile(d, n(".tmp.s.t")));
      return [yield* codeOf(c.durableReplace(d, n("s"), b("x"), "t")), yield* c.list(d)];
    },
  );
  t("P2 modes under umask 077", [0o755, 0o644], function* (d) {
    const before = process.umask(0o077);
    try {
      yield* c.makeDirectory(d, n("d"));
      yield* c.close(yield* c.createFile(d, n("f")));
    } finally {
      process.umask(before);
    }
    return [(yield* c.statName(d, n("d"))).mode, (yield* c.statName(d, n("f"))).mode];
  });
  t("P3 directory into itself", "unsupported", function* (d) {
    yield* c.makeDirectory(d, n("d"));
    const i = yield* c.openDirectory(d, n("d"));
    return yield* codeOf(c.rename(d, n("d"), i, n("x"), "replace"));
  });
  t("P4 link of an unlinked file", "missing", function* (d) {
    const f = yield* c.createFile(d, n("f"));
    yield* c.unlink(d, n("f"));
    return yield* codeOf(c.link(f, d, n("g")));
  });
  t("P5 lock goes with its handle; same handle again is fine", ["fine", "fine"], function* (d) {
    const f = yield* c.createFile(d, n("f"));
    yield* c.lock(f);
    const again = yield* codeOf(c.lock(f));
    yield* c.close(f);
    return [again, yield* codeOf(c.lock(yield* c.openForWrite(d, n("f"))))];
  });
  t("P6 write and truncate through a reading handle", ["io", "unsupported"], function* (d) {
    yield* c.close(yield* c.createFile(d, n("f")));
    const f = yield* c.openFile(d, n("f"));
    return [yield* codeOf(c.write(f, 0, b("x"))), yield* codeOf(c.truncate(f, 1))];
  });
  t("P7 create in a removed directory", "missing", function* (d) {
    yield* c.makeDirectory(d, n("d"));
    const i = yield* c.openDirectory(d, n("d"));
    yield* c.removeDirectory(d, n("d"));
    return yield* codeOf(c.createFile(i, n("f")));
  });
  t("P8 empty link target", "missing", (d) => codeOf(c.makeLink(d, n("l"), "" as ByteString)));
});
const R = "/r" as RootName;
test("P9 weak: what a sync promised stays when an older unsynced create of that name exists", () => {
  for (let bit = 0; bit < 2; bit++) {
    const d = createSimDisk("weak");
    d.makeRoot(R);
    runProgram(
      d,
      (function* () {
        const r = yield* c.root(R);
        yield* c.makeDirectory(r, n("A"));
        yield* c.makeDirectory(r, n("B"));
        yield* c.sync(r);
        const A = yield* c.openDirectory(r, n("A"));
        const B = yield* c.openDirectory(r, n("B"));
        yield* c.using(c.createFile(A, n("x")), function* (f) {
          yield* c.write(f, 0, b("new"));
          yield* c.sync(f);
        });
        yield* c.sync(A);
        yield* c.close(yield* c.createFile(B, n("x"))); // unsynced
        yield* c.rename(A, n("x"), B, n("x"), "replace");
        yield* c.sync(A);
      })(),
    );
    d.crash(() => bit);
    const e = d.tree(R).get("B/x") ?? d.tree(R).get("A/x");
    expect(e?.kind === "file" && Buffer.from(e.bytes).toString()).toBe("new");
  }
});
test("P10 weak: a directory is in one place after a cut", () => {
  for (const bits of [
    [0, 1],
    [1, 0],
    [0, 0],
    [1, 1],
  ]) {
    const d = createSimDisk("weak");
    d.makeRoot(R);
    runProgram(
      d,
      (function* () {
        const r = yield* c.root(R);
        yield* c.makeDirectory(r, n("a"));
        yield* c.sync(r);
        yield* c.rename(r, n("a"), r, n("b"), "keep");
        yield* c.rename(r, n("b"), r, n("c"), "keep");
      })(),
    );
    let at = 0;
    d.crash(() => bits[at++] ?? 0);
    expect([...d.tree(R).keys()]).toHaveLength(1);
  }
});
test("P11 a made path is durable though a killed process made it before and did not sync it", () => {
  const d = createSimDisk("weak");
  d.makeRoot(R);
  const make = function* (): StorageProgram<void> {
    yield* c.usingMadePath(yield* c.root(R), [n("a")], (a) => c.durableReplace(a, n("s"), b("x"), "t"));
  };
  d.setFaultHook((call) => {
    if (call.call === "sync") throw new Error("killed");
    return null;
  });
  expect(() => runProgram(d, make())).toThrow("killed");
  d.setFaultHook(null);
  d.kill();
  runProgram(d, make()); // acknowledged
  d.crash(() => 1);
  expect(d.tree(R).has("a/s")).toBe(true);
});
test("P12 a failed syncfs drops the pages too", () => {
  const d = createSimDisk("weak");
  d.makeRoot(R);
  runProgram(
    d,
    (function* () {
      const r = yield* c.root(R);
      const f = yield* c.createFile(r, n("f"));
      yield* c.sync(r);
      yield* c.write(f, 0, b("hello"));
      d.setFaultHook((call) => (call.call === "sync_file_system" ? "io" : null));
      yield* codeOf(c.syncFileSystem(r));
      d.setFaultHook(null);
      yield* c.sync(f);
    })(),
  );
  d.crash(() => 0);
  const e = d.tree(R).get("f");
  expect(e?.kind === "file" && e.bytes.length).toBe(0);
});
