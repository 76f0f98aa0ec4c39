/** `shrink`: the smallest script that fails in the same way. */
import { codeOf } from "./code.ts";
import { command, EXIT } from "./command.ts";
import { type Hunters, huntersOf, type What, whatOf } from "./options.ts";
import { smallestOf } from "./smallest.ts";
import { showViews, VIEW_VALUES, type Views, viewsOf } from "./views.ts";

export const shrinkCommand = command({
  usage: `shrink (--seed N | FILE) [--mutant NAME] [--html FILE]
  The smallest script that fails with the same code: without any one of its lines it would not. --html FILE is a
  page of it for a browser as of \`run\`.`,
  values: ["--seed", "--script", "--mutant", ...VIEW_VALUES],
  words: [0, 1],
  parse(given) {
    const what = whatOf(given);
    return { what, views: viewsOf(given, what), ...huntersOf(given) };
  },
  run: shrink,
});

type Shrink = Hunters & { readonly what: What; readonly views: Views };

async function shrink({ what, views, ...hunters }: Shrink): Promise<number> {
  const { finding, script, work } = await smallestOf(hunters, what);
  if (finding.trouble === null) {
    process.stdout.write("all well: there is nothing to shrink\n");
    return EXIT.ok;
  }
  process.stdout.write(`// fails: ${codeOf(finding)}\n${script}`);
  await showViews(views, hunters, { of: { script }, name: `${work.nameOf(0)}, shrunk` });
  return EXIT[finding.trouble.kind];
}
