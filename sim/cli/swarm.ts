/** `swarm`: how near an upload comes to the least time in which every server can have it. */
import { kernelCast } from "../cast.ts";
import { createCrypto } from "../crypto.ts";
import { runSwarm } from "../swarm.ts";
import { SECOND } from "../timeline.ts";
import { command, EXIT, type Given, Usage } from "./command.ts";
import { createFastCrypto } from "./fast-crypto.ts";
import { numbersOf, seedOf } from "./options.ts";
import { rowOf } from "./table.ts";

const NODES_MAX = 10_000;
const BYTES_MAX = 1e9;
const UNITS: Readonly<Record<string, number>> = {
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kbit: 1e3,
  mbit: 1e6,
  gbit: 1e9,
};

export const swarmCommand = command({
  usage: `swarm [--nodes 8,150,1000] [--size 10MB,100MB] [--rate 1gbit] [--seed N]
  A client gives an image to three servers of a healthy cluster, and all get it. For each size: the least time in which
  lines of this rate allow it, the time from the signature to the last commit, their ratio, and traffic with all headers.`,
  values: ["--nodes", "--size", "--rate", "--seed"],
  parse: swarmOf,
  run: swarm,
});

type Asked = {
  readonly nodes: readonly number[];
  readonly sizes: readonly number[];
  readonly bitsPerSecond: number;
  readonly seed: number;
};

function swarmOf({ options }: Given): Asked {
  const sizes = (options.get("--size") ?? "10MB,100MB").split(",");
  return {
    nodes: numbersOf("--nodes", options.get("--nodes") ?? "8,150,1000", 3, NODES_MAX),
    sizes: sizes.map((each) => quantity("--size", each, ["kb", "mb", "gb"], BYTES_MAX)),
    bitsPerSecond: quantity("--rate", options.get("--rate") ?? "1gbit", ["kbit", "mbit", "gbit"], 1e12),
    seed: seedOf("--seed", options.get("--seed") ?? "1"),
  };
}

/** `100MB`, `1gbit`: a whole number and one of the units. */
export function quantity(option: string, text: string, units: readonly string[], most: number): number {
  const [, digits = "", unit = ""] = /^(\d{1,9})([a-z]+)$/.exec(text.toLowerCase()) ?? [];
  const value = units.includes(unit) ? Number(digits) * (UNITS[unit] ?? 0) : 0;
  if (value < 1 || value > most)
    throw new Usage(`${option} ${text} is not from 1 to ${most} in one of the units ${units.join(", ")}`);
  return value;
}

const WIDTHS = [7, 8, 9, 9, 10, 10, 14, 13, 13, 15, 9, 8];
const MB = 1e6;

async function swarm({ nodes, sizes, bitsPerSecond, seed }: Asked): Promise<number> {
  const crypto = createCrypto(await createFastCrypto());
  const say = (cells: readonly string[]): void => void process.stdout.write(`${rowOf(cells, WIDTHS)}\n`);
  say([
    "servers",
    "size MB",
    "blocks",
    "least s",
    "took s",
    "efficiency",
    "total / least",
    "client/image",
    "most up MB",
    "most down MB",
    "events",
    "CPU s",
  ]);
  let all = true;
  for (const servers of nodes) {
    for (const bytes of sizes) {
      const before = process.cpuUsage();
      const found = runSwarm({ seed, servers, bytes, bitsPerSecond }, kernelCast, crypto);
      const { user } = process.cpuUsage(before);
      const { blocks, done, seconds, leastSeconds, traffic } = found;
      all &&= seconds !== null;
      say([
        String(servers),
        (bytes / MB).toFixed(0),
        String(blocks),
        leastSeconds.toFixed(3),
        seconds === null ? `${done} done` : seconds.toFixed(3),
        seconds === null ? "-" : (leastSeconds / seconds).toFixed(3),
        (traffic.total / (bytes * servers)).toFixed(3),
        (traffic.clients / bytes).toFixed(3),
        (traffic.upMost / MB).toFixed(1),
        (traffic.downMost / MB).toFixed(1),
        String(found.events),
        (user / SECOND).toFixed(1),
      ]);
    }
  }
  return all ? EXIT.ok : EXIT.failed;
}
