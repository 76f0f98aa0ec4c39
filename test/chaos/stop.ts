/** Ends a process, and does not wait in vain for one that does not end. */
import type { ChildProcess } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

const LOOK_MS = 10;

/** @returns null when it has ended in time, else what it is doing */
export async function stopped(
  child: ChildProcess,
  signal: NodeJS.Signals,
  msMax: number,
): Promise<string | null> {
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  child.kill(signal);
  const deadline = performance.now() + msMax;
  while (!hasEnded() && performance.now() < deadline) await new Promise((done) => setTimeout(done, LOOK_MS));
  return hasEnded() ? null : `has not ended ${msMax} ms after ${signal}: ${stateOf(child.pid)}`;
}

/** What the system says of each thread of a process: its name, its state, and the call that it is in. */
function stateOf(pid: number | undefined): string {
  try {
    const tasks = `/proc/${pid}/task`;
    const states = readdirSync(tasks).map((each) => {
      const [, name, state] = /\((.*)\) (\S)/.exec(readFileSync(`${tasks}/${each}/stat`, "utf8")) ?? [];
      return `${name} ${state} in ${readFileSync(`${tasks}/${each}/wchan`, "utf8")}`;
    });
    return states.join(", ");
  } catch {
    return "a thread has just ended";
  }
}
