/** Clients that upload all the time, each to some servers, and what they were told. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { below, chance, keyed, type Prng, sample } from "../../kernel/prng.ts";
import { CLIENT } from "../e2e/rig.ts";
import { idOf } from "../system/rig/seen.ts";
import type { Judge, Uploaded } from "./judge.ts";
import type { Lines } from "./lines.ts";
import { SERVERS, type ServerNumber } from "./plan.ts";

const NAMES = Array.from({ length: 12 }, (_, at) => `dir-${at}`);
export const PATHS = NAMES.map((name) => `/site/${name}`);
const SIZES = [0, 1, 500, 20_000, 32_768, 65_537, 200_000]; // around one block, and some blocks
const AT_ONCE_MAX = 12;
const DEADLINE = "25s";
/** What is only said of a server by gossip counts for nothing here: a listed peer can say that, too. */
const CONFIRMED_MAX = 3;

export class Uploads {
  readonly #folder: string;
  readonly #lines: Lines;
  readonly #judge: Judge;
  readonly #keyFile: string;
  readonly #dice: Prng;
  /** The first tree of each path. */
  readonly first = new Map<string, string>();
  readonly begun: number[] = [];
  /** Ends of those that at least one server has received. */
  readonly done: number[] = [];
  readonly #clients = new Set<ChildProcess>();
  #running = 0;
  #nth = 0;

  constructor(folder: string, lines: Lines, judge: Judge, keyFile: string, seed: number) {
    this.#folder = join(folder, "sources");
    this.#lines = lines;
    this.#judge = judge;
    this.#keyFile = keyFile;
    this.#dice = keyed(seed, "uploads");
    mkdirSync(this.#folder);
  }

  /** One upload by chance, or two of one path at once. */
  beginSome(): void {
    const [path = ""] = sample(this.#dice, PATHS, 1);
    const twice = chance(this.#dice, 1, 6);
    for (let left = twice ? 2 : 1; left > 0 && this.#running < AT_ONCE_MAX; left--) {
      const count = 1 + below(this.#dice, 3);
      const confirm = String(1 + below(this.#dice, CONFIRMED_MAX));
      void this.upload(path, sample(this.#dice, SERVERS, count), confirm);
    }
  }

  /** @returns the exit status of the client, and what it uploaded */
  async upload(
    path: string,
    to: readonly ServerNumber[],
    confirm: string,
  ): Promise<{ status: number | null; image: string }> {
    this.#running += 1;
    const tree = this.#plant(path);
    const upload: Uploaded = {
      path,
      image: idOf(tree),
      from: Date.now(),
      to: Number.POSITIVE_INFINITY,
      accepted: false,
      received: new Map(),
    };
    this.#judge.begin(upload);
    this.begun.push(upload.from);
    const args = ["--port", String(this.#lines.port), "sync", "-i", this.#keyFile, "--json", "-t", DEADLINE];
    args.push("--confirm", confirm);
    const hosts = to.map((each) => this.#lines.addressOf(each));
    const child = spawn(process.execPath, [CLIENT, ...args, "--replace", `${tree}:${path}`, ...hosts], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    this.#clients.add(child);
    let rest = "";
    child.stdout.on("data", (bytes: Buffer) => {
      const lines = (rest + bytes.toString()).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) hear(this.#lines, upload, line);
    });
    const status = await new Promise<number | null>((done) => child.once("close", done));
    this.#clients.delete(child);
    upload.to = Math.min(upload.to, Date.now());
    if (upload.received.size > 0) this.done.push(Date.now());
    this.#running -= 1;
    if (tree !== this.first.get(path)) rmSync(tree, { recursive: true });
    return { status, image: upload.image };
  }

  /** At once, and nobody waits for them. */
  kill(): void {
    for (const each of this.#clients) each.kill("SIGKILL");
  }

  get running(): number {
    return this.#running;
  }

  /** No two trees are alike, and each shares most of its files with the one before. */
  #plant(path: string): string {
    const tree = join(this.#folder, String(++this.#nth));
    mkdirSync(join(tree, "in"), { recursive: true });
    writeFileSync(join(tree, "number"), String(this.#nth));
    for (const at of [1, 2, 3, 4]) {
      const version = chance(this.#dice, 1, 2) ? this.#nth : 0;
      const size = SIZES[version === 0 ? at : below(this.#dice, SIZES.length)] ?? 0;
      const line = `${path} ${at} ${version}\n`;
      writeFileSync(
        join(tree, at % 2 === 0 ? `in/${at}` : String(at)),
        line.repeat(Math.ceil(size / line.length)).slice(0, size),
      );
    }
    if (!this.first.has(path)) this.first.set(path, tree);
    return tree;
  }
}

function hear(lines: Lines, upload: Uploaded, line: string): void {
  const told = JSON.parse(line) as { readonly type: string; readonly host?: string };
  if (told.type === "accepted") {
    upload.accepted = true;
    upload.to = Math.min(upload.to, Date.now());
  }
  if (told.type !== "confirmed") return;
  const server = SERVERS.find((each) => told.host?.startsWith(`${lines.addressOf(each)}:`));
  if (server === undefined) throw new Error(`confirmed by ${told.host}, which is no server`);
  if (!upload.received.has(server)) upload.received.set(server, Date.now());
}
