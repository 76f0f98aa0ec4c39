/** `shrink`: the smallest script that fails in the same way. */
import { codeOf } from "./code.ts";
import { command, EXIT } from "./command.ts";
import { type Hunters, huntersOf, type What, whatOf } from "./options.ts";
import { smallestOf } from "./smallest.ts";

export const shrinkCommand = command({
  usage: `shrink (--seed N | FILE) [--mutant NAME]
  The smallest script that fails with the same code: without any one of its lines it would not.`,
  values: ["--seed", "--script", "--mutant"],
  words: [0, 1],
  parse: (given) => ({ what: whatOf(given), ...huntersOf(given) }),
  run: shrink,
});

async function shrink({ what, ...hunters }: Hunters & { readonly what: What }): Promise<number> {
  const { finding, script } = await smallestOf(hunters, what);
  if (finding.trouble === null) {
    process.stdout.write("all well: there is nothing to shrink\n");
    return EXIT.ok;
  }
  process.stdout.write(`// fails: ${codeOf(finding)}\n${script}`);
  return EXIT[finding.trouble.kind];
}
