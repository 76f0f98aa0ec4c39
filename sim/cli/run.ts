/** `run`: seeds or a script, a verdict and a digest. */
import { createHash } from "node:crypto";
import type { Finding } from "../check.ts";
import { command, EXIT, Usage } from "./command.ts";
import { type Campaign, campaignOf, type What, whatOf } from "./options.ts";
import { writeResults } from "./results.ts";
import { describeGreen, describeTrouble } from "./text.ts";
import { showViews, subjectOf, VIEW_FLAGS, VIEW_VALUES, type Views, viewsOf } from "./views.ts";
import { findingOf, findingsOf, workOf } from "./work.ts";

const TWICE_EACH = 10; // of many seeds, one in so many is run a second time

export type Run = Campaign & {
  readonly what: What;
  /** Look for a smaller script that fails in the same way. */
  readonly shrink: boolean;
  /** Every seed twice, and the event at which two runs part. */
  readonly check: boolean;
  readonly trace: boolean;
  readonly views: Views;
};

export const runCommand = command({
  usage: `run (--seed N | --seeds A..B | FILE) [--check] [--mutant NAME] [--no-shrink] [--trace ndjson]
    [--diagram] [--html FILE] [--shard I/N] [--out FILE] [--jobs N]
  Runs seeds, or a script; - reads standard input. One in ten seeds is run twice, the second time with its servers
  made and listed in another order. Before an option the word \`run\` may be left out; --script FILE is FILE.
    --check         every one twice, and the first event and field that differ
    --trace ndjson  everything of one run, one JSON object a line: \`sim/lines.ts\` says which
    --diagram       one run as a sequence diagram of plain text: of a failure, what led to it
    --html FILE     one run as a page for a browser: every moment of it, and the script to be changed and run there
    --no-shrink     a failing script as it is
    --shard 2/3     the second of three parts, for --out and \`merge\`
    --out FILE      a line for each seed`,
  values: [
    "--seed",
    "--seeds",
    "--script",
    "--mutant",
    "--jobs",
    "--shard",
    "--out",
    "--trace",
    ...VIEW_VALUES,
  ],
  flags: ["--no-shrink", "--check", ...VIEW_FLAGS],
  words: [0, 1],
  parse(given): Run {
    const what = whatOf(given);
    const trace = given.options.get("--trace");
    if (trace !== undefined && trace !== "ndjson") throw new Usage(`--trace ${trace} is not ndjson`);
    if (trace !== undefined && what.kind === "seeds" && what.from !== what.to)
      throw new Usage("--trace is of one seed or one script");
    const [shrink, check] = [!given.flags.has("--no-shrink"), given.flags.has("--check")];
    const views = viewsOf(given, what);
    if (trace !== undefined && (views.diagram || views.html !== null))
      throw new Usage("--trace is all that is printed: --diagram and --html do not go with it");
    return { what, shrink, check, trace: trace !== undefined, views, ...campaignOf(given) };
  },
  run,
});

export async function run({
  what,
  shrink,
  check,
  trace,
  views,
  shard,
  out,
  ...hunters
}: Run): Promise<number> {
  const { mutant } = hunters;
  const work = await workOf(what, shard);
  if (trace) {
    const finding = await findingOf(hunters, { of: work.of(0), twice: false, shrinkRunsMax: 0, trace: true });
    for (const line of finding.trace ?? []) process.stdout.write(`${line}\n`);
    return finding.trouble === null ? EXIT.ok : EXIT[finding.trouble.kind];
  }
  if (views.diagram) {
    const finding = await showViews(views, hunters, subjectOf(work));
    process.stdout.write(`digest ${finding?.digest}\n`);
    return finding?.trouble == null ? EXIT.ok : EXIT[finding.trouble.kind];
  }
  const began = performance.now();
  const findings = await findingsOf(hunters, {
    count: work.count,
    task: (at) => ({
      of: work.of(at),
      twice: check || work.count === 1 || at % TWICE_EACH === 0,
      shrinkRunsMax: shrink ? 150 : 0,
    }),
  });
  const last = findings.length - 1;
  const bad = findings[last];
  const seconds = (performance.now() - began) / 1000;
  const text =
    bad === undefined || bad.trouble === null
      ? describeGreen(work.name, findings, seconds)
      : describeTrouble(work.nameOf(last), bad, { what: work.wordsOf(last), mutant });
  process.stdout.write(`${text}\ndigest ${digestOf(findings)}\n`);
  await showViews(views, hunters, subjectOf(work));
  if (out !== null) await writeResults(out, findings, work.nameOf);
  return bad?.trouble == null ? EXIT.ok : EXIT[bad.trouble.kind];
}

/** Of one run its own; of several, of all of them in their order. */
function digestOf(findings: readonly Finding[]): string {
  const [first, ...more] = findings.map(({ digest }) => digest);
  if (first !== undefined && more.length === 0) return first;
  return createHash("sha256")
    .update([first, ...more].join("\n"))
    .digest("hex")
    .slice(0, 32);
}
