import { expect, test } from "vitest";
import { createNode, step, wakeAt, type NodeState } from "../../kernel/node.ts";
import * as uploader from "../../kernel/uploader.ts";
import { type Config, DEFAULT_LIMITS, type PublicKey } from "../../kernel/config.ts";
import type { Event } from "../../kernel/event.ts";
import type { Effect } from "../../kernel/effect.ts";
import type { Address, Digest, MachineId, Now, VPath } from "../../kernel/ids.ts";
import { signWithSeed } from "../../kernel/signature/verify.ts";
import type { FileName, RootName, StorageProgram } from "../../kernel/storage/call.ts";
import * as calls from "../../kernel/storage/calls.ts";
import { programOf } from "../../kernel/storage/program.ts";
import { runProgram } from "../../kernel/storage/run.ts";
import { statusPage } from "../../kernel/status.ts";
import { toHex } from "../../kernel/text.ts";
import type { Report } from "../../kernel/report.ts";
import { createWorld, type World } from "../../sim/world.ts";
import { getPublicKey } from "@noble/ed25519";
import type { Host, Process } from "../../sim/host.ts";

const SEED = new Uint8Array(32).fill(7);
const KEY = toHex(getPublicKey(SEED)) as PublicKey;
const PORT = 24783;

function addressOf(name: string): Address {
  return `10.0.0.${name.slice(1)}:${PORT}` as Address;
}

function configOf(name: string): Config {
  return {
    machine: name.slice(1).padStart(32, "0") as MachineId,
    hostname: name,
    port: PORT,
    directories: [
      {
        key: "site",
        root: `/srv/${name}` as RootName,
        appendOnly: false,
        numLevels: 1,
        uploadKeys: [],
        autoClean: false,
        keepListFile: null,
        keepMin: 2,
        keepMax: 100,
        keepRecentMs: 172_800_000,
        configHash: "00".repeat(32) as Digest,
      },
    ],
    acceptUnlisted: false,
    limits: DEFAULT_LIMITS,
  };
}

function nodeProcess(
  name: string,
  peers: readonly string[],
  seed: string,
  now: Now,
  keep: (node: NodeState) => void,
): Process {
  const node = createNode(configOf(name), seed, now);
  keep(node);
  return {
    machine: { step: (event, at) => step(node, event, at), wakeAt: () => wakeAt(node) },
    programOf: (request) =>
      programOf(request, { db: `/db/${name}` as RootName, roots: [`/srv/${name}` as RootName] }),
    events: [
      { kind: "keys_changed", keys: { master: [KEY], named: new Map() } },
      { kind: "peers_resolved", peers: peers.map((peer) => ({ address: addressOf(peer), name: peer })) },
    ],
    page: (path) => Buffer.from(JSON.stringify(statusPage(node, path))),
  };
}

function addNode(
  world: World,
  name: string,
  peers: readonly string[],
): { host: Host; node: () => NodeState } {
  let current: NodeState | null = null;
  const host = world.addHost({
    name,
    address: addressOf(name),
    listens: true,
    disk: "weak",
    boot: ({ seed, now }) =>
      nodeProcess(name, peers, seed, now, (node) => {
        current = node;
      }),
  });
  host.disk.makeRoot(`/db/${name}` as RootName);
  host.disk.makeRoot(`/srv/${name}` as RootName);
  return {
    host,
    node: () => {
      if (current === null) throw new Error("not started");
      return current;
    },
  };
}

function addClient(
  world: World,
  name: string,
  entry: readonly string[],
  files: Record<string, Uint8Array>,
  reports: Report[],
): Host {
  const host = world.addHost({
    name,
    address: addressOf(name),
    listens: false,
    disk: "weak",
    boot: ({ seed, now }) => {
      const state = uploader.createUploader(
        {
          ...uploader.UPLOADER_DEFAULTS,
          uploads: [
            { source: "/src" as RootName, path: "/site/current" as VPath, mode: "replace", oldImage: null },
          ],
          clusters: [{ name: "cluster", entryPoints: entry }],
        },
        seed,
        now,
      );
      const run = (event: Event, at: Now): readonly Effect[] =>
        uploader.step(state, event, at).flatMap((effect): readonly Effect[] => {
          if (effect.kind === "report") {
            reports.push(effect.report);
            return [];
          }
          if (effect.kind !== "sign") return [effect];
          const signatures = effect.payloads.map((payload) => [signWithSeed(SEED, payload)]);
          return run({ kind: "signed", op: effect.op, timestamp: effect.timestamp, signatures }, at);
        });
      return {
        machine: { step: run, wakeAt: () => uploader.wakeAt(state) },
        programOf: (request) => programOf(request, { db: "/none" as RootName, roots: [] }),
        events: [],
      };
    },
  });
  host.disk.makeRoot("/src" as RootName);
  runProgram(
    host.disk,
    (function* (): StorageProgram<void> {
      const dir = yield* calls.root("/src" as RootName);
      for (const [name_, bytes] of Object.entries(files)) {
        yield* calls.using(calls.createFile(dir, name_ as FileName), (file) => calls.write(file, 0, bytes));
      }
    })(),
  );
  return host;
}

const SECOND = 1_000_000;

test("a directory reaches three servers and a fourth that joins late, which nobody lists", () => {
  const marks: string[] = [];
  const world = createWorld({
    seed: "one",
    observer: {
      traced: (host, mark, fields) => marks.push(`${host.name} ${mark} ${JSON.stringify(fields)}`),
    },
  });
  const names = ["n1", "n2", "n3"];
  const nodes = names.map((name) => addNode(world, name, names));
  for (const { host } of nodes) host.start();
  const reports: Report[] = [];
  const client = addClient(
    world,
    "n9",
    ["n1"],
    { "data.json": new Uint8Array(100_000).fill(3), "x y": new Uint8Array(3) },
    reports,
  );
  world.runUntil(3 * SECOND);
  client.start();
  world.runUntil(13 * SECOND);
  if (process.env["SHOW"])
    console.log(marks.join("\n"), reports.map((each) => JSON.stringify(each)).join("\n"));
  expect(reports.at(-1)).toMatchObject({ type: "finished", ok: true });
  for (const { host } of nodes) {
    const tree = host.disk.tree(`/srv/${host.name}` as RootName);
    expect([...tree.keys()]).toEqual(["current", "current/data.json", "current/x y"]);
  }
  const late = addNode(world, "n4", names);
  late.host.start();
  world.runUntil(30 * SECOND);
  if (process.env["SHOW"]) console.log(marks.join("\n"));
  expect([...late.host.disk.tree("/srv/n4" as RootName).keys()]).toEqual([
    "current",
    "current/data.json",
    "current/x y",
  ]);
});
