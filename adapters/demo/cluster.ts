/** A throw-away cluster: daemons as processes on loopback addresses, one folder for all of it. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { newKeyPair } from "../keys/pair.ts";

const SERVER = fileURLToPath(new URL("../daemon/main.js", import.meta.url));
const CLIENT = fileURLToPath(new URL("../cli/main.js", import.meta.url));
const START_MS_MAX = 10_000;
const STOP_MS_MAX = 6_000;

export type Cluster = {
  readonly folder: string;
  readonly port: number;
  readonly keyFile: string;
  start(number: number): Promise<void>;
  /** Where a server keeps the images of `/site`. */
  siteOf(number: number): string;
  addressOf(number: number): string;
  /** Runs the client with the terminal's own streams; its exit status. */
  client(args: readonly string[], streams: "inherit" | "ignore"): Promise<number>;
  status(number: number): Promise<unknown>;
  close(): Promise<void>;
};

export async function createCluster(servers: number): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), "ciruela-demo-"));
  const port = await freePort(servers);
  const keys = newKeyPair("demonstration");
  const keyFile = join(folder, "key");
  writeFileSync(keyFile, keys.private, { mode: 0o600 });
  const processes = new Map<number, ChildProcess>();
  const addressOf = (number: number) => `127.0.0.${number}`;
  const siteOf = (number: number) => join(folder, `server-${number}`, "site");

  function configure(number: number): string {
    const own = join(folder, `server-${number}`);
    const config = join(own, "config");
    for (const each of [join(config, "configs"), join(own, "db"), siteOf(number)])
      mkdirSync(each, { recursive: true });
    writeFileSync(join(config, "master.key"), `${keys.public}\n`);
    // The fourth server is in nobody's list but its own: that is enough to catch up.
    const peers = Array.from({ length: 3 }, (_, at) => addressOf(at + 1)).join("\n");
    writeFileSync(join(config, "peers.txt"), `${peers}\n`);
    writeFileSync(
      join(config, "configs", "site.yaml"),
      `directory: ${JSON.stringify(siteOf(number))}\nappend-only: false\nnum-levels: 1\n`,
    );
    return own;
  }

  async function start(number: number): Promise<void> {
    const own = configure(number);
    const args = [SERVER, "-c", join(own, "config"), "--db-dir", join(own, "db")];
    args.push("--host", addressOf(number), "--port", String(port));
    args.push(
      "--override-machine-id",
      String(number).padStart(32, "0"),
      "--override-hostname",
      `server-${number}`,
    );
    const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
    processes.set(number, child);
    let said = "";
    child.stderr?.on("data", (data: Buffer) => {
      said = (said + data.toString()).slice(-4096);
    });
    const deadline = performance.now() + START_MS_MAX;
    while (!(await answers(addressOf(number), port))) {
      if (child.exitCode !== null)
        throw new Error(`server ${number} ended with status ${child.exitCode}:\n${said}`);
      if (performance.now() > deadline) throw new Error(`server ${number} does not answer:\n${said}`);
      await pause(20);
    }
  }

  return {
    folder,
    port,
    keyFile,
    start,
    siteOf,
    addressOf,
    client(args, streams) {
      const child = spawn(process.execPath, [CLIENT, "--port", String(port), ...args], {
        stdio: ["ignore", streams, streams],
      });
      return new Promise((done, fail) => {
        child.on("error", fail);
        child.on("exit", (code) => done(code ?? 1));
      });
    },
    async status(number) {
      const answer = await fetch(`http://${addressOf(number)}:${port}/status/`);
      return answer.json();
    },
    async close() {
      await Promise.all([...processes.values()].map(endOf));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((done) => child.once("exit", () => done()));
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
  await ended;
  clearTimeout(late);
}

export function pause(ms: number): Promise<void> {
  return new Promise((done) => {
    setTimeout(done, ms);
  });
}

function answers(host: string, port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ host, port });
    socket.once("connect", () => {
      socket.destroy();
      done(true);
    });
    socket.once("error", () => done(false));
  });
}

/** A port that is free on all the addresses. */
async function freePort(servers: number): Promise<number> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const port = await listenOnce("127.0.0.1", 0);
    const others = Array.from({ length: servers - 1 }, (_, at) => listenOnce(`127.0.0.${at + 2}`, port));
    const found = await Promise.allSettled(others);
    if (found.every((each) => each.status === "fulfilled")) return port;
  }
  throw new Error("no port is free on all loopback addresses");
}

function listenOnce(host: string, port: number): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once("error", fail);
    server.listen(port, host, () => {
      const address = server.address();
      server.close(() => done(typeof address === "object" && address !== null ? address.port : port));
    });
  });
}
