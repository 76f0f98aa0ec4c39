import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { getPublicKey } from "@noble/ed25519";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { splitAddress } from "../../adapters/address.ts";
import { openUdp } from "../../adapters/udp.ts";
import { DEFAULT_LIMITS } from "../../kernel/config.ts";
import { toHex } from "../../kernel/text.ts";
import { build } from "./built.ts";
import { until } from "./until.ts";
import { upload } from "./upload.ts";

const SEED = new Uint8Array(32).fill(9);
const folder = mkdtempSync(join(tmpdir(), "ciruela-daemon-"));
beforeAll(build);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Daemon = {
  readonly host: string;
  readonly root: string;
  readonly child: ChildProcess;
  readonly lines: Record<string, unknown>[];
  readonly ended: Promise<number | null>;
};

const running = new Set<Daemon>();
afterEach(async () => {
  for (const daemon of running) daemon.child.kill("SIGKILL");
  await Promise.all([...running].map((daemon) => daemon.ended));
});

/** Server `number` of a cluster has the address 127.0.1.NUMBER and folders of its own. */
function start(number: number, port: number, peers: readonly number[], changes: object = {}): Daemon {
  const host = `127.0.1.${number}`;
  const root = join(folder, `root-${port}-${number}`);
  const db = join(folder, `db-${port}-${number}`);
  for (const each of [root, db]) mkdirSync(each, { recursive: true });
  const settings = {
    host,
    db,
    diskThreads: 8,
    master: [toHex(getPublicKey(SEED))],
    peers: peers.map((each) => `127.0.1.${each}`),
    config: {
      machine: String(number).padStart(32, "0"),
      hostname: `n${number}`,
      port,
      directories: [
        {
          key: "site",
          root,
          appendOnly: false,
          numLevels: 1,
          uploadKeys: [],
          autoClean: false,
          keepListFile: null,
          keepMin: 2,
          keepMax: 100,
          keepRecentMs: 172_800_000,
          configHash: "00".repeat(32),
        },
      ],
      acceptUnlisted: false,
      limits: DEFAULT_LIMITS,
    },
    ...changes,
  };
  const script = fileURLToPath(new URL("./daemon-fixture.mjs", import.meta.url));
  const child = spawn(process.execPath, [script, JSON.stringify(settings)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: Record<string, unknown>[] = [];
  let text = "";
  child.stderr.on("data", (part: Buffer) => {
    const parts = (text + part.toString()).split("\n");
    text = parts.pop() ?? "";
    for (const line of parts) {
      if (process.env["SHOW"] !== undefined) process.stderr.write(`${host} ${line}\n`);
      lines.push(JSON.parse(line) as Record<string, unknown>); // anything else on stderr fails the test
    }
  });
  const daemon: Daemon = {
    host,
    root,
    child,
    lines,
    ended: new Promise((done) =>
      child.on("close", (code) => {
        running.delete(daemon);
        done(code);
      }),
    ),
  };
  running.add(daemon);
  return daemon;
}

async function freePort(): Promise<number> {
  const socket = await openUdp({ host: "127.0.1.1", port: 0, receive: () => {} });
  await socket.close();
  return splitAddress(socket.address).port;
}

const has = (daemon: Daemon, event: string) => daemon.lines.some((line) => line["event"] === event);

/** Names, modes, link targets and content of a tree, as one text. */
function treeOf(root: string): string {
  const { stdout } = spawnSync(
    "sh",
    [
      "-c",
      `cd "$1" && find . -printf '%P %y %l %f ' \\( -type f -printf '%m' -o -true \\) -print | sort; find . -type f -exec sha256sum {} + | sort`,
      "sh",
      root,
    ],
    { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 },
  );
  if (!stdout.includes(" f ")) throw new Error(`no tree at ${root}`);
  return createHash("sha256").update(stdout).digest("hex");
}

test("a directory reaches three daemons and a late fourth that nobody lists, and all stop on SIGTERM", async () => {
  const source = join(folder, "source");
  mkdirSync(join(source, "sub/empty"), { recursive: true });
  for (let each = 0; each < 200; each++) writeFileSync(join(source, `sub/file ${each}`), `content ${each}`);
  writeFileSync(join(source, "large"), Buffer.alloc(5_000_000, "large file "));
  writeFileSync(join(source, "blöck"), Buffer.alloc(65_536, 7));
  writeFileSync(join(source, "none"), "");
  chmodSync(join(source, "sub/file 7"), 0o755);
  symlinkSync("../large", join(source, "sub/link"));

  const port = await freePort();
  const three = [1, 2, 3].map((number) => start(number, port, [1, 2, 3]));
  await until(() => three.every((daemon) => has(daemon, "listening")));
  const reports = await upload(source, "/site/current", "127.0.1.1", port, SEED);
  expect(reports.at(-1)).toMatchObject({ type: "finished", ok: true });
  const wanted = treeOf(source);
  await until(() => three.every((daemon) => has(daemon, "download_done")));
  for (const daemon of three) expect(treeOf(join(daemon.root, "current"))).toBe(wanted);

  const page = await (await fetch(`http://127.0.1.2:${port}/status/`)).json();
  expect(page).toMatchObject({ hostname: "n2", version: "0.0.1", images: 1 });

  const fourth = start(4, port, [1, 2, 3]);
  await until(() => has(fourth, "download_done"));
  expect(treeOf(join(fourth.root, "current"))).toBe(wanted);

  const from = performance.now();
  const all = [...three, fourth];
  for (const daemon of all) daemon.child.kill("SIGTERM");
  expect(await Promise.all(all.map((daemon) => daemon.ended))).toEqual([0, 0, 0, 0]);
  expect(performance.now() - from).toBeLessThan(5_000);
  expect(all.every((daemon) => has(daemon, "stopped"))).toBe(true);
});

test("a database in use and a port in use end the start with codes of their own, and the first server stays", async () => {
  const port = await freePort();
  const first = start(5, port, []);
  await until(() => has(first, "listening"));
  const samePort = start(6, port, [], { host: "127.0.1.5" });
  expect(await samePort.ended).toBe(74);
  expect(samePort.lines.at(-1)).toMatchObject({ event: "start_failed", code: "EADDRINUSE" });
  const sameDb = start(7, port, [], { db: join(folder, `db-${port}-5`) });
  expect(await sameDb.ended).toBe(75);
  expect(sameDb.lines.at(-1)).toMatchObject({ event: "start_failed", code: "locked" });
  expect((await fetch(`http://127.0.1.5:${port}/status/`)).status).toBe(200);
  first.child.kill("SIGINT");
  expect(await first.ended).toBe(0);
});
