/** Where the servers of a row are: addresses of the loopback network, or network namespaces that are made for it. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { freePort } from "../e2e/rig.ts";

export type Place = {
  readonly port: number;
  /** Servers from 1; what the suite plays itself from `HAND`. */
  addressOf(node: number): string;
  /** What a server's command runs under. */
  under(node: number): readonly string[];
  close(): void;
};

/** The first of the addresses from which the suite speaks by itself. */
export const HAND = 200;
const HANDS = 4;

/** One subnet of 127.0.0.0/8 a row, and a port that is free there. */
export async function loopbackPlace(row: number): Promise<Place> {
  const net = `127.${64 + (process.pid % 128)}.${row}`;
  const port = await freePort(`${net}.1`);
  return { port, addressOf: (node) => `${net}.${node}`, under: () => [], close: () => undefined };
}

const HUB = "CIRUELA_INTEROP_HUB";
const PORT = 24_783;

/** Whether this process is already inside the namespace of its run. */
export function isInHub(): boolean {
  return process.env[HUB] !== undefined;
}

/** Runs this same program once more inside a network namespace, which then holds the bridges; its status, or why not. */
export async function runInHub(): Promise<number | string> {
  const hub = `ciruela-${process.pid}`;
  if (process.getuid?.() !== 0) return "--netns makes network namespaces, which needs root";
  const made = spawnSync("ip", ["netns", "add", hub], { encoding: "utf8" });
  if (made.error !== undefined) return "--netns needs the command `ip` (Debian's iproute2)";
  if (made.status !== 0) return `--netns cannot make a network namespace: ${made.stderr.trim()}`;
  try {
    execFileSync("ip", ["-n", hub, "link", "set", "lo", "up"]);
    const words = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
    const env = { ...process.env, [HUB]: hub };
    const child = spawn("ip", ["netns", "exec", hub, ...words], { stdio: "inherit", env });
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
    return await new Promise<number>((done) => child.once("close", (status) => done(status ?? 1)));
  } finally {
    spawnSync("ip", ["netns", "del", hub]);
  }
}

/** A bridge a row in this namespace, and behind it one namespace a server. */
export function namespacePlace(row: number, servers: number): Place {
  const hub = process.env[HUB] ?? "";
  const bridge = `row${row}`;
  const nameOf = (node: number) => `${hub}-${row}-${node}`;
  const addressOf = (node: number) => `10.77.${row}.${node}`;
  const ip = (...words: readonly string[]) => execFileSync("ip", words);
  const nodes = Array.from({ length: servers }, (_, at) => at + 1);
  ip("link", "add", bridge, "type", "bridge");
  ip("link", "set", bridge, "up");
  for (let at = 0; at < HANDS; at++) ip("address", "add", `${addressOf(HAND + at)}/24`, "dev", bridge);
  for (const node of nodes) {
    const [name, near] = [nameOf(node), `v${row}x${node}`];
    ip("netns", "add", name);
    ip("link", "add", near, "type", "veth", "peer", "name", "eth0", "netns", name);
    ip("link", "set", near, "master", bridge, "up");
    ip("-n", name, "address", "add", `${addressOf(node)}/24`, "dev", "eth0");
    ip("-n", name, "link", "set", "eth0", "up");
    ip("-n", name, "link", "set", "lo", "up");
  }
  return {
    port: PORT,
    addressOf,
    under: (node) => ["ip", "netns", "exec", nameOf(node)],
    close() {
      for (const node of nodes) spawnSync("ip", ["netns", "del", nameOf(node)]);
      spawnSync("ip", ["link", "del", bridge]);
    },
  };
}
