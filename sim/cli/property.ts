/** `property`: scripts that fast-check draws, and the smallest that it finds to fail. */
import { codeOf } from "./code.ts";
import { command, EXIT } from "./command.ts";
import { type Hunters, huntersOf, seedOf, wholeNumber } from "./options.ts";
import { findingOf } from "./work.ts";

const RUNS_MAX = 1_000_000;

export const propertyCommand = command({
  usage: `property [--runs N] [--first SEED] [--mutant NAME]
  Scripts as fast-check draws them, N (100) or until one fails, and what its shrinking makes of that one: a script on
  standard output, as \`replay\` takes it. --first is the seed of fast-check (1).
    property --mutant reported_early > found.sim; replay found.sim --mutant reported_early`,
  values: ["--runs", "--first", "--mutant"],
  parse: (given) => ({
    runs: wholeNumber("--runs", given.options.get("--runs") ?? "100", 1, RUNS_MAX),
    seed: seedOf("--first", given.options.get("--first") ?? "1"),
    ...huntersOf(given),
  }),
  run: property,
});

type Asked = Hunters & { readonly runs: number; readonly seed: number };

async function property({ runs, seed, ...hunters }: Asked): Promise<number> {
  const finding = await findingOf(hunters, { of: { runs, drawnFrom: seed }, twice: false, shrinkRunsMax: 0 });
  if (finding.trouble === null) {
    process.stdout.write(`// ${runs} scripts, all well\n`);
    return EXIT.ok;
  }
  const detail = finding.trouble.kind === "violation" ? finding.trouble.failure.detail : "";
  process.stdout.write(`${detail.replace(/^/gm, "// ")}\n// fails: ${codeOf(finding)}\n${finding.script}`);
  return EXIT[finding.trouble.kind];
}
