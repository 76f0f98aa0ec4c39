/** `gossip`: in how many rounds the news of a small image reaches every server. */
import { kernelCast } from "../cast.ts";
import { createCrypto } from "../crypto.ts";
import { type Histogram, histogramOf } from "../histogram.ts";
import { runSpread } from "../spread.ts";
import { SECOND } from "../timeline.ts";
import { command, EXIT, type Given } from "./command.ts";
import { createFastCrypto } from "./fast-crypto.ts";
import { numbersOf, seedOf, wholeNumber } from "./options.ts";
import { rowOf } from "./table.ts";

const NODES_MAX = 10_000;
const IMAGES_MAX = 1_000;
const BOUNDS = [0.05, 0.1, 0.2, 0.5, 1, 2, 3, 5, 8];

export const gossipCommand = command({
  usage: `gossip [--nodes 3,10,30,100,300,1000] [--loss 0,1,5,20] [--images N] [--seeds N] [--seed N]
  Rounds of gossip, of one second, from the first server that accepts a small image until the others know of it and until
  they have it: quantiles over all servers, and over images until the last server. --loss is of a hundred datagrams;
  connections lose nothing and take longer. Each of the --seeds clusters gets --images one after the other.`,
  values: ["--nodes", "--loss", "--images", "--seeds", "--seed"],
  parse: gossipOf,
  run: gossip,
});

type Asked = {
  readonly nodes: readonly number[];
  readonly losses: readonly number[];
  readonly images: number;
  readonly seeds: number;
  readonly first: number;
};

function gossipOf({ options }: Given): Asked {
  return {
    nodes: numbersOf("--nodes", options.get("--nodes") ?? "3,10,30,100,300,1000", 2, NODES_MAX),
    losses: numbersOf("--loss", options.get("--loss") ?? "0,1,5,20", 0, 99),
    images: wholeNumber("--images", options.get("--images") ?? "10", 1, IMAGES_MAX),
    seeds: wholeNumber("--seeds", options.get("--seeds") ?? "3", 1, IMAGES_MAX),
    first: seedOf("--seed", options.get("--seed") ?? "1"),
  };
}

const QUANTILES = [0.5, 0.9, 0.99];
const WIDTHS = [7, 6, 6, 13, 6, 6, 6, 6, ...BOUNDS.map(() => 6), 6];

async function gossip({ nodes, losses, images, seeds, first }: Asked): Promise<number> {
  const crypto = createCrypto(await createFastCrypto());
  const say = (cells: readonly string[]): void => void process.stdout.write(`${rowOf(cells, WIDTHS)}\n`);
  const bounds = [...BOUNDS.map((bound) => `<=${bound}`), `>${BOUNDS.at(-1)}`];
  say(["servers", "loss %", "values", "rounds until", "p50", "p90", "p99", "max", ...bounds]);
  let complete = true;
  for (const servers of nodes) {
    for (const lossPercent of losses) {
      const before = process.cpuUsage();
      const spreads = Array.from({ length: seeds }, (_, nth) =>
        runSpread({ seed: first + nth, servers, lossPercent, images }, kernelCast, crypto),
      );
      const { user } = process.cpuUsage(before);
      const rows: readonly (readonly [string, readonly number[]])[] = [
        ["one knows", spreads.flatMap(({ knows }) => knows)],
        ["all know", spreads.flatMap(({ allKnow }) => allKnow)],
        ["one has it", spreads.flatMap(({ has }) => has)],
        ["all have it", spreads.flatMap(({ allHave }) => allHave)],
      ];
      for (const [what, values] of rows) {
        say([
          String(servers),
          String(lossPercent),
          String(values.length),
          what,
          ...cellsOf(histogramOf(values)),
        ]);
      }
      const missing = spreads.reduce((sum, each) => sum + each.missing, 0);
      complete &&= missing === 0;
      const note = missing === 0 ? "" : `; ${missing} servers never had it in two minutes`;
      process.stderr.write(
        `${servers} servers, ${lossPercent} %: ${(user / SECOND).toFixed(1)} s CPU${note}\n`,
      );
    }
  }
  return complete ? EXIT.ok : EXIT.failed;
}

function cellsOf(histogram: Histogram): readonly string[] {
  const rounds = [...QUANTILES.map((share) => histogram.quantile(share)), histogram.max];
  return [...rounds.map((value) => value?.toFixed(2) ?? "-"), ...histogram.between(BOUNDS).map(String)];
}
