#!/usr/bin/env node
/**
 * First contact: a real directory travels over real sockets to three real servers and to a fourth that joins late.
 * Everything is made in one temporary folder and leaves nothing behind.
 */
import {
  appendFileSync,
  closeSync,
  cpSync,
  existsSync,
  fstatSync,
  openSync,
  readFileSync,
  statSync,
} from "node:fs";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type Cluster, createCluster, pause } from "./cluster.ts";
import { readTree } from "./tree.ts";

const CATCH_UP_MS_MAX = 20_000;
const DEFAULT_SOURCE = fileURLToPath(new URL("../../kernel", import.meta.url));
const USAGE = `Usage: npm start [-- [--once] [DIRECTORY]]

Shows a cluster of three servers on 127.0.0.1, .2 and .3 that gets DIRECTORY (by default one of this project), a fourth
server that catches up, and an atomic replace. Ends by itself with --once or without a terminal.
`;

type Row = { readonly what: string; readonly ms: number; readonly note: string };

async function main(args: readonly string[]): Promise<number> {
  const once = args.includes("--once") || !process.stdout.isTTY;
  const [named, ...more] = args.filter((each) => each !== "--once");
  if (named === "--help" || named === "-h") {
    process.stdout.write(USAGE);
    return 0;
  }
  if (more.length > 0 || (named?.startsWith("-") ?? false)) {
    process.stderr.write(`npm start: unexpected argument ${more[0] ?? named}\n${USAGE}`);
    return 64;
  }
  const source = resolve(named ?? DEFAULT_SOURCE);
  if (!existsSync(source) || !statSync(source).isDirectory()) {
    process.stderr.write(`npm start: ${source} is not a directory: name one that exists\n`);
    return 64;
  }
  const cluster = await createCluster(4);
  const interrupted = new Promise<void>((done) => {
    process.once("SIGINT", () => done());
    process.once("SIGTERM", () => done());
  });
  try {
    const shown = await Promise.race([show(cluster, source, once), interrupted.then(() => null)]);
    if (shown === null) return 130;
    if (!shown) return 1;
    if (!once) {
      say("\nThe cluster runs until Ctrl-C.");
      await interrupted;
    }
    return 0;
  } finally {
    await cluster.close();
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** The whole story; false when something was not as it should be. */
async function show(cluster: Cluster, original: string, once: boolean): Promise<boolean> {
  const rows: Row[] = [];
  const timed = async <T>(what: string, note: string, run: () => Promise<T>): Promise<T> => {
    const start = performance.now();
    const value = await run();
    rows.push({ what, ms: performance.now() - start, note });
    return value;
  };
  const source = join(cluster.folder, "source");
  cpSync(original, source, { recursive: true, verbatimSymlinks: true });
  const tree = readTree(source);
  const upload = [
    "sync",
    "-i",
    cluster.keyFile,
    "--replace",
    `${source}:/site/current`,
    cluster.addressOf(1),
  ];

  say(`Three servers start on 127.0.0.1, .2 and .3, port ${cluster.port}.`);
  await timed("three servers start", "", () => Promise.all([1, 2, 3].map((each) => cluster.start(each))));

  say(`\n$ ciruela sync --replace ${basename(original)}:/site/current 127.0.0.1\n`);
  const note = `${tree.files} files, ${tree.bytes} bytes`;
  const status = await timed("upload to three servers", note, () => cluster.client(upload, "inherit"));
  if (status !== 0) return complain(`the upload ended with status ${status}`);
  if (!equalEverywhere(cluster, [1, 2, 3], tree.digest)) return complain("a server has another content");
  say("\nAll three trees have the same content as the source.");

  say("\nThe client is gone. A fourth, empty server starts, which is in nobody's list.");
  const caught = await timed("a fourth server catches up", "from its neighbours", async () => {
    await cluster.start(4);
    return waitFor(() => hasTree(cluster, 4, tree.digest));
  });
  if (!caught) return complain("the fourth server did not catch up");

  say("\nOne file changes; a reader polls while the directory is replaced.");
  appendFileSync(join(source, "CHANGED.txt"), `changed\n`);
  const changed = readTree(source);
  const reader = startReader(join(cluster.siteOf(1), "current"), [tree.digest, changed.digest]);
  const again = await timed("replace after a change", "unchanged files are linked", () =>
    cluster.client(upload, "ignore"),
  );
  if (again !== 0) return complain(`the second upload ended with status ${again}`);
  await timed("the fourth has it as well", "it asks, since nobody tells it", () =>
    waitFor(() => equalEverywhere(cluster, [1, 2, 3, 4], changed.digest)),
  );
  const read = await reader.stop();
  if (!equalEverywhere(cluster, [1, 2, 3, 4], changed.digest))
    return complain("a server has not the changed content");
  if (read.torn > 0) return complain(`a reader saw ${read.torn} times something between the two versions`);
  say(`${read.reads} whole reads meanwhile: each saw the old or the new version, none a mixture.\n`);

  printTable(rows);
  await printServers(cluster);
  printNext(cluster, source, once);
  return true;
}

function complain(what: string): false {
  process.stderr.write(`\nnpm start: ${what}\n`);
  return false;
}

function hasTree(cluster: Cluster, number: number, digest: string): boolean {
  const path = join(cluster.siteOf(number), "current");
  try {
    return existsSync(path) && readTree(path).digest === digest;
  } catch {
    return false; // replaced under our hands: looked at again
  }
}

function equalEverywhere(cluster: Cluster, numbers: readonly number[], digest: string): boolean {
  return numbers.every((number) => hasTree(cluster, number, digest));
}

async function waitFor(holds: () => boolean): Promise<boolean> {
  const deadline = performance.now() + CATCH_UP_MS_MAX;
  while (!holds()) {
    if (performance.now() > deadline) return false;
    await pause(50);
  }
  return true;
}

type Reads = { reads: number; torn: number };

/** Reads the directory over and over, each time through one descriptor, as an application would. */
function startReader(path: string, digests: readonly string[]): { stop(): Promise<Reads> } {
  const counts: Reads = { reads: 0, torn: 0 };
  const stopped = new AbortController();
  const loop = (async () => {
    while (!stopped.signal.aborted) {
      const version = readOnce(path);
      if (version !== null) counts.reads += 1;
      if (version !== null && !digests.includes(version)) counts.torn += 1;
      await pause(1);
    }
  })();
  return {
    async stop() {
      stopped.abort();
      await loop;
      return counts;
    },
  };
}

/** Null when the version that was opened has been deleted meanwhile, which takes seconds. */
function readOnce(path: string): string | null {
  const fd = openSync(path, "r");
  try {
    return readTree(`/proc/self/fd/${fd}/.`).digest;
  } catch (error) {
    if (statSync(path).ino !== fstatSync(fd).ino) return null;
    throw error;
  } finally {
    closeSync(fd);
  }
}

function printTable(rows: readonly Row[]): void {
  const width = Math.max(...rows.map(({ what }) => what.length));
  for (const { what, ms, note } of rows) {
    const seconds = `${(ms / 1000).toFixed(2)} s`;
    say(`${what.padEnd(width)}  ${seconds.padStart(8)}  ${note}`.trimEnd());
  }
}

async function printServers(cluster: Cluster): Promise<void> {
  say("");
  for (const number of [1, 2, 3, 4]) {
    const answer = await fetch(`http://${cluster.addressOf(number)}:${cluster.port}/list-dir/site`);
    const page: unknown = await answer.json();
    const current = typeof page === "object" && page !== null && "current" in page ? page.current : null;
    const image =
      typeof current === "object" && current !== null && "image" in current
        ? String(current.image)
        : "nothing";
    say(`${cluster.addressOf(number)}  /site/current  ${image}`);
  }
}

function printNext(cluster: Cluster, source: string, once: boolean): void {
  const file = join(cluster.siteOf(1), "current", "CHANGED.txt");
  say(`\nAn application reads a plain file: ${file} says "${readFileSync(file, "utf8").trim()}".`);
  if (once) {
    say("\nTo try next: `npm start` at a terminal, which keeps the cluster and shows what to type, or");
    say("  npm start -- DIRECTORY      the same with a directory of yours");
    say("  npx ciruela sync --help     the client;  npx ciruela-server --help  the server");
    say("  npm run sim -- --seed 1     the same code under partitions and power cuts");
    return;
  }
  say("\nTo try next, in another terminal:");
  say(`  echo hello > ${join(source, "hello.txt")}`);
  say(
    `  npx ciruela --port ${cluster.port} sync -i ${cluster.keyFile} --replace ${source}:/site/current 127.0.0.1`,
  );
  say(`  cat ${join(cluster.siteOf(3), "current", "hello.txt")}`);
  say(`  curl http://127.0.0.2:${cluster.port}/status/`);
}

main(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    process.stderr.write(`npm start: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 70;
  },
);
