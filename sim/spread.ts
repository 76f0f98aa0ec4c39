/**
 * How the news of a small image spreads through a healthy cluster whose lines lose datagrams: when each server knows of
 * it, and when each has it. Images follow each other in one cluster, each at a path of its own, given to one server.
 */
import { DEFAULT_LIMITS } from "../kernel/config.ts";
import { below, keyed } from "../kernel/prng.ts";
import { addNode, createCluster, startUpload } from "./cluster.ts";
import type { Crypto } from "./crypto.ts";
import type { Cast } from "./spec.ts";
import { MILLISECOND, SECOND } from "./timeline.ts";

export type SpreadOptions = {
  readonly seed: number;
  readonly servers: number;
  /** Datagrams of a hundred that are lost. */
  readonly lossPercent: number;
  readonly images: number;
};

/** In rounds of gossip since the first server accepted it. */
export type Spread = {
  /** Of every server and image. */
  readonly knows: readonly number[];
  readonly has: readonly number[];
  /** Of every image: until the last server. */
  readonly allKnow: readonly number[];
  readonly allHave: readonly number[];
  /** Servers and images that did not come together in time. */
  readonly missing: number;
};

const SETTLED = 10 * SECOND;
const REST = 2 * SECOND; // between two images
const PATIENCE = 120 * SECOND;
const LOOK = 20 * MILLISECOND;
const ROUND = DEFAULT_LIMITS.gossipIntervalMs * MILLISECOND;
const SMALL = 200; // bytes of a file, at most

type Times = Map<string, number>;

export function runSpread(
  { seed, servers, lossPercent, images }: SpreadOptions,
  cast: Cast,
  crypto: Crypto,
): Spread {
  const names = Array.from({ length: servers }, (_, at) => `n${at + 1}`);
  const started = new Map<string, Times>();
  const done = new Map<string, Times>();
  const marks: Readonly<Record<string, Map<string, Times>>> = {
    download_started: started,
    download_done: done,
  };
  const cluster = createCluster(
    { seed, cluster: { nodes: servers, levels: 1, append: false, disk: "ordered" }, lines: [] },
    cast,
    {
      crypto,
      marked(host, mark, fields) {
        const path = String(fields["path"]);
        const times = marks[mark]?.get(path);
        if (times !== undefined && !times.has(host)) times.set(host, world.timeline.now());
      },
    },
  );
  const { world } = cluster;
  world.network.addRule("*", "*", { loss: { hits: lossPercent, outOf: 100 } });
  for (const name of names) addNode(cluster, cast, name, names).start();
  world.runUntil(SETTLED);

  const stream = keyed(seed, "spread");
  const spread = {
    knows: [] as number[],
    has: [] as number[],
    allKnow: [] as number[],
    allHave: [] as number[],
  };
  let missing = 0;
  for (let nth = 1; nth <= images; nth++) {
    const path = `/site/image${nth}`;
    const [knows, has]: [Times, Times] = [new Map(), new Map()];
    started.set(path, knows);
    done.set(path, has);
    // Somewhere in a round, which is where an operator begins.
    world.runUntil(world.timeline.now() + below(stream, ROUND));
    startUpload(cluster, cast, {
      kind: "upload",
      client: `c${nth}`,
      path,
      content: nth,
      files: 1,
      bytes: SMALL,
      mode: "replace",
      skew: 0,
      frozen: false,
      key: "known",
      old: null,
      to: [names[below(stream, servers)] ?? "n1"],
    });
    const end = world.timeline.now() + PATIENCE;
    while (has.size < servers && world.timeline.now() < end) world.runUntil(world.timeline.now() + LOOK);
    missing += servers - has.size;
    add(spread.knows, spread.allKnow, knows, knows);
    add(spread.has, spread.allHave, has, knows);
    world.runUntil(world.timeline.now() + REST);
  }
  return { ...spread, missing };
}

function add(each: number[], all: number[], times: Times, since: Times): void {
  const first = Math.min(...since.values());
  const rounds = Array.from(times.values(), (time) => (time - first) / ROUND);
  each.push(...rounds);
  if (rounds.length > 0) all.push(Math.max(...rounds));
}
