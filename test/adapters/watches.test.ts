import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import type { PeerEntry } from "../../adapters/config/peers-file.ts";
import { createFileWatch } from "../../adapters/daemon/file-watch.ts";
import { createPeerWatch, type PeerWatch } from "../../adapters/daemon/peer-watch.ts";
import { createSpaceWatch } from "../../adapters/daemon/space-watch.ts";
import { createLineSink } from "../../adapters/line-sink.ts";
import type { Space } from "../../kernel/event.ts";
import type { Address } from "../../kernel/ids.ts";
import type { RootName } from "../../kernel/storage/call.ts";
import { until } from "./until.ts";

const folder = mkdtempSync(join(tmpdir(), "ciruela-watch-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let watch: PeerWatch | null = null;
afterEach(() => watch?.close());

const entry = (host: string, port: number | null = null): PeerEntry => ({ text: host, host, port });

test("a name that fails is asked again sooner than a minute, and keeps what it was while it fails", async () => {
  const clock = { mono: 0 };
  const answers = new Map<string, readonly string[]>([["a:1", ["10.0.0.1:1"]]]);
  const asked: string[] = [];
  const told: string[] = [];
  watch = createPeerWatch({
    port: 1,
    mono: () => clock.mono,
    names: {
      resolve(name, done) {
        asked.push(name);
        done((answers.get(name) ?? []) as readonly Address[]);
      },
    },
    resolved: (peers) => told.push(peers.map((peer) => `${peer.name}=${peer.address}`).join(" ")),
    failed: () => {},
  });
  watch.replace([entry("a"), entry("::1", 7), entry("b")]);
  expect(asked).toEqual(["a:1", "[::1]:7", "b:1"]);
  expect(told).toEqual(["a=10.0.0.1:1"]);

  answers.set("b:1", ["10.0.0.1:1", "10.0.0.2:1"]);
  clock.mono = 2_000;
  await until(() => told.length === 2);
  expect(asked.slice(3)).toEqual(["[::1]:7", "b:1"]);
  expect(told[1]).toBe("a=10.0.0.1:1 b=10.0.0.2:1"); // each address once, the first name has it

  answers.delete("a:1");
  clock.mono = 61_000;
  await until(() => asked.filter((name) => name === "a:1").length === 2);
  expect(told).toHaveLength(2);
  watch.replace([entry("b")]);
  expect(told[2]).toBe("b=10.0.0.1:1 b=10.0.0.2:1");
});

test("a file that is replaced by a rename is noticed without waiting for the timer", async () => {
  let looks = 0;
  const files = createFileWatch([folder, join(folder, "absent")], () => {
    looks += 1;
  });
  const from = performance.now();
  writeFileSync(join(folder, "master.key.new"), "x");
  renameSync(join(folder, "master.key.new"), join(folder, "master.key"));
  await until(() => looks === 1);
  expect(performance.now() - from).toBeLessThan(3_000);
  files.close();
});

test("room is told of the database and of each folder that is there", async () => {
  const told: (readonly Space[])[] = [];
  const [db, root] = [folder as RootName, join(folder, "absent") as RootName];
  const space = createSpaceWatch({ db, roots: () => [root, db, db], found: (places) => told.push(places) });
  await until(() => told.length === 1);
  space.close();
  expect(told[0]?.map((each) => each.root)).toEqual([null, db]);
  const { bsize, blocks } = statfsSync(folder);
  expect(told[0]?.[0]).toMatchObject({ totalBytes: bsize * blocks, freeBytes: expect.any(Number) });
});

test("lines come out in order, and a descriptor that cannot be written ends nothing", () => {
  const file = join(folder, "log");
  const fd = openSync(file, "w");
  const sink = createLineSink(fd);
  sink.write("one\n");
  sink.write("twö\n");
  expect(readFileSync(file, "utf8")).toBe("one\ntwö\n");
  closeSync(fd);
  const full = openSync("/dev/full", "w");
  const blocked = createLineSink(full);
  blocked.write("lost\n");
  blocked.write("lost\n");
  expect(blocked.droppedCount()).toBe(0);
  closeSync(full);
});
