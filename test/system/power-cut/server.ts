/** One real server on one disk, which may be killed at a system call of its own, counted from its start. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CLIENT, SERVER, until } from "../../e2e/rig.ts";

/** System calls that change what is on a disk, or make it last. */
export const MUTATING =
  "pwrite64,ftruncate,fchmod,utimensat,fsync,fdatasync,syncfs,mkdirat,linkat,symlinkat,renameat2,rename,unlinkat";

export type Kill =
  | { readonly kind: "at" /** The how-manieth such call of one thread. */; readonly call: number }
  | { readonly kind: "never" }
  /** Syncs do nothing and say that they have. */
  | { readonly kind: "no_syncs" };

export type ServerOptions = {
  readonly folder: string;
  /** Has `db` and `site`. */
  readonly root: string;
  readonly host: string;
  readonly port: number;
  readonly publicKey: string;
  /** Further lines of its directory's YAML. */
  readonly yaml: string;
};

export class Server {
  readonly #options: ServerOptions;
  readonly #child: ChildProcess;
  #log = "";

  constructor(options: ServerOptions, kill: Kill, trace: string | null = null) {
    this.#options = options;
    const config = join(options.folder, "config");
    mkdirSync(join(config, "configs"), { recursive: true });
    writeFileSync(join(config, "master.key"), `${options.publicKey}\n`);
    writeFileSync(join(config, "peers.txt"), "");
    const yaml = `directory: ${join(options.root, "site")}\nappend-only: false\nnum-levels: 1\n${options.yaml}`;
    writeFileSync(join(config, "configs/site.yaml"), yaml);
    const node = [
      process.execPath,
      SERVER,
      "-c",
      config,
      "--db-dir",
      join(options.root, "db"),
      "--host",
      options.host,
    ];
    const rest = [
      "--port",
      String(options.port),
      "--override-machine-id",
      "1".repeat(32),
      "--disk-threads",
      "1",
    ];
    const [command = "", ...args] = [...straceOf(kill, trace), ...node, ...rest];
    this.#child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
    this.#child.stderr?.on("data", (bytes: Buffer) => (this.#log += bytes.toString()));
  }

  hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  log(): string {
    return this.#log;
  }

  /** False when it ended before. */
  async listens(): Promise<boolean> {
    await until(
      "the server listens or ends",
      () => this.hasEnded() || this.#log.includes('"listening"'),
      60_000,
    );
    return !this.hasEnded();
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    if (this.hasEnded()) return;
    const ended = new Promise((done) => this.#child.once("exit", done));
    // strace passes no signal on: its child is the server.
    const { pid } = this.#child;
    if (pid !== undefined) killTree(pid, signal);
    await ended;
  }

  /** A client that uploads one tree; `reports` grows as it says something. */
  upload(
    keyFile: string,
    source: string,
    path: string,
  ): { readonly child: ChildProcess; readonly reports: string[] } {
    const { host, port } = this.#options;
    const args = [
      "--port",
      String(port),
      "sync",
      "-i",
      keyFile,
      "--json",
      "--replace",
      `${source}:${path}`,
      host,
    ];
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
}

function straceOf(kill: Kill, trace: string | null): readonly string[] {
  const into = ["-f", "-qq", "-o", trace ?? "/dev/null"];
  switch (kill.kind) {
    case "at":
      return [
        "strace",
        ...into,
        "-e",
        `trace=${MUTATING}`,
        "-e",
        `inject=${MUTATING}:signal=KILL:when=${kill.call}`,
      ];
    case "no_syncs":
      return [
        "strace",
        ...into,
        "-e",
        "trace=fsync,fdatasync,syncfs",
        "-e",
        "inject=fsync,fdatasync,syncfs:retval=0",
      ];
    default:
      return trace === null ? [] : ["strace", ...into, "-e", `trace=${MUTATING}`];
  }
}

function killTree(pid: number, signal: NodeJS.Signals): void {
  const children = spawnSync("pgrep", ["-P", String(pid)], { encoding: "utf8" })
    .stdout.split("\n")
    .filter(Boolean);
  for (const child of children.length > 0 ? children : [String(pid)]) {
    try {
      process.kill(Number(child), signal);
    } catch {
      // It has ended by itself.
    }
  }
}
