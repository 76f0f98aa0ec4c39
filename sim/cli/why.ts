/** `why`: what led to a failure, in sentences. */
import { command, EXIT } from "./command.ts";
import { type Hunters, huntersOf, type What, whatOf } from "./options.ts";
import { findingOf, workOf } from "./work.ts";

export const whyCommand = command({
  usage: `why (--seed N | FILE) [--mutant NAME]
  What led to a failure, in sentences: who sent what to whom, which fault hit it, which promise was broken. Lines with
  * are of the script, lines with ! are messages that a fault met.`,
  values: ["--seed", "--script", "--mutant"],
  words: [0, 1],
  parse: (given) => ({ what: whatOf(given), ...huntersOf(given) }),
  run: why,
});

export async function why({ what, ...hunters }: Hunters & { readonly what: What }): Promise<number> {
  const work = await workOf(what);
  const finding = await findingOf(hunters, { of: work.of(0), twice: false, shrinkRunsMax: 0, story: true });
  if (finding.trouble === null) {
    process.stdout.write(`${work.nameOf(0)}: all well, nothing to explain\n`);
    return EXIT.ok;
  }
  process.stdout.write(`${(finding.story ?? []).join("\n")}\n`);
  return EXIT[finding.trouble.kind];
}
