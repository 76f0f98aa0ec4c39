/** Seeds or scripts given to processes: what the commands have in common. */
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { text as textOf } from "node:stream/consumers";
import type { Finding } from "../check.ts";
import { parseScript } from "../parse.ts";
import { EXIT, Usage } from "./command.ts";
import { type Mutant, mutantNames, readMutant } from "./mutant.ts";
import { type Hunters, type Shard, type What, WHOLE } from "./options.ts";
import { pack } from "./pack.ts";
import { runTasks } from "./pool.ts";
import { startProgress } from "./progress.ts";
import type { Task } from "./worker.ts";

const WORKER = new URL("./worker.ts", import.meta.url);

export type Of = Task["of"];

/** What is run: how many, what each is and is called, and the words that name it on a command line. */
export type Work = {
  readonly name: string;
  readonly count: number;
  readonly of: (at: number) => Of;
  readonly nameOf: (at: number) => string;
  readonly wordsOf: (at: number) => string;
};

export async function workOf(what: What, shard: Shard = WHOLE): Promise<Work> {
  if (what.kind === "seeds") {
    const { from, to } = what;
    const seed = (at: number): number => from + shard.at + at * shard.of;
    return {
      name: from === to ? `seed ${from}` : `seeds ${from}..${to}`,
      count: Math.max(0, Math.ceil((to - from + 1 - shard.at) / shard.of)),
      of: (at) => ({ seed: seed(at) }),
      nameOf: (at) => `seed ${seed(at)}`,
      wordsOf: (at) => `--seed ${seed(at)}`,
    };
  }
  const { file } = what;
  const script = await readScript(file);
  const parsed = parseScript(script);
  if (!parsed.ok)
    throw new Usage(`${file}:${parsed.line}: does not apply any more, or never did: ${parsed.what}`);
  return {
    name: file,
    count: 1,
    of: () => ({ script }),
    nameOf: () => `${file}, seed ${parsed.script.seed}`,
    wordsOf: () => `--script ${file}`,
  };
}

export async function readScript(file: string): Promise<string> {
  if (file === "-") return await textOf(process.stdin);
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new Usage(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export type Asked = {
  readonly count: number;
  readonly task: (at: number) => Task;
  /** Also what comes after the first trouble. */
  readonly all?: boolean;
  /** False: no further one begins. */
  readonly more?: () => boolean;
  readonly quiet?: boolean;
};

/** The findings up to the first with trouble, by the kernel as it is or with a bug planted in a copy of it. */
export async function findingsOf({ mutant, jobs }: Hunters, asked: Asked): Promise<readonly Finding[]> {
  const { program, remove } = await pack(WORKER, mutant === null ? null : await mutantOf(mutant));
  const leave = (): never => process.exit(EXIT.interrupted);
  process.once("SIGINT", leave);
  const progress = asked.quiet === true ? null : startProgress(asked.count, process.stderr);
  let done = 0;
  try {
    return await runTasks({
      count: asked.count,
      task: asked.task,
      all: asked.all ?? false,
      more: asked.more ?? (() => true),
      worker: program,
      jobs: jobs ?? availableParallelism(),
      found: () => progress?.count((done += 1)),
    });
  } finally {
    progress?.end();
    process.off("SIGINT", leave);
    remove();
  }
}

async function mutantOf(name: string): Promise<Mutant> {
  const names = await mutantNames();
  if (!names.includes(name)) throw new Usage(`${name} is none of the mutants ${names.join(", ")}`);
  return await readMutant(name);
}

/** The one finding of a seed or a script, with what else is asked of it. */
export async function findingOf(hunters: Hunters, task: Task): Promise<Finding> {
  const [finding] = await findingsOf({ ...hunters, jobs: 1 }, { count: 1, task: () => task, quiet: true });
  if (finding === undefined) throw new Error("a task has a finding");
  return finding;
}
