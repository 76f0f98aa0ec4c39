/** `mutants`: how soon each planted bug is found, by which oracle, and how small its script becomes. */
import { readFile, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { command, EXIT, Usage } from "./command.ts";
import { mutantNames } from "./mutant.ts";
import { type Hunters, huntersOf, wholeNumber } from "./options.ts";
import { findingsOf, workOf } from "./work.ts";

type Row = {
  readonly name: string;
  /** Null when no seed has found it. */
  readonly seeds: number | null;
  readonly oracle: string;
  readonly lines: number;
  readonly seconds: number;
};

const TABLE = new URL("../../docs/mutants.md", import.meta.url);
/** What follows in that file is of the sweep, and stays. */
const SWEPT = "## The order of calls";
const RUNS_MAX = 150;

const NAMES_MAX = 1_000;
const SEEDS_MAX = 1e9;

export const mutantsCommand = command({
  usage: `mutants [NAME...] [--seeds N] [--jobs N]
  Plants each bug of test/mutants/, counts the seeds until it is found, shrinks it, and without names writes the table
  of docs/mutants.md.`,
  values: ["--seeds", "--jobs"],
  words: [0, NAMES_MAX],
  parse: (given) => ({
    names: given.words,
    seeds: wholeNumber("--seeds", given.options.get("--seeds") ?? "2000", 1, SEEDS_MAX),
    jobs: huntersOf(given).jobs,
  }),
  run: mutants,
});

type Mutants = Pick<Hunters, "jobs"> & { readonly names: readonly string[]; readonly seeds: number };

async function mutants({ names: asked, seeds, jobs }: Mutants): Promise<number> {
  const known = await mutantNames();
  const strange = asked.find((name) => !known.includes(name));
  if (strange !== undefined) throw new Usage(`${strange} is none of the mutants ${known.join(", ")}`);
  const names = asked.length === 0 ? known : asked;
  const rows: Row[] = [];
  let next = 0;
  // One mutant a process: a seed that fails early must not wait for those beside it.
  const work = async (): Promise<void> => {
    for (let name = names[next++]; name !== undefined; name = names[next++]) {
      const row = await rowOf(name, seeds);
      rows.push(row);
      process.stdout.write(`${printed(row)}\n`);
    }
  };
  await Promise.all(Array.from({ length: jobs ?? availableParallelism() }, work));
  rows.sort((a, b) => (a.name < b.name ? -1 : 1));
  const text = summary(rows, seeds);
  process.stdout.write(`${text}\n`);
  if (asked.length === 0) {
    const before = await readFile(TABLE, "utf8");
    const rest = before.slice(Math.max(0, before.indexOf(SWEPT)));
    await writeFile(TABLE, `${page(rows, text)}${before.includes(SWEPT) ? `\n${rest}` : ""}`);
  }
  return rows.every(({ seeds }) => seeds !== null) ? EXIT.ok : EXIT.violation;
}

async function rowOf(name: string, seeds: number): Promise<Row> {
  const work = await workOf({ kind: "seeds", from: 1, to: seeds });
  const began = performance.now();
  const findings = await findingsOf(
    { mutant: name, jobs: 1 },
    {
      count: seeds,
      task: (at) => ({ of: work.of(at), twice: false, shrinkRunsMax: RUNS_MAX }),
      quiet: true,
    },
  );
  const seconds = (performance.now() - began) / 1000;
  const trouble = findings.at(-1)?.trouble ?? null;
  if (trouble?.kind !== "violation") return { name, seeds: null, oracle: "survives", lines: 0, seconds };
  const script = trouble.shrunk ?? findings.at(-1)?.script ?? "";
  // Its seed and its cluster are no lines that could go.
  const lines = script.trimEnd().split("\n").length - 2;
  return { name, seeds: findings.length, oracle: trouble.failure.code, lines, seconds };
}

function printed({ name, seeds, oracle, lines, seconds }: Row): string {
  const found = seeds === null ? "survives" : `seed ${seeds}, ${oracle}, ${lines} lines`;
  return `${name}: ${found}, ${seconds.toFixed(0)} s`;
}

function summary(rows: readonly Row[], most: number): string {
  const killed = rows.filter(({ seeds }) => seeds !== null);
  const seeds = killed.map((row) => row.seeds ?? 0).toSorted((a, b) => a - b);
  const small = killed.filter(({ lines }) => lines <= 12).length;
  const survivors = rows.filter((row) => row.seeds === null).map(({ name }) => name);
  return [
    `${killed.length} of ${rows.length} found within ${most} seeds, the median after ${seeds[seeds.length >> 1] ?? 0};`,
    `${small} of ${killed.length} shrink to at most 12 lines`,
    ...(survivors.length === 0 ? [] : [`\nnot found: ${survivors.join(", ")}`]),
  ].join(" ");
}

function page(rows: readonly Row[], text: string): string {
  return `# Planted bugs

Each is a change of one place of the kernel, a file of \`test/mutants/\` that says why it has to be found. \`npm run
sim:mutants\` plants one after the other in a copy and writes this table: the seed that finds it, counted from 1; the
promise that it breaks, by its name in \`sim/oracle/violation.ts\`; and the lines of the smallest script that fails in the
same way, without its seed and its cluster.

${text}.

| Bug | Seeds | Oracle | Lines |
| --- | --- | --- | --- |
${rows.map(({ name, seeds, oracle, lines }) => `| \`${name}\` | ${seeds ?? "-"} | \`${oracle}\` | ${seeds === null ? "-" : lines} |`).join("\n")}
`;
}
