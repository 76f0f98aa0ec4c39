/** Tasks spread over processes. The findings come in the order of the tasks, whoever was faster. */
import { type ChildProcess, fork } from "node:child_process";
import type { Finding } from "../check.ts";
import { PACKED_FLAGS } from "./pack.ts";
import type { Answer, Task } from "./worker.ts";

export type PoolOptions = {
  /** Number of tasks, and each by its place. */
  readonly count: number;
  readonly task: (at: number) => Task;
  /** Also what comes after the first trouble. */
  readonly all?: boolean;
  /** False: no further task begins. */
  readonly more: () => boolean;
  /** The packed program of a worker. */
  readonly worker: URL;
  readonly jobs: number;
  readonly found: (at: number, finding: Finding) => void;
};

/** The findings up to the first with trouble, or all without any. Rejects when a worker fails. */
export async function runTasks({
  count,
  task,
  all = false,
  more,
  worker,
  jobs,
  found,
}: PoolOptions): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  let next = 0;
  let end = count; // what comes after the first trouble is not asked for
  const workers: ChildProcess[] = [];

  const work = async (): Promise<void> => {
    if (next >= end) return;
    const child = fork(worker, { execArgv: [...PACKED_FLAGS] });
    workers.push(child);
    while (next < end && more()) {
      const at = next;
      next += 1;
      const answer = await ask(child, task(at));
      if (!answer.ok) throw new Error(`the simulator failed: ${answer.error}`);
      findings[at] = answer.finding;
      if (!all && answer.finding.trouble !== null) end = Math.min(end, at + 1);
      found(at, answer.finding);
    }
  };

  try {
    await Promise.all(Array.from({ length: Math.min(jobs, count) }, work));
  } finally {
    for (const child of workers) child.kill();
  }
  return findings.slice(0, end);
}

function ask(child: ChildProcess, task: Task): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const gone = (code: number | null): void =>
      reject(new Error(`a worker ended with ${code ?? "a signal"}`));
    child.once("exit", gone);
    child.once("message", (answer) => {
      child.off("exit", gone);
      resolve(answer as Answer);
    });
    child.send(task);
  });
}
