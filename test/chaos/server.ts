/** One real server of a chaos run: its namespace, its file system, its clock, and what is done to it. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SERVER, until } from "../e2e/rig.ts";
import { type Disk, type Journal, makeImage, mountImage } from "../system/rig/disk.ts";
import { check } from "../system/rig/seen.ts";
import type { Look } from "./judge.ts";
import { HOSTILE, type Lines } from "./lines.ts";
import { SERVERS, type ServerNumber } from "./plan.ts";
import { stopped } from "./stop.ts";

const DISK_MEGABYTES = 96;
const START_MS_MAX = 60_000;
/** More than a server gives itself to end, on a machine that is slow. */
const STOP_MS_MAX = 60_000;
const FILL = 'head -c 1G /dev/zero >"$1"; sync -f "$1"';

export type Told = {
  /** It has ended, and nobody has asked for it. */
  ended(what: string): void;
  /** It was asked to end, and had to be killed. */
  stuck(what: string): void;
};

export class ChaosServer {
  readonly number: ServerNumber;
  readonly #lines: Lines;
  readonly #folder: string;
  readonly #disk: Disk;
  readonly #told: Told;
  #child: ChildProcess | null = null;
  #paused = false;
  #full = false;
  #mib = 0;
  /** Ends as they are asked for. */
  #asked = false;
  #closed = false;
  #upSince = 0;

  constructor(number: ServerNumber, lines: Lines, folder: string, publicKey: string, told: Told) {
    this.number = number;
    this.#lines = lines;
    this.#folder = join(folder, `server-${number}`);
    this.#told = told;
    mkdirSync(join(this.#folder, "config/configs"), { recursive: true });
    const image = join(this.#folder, "disk.img");
    makeImage(image, DISK_MEGABYTES);
    this.#disk = mountImage(image, join(this.#folder, "disk"));
    for (const each of ["db", "site"]) mkdirSync(join(this.#disk.root, each));
    const peers = [...SERVERS, HOSTILE.peer].map((each) => lines.addressOf(each));
    const site = `directory: ${join(this.#disk.root, "site")}\nappend-only: false\nnum-levels: 1\n`;
    writeFileSync(join(this.#folder, "config/master.key"), `${publicKey}\n`);
    writeFileSync(join(this.#folder, "config/peers.txt"), `${peers.join("\n")}\n`);
    writeFileSync(join(this.#folder, "config/configs/site.yaml"), site);
    this.setClock(0);
  }

  get images(): string {
    return join(this.#disk.root, "site");
  }

  /** The most that it ever had resident. */
  get mebibytes(): number {
    return Math.max(this.#mib, this.#memory());
  }

  async start(): Promise<void> {
    if (this.#child !== null || this.#closed) return;
    this.#asked = false;
    const [command = "", ...first] = this.#lines.under(this.number);
    const log = join(this.#folder, "log");
    const child = spawn(
      command,
      [
        ...first,
        process.execPath,
        SERVER,
        "-c",
        join(this.#folder, "config"),
        "--db-dir",
        join(this.#disk.root, "db"),
        "--host",
        this.#lines.addressOf(this.number),
        "--port",
        String(this.#lines.port),
        "--override-machine-id",
        String(this.number).padStart(32, "0"),
        "--override-hostname",
        `n${this.number}`,
        "--override-clock",
        join(this.#folder, "clock"),
      ],
      // In a group of its own: a Ctrl-C at a terminal is for the rig, which ends it.
      { stdio: ["ignore", "ignore", "pipe"], detached: true },
    );
    this.#child = child;
    this.#upSince = Date.now();
    let listens = false;
    child.stderr.on("data", (bytes: Buffer) => {
      appendFileSync(log, bytes);
      if (bytes.includes('"listening"')) listens = true;
    });
    child.once("exit", (status, signal) => {
      this.#child = null;
      if (!this.#asked)
        this.#told.ended(`server ${this.number} ended with ${status ?? signal}: ${this.#lastLine()}`);
    });
    await until(`server ${this.number} listens`, () => listens || this.#child !== child, START_MS_MAX);
  }

  /** One that does not end is told with what it is doing, and killed. */
  async stop(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    this.#mib = this.mebibytes;
    this.#asked = true;
    const doing = await stopped(child, signal, STOP_MS_MAX);
    if (doing === null) return;
    const what = `server ${this.number} ${doing}; ${this.#lastLine()}`;
    if (signal === "SIGKILL") throw new Error(what);
    this.#told.stuck(what);
    await this.stop("SIGKILL");
  }

  async cutPower(journal: Journal): Promise<void> {
    await this.stop("SIGKILL");
    this.#disk.cut(journal);
    this.makeRoom(); // that there was room again may not have reached the disk
  }

  pause(): void {
    this.#paused = true;
    this.#child?.kill("SIGSTOP");
  }

  goOn(): void {
    this.#paused = false;
    this.#upSince = Date.now();
    this.#child?.kill("SIGCONT");
  }

  /** To the last byte, those included that only root may have. */
  fill(): void {
    this.#full = true;
    spawnSync("sh", ["-c", FILL, "sh", this.#ballast()]);
  }

  makeRoom(): void {
    this.#full = false;
    rmSync(this.#ballast(), { force: true });
  }

  /** Since when it runs without a break, by the machine's clock. */
  get upSince(): number {
    return this.#upSince;
  }

  get isFull(): boolean {
    return this.#full;
  }

  setClock(offsetMs: number): void {
    writeFileSync(join(this.#folder, "clock"), `${offsetMs}\n`);
  }

  /** What its disk shows while it stands still; `before` may change something then. */
  async look(before: () => void = () => undefined): Promise<Look> {
    const child = this.#child;
    child?.kill("SIGSTOP");
    try {
      if (child !== null) await until("it stands still", () => this.#child !== child || isStill(child.pid));
      before();
      const at = Date.now();
      const { root } = this.#disk;
      const beside = readdirSync(root);
      return { server: this.number, at, seen: check(root), names: readdirSync(this.images), beside };
    } finally {
      if (!this.#paused) child?.kill("SIGCONT");
    }
  }

  /** At once, and nobody waits for it. */
  kill(): void {
    this.#asked = true;
    this.#child?.kill("SIGKILL");
  }

  async close(): Promise<void> {
    this.#closed = true; // it is not started again
    await this.stop("SIGKILL");
    this.#disk.end();
  }

  /** The same in the middle of a run, whatever is being done to it. */
  async drop(): Promise<void> {
    this.#closed = true;
    await this.stop("SIGKILL");
    this.#disk.drop();
  }

  #ballast(): string {
    return join(this.#disk.root, "ballast");
  }

  #lastLine(): string {
    const lines = readFileSync(join(this.#folder, "log"), "utf8").trimEnd().split("\n");
    return lines.at(-1) ?? "";
  }

  #memory(): number {
    try {
      const status = readFileSync(`/proc/${this.#child?.pid}/status`, "utf8");
      return Math.ceil(Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024);
    } catch {
      return 0; // it has just ended
    }
  }
}

function isStill(pid: number | undefined): boolean {
  try {
    const tasks = `/proc/${pid}/task`;
    return readdirSync(tasks).every((each) => /\) T /.test(readFileSync(`${tasks}/${each}/stat`, "utf8")));
  } catch {
    return false; // a thread has just ended
  }
}
