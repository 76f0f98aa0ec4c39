/** Everything that a run starts: each in a group of its own, so that a command that starts others ends with them. */
import { type ChildProcess, spawn } from "node:child_process";

const TAIL_BYTES = 64 * 1024;

export type Ended = { readonly status: number | null; readonly stdout: string; readonly stderr: string };

export type Running = {
  readonly pid: number;
  /** The last of what it has said on both. */
  log(): string;
  /** Null while it runs; the signal's name when that has ended it. */
  end(): number | string | null;
  readonly ended: Promise<Ended>;
  signal(signal: NodeJS.Signals): void;
};

const running = new Set<ChildProcess>();

export function start(
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  folder: string,
): Running {
  const [command = "", ...args] = words;
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
    cwd: folder,
    env: { ...process.env, ...environment },
  });
  running.add(child);
  let log = "";
  const texts = { stdout: "", stderr: "" };
  const hear = (name: "stdout" | "stderr") => (bytes: Buffer) => {
    log = (log + bytes.toString()).slice(-TAIL_BYTES);
    texts[name] = (texts[name] + bytes.toString()).slice(-TAIL_BYTES);
  };
  child.stdout.on("data", hear("stdout"));
  child.stderr.on("data", hear("stderr"));
  const ended = new Promise<Ended>((done) => {
    child.once("error", (error) => {
      running.delete(child);
      log += `${error.message}\n`;
      done({ status: null, stdout: "", stderr: error.message });
    });
    child.once("close", (status) => {
      running.delete(child);
      done({ status, ...texts });
    });
  });
  return {
    pid: child.pid ?? 0,
    log: () => log,
    end: () => child.signalCode ?? child.exitCode ?? (child.pid === undefined ? "not started" : null),
    ended,
    signal: (signal) => signalGroup(child, signal),
  };
}

/** Ends at once what still runs. */
export function killAll(): void {
  for (const child of running) signalGroup(child, "SIGKILL");
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group has ended meanwhile.
  }
}
