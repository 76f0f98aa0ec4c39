/** Two real servers that somebody attacks, what may not come of it, and the table of what came. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "../adapters/built.ts";
import { plant, Rig, until } from "../e2e/rig.ts";
import { type MemoryGroup, memoryGroup } from "./memory-group.ts";

/** Of one server, whatever is done to it. */
const MEMORY_MIB_MAX = 256;
const SERVERS = [1, 2] as const;
/** In the servers' lists, and not there: an attacker has its address. */
export const LISTED = 3;
/** In nobody's list. */
export const STRANGER = 66;

export const CURRENT = { "data.json": '{"rate": 1}\n', "in/large": "large ".repeat(30_000) };

export class Victims {
  readonly rig: Rig;
  readonly outside: string;
  #uploads = 0;
  #pids: readonly number[] = [];
  #before = "";
  readonly #lines: string[] = [];
  /** Of each server; none where the machine has no such groups. */
  readonly #groups: readonly MemoryGroup[];

  private constructor(rig: Rig) {
    this.rig = rig;
    const bytes = MEMORY_MIB_MAX * 1024 * 1024;
    this.#groups = SERVERS.flatMap(
      (each) => memoryGroup(`ciruela-hostile-${process.pid}-${each}`, bytes) ?? [],
    );
    this.outside = mkdtempSync(join(tmpdir(), "ciruela-hostile-"));
    writeFileSync(join(this.outside, "secret"), "a secret of this machine\n".repeat(2_000));
  }

  /** @param net  first three numbers of the servers' addresses, of this test file alone */
  static async create(net: string): Promise<Victims> {
    await build();
    const victims = new Victims(await Rig.create(net));
    const { rig } = victims;
    for (const each of SERVERS) rig.configure(each, [...SERVERS, LISTED]);
    await Promise.all(SERVERS.map((each, at) => rig.startUnder(victims.#groups[at]?.under ?? [], each)));
    victims.#before = victims.#look();
    await victims.upload("current", CURRENT);
    victims.#pids = SERVERS.map((each) => rig.pidOf(each));
    return victims;
  }

  /** Datagrams that the first server has refused since its start, as it says itself. */
  async refused(): Promise<{ readonly unlisted: number; readonly undecodable: number }> {
    const page = (await this.rig.page(1)) as {
      datagrams_refused: { unlisted: number; undecodable: number };
    };
    return page.datagrams_refused;
  }

  tree(name: string, files: Readonly<Record<string, string>>): string {
    return plant(this.rig.path("trees", name), files);
  }

  /** An honest upload, until both servers have it; how long that took. Nothing else changes meanwhile. */
  async upload(name: string, files: Readonly<Record<string, string>>): Promise<number> {
    const { rig } = this;
    const source = this.tree(name, files);
    const begin = performance.now();
    const ended = await rig.sync("--replace", `${source}:/site/${name}`, rig.addressOf(1));
    if (ended.status !== 0) throw new Error(`an honest upload fails: ${ended.stdout}${ended.stderr}`);
    await until("both servers have it", () => SERVERS.every((each) => this.has(each, name, files)));
    const took = performance.now() - begin;
    this.#expectSame(`the upload of ${name}`, name);
    this.#before = this.#look();
    return took;
  }

  /** An upload that ended otherwise belongs to what is there; nothing else may be new. */
  async adopt(name: string): Promise<void> {
    await until("both servers have it", () =>
      SERVERS.every((each) => existsSync(join(this.rig.rootOf(each), name))),
    );
    this.#expectSame(`the upload of ${name}`, name);
    this.#before = this.#look();
  }

  /** After an attack: nothing is other than it was, and an honest upload works. */
  async judge(attack: string, outcome: string): Promise<void> {
    const { rig } = this;
    for (const [at, each] of SERVERS.entries()) {
      if (rig.pidOf(each) !== this.#pids[at]) throw new Error(`server ${each} is another`);
      const mib = memoryOf(rig.pidOf(each));
      if ((this.#groups[at]?.kills() ?? 0) > 0)
        throw new Error(`${attack}: server ${each} had no more memory`);
      if (mib > MEMORY_MIB_MAX) throw new Error(`${attack}: server ${each} had ${mib} MiB`);
      const log = rig.logOf(each);
      if (/"crashed"|assert/i.test(log)) throw new Error(`${attack}: server ${each}: ${log.slice(-2_000)}`);
    }
    this.#expectSame(attack, null);
    const name = `honest-${++this.#uploads}`;
    await this.upload(name, { file: `${name} `.repeat(20_000) });
    const memory = SERVERS.map((each) => memoryOf(rig.pidOf(each))).join(" and ");
    this.#lines.push(`| ${attack} | ${outcome} | ${memory} |`);
  }

  async close(): Promise<void> {
    const head = ["| Attack | Outcome | Most MiB of each server until then |", "| --- | --- | --- |"];
    const bound =
      this.#groups.length > 0 ? `in memory groups of ${MEMORY_MIB_MAX} MiB` : "without memory groups";
    process.stdout.write(`servers ran ${bound}\n${[...head, ...this.#lines].join("\n")}\n`);
    await this.rig.close();
    for (const group of this.#groups) group.end();
    rmSync(this.outside, { recursive: true });
  }

  has(server: number, name: string, files: Readonly<Record<string, string>>): boolean {
    try {
      return Object.entries(files).every(
        ([file, content]) => readFileSync(join(this.rig.rootOf(server), name, file), "utf8") === content,
      );
    } catch {
      return false;
    }
  }

  #expectSame(when: string, except: string | null): void {
    const [was, is] = [this.#before, this.#look()].map((look) =>
      look
        .split("\n")
        .filter((line) => except === null || !line.includes(`/site/${except}/`))
        .join("\n"),
    );
    if (was !== is) throw new Error(`${when}: there was ${was}, there is ${is}`);
  }

  /** Contents of all that is synchronised, and of what must never be touched. */
  #look(): string {
    const roots = [...SERVERS.map((each) => this.rig.rootOf(each)), this.outside];
    const script = 'find "$@" -type f -not -path "*/.tmp.*" -exec sha1sum {} + | sort -k2';
    return spawnSync("sh", ["-c", script, "sh", ...roots], { encoding: "utf8" }).stdout;
  }
}

/** The most that a process ever had resident. */
function memoryOf(pid: number): number {
  const kib = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Math.ceil(Number(kib) / 1024);
}
