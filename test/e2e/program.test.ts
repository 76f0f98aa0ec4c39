/** The server as a program: what it refuses before it begins, what it says, and how it ends. */
import { spawn } from "node:child_process";
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { newKeyPair } from "../../adapters/keys/pair.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readTree } from "../../adapters/demo/tree.ts";
import { build } from "../adapters/built.ts";
import { type Ended, endOf, Rig, SERVER, until } from "./rig.ts";

let rig: Rig;
beforeAll(async () => {
  await build();
  rig = await Rig.create("127.0.26");
});
afterAll(() => rig.close());

/** Runs a server that is expected to end by itself. */
function run(server: number, more: readonly string[] = []): Promise<Ended> {
  const own = `server-${server}`;
  const args = ["-c", rig.path(own, "config"), "--db-dir", rig.path(own, "db")];
  args.push("--host", rig.addressOf(server), "--port", String(rig.port));
  args.push("--override-machine-id", "f".repeat(32), "--override-hostname", "n");
  return endOf(spawn(process.execPath, [SERVER, ...args, ...more], { stdio: ["ignore", "pipe", "pipe"] }));
}

const dirOf = (server: number) => rig.path(`server-${server}`);

describe("before anything is touched", () => {
  const WRONG: readonly {
    readonly name: string;
    readonly file: string;
    readonly text: string;
    readonly says: string;
  }[] = [
    {
      name: "YAML with a wrong boolean",
      file: "configs/site.yaml",
      text: "directory: /srv\nappend-only: yes\nnum-levels: 1\n",
      says: "configs/site.yaml:2:14: ",
    },
    {
      name: "YAML with an option that there is not",
      file: "configs/site.yaml",
      text: "directory: /srv\nappend-only: true\nnum-levels: 1\nnum-level: 2\n",
      says: "configs/site.yaml:4:1: ",
    },
    { name: "a key that is none", file: "master.key", text: "\nssh-ed25519 AAAA x\n", says: "master.key:2:" },
  ];
  test.each(WRONG)("$name ends the start with 78 and a place", async ({ file, text, says }) => {
    rmSync(dirOf(9), { recursive: true, force: true });
    rig.configure(9, [9]);
    writeFileSync(rig.path("server-9/config", file), text);
    const before = readTree(dirOf(9)).digest;
    const { status, stdout, stderr } = await run(9);
    expect(status).toBe(78);
    expect(stdout).toBe("");
    expect(stderr).toContain(rig.path("server-9/config", says));
    // FILE:LINE:COL: WHAT: HOW TO MEND IT
    expect(stderr.trim().split("\n").at(-1)).toMatch(/^\/[^:]+:[0-9]+:[0-9]+: [^:]+.*: .+$/);
    expect(readTree(dirOf(9)).digest).toBe(before);
  });

  test("a wrong option ends it with 64, a folder that is not there with 78", async () => {
    rig.configure(9, [9]);
    expect(await run(9, ["--colour"])).toMatchObject({
      status: 64,
      stdout: "",
      stderr: expect.stringMatching(/^ciruela-server: .*'--colour'\n.*--help\n$/),
    });
    expect(await run(9, ["--port", "0"])).toMatchObject({ status: 64 });
    expect(await run(9, ["--db-dir", rig.path("nowhere")])).toMatchObject({
      status: 78,
      stderr: expect.stringContaining(`${rig.path("nowhere")}:1:1: no such folder: `),
    });
  });

  test("--check-config judges and touches nothing", async () => {
    rig.configure(9, [9]);
    writeFileSync(rig.path("server-9/config/master.key"), `${rig.publicKey}\n`);
    const before = readTree(dirOf(9)).digest;
    expect(await run(9, ["--check-config"])).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/: sound \(directories: 1, master keys: 1, peers: 1\)\n$/),
    });
    expect(readTree(dirOf(9)).digest).toBe(before);
    expect(readdirSync(rig.path("server-9/db"))).toEqual([]);
  });

  test("--check-config says which directory is not there, and where it is named", async () => {
    rig.configure(9, [9]);
    rmSync(rig.rootOf(9), { recursive: true });
    expect(await run(9, ["--check-config"])).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/\/site\.yaml:1:1: directory ".*": no such folder: make it/),
    });
    writeFileSync(rig.rootOf(9), "");
    expect(await run(9, ["--check-config"])).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/\/site\.yaml:1:1: directory ".*": not a folder: name a folder/),
    });
    rmSync(rig.rootOf(9));
  });
});

test("the clock of --override-clock is the one that uploads are judged by, also after a step", async () => {
  rig.configure(5, [5]);
  const file = rig.path("offset");
  writeFileSync(file, "yesterday");
  expect(await run(5, ["--override-clock", file])).toMatchObject({
    status: 78,
    stderr: expect.stringContaining(`${file}:1:1: no number of milliseconds: `),
  });
  writeFileSync(file, String(-86_400_000));
  await rig.start(5, "--override-clock", file);
  const source = rig.path("clocked");
  mkdirSync(source);
  const upload = () => rig.sync("--replace", `${source}:/site/clocked`, rig.addressOf(5));
  const early = await upload();
  expect(early).toMatchObject({ status: 3, stderr: expect.stringContaining("timestamp_in_future") });
  writeFileSync(file, "0\n");
  await until("the clock has stepped", async () => (await upload()).status === 0);
  await rig.stop(5);
});

test("a port and a database that are in use: a status each, and the first server stays", async () => {
  rig.configure(1, [1]);
  await rig.start(1);
  rig.configure(2, [2]);
  const samePort = await run(2, ["--host", rig.addressOf(1)]);
  expect(samePort.status).toBe(74);
  expect(samePort.stderr).toContain("EADDRINUSE");
  const sameDb = await run(2, ["--db-dir", rig.path("server-1/db")]);
  expect(sameDb.status).toBe(75);
  expect(sameDb.stderr).toContain('"code":"locked"');
  expect(await rig.page(1)).toMatchObject({ state: "running" });
  expect(await rig.stop(1, "SIGINT")).toBe(0);
});

test("the log is objects with names that stay; the status page counts what moved, also after a kill", async () => {
  rig.configure(3, [3, 4]);
  rig.configure(4, [3, 4]);
  await Promise.all([rig.start(3), rig.start(4)]);
  const source = rig.path("source");
  mkdirSync(source);
  // Blocks that differ: equal ones would be fetched once and linked.
  writeFileSync(`${source}/a`, Buffer.from(Array.from({ length: 100_000 }, (_, at) => (at * at) >> 9)));
  const sent = await rig.sync("--replace", `${source}:/site/current`, rig.addressOf(3));
  expect(sent.status).toBe(0);
  await until("both have it", async () => (await rig.bytesOf(4, "fetched")) === 100_000);
  const lines = rig
    .logOf(3)
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines.map((line) => line["event"])).toEqual(
    expect.arrayContaining(["starting", "recovered", "listening", "upload_accepted", "download_started"]),
  );
  const done = lines.find((line) => line["event"] === "download_done");
  expect(done).toMatchObject({ image: expect.stringMatching(/^[0-9a-f]{64}$/), fetched_bytes: 100_000 });
  expect(await rig.page(3)).toMatchObject({
    transfer: { fetched: { bytes: 100_000, blocks: 4 }, linked: { bytes: 0 }, reused: { bytes: 0 } },
    version: expect.stringMatching(/^[0-9]/),
  });
  await until("the counters are on the disk", () => {
    const counted = "\x1a\x00\x01\x86\xa0"; // 100,000 in CBOR
    return readFileSafely(rig.path("server-3/db/transfer")).includes(counted);
  });
  await rig.stop(3, "SIGKILL");
  await rig.start(3);
  expect(await rig.page(3)).toMatchObject({ transfer: { fetched: { bytes: 100_000 } } });
});

test("a key that is added or taken away counts at once, and a file with a mistake changes nothing", async () => {
  const keys = newKeyPair("late");
  writeFileSync(rig.path("late"), keys.private, { mode: 0o600 });
  rig.configure(5, [5]);
  await rig.start(5);
  const source = rig.path("server-5/config");
  let names = 0;
  const upload = () =>
    rig.sync(
      "-i",
      rig.path("late"),
      "--append",
      `${source}:/site/v${(names += 1)}`,
      `${rig.addressOf(5)}:${rig.port}`,
    );
  const master = rig.path("server-5/config/master.key");
  writeFileSync(master, "");
  await until("our key has gone", async () => (await upload()).status === 3);
  appendFileSync(master, `${keys.public}\n`);
  await until("the new key counts", async () => (await upload()).status === 0);
  writeFileSync(master, `${keys.public}\nnonsense\n`);
  await until("the mistake was seen", () => rig.logOf(5).includes("keys_kept"));
  expect((await upload()).status).toBe(0);
}, 60_000);

function readFileSafely(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
