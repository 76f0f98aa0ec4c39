/** Real daemons and the real client as processes on loopback addresses, in one folder that goes away. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { shellWord } from "../../adapters/cli/text.ts";
import { newKeyPair } from "../../adapters/keys/pair.ts";

const DIST = fileURLToPath(new URL("../../dist/adapters/", import.meta.url));
export const CLIENT = join(DIST, "cli/main.js");
export const SERVER = join(DIST, "daemon/main.js");
const WAIT_MS = 20_000;

export type Ended = { readonly status: number | null; readonly stdout: string; readonly stderr: string };

export type Row = Readonly<Record<string, unknown>>;
export type Environment = Readonly<Record<string, string>>;

export type ClientOptions = {
  readonly environment?: Environment;
  readonly stdin?: "ignore" | "pipe";
  /** In a session of its own, which has no terminal. */
  readonly detached?: boolean;
};

/** Files of one `configs/NAME.yaml`. */
export type DirectoryOptions = {
  readonly appendOnly?: boolean;
  readonly levels?: number;
  /** Further lines of YAML. */
  readonly more?: string;
};

export class Rig {
  readonly folder: string;
  readonly port: number;
  readonly keyFile: string;
  readonly publicKey: string;
  readonly #net: string;
  readonly #servers = new Map<number, ChildProcess>();
  readonly #logs = new Map<number, string>();
  #scripts = 0;

  private constructor(net: string, port: number) {
    this.#net = net;
    this.port = port;
    this.folder = mkdtempSync(join(tmpdir(), "ciruela-e2e-"));
    const keys = newKeyPair("test");
    this.publicKey = keys.public;
    this.keyFile = this.path("key");
    writeFileSync(this.keyFile, keys.private, { mode: 0o600 });
  }

  /** @param net  first three numbers of the servers' addresses, of this test file alone (`test/tidy.test.ts`) */
  static async create(net: string): Promise<Rig> {
    return new Rig(net, await freePort(`${net}.1`));
  }

  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts);
  }

  addressOf(server: number): string {
    return `${this.#net}.${server}`;
  }

  /** Where a server keeps the images of a key. */
  rootOf(server: number, key = "site"): string {
    return this.path(`server-${server}`, key);
  }

  /** Folders and files of a server: `/site` with one level, and whatever else is named. */
  configure(
    server: number,
    peers: readonly number[],
    directories: Readonly<Record<string, DirectoryOptions>> = {},
  ): void {
    const own = `server-${server}`;
    for (const each of ["config/configs", "db"]) mkdirSync(this.path(own, each), { recursive: true });
    writeFileSync(this.path(own, "config/master.key"), `${this.publicKey}\n`);
    const lines = peers.map((each) => this.addressOf(each)).join("\n");
    writeFileSync(this.path(own, "config/peers.txt"), `${lines}\n`);
    for (const [key, { appendOnly = false, levels = 1, more = "" }] of Object.entries<DirectoryOptions>({
      site: {},
      ...directories,
    })) {
      mkdirSync(this.rootOf(server, key), { recursive: true });
      writeFileSync(
        this.path(own, `config/configs/${key}.yaml`),
        `directory: ${this.rootOf(server, key)}\nappend-only: ${appendOnly}\nnum-levels: ${levels}\n${more}`,
      );
    }
  }

  /** Starts a configured server and waits until it accepts connections. */
  async start(server: number, ...more: readonly string[]): Promise<void> {
    await this.startUnder([], server, ...more);
  }

  /** The same under a command that runs it, such as strace. */
  async startUnder(under: readonly string[], server: number, ...more: readonly string[]): Promise<void> {
    const own = `server-${server}`;
    const [command, ...first] = [...under, process.execPath];
    const child = spawn(
      command,
      [
        ...first,
        SERVER,
        "-c",
        this.path(own, "config"),
        "--db-dir",
        this.path(own, "db"),
        "--host",
        this.addressOf(server),
        "--port",
        String(this.port),
        "--override-machine-id",
        String(server).padStart(32, "0"),
        "--override-hostname",
        `n${server}`,
        ...more,
      ],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    this.#servers.set(server, child);
    let log = this.logOf(server);
    child.stderr.on("data", (bytes: Buffer) => {
      log += bytes.toString();
      this.#logs.set(server, log);
    });
    await until(`server ${server} listens`, () => {
      if (child.exitCode !== null) throw new Error(`server ${server} ended with ${child.exitCode}: ${log}`);
      return this.#answers(server);
    });
  }

  async startAll(count: number): Promise<void> {
    const numbers = Array.from({ length: count }, (_, at) => at + 1);
    for (const each of numbers) if (!existsSync(this.path(`server-${each}`))) this.configure(each, numbers);
    await Promise.all(numbers.map((each) => this.start(each)));
  }

  /** Ends a server and says with which status; null for a signal that it did not handle. */
  async stop(server: number, signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    const child = this.#servers.get(server);
    if (child === undefined) throw new Error(`server ${server} does not run`);
    this.#servers.delete(server);
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const ended = new Promise<number | null>((done) => child.once("exit", done));
    child.kill(signal);
    return ended;
  }

  pidOf(server: number): number {
    const pid = this.#servers.get(server)?.pid;
    if (pid === undefined) throw new Error(`server ${server} does not run`);
    return pid;
  }

  logOf(server: number): string {
    return this.#logs.get(server) ?? "";
  }

  /** Words of a command that signs with our key. */
  signed(command: string, ...more: readonly string[]): readonly string[] {
    return [command, "-i", this.keyFile, ...more];
  }

  /** Starts the client for the servers' port. */
  spawnClient(words: readonly string[], options: ClientOptions = {}): ChildProcess {
    const { environment = {}, stdin = "ignore", detached = false } = options;
    return spawn(process.execPath, this.#clientWords(words), {
      stdio: [stdin, "pipe", "pipe"],
      detached,
      env: this.environment(environment),
    });
  }

  client(words: readonly string[], environment: Environment = {}): Promise<Ended> {
    return endOf(this.spawnClient(words, { environment }));
  }

  /** The same at a terminal of its own: what is shown there is its stdout. */
  spawnAtTerminal(words: readonly string[], environment: Environment = {}): ChildProcess {
    return spawn("script", ["-qec", this.commandLine(words), "/dev/null"], {
      stdio: ["pipe", "pipe", "inherit"],
      env: this.environment(environment),
    });
  }

  /** The client as a shell runs it. */
  commandLine(words: readonly string[]): string {
    return [process.execPath, ...this.#clientWords(words)].map(shellWord).join(" ");
  }

  /** Of a client: no key but those that it is given, and its temporary files are in our folder. */
  environment(more: Environment = {}): Record<string, string | undefined> {
    const own = { HOME: this.path("home"), TMPDIR: this.path("tmp") };
    mkdirSync(own.TMPDIR, { recursive: true });
    return { PATH: process.env["PATH"], ...own, ...more };
  }

  /** A program that is a shell script. */
  script(text: string): string {
    const file = this.path(`script-${this.#scripts++}`);
    writeFileSync(file, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return file;
  }

  #clientWords(words: readonly string[]): readonly string[] {
    return [CLIENT, "--port", String(this.port), ...words];
  }

  sync(...args: readonly string[]): Promise<Ended> {
    return this.client(this.signed("sync", ...args));
  }

  /** A page that may be asked for again and again. */
  async page(server: number, path = "/status/"): Promise<unknown> {
    return (await fetch(`http://${this.addressOf(server)}:${this.port}${path}`)).json();
  }

  /** Payload bytes that a server has had to do with, from its status page. */
  async bytesOf(server: number, what: "fetched" | "reused" | "linked" | "served"): Promise<number> {
    const { transfer } = (await this.page(server)) as {
      transfer: Record<string, { bytes: number }>;
    };
    return transfer[what]?.bytes ?? Number.NaN;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#servers.keys()].map((each) => this.stop(each, "SIGKILL")));
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #answers(server: number): Promise<boolean> {
    try {
      await this.page(server);
      return true;
    } catch {
      return false;
    }
  }
}

/** What `--json` has said, a row a line. */
export function rowsOf({ stdout }: Pick<Ended, "stdout">): readonly Row[] {
  if (!stdout.endsWith("\n")) throw new Error(`no whole lines: ${stdout}`);
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Row);
}

/** The last of these rows. */
export function resultOf(ended: Pick<Ended, "stdout">): Row {
  const last = rowsOf(ended).at(-1);
  if (last?.["type"] !== "result") throw new Error(`no result: ${ended.stdout}`);
  return last;
}

export function endOf(child: ChildProcess): Promise<Ended> {
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (bytes: Buffer) => (stdout += bytes.toString()));
  child.stderr?.on("data", (bytes: Buffer) => (stderr += bytes.toString()));
  return new Promise((done) => {
    child.once("close", (status) => done({ status, stdout, stderr }));
  });
}

export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  waitMs = WAIT_MS,
): Promise<void> {
  const deadline = performance.now() + waitMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`did not happen in ${waitMs} ms: ${what}`);
    await new Promise((done) => setTimeout(done, 10));
  }
}

/** Writes files of a tree, with the directories that they are in. */
export function plant(tree: string, files: Readonly<Record<string, string>>): string {
  for (const [name, content] of Object.entries(files)) {
    const path = join(tree, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
  return tree;
}

/** A port that nobody has at an address just now. */
export async function freePort(host: string): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once("error", fail);
    server.listen(0, host, () => {
      const address = server.address();
      server.close(() => done(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
