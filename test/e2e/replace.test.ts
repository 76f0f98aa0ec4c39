/** Replacing: what is unchanged keeps its inode, only what changed travels, and readers see one version. */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { randomBytes } from "node:crypto";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, expect, test } from "vitest";
import { upload } from "../../adapters/cli/upload.ts";
import { findPrivateKeys } from "../../adapters/keys/private.ts";
import type { VPath } from "../../kernel/ids.ts";
import type { RootName } from "../../kernel/storage/call.ts";
import type { UploadJob } from "../../kernel/uploader.ts";
import { readTree } from "../../adapters/demo/tree.ts";
import { build } from "../adapters/built.ts";
import { Rig, until } from "./rig.ts";

const SERVERS = [1, 2, 3];
let rig: Rig;
beforeAll(async () => {
  await build();
  rig = await Rig.create("127.0.22");
  await rig.startAll(3);
});
afterAll(() => rig.close());

async function replace(source: string, name: string): Promise<void> {
  const ended = await rig.sync("--replace", `${source}:/site/${name}`, rig.addressOf(1));
  if (ended.status !== 0) throw new Error(ended.stderr);
  const { digest } = readTree(source);
  await until(`all servers have ${name}`, () =>
    SERVERS.every((each) => {
      const path = `${rig.rootOf(each)}/${name}`;
      return existsSync(path) && readTree(path).digest === digest;
    }),
  );
}

test("a replace of one per cent moves that, keeps the other inodes, and takes away what is gone", async () => {
  const source = rig.path("pages");
  mkdirSync(source);
  for (let file = 0; file < 300; file++) writeFileSync(`${source}/f${file}`, randomBytes(10_000));
  writeFileSync(`${source}/gone`, "soon");
  await replace(source, "pages");
  const rootOf = (server: number) => `${rig.rootOf(server)}/pages`;
  const before = SERVERS.map((each) => statSync(rootOf(each), { bigint: true }).ctimeNs);
  const inodes = SERVERS.map((each) => statSync(`${rootOf(each)}/f7`).ino);
  const fetched = await Promise.all(SERVERS.map((each) => rig.bytesOf(each, "fetched")));

  const changed = [10, 110, 210];
  for (const file of changed) writeFileSync(`${source}/f${file}`, randomBytes(10_000));
  rmSync(`${source}/gone`);
  await replace(source, "pages");

  for (const [at, server] of SERVERS.entries()) {
    expect(statSync(`${rootOf(server)}/f7`).ino).toBe(inodes[at]);
    expect(existsSync(`${rootOf(server)}/gone`)).toBe(false);
    expect(statSync(rootOf(server), { bigint: true }).ctimeNs).not.toBe(before[at]);
    const moved = (await rig.bytesOf(server, "fetched")) - (fetched[at] ?? 0);
    expect(moved).toBeGreaterThanOrEqual(30_000);
    expect(moved).toBeLessThanOrEqual(33_000);
  }
});

const READER = `
const { parentPort, workerData } = require("node:worker_threads");
const fs = require("node:fs");
const { dirs, files, stop } = workerData;
const flag = new Int32Array(stop);
let whole = 0, mixed = 0, missing = 0;
for (let turn = 0; Atomics.load(flag, 0) === 0; turn++) {
  const dir = dirs[turn % dirs.length];
  let fd;
  try { fd = fs.openSync(dir, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY); } catch { missing++; continue; }
  const seen = new Set();
  for (let at = 0; at < files; at++) {
    try { seen.add(fs.readFileSync("/proc/self/fd/" + fd + "/f" + at, "latin1")); } catch (error) { seen.add(error.code); }
  }
  fs.closeSync(fd);
  if (seen.size === 1) whole++; else mixed++;
  try { fs.readFileSync(dir + "/f0"); } catch { missing++; }
}
parentPort.postMessage({ whole, mixed, missing });
`;

const OPTIONS = {
  port: 1,
  diskThreads: 1,
  identityFiles: [],
  identityVariables: [],
  earlyMs: 30_000,
  earlyShare: 750,
  earlyHosts: 3,
  deadlineMs: 60_000,
  confirm: null,
  progressMs: null,
  json: false,
};

test("during two hundred replaces a reader by descriptor sees one version, and one by path never misses it", async () => {
  const source = rig.path("versions");
  const write = (version: number) => {
    for (let file = 0; file < 50; file++) writeFileSync(`${source}/f${file}`, `version ${version}`);
  };
  mkdirSync(source);
  write(0);
  await replace(source, "versions");
  const stop = new SharedArrayBuffer(4);
  const dirs = SERVERS.map((server) => `${rig.rootOf(server)}/versions`);
  const worker = new Worker(READER, { eval: true, workerData: { dirs, files: 50, stop } });
  const read = new Promise<{ whole: number; mixed: number; missing: number }>((done, fail) => {
    worker.once("message", done);
    worker.once("error", fail);
  });
  // The client's own code in this process: two hundred starts of Node would take most of the time.
  const { keys } = findPrivateKeys({ files: [rig.keyFile], variables: [] }, {});
  for (let version = 1; version <= 200; version++) {
    write(version);
    const entry = `${rig.addressOf((version % 3) + 1)}:${rig.port}`;
    const job = {
      source: source as RootName,
      path: "/site/versions" as VPath,
      mode: "replace",
      oldImage: null,
    };
    const clusters = [{ name: entry, entryPoints: [entry] }];
    const ended = await upload([job as UploadJob], { ...OPTIONS, clusters }, 1_000, keys, () => {});
    expect(ended, `version ${version}`).toMatchObject({ succeeded: true });
  }
  Atomics.store(new Int32Array(stop), 0, 1);
  const { whole, mixed, missing } = await read;
  expect(whole).toBeGreaterThan(600);
  expect({ mixed, missing }).toEqual({ mixed: 0, missing: 0 });
}, 400_000);

test("whoever has opened the directory before a replace reads on in the version it has opened", async () => {
  const source = rig.path("held");
  mkdirSync(source);
  writeFileSync(`${source}/a`, "old");
  writeFileSync(`${source}/b`, "old");
  await replace(source, "held");
  const fd = openSync(`${rig.rootOf(1)}/held`, "r");
  const at = (name: string) => readFileSync(`/proc/self/fd/${fd}/${name}`, "utf8");
  expect(at("a")).toBe("old");
  writeFileSync(`${source}/a`, "new");
  writeFileSync(`${source}/b`, "new");
  await replace(source, "held");
  expect(at("b")).toBe("old");
  closeSync(fd);
});
