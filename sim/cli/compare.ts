/** `compare`: the same seeds under two sets of parameters. */
import { DEFAULT_LIMITS, type Limits } from "../../kernel/config.ts";
import type { Finding } from "../check.ts";
import { comparePairs, type Paired } from "../paired.ts";
import { NODES_MAX } from "../script.ts";
import { SECOND } from "../timeline.ts";
import { command, EXIT, Usage } from "./command.ts";
import { huntersOf, seedsOf, type Seeds, wholeNumber } from "./options.ts";
import { rowOf } from "./table.ts";
import { findingsOf } from "./work.ts";

const LIMIT_MAX = 2 ** 40;

export const compareCommand = command({
  usage: `compare [--a NAME=VALUE,...] --b NAME=VALUE,... [--seeds A..B] [--jobs N]
  The same seeds under two sets of parameters, so that chance is the same for both: seconds until all agree after the
  last fault, datagrams and bytes sent. Without --a: as it is. A parameter is a limit of kernel/config.ts, nodes=N
  servers, or mutant=NAME.
    compare --a gossipIntervalMs=1000 --b gossipIntervalMs=500 --seeds 1..100`,
  values: ["--a", "--b", "--seeds", "--jobs"],
  parse(given): Compare {
    const { options } = given;
    const b = options.get("--b");
    if (b === undefined) throw new Usage("--b names what is compared, as gossipIntervalMs=500");
    return {
      a: variantOf("--a", options.get("--a") ?? ""),
      b: variantOf("--b", b),
      seeds: seedsOf("--seeds", options.get("--seeds") ?? "1..100"),
      jobs: huntersOf(given).jobs,
    };
  },
  run: compare,
});

export type Variant = {
  readonly text: string;
  readonly limits: Partial<Limits>;
  readonly nodes: number | null;
  readonly mutant: string | null;
};
type Compare = {
  readonly a: Variant;
  readonly b: Variant;
  readonly seeds: Seeds;
  readonly jobs: number | null;
};

/** @throws Usage */
export function variantOf(option: string, text: string): Variant {
  const limits: Record<string, number> = {};
  let nodes: number | null = null;
  let mutant: string | null = null;
  for (const part of text === "" ? [] : text.split(",")) {
    const [name = "", value = "", more] = part.split("=");
    if (value === "" || more !== undefined) throw new Usage(`${option} ${part} is not NAME=VALUE`);
    if (name === "nodes") nodes = wholeNumber(`${option} nodes`, value, 1, NODES_MAX);
    else if (name === "mutant") mutant = value;
    else if (isLimit(name)) limits[name] = wholeNumber(`${option} ${name}`, value, 0, LIMIT_MAX);
    else {
      const known = ["nodes", "mutant", ...Object.keys(DEFAULT_LIMITS)].join(", ");
      throw new Usage(`${option} ${name} is none of ${known}`);
    }
  }
  return { text: text === "" ? "as it is" : text, limits, nodes, mutant };
}

function isLimit(name: string): boolean {
  return Object.hasOwn(DEFAULT_LIMITS, name);
}

async function compare({ a, b, seeds, jobs }: Compare): Promise<number> {
  const [left, right] = [await measure(a, seeds, jobs), await measure(b, seeds, jobs)];
  process.stdout.write(`${describeComparison([a, b], [left, right], seeds)}\n`);
  return [...left, ...right].every(({ trouble }) => trouble === null) ? EXIT.ok : EXIT.violation;
}

async function measure(
  variant: Variant,
  { from, to }: Seeds,
  jobs: number | null,
): Promise<readonly Finding[]> {
  const { limits, nodes, mutant } = variant;
  return await findingsOf(
    { mutant, jobs },
    {
      count: to - from + 1,
      task: (at) => ({
        of: { seed: from + at },
        twice: false,
        shrinkRunsMax: 0,
        sent: true,
        limits,
        ...(nodes === null ? {} : { nodes }),
      }),
      all: true,
    },
  );
}

const MEASURES: readonly (readonly [name: string, of: (finding: Finding) => number])[] = [
  ["seconds to agree", ({ convergedAfter }) => (convergedAfter ?? 0) / SECOND],
  ["datagrams", ({ sent }) => sent?.datagrams ?? 0],
  ["kB sent", ({ sent }) => (sent?.bytes ?? 0) / 1_000],
];

type Both<T> = readonly [a: T, b: T];

export function describeComparison(
  variants: Both<Variant>,
  [left, right]: Both<readonly Finding[]>,
  seeds: Seeds,
): string {
  const pairs = left.flatMap((a, at) => {
    const b = right[at];
    return b === undefined || a.trouble !== null || b.trouble !== null ? [] : [[a, b] as const];
  });
  const failed = (findings: readonly Finding[]): string => {
    const names = findings.flatMap(({ trouble }, at) => (trouble === null ? [] : [String(seeds.from + at)]));
    return names.length === 0 ? "" : `; ${names.length} seeds failed: ${names.join(", ")}`;
  };
  const head = [`A: ${variants[0].text}${failed(left)}`, `B: ${variants[1].text}${failed(right)}`];
  if (pairs.length === 0) return [...head, "no seed is all well under both"].join("\n");
  const titles = ["", "A", "B", "B - A", "95 %", "less", "same", "more", "sign test"];
  const rows = MEASURES.map(([name, of]) =>
    cellsOf(name, comparePairs(pairs.map(([a, b]) => [of(a), of(b)]))),
  );
  const widths = titles.map((title, at) =>
    Math.max(...[title, ...rows.map((row) => row[at] ?? "")].map((cell) => cell.length)),
  );
  return [
    ...head,
    `${pairs.length} seeds that are all well under both; means of a run:`,
    ...[titles, ...rows].map((row) => rowOf(row, widths)),
  ].join("\n");
}

function cellsOf(name: string, paired: Paired): readonly string[] {
  const { meanA, meanB, difference, margin, less, same, more, chance } = paired;
  const number = (value: number): string => value.toFixed(2);
  const counts = [less, same, more].map(String);
  return [
    name,
    number(meanA),
    number(meanB),
    number(difference),
    `± ${number(margin)}`,
    ...counts,
    `p = ${chance.toPrecision(2)}`,
  ];
}
