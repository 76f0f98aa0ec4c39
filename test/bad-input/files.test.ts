/** Sections 4.7, 4.8 and 4.10, for what is a tree or a file: sources of uploads, peers, and what stands where images go. */
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { PEER_ENTRIES_MAX, parsePeers } from "../../adapters/config/peers-file.ts";
import { parsePublicKeys } from "../../adapters/keys/public.ts";
import { type PublicKey, directoryConfig } from "../../kernel/config.ts";
import { createPeerList, dueNames, learned, newsOf, setNames } from "../../kernel/peer-list.ts";
import { keysOf } from "../../kernel/publish/publish.ts";
import { stageName } from "../../kernel/storage/names.ts";
import type { Address, ImageId, MonoMs, UnixMs } from "../../kernel/ids.ts";
import { DEPTH_MAX } from "../../kernel/index/limits.ts";
import type { RootName } from "../../kernel/storage/call.ts";
import {
  codeOf,
  done,
  PATH,
  placeAt,
  plant,
  realWorld,
  recoverRequest,
  run,
  seal,
  upload,
  type World,
} from "../storage/world.ts";

let world: World;
beforeEach(async () => {
  world = await realWorld();
});
afterEach(() => {
  world.restart();
  world.end();
});
const source = (path: string) => `${world.roots.source}/${path}`;
const walk = () => done(world, "tree", { kind: "walk", root: world.roots.source });

test("BL2 what is no file, directory or link in a source is named, and left out", () => {
  plant(world, world.roots.source, { file: "1" });
  execFileSync("mkfifo", [source("pipe")]);
  const { tree, skipped } = walk();
  expect([tree.entryCount, skipped]).toEqual([2, ["/pipe"]]);
});

test("BL2 a name with a line end and one that is not UTF-8 are names", () => {
  plant(world, world.roots.source, { "a\nb": "1", "\u00ff": "2" });
  expect(walk()).toMatchObject({ tree: { entryCount: 3 }, skipped: [] });
});

test.each([
  ["grows", () => appendFileSync(source("file"), "x")],
  ["shrinks", () => writeFileSync(source("file"), "")],
  [
    "becomes a link",
    () => {
      rmSync(source("file"));
      symlinkSync("other", source("file"));
    },
  ],
])("BL2 a file that %s between the walk and the reading ends the upload: no mixed tree", (_, change) => {
  plant(world, world.roots.source, { file: "12345", other: "1" });
  const { tree } = walk();
  change();
  const digests = run(world, {
    kind: "digest_files",
    root: world.roots.source,
    tree,
    from: 0,
    to: tree.entryCount,
  });
  expect(["source_changed", "is_a_link"]).toContain(codeOf(digests));
});

test("BL2 a source that is a file or missing", () => {
  writeFileSync(source("file"), "");
  expect(codeOf(run(world, { kind: "walk", root: source("file") as RootName }))).toBe("not_a_directory");
  expect(codeOf(run(world, { kind: "walk", root: source("none") as RootName }))).toBe("missing");
});

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
test("BK6 a key that stands twice in a file, or in two files, counts once", () => {
  const { keys } = parsePublicKeys("k", Buffer.from(`${KEY} one\n${KEY} two\n`));
  expect(keys).toHaveLength(1);
  const [key = "" as PublicKey] = keys;
  const directory = directoryConfig({
    key: "site",
    root: "/srv" as RootName,
    appendOnly: false,
    numLevels: 1,
    uploadKeys: ["a", "b"],
    autoClean: false,
    keepListFile: null,
    keepMin: 2,
    keepMax: 100,
    keepRecentMs: 1,
  });
  const named = new Map([
    ["a", [key]],
    ["b", [key]],
  ]);
  const ending = [{ key, until: 9e12, name: null, uploads: true }];
  const version = { timestamp: 1, image: "00" as ImageId, signatures: [] };
  const arrival = { origin: { kind: "peer", address: "a:1" as Address, listing: "" }, version } as const;
  const now = { mono: 0 as MonoMs, wall: 1 as UnixMs };
  expect(keysOf({ master: [key], named, ending }, directory, arrival, now)).toEqual([key]);
});

test("BP4 an address that two names have is one peer", () => {
  const list = createPeerList();
  setNames(list, [
    { text: "one", name: "one:1" },
    { text: "two", name: "two:1" },
  ]);
  dueNames(list, 0 as MonoMs);
  for (const text of ["one", "two"]) learned(list, text, ["10.0.0.1:1" as Address], 0 as MonoMs);
  expect(newsOf(list)).toEqual([{ address: "10.0.0.1:1", name: "one" }]);
});

test("BP6 of a hundred thousand lines as many count as there may be, and that is said once", () => {
  const text = Array.from({ length: 100_000 }, (_, at) => `node-${at}`).join("\n");
  const { peers, warnings } = parsePeers("peers.txt", text);
  expect([peers.length, warnings.length]).toEqual([PEER_ENTRIES_MAX, 1]);
});

test("BP6 a binary file is lines that count for nothing, with warnings", () => {
  const { peers, warnings } = parsePeers(
    "peers.txt",
    Buffer.from([0, 1, 2, 0xff, 0x0a, 0x80, 0x0a]).toString(),
  );
  expect([peers, warnings.length]).toEqual([[], 2]);
});

const app = () => `${world.roots.images}/group/app`;
const outside = () => `${world.roots.db}-outside`;
/** A directory of somebody else, which no upload may touch. */
function makeOutside(): void {
  mkdirSync(outside());
  writeFileSync(`${outside()}/file`, "theirs");
}
const expectOutsideUntouched = () => {
  expect(readdirSync(outside())).toEqual(["file"]);
  expect(readFileSync(`${outside()}/file`, "utf8")).toBe("theirs");
};

test("BF3 where an image was replaced by a link, a replace takes the link away, and not what it leads to", () => {
  makeOutside();
  plant(world, world.roots.source, { file: "1" });
  upload(world, { place: placeAt(world), sealed: seal(world), stage: "s1", mode: "append" });
  rmSync(app(), { recursive: true });
  symlinkSync(outside(), app());
  plant(world, world.roots.source, { file: "2" });
  upload(world, { place: placeAt(world), sealed: seal(world), stage: "s2", mode: "replace" });
  expect([lstatSync(app()).isDirectory(), readFileSync(`${app()}/file`, "utf8")]).toEqual([true, "2"]);
  expectOutsideUntouched();
});

test.each<readonly [what: string, make: (stage: string) => void]>([
  ["a link", (stage) => symlinkSync(outside(), stage)],
  ["a file", (stage) => writeFileSync(stage, "theirs")],
  [
    "a directory with a link in it",
    (stage) => {
      mkdirSync(stage);
      symlinkSync(`${outside()}/file`, `${stage}/file`);
    },
  ],
])("BF8 %s where the stage is to be: nothing is written through it", (_, make) => {
  makeOutside();
  plant(world, world.roots.source, { file: "1" });
  const sealed = seal(world);
  mkdirSync(`${world.roots.images}/group`);
  make(`${world.roots.images}/group/${stageName("app", "s1")}`);
  try {
    upload(world, { place: placeAt(world), sealed, stage: "s1", mode: "append" });
    expect(readFileSync(`${app()}/file`, "utf8")).toBe("1");
  } catch (error) {
    expect(String(error)).toMatch(/not_a_directory|exists|is_a_link/);
  }
  expectOutsideUntouched();
});

test("BF9 a tree as deep as an image may be, left by a process that has ended, is removed at the next start", () => {
  mkdirSync(`${world.roots.images}/group/.tmp.app.s1${"/d".repeat(DEPTH_MAX)}`, { recursive: true });
  plant(world, world.roots.source, { file: "1" });
  upload(world, { place: placeAt(world), sealed: seal(world), stage: "s2", mode: "append" });
  world.restart();
  const { problems } = done(world, "recovered", recoverRequest(world));
  expect(problems).toEqual([]);
  expect(readdirSync(`${world.roots.images}/group`)).toEqual(["app"]);
});

const BIG = "block ".repeat(20_000); // several blocks

/** A second image with the same files, which may be taken from the first one; whether it shares the file. */
function linkedFrom(change: (file: string) => void, watched: World = world): boolean {
  plant(world, world.roots.source, { big: BIG });
  const first = seal(world);
  upload(world, { place: placeAt(world), sealed: first, stage: "s1", mode: "append" });
  const file = `${app()}/big`;
  change(file);
  plant(world, world.roots.source, { big: BIG, more: "m" });
  const sources = [{ path: PATH, image: first.index.image }];
  upload(watched, { place: placeAt(world), sealed: seal(world), stage: "s2", mode: "replace", sources });
  expect(readFileSync(file, "utf8")).toBe(BIG);
  expect(statSync(file).mode & 0o7777).toBe(0o644);
  return statSync(file).nlink > 1;
}

test("BF5 a file that has changed in nothing is shared", () => {
  expect(linkedFrom(() => {})).toBe(true);
});

test.each<readonly [what: string, change: (file: string) => void]>([
  ["that everybody may write", (file) => chmodSync(file, 0o666)],
  ["that runs as its owner", (file) => chmodSync(file, 0o4644)],
  ["of another size", (file) => truncateSync(file, 1)],
  ["of other bytes", (file) => writeFileSync(file, BIG.replace("block", "stock"))],
  [
    "with holes",
    (file) => {
      truncateSync(file, 0);
      truncateSync(file, BIG.length);
    },
  ],
  [
    "that has become a link",
    (file) => {
      renameSync(file, `${world.roots.source}/away`);
      symlinkSync(`${world.roots.source}/away`, file);
    },
  ],
])("BF5 a file %s is not shared with the next image, which has what it should have", (_, change) => {
  expect(linkedFrom(change)).toBe(false);
});

test("BF6 a file that grows and shrinks while it is read again is not shared", () => {
  let file = "";
  let digests = 0;
  const restless: World = {
    ...world,
    fs: {
      perform(call) {
        const value = world.fs.perform(call);
        if (call.call !== "digest_blocks" || call.length !== BIG.length || ++digests > 2) return value;
        appendFileSync(file, "x");
        truncateSync(file, BIG.length);
        return value;
      },
    },
  };
  expect(linkedFrom((path) => void (file = path), restless)).toBe(false);
  expect(digests).toBeGreaterThan(0);
});

test("BF14 below a folder that hands its group down, modes are those of the index", () => {
  plant(world, world.roots.source, { "in/file": "1", run: { run: "2" } });
  mkdirSync(`${world.roots.images}/group`);
  chmodSync(`${world.roots.images}/group`, 0o2775);
  upload(world, { place: placeAt(world), sealed: seal(world), stage: "s1", mode: "append" });
  const modes = ["", "/in", "/in/file", "/run"].map((path) => statSync(`${app()}${path}`).mode & 0o7777);
  expect(modes.map((mode) => mode.toString(8))).toEqual(["755", "755", "644", "755"]);
});
