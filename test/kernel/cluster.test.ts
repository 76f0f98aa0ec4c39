import { expect, test } from "vitest";
import type { Address } from "../../kernel/ids.ts";
import type { Report } from "../../kernel/report.ts";
import type { FileName, RootName, StorageProgram } from "../../kernel/storage/call.ts";
import * as calls from "../../kernel/storage/calls.ts";
import { runProgram } from "../../kernel/storage/run.ts";
import { kernelCast } from "../../sim/cast.ts";
import { type Content, plantTree } from "../../sim/content.ts";
import type { Host, Observer } from "../../sim/computer.ts";
import { SECOND } from "../../sim/timeline.ts";
import { createWorld, type World } from "../../sim/world.ts";

const SECRET = new Uint8Array(32).fill(7);
const DB = "/db" as RootName;
const IMAGES = "/srv" as RootName;
const SOURCE = "/src" as RootName;
const NAMES = ["n1", "n2", "n3"];
const CONTENT: Content = new Map([
  ["data.json", { kind: "file", bytes: new Uint8Array(100_000).fill(3), executable: false }],
  ["x y", { kind: "file", bytes: new Uint8Array(3), executable: false }],
]);
const UPLOADED = ["current", "current/data.json", "current/x y"];

const addressOf = (name: string): Address => `10.0.0.${name.slice(1)}:24783` as Address;

function addNode(world: World, name: string, peers: readonly string[]): Host {
  const host = world.addHost({
    name,
    address: addressOf(name),
    listens: true,
    disk: "weak",
    boot: (start) =>
      kernelCast.node(
        {
          name,
          address: addressOf(name),
          machine: name.slice(1).padStart(32, "0"),
          db: DB,
          directories: [{ key: "site", root: IMAGES }],
          levels: 1,
          append: false,
          clean: null,
          keepList: null,
          peers: peers.map((peer) => ({ name: peer, address: addressOf(peer) })),
          signers: [SECRET],
        },
        start,
      ),
  });
  host.disk.makeRoot(DB);
  host.disk.makeRoot(IMAGES);
  return host;
}

function addClient(world: World, name: string, to: readonly string[], content = CONTENT): Host {
  const host = world.addHost({
    name,
    address: addressOf(name),
    listens: false,
    disk: "weak",
    boot: (start) =>
      kernelCast.client(
        {
          name,
          address: addressOf(name),
          db: DB,
          source: SOURCE,
          id: 1,
          upload: {
            kind: "upload",
            client: name,
            path: "/site/current",
            content: 0,
            files: 0,
            bytes: 0,
            mode: "replace",
            skew: 0,
            frozen: false,
            key: "known",
            old: null,
            to,
          },
          servers: to.map(addressOf),
          secret: SECRET,
          oldImage: null,
        },
        start,
      ),
  });
  host.disk.makeRoot(SOURCE);
  plantTree(host.disk, SOURCE, content);
  return host;
}

const shown = (host: Host): readonly string[] => [...host.disk.tree(IMAGES).keys()];

/** Three servers that have the upload of a client. */
function uploaded(observer: Observer = {}): { world: World; nodes: readonly Host[] } {
  const world = createWorld({ seed: "one", observer });
  const nodes = NAMES.map((name) => addNode(world, name, NAMES));
  for (const host of nodes) host.start();
  const client = addClient(world, "n9", ["n1"]);
  world.runUntil(3 * SECOND);
  client.start();
  world.runUntil(13 * SECOND);
  return { world, nodes };
}

test("a directory reaches three servers and a fourth that joins late, which nobody lists", () => {
  const reports: Report[] = [];
  const { world, nodes } = uploaded({ reported: (_, report) => reports.push(report) });
  expect(reports.at(-1)).toMatchObject({ type: "finished", ok: true });
  for (const host of nodes) expect(shown(host)).toEqual(UPLOADED);
  const late = addNode(world, "n4", NAMES);
  late.start();
  world.runUntil(30 * SECOND);
  expect(shown(late)).toEqual(UPLOADED);
});

test("an image that its disk has lost is fetched again after a start", () => {
  const marks: string[] = [];
  const { world, nodes } = uploaded({ traced: (host, mark) => marks.push(`${host.name} ${mark}`) });
  const [, n2] = nodes;
  n2?.crash("kept");
  runProgram(
    n2!.disk,
    (function* (): StorageProgram<void> {
      yield* calls.removeTree(yield* calls.root(IMAGES), "current" as FileName);
    })(),
  );
  expect(shown(n2!)).toEqual([]);
  n2?.disk.kill();
  n2?.start();
  world.runUntil(20 * SECOND);
  expect(marks).toContain("n2 image_missing");
  expect(shown(n2!)).toEqual(UPLOADED);
});

test("also when the disk refuses the promise at first", () => {
  const { world, nodes } = uploaded();
  const [, n2] = nodes;
  n2?.crash("kept");
  runProgram(
    n2!.disk,
    (function* (): StorageProgram<void> {
      yield* calls.removeTree(yield* calls.root(IMAGES), "current" as FileName);
    })(),
  );
  n2?.disk.kill();
  let refusals = 0;
  n2?.disk.setFaultHook((call) => {
    if (call.call !== "create_file" || !call.name.includes(".new.state") || refusals > 0) return null;
    refusals += 1;
    return "no_space";
  });
  n2?.start();
  world.runUntil(20 * SECOND);
  expect(refusals).toBe(1);
  expect(shown(n2!)).toEqual(UPLOADED);
});

test("a directory that somebody else has put at a path stays, and is not asked about again and again", () => {
  const marks: string[] = [];
  const { world } = uploaded({ traced: (host, mark) => marks.push(`${host.name} ${mark}`) });
  const late = addNode(world, "n4", ["n1", "n2", "n3", "n4"]);
  const bytes = new Uint8Array(5);
  const mine: Content = new Map([
    ["current", { kind: "directory" }],
    ["current/mine", { kind: "file", bytes, executable: false }],
  ]);
  plantTree(late.disk, IMAGES, mine);
  late.start();
  world.runUntil(73 * SECOND);
  const refused = marks.filter((mark) => mark === "n4 upload_refused").length;
  expect(refused).toBe(1);
  expect(shown(late)).toEqual(["current", "current/mine"]);
});

test("BI19 BF10 what one disk cannot hold under its names is refused there, soon and not again and again; the others have it", () => {
  const [marks, reports]: [string[], Report[]] = [[], []];
  const observer: Observer = {
    traced: (host, mark) => marks.push(`${host.name} ${mark}`),
    reported: (_, report) => reports.push(report),
  };
  const world = createWorld({ seed: "one", observer });
  const nodes = NAMES.map((name) => addNode(world, name, NAMES));
  const [n1, n2, n3] = nodes;
  n3?.disk.setNames(IMAGES, { fold: (name) => name.toLowerCase(), bytesMax: 255 });
  for (const host of nodes) host.start();
  const bytes = new Uint8Array(100_000).fill(4);
  const client = addClient(
    world,
    "n9",
    ["n3"],
    new Map([
      ["README", { kind: "file", bytes, executable: false }],
      ["readme", { kind: "file", bytes: bytes.subarray(1), executable: false }],
    ]),
  );
  world.runUntil(3 * SECOND);
  client.start();
  world.runUntil(13 * SECOND);
  const both = ["current", "current/README", "current/readme"];
  expect([n1, n2, n3].map((host) => shown(host!))).toEqual([both, both, []]);
  expect(reports).toContainEqual(expect.objectContaining({ type: "aborted", reason: "index_conflict" }));
  world.runUntil(613 * SECOND);
  const started = (name: string) => marks.filter((mark) => mark === `${name} download_started`).length;
  expect(NAMES.map(started)).toEqual([1, 1, 1]);
  expect(marks.filter((mark) => mark === "n3 download_aborted")).toHaveLength(1);
  expect([n1, n2, n3].map((host) => shown(host!))).toEqual([both, both, []]);
});
