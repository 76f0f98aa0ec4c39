/** `replay`: a script again, on the code as it is today. */
import { codeOf } from "./code.ts";
import { command, EXIT, Usage } from "./command.ts";
import { type Hunters, huntersOf, type What, whatOf } from "./options.ts";
import { describeTrouble } from "./text.ts";
import { showViews, subjectOf, VIEW_VALUES, type Views, viewsOf } from "./views.ts";
import { findingOf, workOf } from "./work.ts";

export const replayCommand = command({
  usage: `replay FILE [--mutant NAME] [--html FILE]
  A script again, on the code as it is. Says what \`// fails:\` in it says and whether that is still so, and which lines
  do not apply any more because they meet nothing that they could change. --html FILE is a page for a browser as of \`run\`.`,
  values: ["--script", "--mutant", ...VIEW_VALUES],
  words: [0, 1],
  parse(given) {
    const what = whatOf(given);
    return { what, views: viewsOf(given, what), ...huntersOf(given) };
  },
  run: replay,
});

type Replay = Hunters & { readonly what: What; readonly views: Views };

async function replay({ what, views, ...hunters }: Replay): Promise<number> {
  const { mutant } = hunters;
  if (what.kind !== "script") throw new Usage("replay takes a script");
  const work = await workOf(what);
  const of = work.of(0);
  const expected = "script" in of ? (/^\/\/ fails: (\w+)/m.exec(of.script)?.[1] ?? null) : null;
  const finding = await findingOf(hunters, { of, twice: true, shrinkRunsMax: 0 });
  const code = codeOf(finding);
  if (finding.trouble !== null) {
    process.stdout.write(`${describeTrouble(work.nameOf(0), finding, { what: work.wordsOf(0), mutant })}\n`);
  } else {
    process.stdout.write(`${work.nameOf(0)}: all well\n`);
    for (const line of finding.idle) process.stdout.write(`does not apply any more: ${line}\n`);
  }
  if (expected !== null) {
    const now =
      code === expected ? "and still does" : `and now ${code === null ? "does not" : `fails with ${code}`}`;
    process.stdout.write(`it failed with ${expected} when it was written, ${now}\n`);
  }
  process.stdout.write(`digest ${finding.digest}\n`);
  await showViews(views, hunters, subjectOf(work));
  return finding.trouble === null ? EXIT.ok : EXIT[finding.trouble.kind];
}
