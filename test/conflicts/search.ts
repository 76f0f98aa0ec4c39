/** Schedules spread over processes, until one goes wrong. */
import { fork } from "node:child_process";
import { type Mutant, mutantNames, readMutant } from "../../sim/cli/mutant.ts";
import { pack, PACKED_FLAGS } from "../../sim/cli/pack.ts";
import type { Answer, Tally, Task } from "./worker.ts";

const WORKER = new URL("./worker.ts", import.meta.url);
const TOGETHER = 50;

export type Search = {
  readonly schedules: number;
  readonly seed: number;
  readonly jobs: number;
  /** A bug of `test/mutants/` that is planted in a copy of the kernel. */
  readonly mutant: string | null;
  readonly progress?: (done: number) => void;
};
export type Found = Tally & { readonly found: Answer["found"] };

/** @throws RangeError for a mutant that there is not */
export async function search({ schedules, seed, jobs, mutant, progress }: Search): Promise<Found> {
  const { program, remove } = await pack(WORKER, mutant === null ? null : await mutantOf(mutant));
  const sum = { schedules: 0, conflicts: 0, equalTimes: 0, resigned: 0 };
  let next = seed;
  let found: Answer["found"] = null;

  async function work(): Promise<void> {
    const child = fork(program, { execArgv: [...PACKED_FLAGS] });
    try {
      while (next < seed + schedules && found === null) {
        const task: Task = { from: next, count: Math.min(TOGETHER, seed + schedules - next) };
        next += task.count;
        const answer = await new Promise<Answer>((done, fail) => {
          const gone = (code: number | null): void => fail(new Error(`a worker ended with ${code}`));
          child.once("exit", gone);
          child.once("message", (message) => {
            child.off("exit", gone);
            done(message as Answer);
          });
          child.send(task);
        });
        sum.schedules += answer.schedules;
        sum.conflicts += answer.conflicts;
        sum.equalTimes += answer.equalTimes;
        sum.resigned += answer.resigned;
        found ??= answer.found;
        progress?.(sum.schedules);
      }
    } finally {
      child.kill();
    }
  }

  try {
    await Promise.all(Array.from({ length: jobs }, work));
  } finally {
    remove();
  }
  return { ...sum, found };
}

async function mutantOf(name: string): Promise<Mutant> {
  const names = await mutantNames();
  if (!names.includes(name)) throw new RangeError(`--mutant is one of ${names.join(", ")}`);
  return readMutant(name);
}
