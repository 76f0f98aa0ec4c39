/** `map`: which faults have met which phases of a server, and which never have. */
import { CELLS, canMeet, FAULT_NAMES } from "../kinds.ts";
import { PHASES } from "../phases.ts";
import { command, EXIT, Usage } from "./command.ts";
import { huntersOf, type Hunters, seedsOf, type Seeds } from "./options.ts";
import { type Result, resultOf } from "./result.ts";
import { mergeResults, readResults } from "./results.ts";
import { rowOf } from "./table.ts";
import { findingsOf, workOf } from "./work.ts";

const FILES_MAX = 10_000;

export const mapCommand = command({
  usage: `map (--seeds A..B | FILE...) [--mutant NAME] [--jobs N]
  How often each kind of fault has met each phase of a server, in seeds that are run or in files that --out of \`run\`
  and \`hunt\` has written, and by name the cells that never were. A dot is a cell that cannot be.`,
  values: ["--seeds", "--mutant", "--jobs"],
  words: [0, FILES_MAX],
  parse(given): Asked {
    const seeds = given.options.get("--seeds");
    if ((seeds === undefined) === (given.words.length === 0))
      throw new Usage("one of --seeds and files is needed");
    return {
      seeds: seeds === undefined ? null : seedsOf("--seeds", seeds),
      files: given.words,
      ...huntersOf(given),
    };
  },
  run: map,
});

type Asked = Hunters & { readonly seeds: Seeds | null; readonly files: readonly string[] };

async function map({ seeds, files, ...hunters }: Asked): Promise<number> {
  const results = seeds === null ? mergeResults(await readResults(files)) : await resultsOf(seeds, hunters);
  process.stdout.write(`${describeMap(results)}\n`);
  return EXIT.ok;
}

async function resultsOf(seeds: Seeds, hunters: Hunters): Promise<readonly Result[]> {
  const work = await workOf(seeds);
  const findings = await findingsOf(hunters, {
    count: work.count,
    task: (at) => ({ of: work.of(at), twice: false, shrinkRunsMax: 0 }),
    all: true,
  });
  return findings.map((finding, at) => resultOf(work.nameOf(at), finding));
}

export function describeMap(results: readonly Result[]): string {
  const counts: Record<string, number> = {};
  for (const { cells } of results) {
    for (const [cell, count] of Object.entries(cells)) counts[cell] = (counts[cell] ?? 0) + count;
  }
  const titles = ["", ...PHASES];
  const rows = FAULT_NAMES.map((kind) => [
    kind,
    ...PHASES.map((phase) => {
      const count = counts[`${kind} ${phase}`];
      return canMeet(kind, phase) ? String(count ?? 0) : count === undefined ? "." : `${count}!`;
    }),
  ]);
  const widths = titles.map((title, at) =>
    Math.max(title.length, ...rows.map((row) => (row[at] ?? "").length)),
  );
  const never = CELLS.filter((cell) => counts[cell] === undefined);
  return [
    ...[titles, ...rows].map((row) => rowOf(row, widths)),
    `${results.length} seeds; ${CELLS.length - never.length} of ${CELLS.length} cells seen`,
    `never: ${never.length === 0 ? "none" : never.join(", ")}`,
  ].join("\n");
}
