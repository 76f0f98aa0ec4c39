/** One real server on one disk, which strace may look at, kill or make fail at one system call. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CLIENT, SERVER, until } from "../../e2e/rig.ts";
import type { Point } from "./calls.ts";
import { inodeOf, written } from "./seen.ts";

const LISTENS_MS = 180_000; // a start takes one second of a processor, which may be slow to come
const DEADLINE = "100s"; // of an upload

export type Fault = Point & { readonly what: "KILL" | "EIO" | "ENOSPC" | "EMFILE" };
export type Watch = {
  /** Before its first instruction with all of its threads; or its storage thread alone, as soon as it listens. */
  readonly from: "start" | "listening";
  readonly trace: string;
  readonly calls: readonly string[];
  /** Of the disk: calls that name none of these are neither shown nor counted. */
  readonly directories?: readonly string[];
  readonly fault: Fault | null;
};

export type ServerOptions = {
  readonly folder: string;
  /** Has `db` and `site`. */
  readonly root: string;
  readonly host: string;
  readonly port: number;
  readonly publicKey: string;
  /** Further lines of its directory's YAML. */
  readonly yaml: string;
  /** A library that stands in front of the system's. */
  readonly preload?: string;
};

export class Server {
  readonly #options: ServerOptions;
  readonly #watch: Watch | null;
  readonly #child: ChildProcess;
  /** What says when the server before it ran. */
  readonly #time: number | null;
  #log = "";

  constructor(options: ServerOptions, watch: Watch | null = null) {
    this.#options = options;
    this.#watch = watch;
    const { folder, root, host, port, publicKey, yaml, preload } = options;
    this.#time = inodeOf(root, "time");
    const config = join(folder, "config");
    mkdirSync(join(config, "configs"), { recursive: true });
    writeFileSync(join(config, "master.key"), `${publicKey}\n`);
    writeFileSync(join(config, "peers.txt"), "");
    const lines = `directory: ${join(root, "site")}\nappend-only: false\nnum-levels: 1\n${yaml}`;
    writeFileSync(join(config, "configs/site.yaml"), lines);
    // With -D what is begun here is the server, and strace stands aside.
    const strace = watch?.from === "start" ? ["strace", "-D", "-f", ...straceArguments(watch, root)] : [];
    const where = ["--host", host, "--port", String(port), "--override-machine-id", "1".repeat(32)];
    const server = [process.execPath, SERVER, "-c", config, "--db-dir", join(root, "db"), ...where];
    const [command, ...args] = [...strace, ...server, "--disk-threads", "1"];
    this.#child = spawn(command, args, {
      stdio: ["ignore", "ignore", "pipe"],
      env: preload === undefined ? process.env : { ...process.env, LD_PRELOAD: preload },
    });
    this.#child.stderr?.on("data", (bytes: Buffer) => (this.#log += bytes.toString()));
  }

  hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Of a server that has ended by itself; null while it runs, and when it was killed. */
  status(): number | null {
    return this.#child.exitCode;
  }

  log(): string {
    return this.#log;
  }

  /** And has written down what its clock shows, which is no part of what follows. False when it ended before. */
  async listens(): Promise<boolean> {
    const said = (): boolean => this.hasEnded() || this.#log.includes('"listening"');
    await until("the server listens or ends", said, LISTENS_MS);
    if (this.hasEnded()) return false;
    await written(this.#options.root, "time", this.#time, () => this.hasEnded());
    if (this.#watch?.from === "listening") await this.#look(this.#watch);
    return true;
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    if (this.hasEnded()) return;
    const ended = new Promise((done) => this.#child.once("exit", done));
    this.#child.kill(signal);
    await ended;
  }

  /** A client that uploads one tree; `reports` grows as it says something. */
  upload(
    keyFile: string,
    how: readonly string[],
  ): { readonly child: ChildProcess; readonly reports: string[] } {
    const { host, port } = this.#options;
    const args = ["--port", String(port), "sync", "-i", keyFile, "--json", "-t", DEADLINE, ...how, host];
    const child = spawn(process.execPath, [CLIENT, ...args], { stdio: ["ignore", "pipe", "ignore"] });
    const reports: string[] = [];
    child.stdout.on("data", (bytes: Buffer) => {
      for (const line of bytes.toString().split("\n").filter(Boolean)) {
        const found = /"type":"(\w+)"/.exec(line);
        if (found?.[1] !== undefined) reports.push(found[1]);
      }
    });
    return { child, reports };
  }

  #pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error("there is no such program");
    return pid;
  }

  /** The storage thread is the youngest. */
  async #look(watch: Watch): Promise<void> {
    const tasks = `/proc/${this.#pid()}/task`;
    const thread = youngestOf(tasks);
    spawn("strace", ["-p", thread, ...straceArguments(watch, this.#options.root)], {
      stdio: "ignore",
    });
    const status = `${tasks}/${thread}/status`;
    const traced = (): boolean =>
      existsSync(status) && !/^TracerPid:\t0$/m.test(readFileSync(status, "utf8"));
    await until("strace looks at the server", () => traced() && existsSync(watch.trace));
  }
}

/** By the time at which each began, since numbers begin anew; of one moment the one with the highest number. */
function youngestOf(tasks: string): string {
  const begun = readdirSync(tasks).map((thread) => {
    const stat = readFileSync(`${tasks}/${thread}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" "); // from the third on: its name may have blanks
    return { thread, at: Number(fields[22 - 3]) };
  });
  const [youngest] = begun.toSorted((a, b) => b.at - a.at || Number(b.thread) - Number(a.thread));
  if (youngest === undefined) throw new Error(`${tasks} has no threads`);
  return youngest.thread;
}

function straceArguments(
  { from, trace, calls, directories = [], fault }: Watch,
  root: string,
): readonly string[] {
  // Only what is asked for is stopped at, except that strace 6.1 does not kill then.
  const quick = from === "start" && fault?.what !== "KILL" ? ["--seccomp-bpf"] : [];
  const args = [...quick, "-qq", "-y", "-o", trace, "-e", `trace=${calls.join(",")}`, "-e", "signal=none"];
  for (const each of directories) args.push("-P", join(root, each));
  if (fault !== null) {
    const what = fault.what === "KILL" ? "signal=KILL" : `error=${fault.what}`;
    args.push("-e", `inject=${fault.call}:${what}:when=${fault.nth}`);
  }
  return args;
}
