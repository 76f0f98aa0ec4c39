/** `speed`: how fast clusters of several sizes are simulated, in this process alone. */
import { kernelCast } from "../cast.ts";
import { createCrypto } from "../crypto.ts";
import { runScript } from "../run.ts";
import { standardMix } from "../standard-mix.ts";
import { SECOND } from "../timeline.ts";
import { command, EXIT, type Given, Usage } from "./command.ts";
import { createFastCrypto } from "./fast-crypto.ts";
import { numbersOf, wholeNumber } from "./options.ts";
import { rowOf } from "./table.ts";

const NODES_MAX = 10_000;
const LENGTH_MAX = 86_400;
const RUNS_MAX = 1_000;
const RUNS_USUAL = 120;
const SERVERS_USUAL = 600; // of all runs of a size together

export const speedCommand = command({
  usage: `speed [--nodes 5,100,1000] [--length SECONDS] [--runs N] [--first SEED]
  Simulated seconds a second of processor time, of one process, everything included: planning, disks, digests,
  signatures, the oracle, garbage collection. Each run is a plan of faults in a cluster of that many servers, its times
  stretched to 600 simulated seconds or to --length; 25 is what a campaign runs. Of several runs of one size the first
  half is not counted, in which the code is compiled. --runs is of each size; without it small clusters have more.`,
  values: ["--nodes", "--length", "--runs", "--first"],
  parse: speedOf,
  run: speed,
});

type Speed = {
  readonly nodes: readonly number[];
  readonly length: number;
  /** Null: as many as the size needs. */
  readonly runs: number | null;
  readonly first: number;
};

function speedOf({ options }: Given): Speed {
  const number = (name: string, usual: string, most: number): number =>
    wholeNumber(name, options.get(name) ?? usual, 1, most);
  return {
    nodes: numbersOf("--nodes", options.get("--nodes") ?? "5,100,1000", 1, NODES_MAX),
    length: number("--length", "600", LENGTH_MAX),
    runs: options.has("--runs") ? number("--runs", "", RUNS_MAX) : null,
    first: number("--first", "1", Number.MAX_SAFE_INTEGER - RUNS_MAX),
  };
}

const WIDTHS = [7, 6, 14, 12, 12, 12, 12];

async function speed({ nodes, length, runs, first }: Speed): Promise<number> {
  const crypto = createCrypto(await createFastCrypto());
  const say = (cells: readonly string[]): void => void process.stdout.write(`${rowOf(cells, WIDTHS)}\n`);
  say(["servers", "runs", "simulated s", "CPU s", "events", "events/s", "x real time"]);
  for (const size of nodes) {
    const count = runs ?? Math.max(1, Math.min(RUNS_USUAL, Math.floor(SERVERS_USUAL / size)));
    const warmUp = Math.floor(count / 2);
    let [time, steps, cpu] = [0, 0, 0];
    for (let nth = 0; nth < count; nth++) {
      const before = process.cpuUsage();
      const outcome = runScript(standardMix(first + nth, size, length), kernelCast, { crypto });
      const { user } = process.cpuUsage(before);
      if (outcome.failure !== null) {
        throw new Usage(`seed ${first + nth} with ${size} servers fails: ${outcome.failure.detail}`);
      }
      if (nth < warmUp) continue;
      time += outcome.time;
      steps += outcome.steps;
      cpu += user;
    }
    say([
      String(size),
      String(count - warmUp),
      (time / SECOND).toFixed(0),
      (cpu / SECOND).toFixed(2),
      String(steps),
      ((steps / cpu) * SECOND).toFixed(0),
      (time / cpu).toFixed(time > 20 * cpu ? 0 : 1),
    ]);
  }
  return EXIT.ok;
}
