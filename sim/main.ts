/** The simulator as a program: seeds or a script in, a verdict and a digest out. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { text as textOf } from "node:stream/consumers";
import type { Finding } from "./check.ts";
import { type Command, parseArguments, USAGE } from "./cli/arguments.ts";
import { mutantNames, type Planted, plantMutant, readMutant } from "./cli/mutant.ts";
import { runTasks } from "./cli/pool.ts";
import { startProgress } from "./cli/progress.ts";
import { describeGreen, describeTrouble } from "./cli/text.ts";
import type { Task } from "./cli/worker.ts";
import { parseScript } from "./script.ts";

const EXIT = { ok: 0, violation: 1, nondeterminism: 2, usage: 64, failed: 70, interrupted: 130 } as const;
const TWICE_EACH = 10; // of many seeds, one in so many is run a second time

type Run = Extract<Command, { kind: "run" }>;
/** What is run: how many tasks, what each is and is called, and the words that name it on a command line. */
type Work = {
  readonly name: string;
  readonly count: number;
  readonly task: (at: number) => Task;
  readonly nameOf: (at: number) => string;
  readonly wordsOf: (at: number) => string;
};

class Usage extends Error {}

async function main(words: readonly string[]): Promise<number> {
  const parsed = parseArguments(words);
  if (!parsed.ok) throw new Usage(parsed.what);
  const { command } = parsed;
  if (command.kind === "help") {
    process.stdout.write(USAGE);
    return EXIT.ok;
  }
  const work = await workOf(command);
  const planted = await plant(command.mutant);
  process.once("SIGINT", () => void leave(planted));
  try {
    return await run(work, command, planted?.worker ?? new URL("./cli/worker.ts", import.meta.url));
  } finally {
    await planted?.remove();
  }
}

/** Ctrl-C leaves nothing behind. */
async function leave(planted: Planted | null): Promise<void> {
  await planted?.remove();
  process.exit(EXIT.interrupted);
}

async function workOf({ what, shrink }: Run): Promise<Work> {
  if (what.kind === "seeds") {
    const { from, to } = what;
    const count = to - from + 1;
    const seed = (at: number): string => String(from + at);
    return {
      name: count === 1 ? `seed ${from}` : `seeds ${from}..${to}`,
      count,
      task: (at) => ({ of: { seed: from + at }, twice: count === 1 || at % TWICE_EACH === 0, shrink }),
      nameOf: (at) => `seed ${seed(at)}`,
      wordsOf: (at) => `--seed ${seed(at)}`,
    };
  }
  const { file } = what;
  const script = await readScript(file);
  const parsed = parseScript(script);
  if (!parsed.ok) throw new Usage(`${file}:${parsed.line}: ${parsed.what}`);
  return {
    name: file,
    count: 1,
    task: () => ({ of: { script }, twice: true, shrink }),
    nameOf: () => `${file}, seed ${parsed.script.seed}`,
    wordsOf: () => `--script ${file}`,
  };
}

async function readScript(file: string): Promise<string> {
  if (file === "-") return await textOf(process.stdin);
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new Usage(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function plant(mutant: string | null): Promise<Planted | null> {
  if (mutant === null) return null;
  const names = await mutantNames();
  if (!names.includes(mutant)) throw new Usage(`${mutant} is none of the mutants ${names.join(", ")}`);
  return await plantMutant(await readMutant(mutant));
}

async function run(work: Work, { mutant, jobs }: Run, worker: URL): Promise<number> {
  const began = performance.now();
  const progress = startProgress(work.count, process.stderr);
  let done = 0;
  let findings: readonly Finding[];
  try {
    findings = await runTasks({
      count: work.count,
      task: work.task,
      worker,
      jobs: jobs ?? availableParallelism(),
      found: () => progress.count((done += 1)),
    });
  } finally {
    progress.end();
  }
  const last = findings.length - 1;
  const bad = findings[last];
  const seconds = (performance.now() - began) / 1000;
  const text =
    bad === undefined || bad.trouble === null
      ? describeGreen(work.name, findings, seconds)
      : describeTrouble(work.nameOf(last), bad, { what: work.wordsOf(last), mutant });
  process.stdout.write(`${text}\ndigest ${digestOf(findings)}\n`);
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

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const usage = error instanceof Usage;
  process.stderr.write(usage ? `sim: ${error.message}\n\n${USAGE}` : `${String(error)}\n`);
  process.exitCode = usage ? EXIT.usage : EXIT.failed;
}
