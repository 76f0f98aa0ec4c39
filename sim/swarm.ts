/**
 * One upload to a healthy cluster with lines of a given speed: how long until every server has it, against the least
 * time in which that is possible.
 */
import { assert } from "../kernel/assert.ts";
import { keyed, next } from "../kernel/prng.ts";
import { byteStringOfText } from "../kernel/text.ts";
import { addNode, createCluster, startUpload } from "./cluster.ts";
import type { Content, ContentEntry } from "./content.ts";
import type { Crypto } from "./crypto.ts";
import { PIECE_BYTES } from "./file-bytes.ts";
import type { Host } from "./computer.ts";
import { leastSeconds } from "./lower-bound.ts";
import type { UploadVerb } from "./script.ts";
import type { Cast } from "./spec.ts";
import { blocksPerSecond, type Traffic, trafficOf } from "./traffic.ts";
import { MILLISECOND, SECOND } from "./timeline.ts";

export type SwarmOptions = {
  readonly seed: number;
  readonly servers: number;
  /** Of the image. */
  readonly bytes: number;
  /** Of every line, up and down, the client's among them. */
  readonly bitsPerSecond: number;
};

export type Swarm = {
  readonly blocks: number;
  /** Servers that have the image. */
  readonly done: number;
  /** Seconds from the client's signature to the last server's commit; null when some have none in time. */
  readonly seconds: number | null;
  readonly leastSeconds: number;
  /** Bytes with all headers, from the signature on. */
  readonly traffic: Traffic;
  readonly events: number;
};

const FILE_BYTES = 32 * PIECE_BYTES;
const UPLOAD_AT = 5 * SECOND; // everybody knows everybody by then
const ENTRY_POINTS = 3;
const SERVER_DELAY = { delayMin: 200, delayMax: 300 }; // microseconds one way: 0.5 ms there and back
const CLIENT_DELAY = { delayMin: 2_000, delayMax: 3_000 };
const PATIENCE = 60; // seconds, and as many times the bound as the next
const BOUNDS_MAX = 20;
const LOOK = 10 * MILLISECOND;

export function runSwarm(options: SwarmOptions, cast: Cast, crypto: Crypto): Swarm {
  const { seed, servers, bytes, bitsPerSecond } = options;
  const names = Array.from({ length: servers }, (_, at) => `n${at + 1}`);
  let signedAt: number | null = null;
  let doneAt = 0;
  const done = new Set<string>();
  const cluster = createCluster(
    { seed, cluster: { nodes: servers, levels: 1, append: false, disk: "ordered" }, lines: [] },
    cast,
    {
      crypto,
      marked(host, mark) {
        if (mark === "signing") signedAt = world.timeline.now();
        if (mark !== "download_done") return;
        done.add(host);
        doneAt = world.timeline.now();
      },
    },
  );
  const { world } = cluster;
  const hostOf = (name: string): Host => {
    const host = world.host(name);
    assert(host !== undefined, "all hosts of a swarm stay");
    return host;
  };
  world.network.addRule("*", "*", SERVER_DELAY);
  world.network.addRule("c1", "*", CLIENT_DELAY);
  world.network.addRule("*", "c1", CLIENT_DELAY);
  for (const name of names) addNode(cluster, cast, name, names).start();
  world.runUntil(UPLOAD_AT);

  const verb: UploadVerb = {
    kind: "upload",
    client: "c1",
    path: "/site/image",
    content: 1,
    files: Math.ceil(bytes / FILE_BYTES),
    bytes: FILE_BYTES,
    mode: "replace",
    skew: 0,
    frozen: false,
    key: "known",
    old: null,
    to: names.slice(0, ENTRY_POINTS),
  };
  startUpload(cluster, cast, verb, imageOf(bytes));
  for (const { station } of world.hosts()) {
    for (const lane of [station.up, station.down]) {
      lane.bitsPerSecond = bitsPerSecond;
      lane.bytes = 0;
    }
  }
  const rate = blocksPerSecond(bitsPerSecond);
  const blocks = Math.ceil(bytes / PIECE_BYTES);
  const least = leastSeconds({
    blocks,
    client: rate,
    servers: names.map(() => ({ up: rate, down: rate })),
  });
  const end = UPLOAD_AT + Math.ceil((PATIENCE + BOUNDS_MAX * least) * SECOND);
  while (done.size < servers && world.timeline.now() < end) world.runUntil(world.timeline.now() + LOOK);

  return {
    blocks,
    done: done.size,
    seconds: done.size < servers || signedAt === null ? null : (doneAt - signedAt) / SECOND,
    leastSeconds: least,
    traffic: trafficOf(
      names.map((name) => hostOf(name)),
      [hostOf("c1")],
    ),
    events: world.trace.steps(),
  };
}

/** Files of 1 MiB, the last of what is left; no two blocks are the same. */
export function imageOf(bytes: number): Content {
  const content = new Map<string, ContentEntry>();
  for (let from = 0; from < bytes; from += FILE_BYTES) {
    const name = byteStringOfText(`file${String(from / FILE_BYTES).padStart(6, "0")}`);
    const stream = keyed("image", name);
    const words = new Uint32Array(Math.ceil(Math.min(FILE_BYTES, bytes - from) / 4));
    for (let at = 0; at < words.length; at++) words[at] = next(stream);
    const file = new Uint8Array(words.buffer, 0, Math.min(FILE_BYTES, bytes - from));
    content.set(name, { kind: "file", bytes: file, executable: false });
  }
  return content;
}
