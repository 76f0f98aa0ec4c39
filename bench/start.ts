/**
 * How long it takes until `ciruela --help` has ended, against a Node that does nothing. The two take turns, so that what
 * else the machine does meets both.
 *
 *   npx tsx bench/start.ts [ROUNDS]
 */
import { spawnSync } from "node:child_process";
import { loadavg } from "node:os";
import { build } from "../test/adapters/built.ts";

const [rounds = 40] = process.argv.slice(2).map(Number);
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  "node -e 0": ["-e", "0"],
  "ciruela --help": ["dist/adapters/cli/main.js", "--help"],
  "ciruela sync --help": ["dist/adapters/cli/main.js", "sync", "--help"],
  "ciruela --version": ["dist/adapters/cli/main.js", "--version"],
  "ciruela-server --help": ["dist/adapters/daemon/main.js", "--help"],
};

await build();
const times = new Map(Object.keys(COMMANDS).map((name) => [name, [] as number[]]));
for (let round = 0; round <= rounds; round++)
  for (const [name, args] of Object.entries(COMMANDS)) {
    const before = performance.now();
    const { status } = spawnSync(process.execPath, args, { stdio: "ignore" });
    if (status !== 0) throw new Error(`${name} ended with ${status}`);
    if (round > 0) times.get(name)?.push(performance.now() - before); // the first one reads from the disk
  }

const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
const medians = new Map<string, number>();
const load = loadavg()[0]?.toFixed(1);
process.stdout.write(`${rounds} rounds, Node ${process.version}, load ${load}, milliseconds\n`);
process.stdout.write(
  "| Command | Least | Median | 9 of 10 | Median above node |\n| --- | --- | --- | --- | --- |\n",
);
for (const [name, all] of times) {
  const sorted = all.toSorted((a, b) => a - b);
  const [least, median, most] = [0, 0.5, 0.9].map((share) => quantile(sorted, share));
  medians.set(name, median ?? Number.NaN);
  const above = (median ?? Number.NaN) - (medians.get("node -e 0") ?? Number.NaN);
  const figures = [least, median, most, above].map((each) => each?.toFixed(0)).join(" | ");
  process.stdout.write(`| \`${name}\` | ${figures} |\n`);
}
