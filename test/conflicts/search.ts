/** Schedules spread over processes, until one goes wrong. */
import { type ChildProcess, fork } from "node:child_process";
import { type Mutant, mutantNames, readMutant } from "../../sim/cli/mutant.ts";
import { pack, PACKED_FLAGS } from "../../sim/cli/pack.ts";
import type { Answer, Tally, Task } from "./worker.ts";

const WORKER = new URL("./worker.ts", import.meta.url);
const TOGETHER = 50;
/** Of one task: a hundred times what it takes on a busy machine. A kernel that never ends is wrong, too. */
const ANSWER_MS_MAX = 300_000;

export type Search = {
  readonly schedules: number;
  readonly seed: number;
  readonly jobs: number;
  /** A bug of `test/mutants/` that is planted in a copy of the kernel. */
  readonly mutant: Mutant | null;
  /** How long a process may be silent; what it was asked then went wrong. */
  readonly answerMs?: number;
  readonly progress?: (done: number) => void;
};
export type Found = Tally & { readonly found: Answer["found"] };

export async function search(asked: Search): Promise<Found> {
  const { schedules, seed, jobs, mutant, answerMs = ANSWER_MS_MAX, progress } = asked;
  const { program, remove } = await pack(WORKER, mutant);
  const sum = { schedules: 0, conflicts: 0, equalTimes: 0, resigned: 0 };
  let next = seed;
  let found: Answer["found"] = null;

  async function work(): Promise<void> {
    const child = fork(program, { execArgv: [...PACKED_FLAGS] });
    try {
      while (next < seed + schedules && found === null) {
        const task: Task = { from: next, count: Math.min(TOGETHER, seed + schedules - next) };
        next += task.count;
        const answer = await answerOf(child, task, answerMs);
        sum.schedules += answer.schedules;
        sum.conflicts += answer.conflicts;
        sum.equalTimes += answer.equalTimes;
        sum.resigned += answer.resigned;
        found ??= answer.found;
        progress?.(sum.schedules);
      }
    } finally {
      child.kill("SIGKILL"); // one that never ends does not hear of anything else
    }
  }

  try {
    await Promise.all(Array.from({ length: jobs }, work));
  } finally {
    remove();
  }
  return { ...sum, found };
}

function answerOf(child: ChildProcess, task: Task, answerMs: number): Promise<Answer> {
  return new Promise((done, fail) => {
    const gone = (code: number | null): void => fail(new Error(`a worker ended with ${code}`));
    const late = setTimeout(() => done(silence(task, answerMs)), answerMs);
    child.once("exit", gone);
    child.once("message", (message) => {
      child.off("exit", gone);
      clearTimeout(late);
      done(message as Answer);
    });
    child.send(task);
  });
}

function silence({ from, count }: Task, answerMs: number): Answer {
  const wrong = `no answer in ${answerMs} ms for the seeds ${from} to ${from + count - 1}`;
  const found = { seed: from, schedules: count, schedule: "", wrong };
  return { schedules: 0, conflicts: 0, equalTimes: 0, resigned: 0, found };
}

/** @throws RangeError for a bug that there is not */
export async function mutantOf(name: string): Promise<Mutant> {
  const names = await mutantNames();
  if (!names.includes(name)) throw new RangeError(`--mutant is one of ${names.join(", ")}`);
  return readMutant(name);
}
