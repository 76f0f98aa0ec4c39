/**
 * What a row has to itself: a folder, a key, a subnet, its servers and clients by the commands of their roles. It judges
 * nothing but what can be seen from outside: files, exit codes, pages and packets.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newKeyPair } from "../../adapters/keys/pair.ts";
import { lacks } from "./disk.ts";
import type { Key } from "./image.ts";
import { HAND, type Place } from "./place.ts";
import { type Ended, type Running, start } from "./processes.ts";
import { type Role, roleOf } from "./role.ts";
import { type Commands, clientCommand, fill } from "./template.ts";
import { type Tree, writeTree } from "./tree.ts";
import { wrong } from "./wrong.ts";

/** Of `configs/NAME.yaml`. */
export type Options = {
  readonly appendOnly?: boolean;
  readonly levels?: number;
  /** Further lines. */
  readonly more?: readonly string[];
};

/** What a server is started with; a row, or its plant, changes it before that. */
export type Setup = {
  role: Role;
  hostname: string;
  machine: string;
  /** Numbers of servers. */
  peers: readonly number[];
  directories: Record<string, Options>;
  masterKeys: readonly Key[];
  namedKeys: Record<string, readonly Key[]>;
};

const START_MS = 20_000;
const POLL_MS = 40;
export const WAIT_MS = 25_000; // 0.6.12 retries after one and two seconds, and asks for a listing again after a packet
const PLANTED_WAIT_MS = 6_000; // nothing of ours takes as long where no row says otherwise

/** Something that goes wrong at a point that a run passes. */
export type Fault = { readonly at: string; readonly act: (scene: Scene) => void | Promise<void> };

export type SceneOptions = {
  readonly commands: Commands;
  readonly place: Place;
  readonly cluster: string;
  /** Null: the run is not disturbed. */
  readonly plant: Fault | null;
};

export class Scene {
  readonly folder = mkdtempSync(join(tmpdir(), "ciruela-interop-"));
  readonly count: number;
  /** Of `master.key` on every server. */
  readonly key: Key;
  /** That no server has. */
  readonly stranger: Key;
  /** The plant has acted. */
  planted = false;
  readonly #options: SceneOptions;
  readonly #setups: Setup[];
  readonly #running = new Map<number, Running>();
  readonly #clients = new Set<Running>();
  readonly #logs: string[] = [];
  readonly #closing: (() => void)[] = [];
  #trees = 0;
  #dead = false;
  #closed: Promise<void> | undefined;

  constructor(options: SceneOptions) {
    this.#options = options;
    this.count = options.cluster.length;
    this.key = this.newKey("key");
    this.stranger = this.newKey("stranger");
    const all = Array.from({ length: this.count }, (_, at) => at + 1);
    this.#setups = all.map((node) => ({
      role: roleOf(options.cluster[node - 1] ?? "s"),
      hostname: `n${node}`,
      machine: String(node).padStart(32, "0"),
      peers: all,
      directories: { site: {} },
      masterKeys: [this.key],
      namedKeys: {},
    }));
  }

  get port(): number {
    return this.#options.place.port;
  }
  get all(): readonly number[] {
    return this.#setups.map((_, at) => at + 1);
  }

  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts);
  }
  address(node: number): string {
    return this.#options.place.addressOf(node);
  }
  /** An address from which the suite speaks by itself; a row lists it as a peer by this number. */
  hand(at = 0): number {
    return HAND + at;
  }
  hosts(...nodes: readonly number[]): readonly string[] {
    return nodes.map((node) => this.address(node));
  }
  setup(node: number): Setup {
    return this.#setups[node - 1] ?? wrong(`there is no server ${node}`);
  }
  setupAll(change: (setup: Setup, node: number) => void): void {
    this.#setups.forEach((setup, at) => change(setup, at + 1));
  }
  /** No server knows of another. */
  apart(): void {
    this.setupAll((setup) => (setup.peers = []));
  }
  root(node: number, key = "site"): string {
    return this.path(`server-${node}`, "images", key);
  }
  db(node: number): string {
    return this.path(`server-${node}`, "db");
  }
  /** Where an image is. */
  folderOf(node: number, path: string): string {
    const [key = "", ...rest] = path.split("/").slice(1);
    return join(this.root(node, key), ...rest);
  }

  newKey(name: string): Key {
    const { public: publicLine, private: privateText } = newKeyPair(name);
    const file = this.path(name);
    writeFileSync(file, privateText, { mode: 0o600 });
    return { file, publicLine, privateText };
  }

  /** A source directory with a tree in it. */
  source(content: Tree): string {
    this.#trees += 1;
    return writeTree(this.path(`source-${this.#trees}`), content);
  }

  /** A point that the run passes; where the plant of the row belongs, it acts. */
  async at(point: string): Promise<void> {
    const { plant } = this.#options;
    if (plant === null || plant.at !== point || this.planted) return;
    this.planted = true;
    await plant.act(this);
  }

  /** Writes what a server is configured with. */
  writeConfig(node: number): void {
    const { directories, masterKeys, namedKeys, peers } = this.setup(node);
    const config = this.path(`server-${node}`, "config");
    for (const folder of [`${config}/configs`, `${config}/keys`, this.db(node)])
      mkdirSync(folder, { recursive: true });
    const lines = (keys: readonly Key[]) => keys.map(({ publicLine }) => `${publicLine.trim()}\n`).join("");
    writeFileSync(`${config}/master.key`, lines(masterKeys));
    for (const [name, keys] of Object.entries(namedKeys))
      writeFileSync(`${config}/keys/${name}.key`, lines(keys));
    writeFileSync(`${config}/peers.txt`, peers.map((peer) => `${this.address(peer)}\n`).join(""));
    rmSync(`${config}/configs`, { recursive: true });
    mkdirSync(`${config}/configs`);
    for (const [key, { appendOnly = false, levels = 1, more = [] }] of Object.entries(directories)) {
      mkdirSync(this.root(node, key), { recursive: true });
      const options = [
        `directory: ${this.root(node, key)}`,
        `append-only: ${appendOnly}`,
        `num-levels: ${levels}`,
        ...more,
      ];
      writeFileSync(`${config}/configs/${key}.yaml`, `${options.join("\n")}\n`);
    }
  }

  /** Starts a server by the command of its role, and waits until it answers. */
  async start(node: number): Promise<void> {
    const { role, hostname, machine } = this.setup(node);
    this.writeConfig(node);
    const words = fill(this.#options.commands[role].words, {
      config: this.path(`server-${node}`, "config"),
      db: this.db(node),
      dir: this.path(`server-${node}`, "images"),
      ip: this.address(node),
      port: String(this.port),
      machine_id: machine,
      hostname,
    });
    if (this.#dead) wrong("the row has ended");
    const running = start([...this.#options.place.under(node), ...words], {}, this.folder);
    this.#running.set(node, running);
    const deadline = performance.now() + START_MS;
    for (;;) {
      const end = running.end();
      if (end !== null) wrong(`server ${node} (${role}) ended with ${end} at its start`);
      if ((await this.#get(node, "/status/").catch(() => null)) !== null) return;
      if (performance.now() > deadline) wrong(`server ${node} (${role}) does not answer in ${START_MS} ms`);
      await pause();
    }
  }

  /** All of them, or those that are named. */
  async startAll(nodes: readonly number[] = this.all): Promise<void> {
    await this.at("configured");
    await Promise.all(nodes.map((node) => this.start(node)));
  }

  /** All of them, which have an image that was appended through one. */
  async startWith(path: string, content: Tree, entry = 1): Promise<void> {
    await this.startAll();
    await this.upload("append", content, path, this.hosts(entry));
    await this.haveAll(path, content);
  }

  /** Ends a server. */
  async stop(node: number, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const running = this.#running.get(node);
    if (running === undefined) return;
    this.#running.delete(node);
    this.#logs.push(`server ${node}, until it was stopped:\n${running.log()}`);
    running.signal(signal);
    await running.ended;
  }

  /** Fails when a server that should run has ended. */
  alive(): void {
    for (const [node, running] of this.#running) {
      const end = running.end();
      if (end !== null) wrong(`server ${node} (${this.setup(node).role}) has ended with ${end}`);
    }
  }

  /** A client by the command of its role. */
  client(
    command: string,
    options: readonly string[],
    hosts: readonly string[],
    more: { readonly key?: Key | null; readonly env?: Readonly<Record<string, string>> } = {},
  ): Running {
    const key = more.key === undefined ? this.key : more.key;
    const words = clientCommand(this.#options.commands.client, {
      command,
      options,
      hosts,
      key: key === null ? null : key.file,
      port: this.port,
      dir: this.folder,
    });
    // Keys and editors of whoever runs the suite are no business of the client.
    const nothing = {
      CIRUELA_KEY: undefined,
      CIRUELA_EDITOR: undefined,
      VISUAL: undefined,
      EDITOR: undefined,
    };
    if (this.#dead) wrong("the row has ended");
    const running = start(words, { ...nothing, HOME: this.folder, ...more.env }, this.folder);
    this.#clients.add(running);
    void running.ended.then(({ status }) => {
      this.#clients.delete(running);
      this.#logs.push(
        `client ${command} ${options.join(" ")}, which ended with ${status}:\n${running.log()}`,
      );
    });
    return running;
  }

  /** `sync` of one source; says how it ended. */
  sync(
    mode: "append" | "append-weak" | "replace",
    content: Tree,
    destination: string,
    hosts: readonly string[],
    more: { readonly options?: readonly string[]; readonly key?: Key | null } = {},
  ): Promise<Ended> {
    const upload = [`--${mode}`, `${this.source(content)}:${destination}`];
    const several = hosts.length > 1 ? ["-m"] : [];
    return this.client("sync", [...several, ...upload, ...(more.options ?? [])], hosts, more).ended;
  }

  /** The same, which has to succeed. */
  async upload(...args: Parameters<Scene["sync"]>): Promise<void> {
    this.ends(await this.sync(...args), 0);
  }

  ends({ status, stderr }: Ended, expected: number): void {
    if (status !== expected)
      wrong(`the client ended with ${status}, not with ${expected}: ${stderr.trim().slice(-600)}`);
  }

  /** Waits until nothing is the matter any more: a sentence says what still is. */
  async until(
    what: string,
    matter: () => string | null | Promise<string | null>,
    waitMs?: number,
  ): Promise<void> {
    const patience = waitMs ?? (this.planted ? PLANTED_WAIT_MS : WAIT_MS);
    const deadline = performance.now() + patience;
    for (;;) {
      const left = await matter();
      if (left === null) return;
      this.alive();
      if (performance.now() > deadline) wrong(`not in ${patience} ms: ${what}: ${left}`);
      await pause();
    }
  }

  /** Waits until these servers have the tree at the path, with state and index. */
  async haveAll(
    path: string,
    content: Tree,
    nodes: readonly number[] = this.all,
    waitMs?: number,
  ): Promise<void> {
    for (const node of nodes)
      await this.until(`server ${node} has ${path}`, () => this.lacks(node, path, content), waitMs);
  }

  lacks(node: number, path: string, content: Tree): string | null {
    const { masterKeys, namedKeys } = this.setup(node);
    const keys = [...masterKeys, ...Object.values(namedKeys).flat()];
    return lacks(this.db(node), this.folderOf(node, path), path, content, keys);
  }

  /** A page that has to be there. */
  async page(node: number, path: string): Promise<unknown> {
    const found = await this.#get(node, path).catch((error: unknown) => String(error));
    if (typeof found === "string") return wrong(`page ${path} of server ${node}: ${found}`);
    if (found.status !== 200) wrong(`page ${path} of server ${node}: status ${found.status}`);
    try {
      return JSON.parse(found.body);
    } catch {
      return wrong(`page ${path} of server ${node} is no JSON: ${found.body.slice(0, 200)}`);
    }
  }

  /** Any answer to a request of a page. */
  async answer(
    node: number,
    path: string,
  ): Promise<{ readonly status: number; readonly body: string; readonly type: string }> {
    try {
      return await this.#get(node, path);
    } catch (error) {
      return wrong(`page ${path} of server ${node}: ${String(error)}`);
    }
  }

  /** Ends when the row does, whatever it is. */
  onClose(act: () => void): void {
    this.#closing.push(act);
  }

  /** For whoever has to find out: the ends of all logs. */
  tails(lines: number): string {
    const live = [...this.#running].map(
      ([node, running]) => `server ${node} (${this.setup(node).role}):\n${running.log()}`,
    );
    const cut = (text: string): string => {
      const [head = "", ...rest] = text.trimEnd().split("\n");
      return [head, ...rest.slice(-lines).map((line) => `    ${line.slice(0, 400)}`)].join("\n");
    };
    return [...this.#logs, ...live].map(cut).join("\n");
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#dead = true;
    for (const act of this.#closing) act();
    for (const client of this.#clients) client.signal("SIGKILL");
    await Promise.all([...this.#clients].map(({ ended }) => ended));
    await Promise.all(this.all.map((node) => this.stop(node)));
    this.#options.place.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #get(node: number, path: string): Promise<{ status: number; body: string; type: string }> {
    const url = `http://${this.address(node)}:${this.port}${path}`;
    const response = await fetch(url, {
      signal: AbortSignal.timeout(5_000),
      headers: { connection: "close" },
    });
    return {
      status: response.status,
      body: await response.text(),
      type: response.headers.get("content-type") ?? "",
    };
  }
}

/** Between two looks at what has to come about. */
export const pause = (): Promise<void> => new Promise((done) => setTimeout(done, POLL_MS));
