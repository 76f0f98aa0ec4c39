/** Without a command: a planted bug is found, made small and explained; then the same seeds on the real code. */
import { command, EXIT } from "./command.ts";
import { readMutant } from "./mutant.ts";
import { type Hunters, huntersOf, WHOLE } from "./options.ts";
import { run } from "./run.ts";
import { why } from "./why.ts";
import { NO_VIEWS } from "./views.ts";
import { findingsOf, workOf } from "./work.ts";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const MUTANT = "reported_early";
const SEEDS = { kind: "seeds", from: 1, to: 12 } as const;
const RUNS_MAX = 60;

export const demoCommand = command({
  usage: `demo [--jobs N]
  A planted bug is found, made small and explained, and then the same seeds without it: what runs without a command.`,
  values: ["--jobs"],
  parse: (given) => ({ jobs: huntersOf(given).jobs }),
  run: demo,
});

async function demo({ jobs }: Pick<Hunters, "jobs">): Promise<number> {
  const { file, before, after } = await readMutant(MUTANT);
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  say(`A bug, planted in a copy of ${file}: an image is reported while its commit is still running.`);
  say(`${before.replace(/^/gm, "  - ")}\n${after.replace(/^/gm, "  + ")}\n`);
  const work = await workOf(SEEDS);
  const findings = await findingsOf(
    { mutant: MUTANT, jobs },
    {
      count: work.count,
      task: (at) => ({ of: work.of(at), twice: false, shrinkRunsMax: RUNS_MAX }),
      quiet: true,
    },
  );
  const last = findings.length - 1;
  const trouble = findings[last]?.trouble;
  if (trouble?.kind !== "violation") {
    say("It was not found, which is itself a bug.");
    return EXIT.violation;
  }
  const script = trouble.shrunk ?? findings[last]?.script ?? "";
  say(`Found by ${work.nameOf(last)}: ${trouble.failure.detail}\n`);
  say(
    `The same failure in ${script.trimEnd().split("\n").length} lines:\n\n${script.replace(/^(?=.)/gm, "  ")}`,
  );
  say("Why:\n");
  const folder = await mkdtemp(join(tmpdir(), "ciruela-demo-"));
  try {
    const path = join(folder, "found.sim");
    await writeFile(path, script);
    await why({ what: { kind: "script", file: path }, mutant: MUTANT, jobs, views: NO_VIEWS });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  say("\nThe same seeds on the real code:\n");
  const rest = {
    mutant: null,
    jobs,
    shrink: true,
    check: false,
    trace: false,
    views: NO_VIEWS,
    shard: WHOLE,
    out: null,
  };
  return await run({ what: SEEDS, ...rest });
}
