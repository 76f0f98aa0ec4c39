/** Where the servers of a row are: addresses of the loopback network, or network namespaces that are made for it. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
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
const NAMESPACES = "/run/netns"; // where `ip` keeps their names
/** Signals by which a person or a system ends a run, and what its status is then. */
export const EXIT_OF = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
const PORT = 24_783;

/** Whether this process is already inside the namespace of its run. */
export function isInHub(): boolean {
  return process.env[HUB] !== undefined;
}

/**
 * Runs this same program once more inside a network namespace, which then holds the bridges; its status, or why not.
 * However that ends, no namespace of its own is left.
 *
 * @param what  for people: what it is that wants namespaces
 */
export async function runInHub(what: string): Promise<number | string> {
  const hub = `ciruela-${process.pid}`;
  if (process.getuid?.() !== 0) return `${what} makes network namespaces, which needs root`;
  const made = spawnSync("ip", ["netns", "add", hub], { encoding: "utf8" });
  if (made.error !== undefined) return `${what} needs the command \`ip\` (Debian's iproute2)`;
  if (made.status !== 0) return `${what} cannot make a network namespace: ${made.stderr.trim()}`;
  try {
    execFileSync("ip", ["-n", hub, "link", "set", "lo", "up"]);
    const words = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
    const env = { ...process.env, [HUB]: hub };
    const child = spawn("ip", ["netns", "exec", hub, ...words], { stdio: "inherit", env });
    for (const signal of Object.keys(EXIT_OF)) process.on(signal, () => child.kill(signal as NodeJS.Signals));
    return await new Promise<number>((done) =>
      child.once("close", (status, signal) => done(status ?? exitOf(signal))),
    );
  } finally {
    const names = readdirSync(NAMESPACES).filter((name) => name === hub || name.startsWith(`${hub}-`));
    for (const name of names) spawnSync("ip", ["netns", "del", name]);
  }
}

/** As a shell has it. */
function exitOf(signal: NodeJS.Signals | null): number {
  return Object.entries(EXIT_OF).find(([name]) => name === signal)?.[1] ?? 1;
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
