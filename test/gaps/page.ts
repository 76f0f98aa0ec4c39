/** `docs/gaps.md`, from the tables. */
import { gapMutants } from "./gap-mutant.ts";
import { type Entry, type Held, heldBy } from "./held.ts";
import { GAPS } from "./table.ts";
import { WEAKNESSES } from "./weaknesses.ts";

export const PAGE = "docs/gaps.md";

const HEAD = `# What was wrong in 0.6.12, and what holds it here

The numbers are those of the specification's list of gaps: S are holes, C inputs that ended a process, B and K wrong
behaviour of servers and of the client. W, in the second table, are those of the reliability notes: a study of what a
network, a disk, a clock or somebody hostile could bring about in 0.6.12, from which the kernel here was designed, and
which is not part of this repository. Most of W are entries of the first table seen from there: *as S1* is held by
what holds S1. \`npm run gaps -- --write\` writes this page from \`test/gaps/\`.

*Found* is a bug on purpose of \`test/mutants/\`: the simulator finds it (\`docs/mutants.md\`). *Planted* is one of
\`test/gaps/\`, the old behaviour in a line or two: \`npm run gaps\` plants it, runs the test that it names, and fails
when that test stays green. *Tested* is a test alone, where no line of the kernel makes the old behaviour. *Struck* is
what is as it was, with the reason.
`;

const NOTES = `## W: by the numbers of the reliability notes
`;

export function page(): string {
  return `${HEAD}\n${tableOf(GAPS)}\n${NOTES}\n${tableOf(WEAKNESSES)}`;
}

function tableOf(entries: readonly Entry[]): string {
  const rows = entries.map(
    (entry) => `| ${entry[0]} | ${cell(entry[1])} | ${heldBy(entry).map(textOf).join("; ")} |`,
  );
  return ["| | 0.6.12 | Here |", "| --- | --- | --- |", ...rows, ""].join("\n");
}

function textOf(held: Held): string {
  switch (held.kind) {
    case "found":
      return `found: \`${held.mutant}\``;
    case "planted": {
      const mutant = gapMutants().find(({ name }) => name === held.mutant);
      return `planted: \`${held.mutant}\`, killed by “${cell(mutant?.title ?? "")}” (\`${mutant?.file}\`)`;
    }
    case "tested":
      return `tested: “${cell(held.title)}” (\`${held.file}\`)`;
    case "same":
      return `as ${held.id}`;
    default:
      return `struck: ${cell(held.reason)}`;
  }
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
