/** `why`: what led to a failure, in sentences. */
import { command, EXIT } from "./command.ts";
import { type Hunters, huntersOf, type What, whatOf } from "./options.ts";
import { showViews, subjectOf, VIEW_VALUES, type Views, viewsOf } from "./views.ts";
import { findingOf, workOf } from "./work.ts";

export const whyCommand = command({
  usage: `why (--seed N | FILE) [--mutant NAME] [--html FILE]
  What led to a failure, in sentences: who sent what to whom, which fault hit it, which promise was broken. Lines with
  * are of the script, lines with ! are messages that a fault met. --html FILE is a page for a browser as of \`run\`.`,
  values: ["--seed", "--script", "--mutant", ...VIEW_VALUES],
  words: [0, 1],
  parse(given) {
    const what = whatOf(given);
    return { what, views: viewsOf(given, what), ...huntersOf(given) };
  },
  run: why,
});

type Why = Hunters & { readonly what: What; readonly views: Views };

export async function why({ what, views, ...hunters }: Why): Promise<number> {
  const work = await workOf(what);
  const finding = await findingOf(hunters, { of: work.of(0), twice: false, shrinkRunsMax: 0, story: true });
  if (finding.trouble === null) {
    process.stdout.write(`${work.nameOf(0)}: all well, nothing to explain\n`);
    return EXIT.ok;
  }
  process.stdout.write(`${(finding.story ?? []).join("\n")}\n`);
  await showViews(views, hunters, subjectOf(work));
  return EXIT[finding.trouble.kind];
}
