/**
 * The power is cut under real servers on a real ext4: the server is killed at each system call that changes its disk,
 * and at that moment the disk loses what was not made to last. What is there afterwards is said by `check.py`, which
 * shares nothing with the server, before and after the server has started again, alone.
 *
 * Checks C1 to C13 of the reliability notes, section 2.8, as far as the stories reach.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ssh2 from "ssh2";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build } from "../../adapters/built.ts";
import { until } from "../../e2e/rig.ts";
import { check, type Disk, expectNeeds, makeImage, mountCopy, mountImage, type Seen } from "./disk.ts";
import { type Kill, Server } from "./server.ts";

const WORKERS = 4; // most of a story is waiting
const SETTLE_MS = 3_000; // a displaced tree stays for two seconds
const CLEANED_MS = 45_000; // two looks are ten seconds apart

type Story = {
  readonly name: "upload" | "replace" | "removal" | "start";
  readonly yaml: string;
  /** Does to the running server what the story is about, until it ends or is done; what its client was told. */
  readonly act: (server: Server, root: string) => Promise<readonly string[]>;
};
type Told = {
  readonly before: Seen;
  readonly after: Seen;
  readonly again: Seen;
  readonly reports: readonly string[];
};

const folder = mkdtempSync(join(tmpdir(), "ciruela-cut-"));
const keys = ssh2.utils.generateKeyPairSync("ed25519", { comment: "test" });
const keyFile = join(folder, "key");
const CLEAN = "auto-clean: true\nkeep-min-directories: 1\nkeep-max-directories: 1\nkeep-recent: 1s\n";
/** Ids of the trees that were uploaded, as `check.py` has them. */
const images = { old: "", young: "", beside: "" };
let port = 0;

const STORIES: readonly Story[] = [
  { name: "upload", yaml: "", act: (server) => push(server, "young", "/site/new") },
  { name: "replace", yaml: "", act: (server) => push(server, "young", "/site/current") },
  {
    name: "removal",
    yaml: CLEAN,
    async act(server, root) {
      const gone = (): boolean => check(root).paths["/site/current"]?.state === null;
      await until(
        "the image is removed",
        async () => {
          await new Promise((done) => setTimeout(done, 200));
          return server.hasEnded() || gone();
        },
        CLEANED_MS,
      );
      return settle(server);
    },
  },
  { name: "start", yaml: "", act: (server) => settle(server) },
];

async function settle(server: Server): Promise<readonly string[]> {
  const end = performance.now() + SETTLE_MS;
  await until("a moment passes", () => server.hasEnded() || performance.now() > end);
  return [];
}

async function push(server: Server, tree: string, path: string): Promise<readonly string[]> {
  const { child, reports } = server.upload(keyFile, join(folder, tree), path);
  await until(
    "the upload ends, or the server does",
    () => server.hasEnded() || child.exitCode !== null,
    60_000,
  );
  if (!server.hasEnded()) await settle(server);
  child.kill("SIGKILL");
  return reports;
}

function plant(tree: string, files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, tree, name);
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, content);
  }
}

/** A disk with two images, one of which is older. */
async function makeBase(): Promise<void> {
  const image = join(folder, "base.img");
  makeImage(image);
  const disk = mountImage(image, join(folder, "base"));
  for (const each of ["db", "site", "canary"]) mkdirSync(join(disk.root, each));
  writeFileSync(join(disk.root, "canary/file"), "not ours");
  const server = serverOn(
    disk,
    "127.0.41.250",
    STORIES[0] as Story,
    { kind: "never" },
    join(folder, "base-config"),
  );
  expect(await server.listens()).toBe(true);
  expect(await push(server, "old", "/site/current")).toContain("received");
  expect(await push(server, "beside", "/site/beside")).toContain("received");
  await server.stop("SIGTERM");
  const { paths } = check(disk.root);
  images.old = paths["/site/current"]?.tree ?? "";
  images.beside = paths["/site/beside"]?.tree ?? "";
  disk.end();
}

/** A disk on which a replace was interrupted between the exchange of the trees and the state. */
async function makeHalf(): Promise<void> {
  const replace = STORIES[1] as Story;
  for (let call = 1; ; call++) {
    const own = join(folder, `half-${call}`);
    const disk = mountCopy(join(folder, "base.img"), own);
    const server = serverOn(disk, "127.0.41.251", replace, { kind: "at", call }, own);
    if (await server.listens()) await replace.act(server, disk.root);
    await server.stop("SIGKILL");
    const { tree, state } = check(disk.root).paths["/site/current"] ?? { tree: "", state: "" };
    disk.end();
    if (tree !== images.old && state === images.old) {
      images.young = tree ?? "";
      writeFileSync(join(folder, "half.img"), readFileSync(join(own, "disk.img")));
      return;
    }
  }
}

function serverOn(
  disk: Disk,
  host: string,
  { yaml }: Story,
  kill: Kill,
  own: string,
  trace?: string,
): Server {
  mkdirSync(own, { recursive: true });
  const { root } = disk;
  return new Server({ folder: own, root, host, port, publicKey: keys.public, yaml }, kill, trace ?? null);
}

/** The story with a cut, and what is there afterwards. */
async function tell(story: Story, host: string, kill: Kill): Promise<Told> {
  const own = mkdtempSync(join(folder, "cut-"));
  const disk = mountCopy(join(folder, story.name === "start" ? "half.img" : "base.img"), own);
  try {
    const server = serverOn(disk, host, story, kill, own);
    const reports = (await server.listens()) ? await story.act(server, disk.root) : [];
    await server.stop("SIGKILL");
    disk.cut();
    const before = check(disk.root);
    const after = await startAlone(disk, host, story, own);
    const again = await startAlone(disk, host, story, own);
    expect(readFileSync(join(disk.root, "canary/file"), "utf8")).toBe("not ours");
    return { before, after, again, reports };
  } finally {
    disk.end();
    rmSync(own, { recursive: true });
  }
}

async function startAlone(disk: Disk, host: string, story: Story, own: string): Promise<Seen> {
  const server = serverOn(disk, host, { ...story, yaml: "" }, { kind: "never" }, own);
  if (!(await server.listens())) throw new Error(`it does not start again: ${server.log()}`);
  await server.stop("SIGTERM");
  return check(disk.root);
}

/** What is wrong, in words; nothing when every promise was kept. */
function violations(story: Story, { before, after, again, reports }: Told): readonly string[] {
  const out: string[] = [...before.wrong, ...after.wrong];
  const path = story.name === "upload" ? "/site/new" : "/site/current";
  const nothing = { state: null, intent: null, floor: null, tree: null };
  const [first, last] = [before.paths[path] ?? nothing, after.paths[path] ?? nothing];
  const known = [null, images.old, images.young];
  for (const [when, seen] of [
    ["before", first],
    ["after", last],
  ] as const) {
    if (!known.includes(seen.tree)) out.push(`${when}: the tree is no image that was uploaded`);
    const { tree, state, intent } = seen;
    if (tree !== null && state !== tree && intent !== tree)
      out.push(`${when}: the tree is not what was promised`);
  }
  const beside = [before, after].map((seen) => seen.paths["/site/beside"]);
  if (beside.some((each) => each?.tree !== images.beside || each.state !== images.beside))
    out.push("another image is not what it was");
  if (reports.includes("accepted") && ![last.state, last.intent].includes(images.young))
    out.push("acceptance lost");
  if (reports.includes("received") && (last.tree !== images.young || last.state !== images.young))
    out.push("receipt lost");
  if (story.name === "replace" || story.name === "start") {
    if (first.tree === null || last.tree === null) out.push("there was an image, and there is none");
  }
  if (story.name === "removal" && last.tree === null && last.floor?.[1] !== images.old)
    out.push("removed, and nobody knows what");
  if (last.tree !== null && last.state !== last.tree) out.push("the state is not of what is there");
  if (last.tree === null && last.state !== null) out.push("a state of nothing");
  if (first.floor !== null && last.floor === null) out.push("a floor is gone");
  if (last.intent === null && after.left.length > 0) out.push(`left over: ${after.left.join(" ")}`);
  if (JSON.stringify(after) !== JSON.stringify(again)) out.push("a second start changes something");
  return out;
}

/** Mutating calls of the busiest thread. */
async function callsOf(story: Story): Promise<number> {
  const own = mkdtempSync(join(folder, "count-"));
  const disk = mountCopy(join(folder, story.name === "start" ? "half.img" : "base.img"), own);
  const trace = join(own, "trace");
  const server = serverOn(disk, "127.0.41.252", story, { kind: "never" }, own, trace);
  if (!(await server.listens())) throw new Error(server.log());
  await story.act(server, disk.root);
  await server.stop("SIGKILL");
  disk.end();
  const threads = new Map<string, number>();
  for (const line of readFileSync(trace, "utf8").split("\n")) {
    const [thread = ""] = line.split(" ");
    if (!line.includes("resumed>") && !line.includes("+++"))
      threads.set(thread, (threads.get(thread) ?? 0) + 1);
  }
  rmSync(own, { recursive: true });
  return Math.max(...threads.values());
}

beforeAll(async () => {
  expectNeeds();
  await build();
  writeFileSync(keyFile, keys.private, { mode: 0o600 });
  const same = "the same in both ".repeat(3_000);
  plant("old", { same, changes: "before", gone: "gone" });
  plant("young", { same, changes: "after", "in/new": "new ".repeat(20_000) });
  plant("beside", { same });
  port = await freePort();
  await makeBase();
  await makeHalf();
}, 300_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let cuts = 0;

test.each(STORIES)("the $name, cut at every call", { timeout: 3_600_000 }, async (story) => {
  const calls = await callsOf(story);
  const todo = Array.from({ length: calls + 1 }, (_, at) => at + 1);
  const failures: string[] = [];
  const work = async (worker: number): Promise<void> => {
    for (let call = todo.shift(); call !== undefined; call = todo.shift()) {
      const told = await tell(story, `127.0.41.${worker + 1}`, { kind: "at", call });
      for (const what of violations(story, told)) {
        failures.push(`call ${call}: ${what}`);
        process.stdout.write(`${story.name}, call ${call}: ${what}: ${JSON.stringify(told)}\n`);
      }
      cuts += 1;
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, (_, worker) => work(worker)));
  process.stdout.write(
    `${story.name}: ${calls + 1} cuts, ${failures.length} violations (${cuts} cuts so far)\n`,
  );
  expect(failures).toEqual([]);
});

test("a disk whose syncs do nothing is found out", { timeout: 300_000 }, async () => {
  for (const story of STORIES.filter(({ name }) => name === "upload" || name === "replace")) {
    const told = await tell(story, "127.0.41.1", { kind: "no_syncs" });
    expect(told.reports).toContain("received");
    expect(violations(story, told)).toContain("receipt lost");
  }
});

function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer();
    server.listen(0, "127.0.41.1", () => {
      const address = server.address();
      server.close(() => done(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
