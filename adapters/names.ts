/**
 * Names to addresses. `/etc/hosts` first, as everywhere on the machine; then name servers, asked on sockets, because
 * the system's own resolver holds one of Node's four threads for each question; that one is asked last, a few at a
 * time, for what only it knows (search domains, other sources).
 */
import { lookup, Resolver } from "node:dns/promises";
import { readFileSync, statSync } from "node:fs";
import { isIP } from "node:net";
import type { Address } from "../kernel/ids.ts";
import { formatAddress } from "./address.ts";
import type { Names } from "./port.ts";

const SERVER_MS = 2_000; // a question to one name server
const SERVER_TRIES = 2;
const ASKED_AT_ONCE_MAX = 32; // sockets
const SYSTEM_AT_ONCE_MAX = 2; // of four threads: the others verify signatures meanwhile
const WAITING_MAX = 10_000; // as many as a peer file has lines; what is beyond does not resolve
const ADDRESSES_MAX = 16; // of one name
const SERVICE_TARGETS_MAX = 256; // servers of one service
const HOSTS_FILE = "/etc/hosts";
const HOSTS_BYTES_MAX = 1024 * 1024;

export type NamesOptions = {
  /** For names without a port. */
  readonly port: number;
  readonly hostsFile?: string;
  /** `IP[:PORT]` of name servers, instead of the system's. */
  readonly servers?: readonly string[];
};

export function createNames(options: NamesOptions): Names {
  const hostsFile = options.hostsFile ?? HOSTS_FILE;
  const resolver = new Resolver({ timeout: SERVER_MS, tries: SERVER_TRIES });
  if (options.servers !== undefined) resolver.setServers(options.servers);
  const asking = createGate(ASKED_AT_ONCE_MAX);
  const asksSystem = createGate(SYSTEM_AT_ONCE_MAX);

  async function ask(host: string): Promise<readonly string[]> {
    const [four, six] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    return [
      ...(four.status === "fulfilled" ? four.value : []),
      ...(six.status === "fulfilled" ? six.value : []),
    ];
  }

  /** `_service._protocol.domain`: each of its servers by the port that its record has. */
  async function findService(service: string): Promise<readonly Address[]> {
    const records = await asking(() => resolver.resolveSrv(service).catch(() => []));
    const targets = (records ?? []).slice(0, SERVICE_TARGETS_MAX);
    const found = await Promise.all(
      targets.map(async ({ name, port }) => {
        const addresses = isIP(name) === 0 ? await find(name) : [name];
        return addresses.slice(0, ADDRESSES_MAX).map((each) => formatAddress(each, port));
      }),
    );
    return [...new Set(found.flat())].toSorted();
  }

  async function find(host: string): Promise<readonly string[]> {
    const listed = hostsNamed(hostsFile, host);
    if (listed.length > 0) return listed;
    const told = await asking(() => ask(host));
    // Whoever has the zone of a name could make us talk to what listens on this machine alone.
    if (told === null || told.length > 0) return (told ?? []).filter((address) => !isLoopback(address));
    return (await asksSystem(() => askSystem(host))) ?? [];
  }

  return {
    resolve(name, done) {
      const { host, port } = splitName(name, options.port);
      const addresses = (found: readonly string[]): readonly Address[] =>
        [...new Set(found)].slice(0, ADDRESSES_MAX).map((each) => formatAddress(each, port));
      if (isIP(host) !== 0) return done(addresses([host]));
      if (host === "") return done([]);
      if (host.startsWith("_")) return void findService(host).then(done);
      void find(host).then((found) => done(addresses(found)));
    },
  };
}

/** `HOST`, `HOST:PORT`, an IPv6 address, or one in brackets with or without a port. */
export function splitName(name: string, port: number): { readonly host: string; readonly port: number } {
  const brackets = /^\[([^\]]*)\](?::([0-9]{1,5}))?$/.exec(name);
  const pair = brackets ?? /^([^:]*):([0-9]{1,5})$/.exec(name);
  return pair === null
    ? { host: name, port }
    : { host: pair[1] ?? "", port: pair[2] === undefined ? port : Number(pair[2]) };
}

/** Runs so many at once; the rest waits in order, and beyond the bound gets null. */
function createGate(atOnce: number): <T>(work: () => Promise<T>) => Promise<T | null> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running >= atOnce) {
      if (waiting.length >= WAITING_MAX) return null;
      await new Promise<void>((start) => waiting.push(start));
    } else {
      running += 1;
    }
    try {
      return await work();
    } finally {
      const start = waiting.shift();
      if (start === undefined) running -= 1;
      else start();
    }
  };
}

function isLoopback(address: string): boolean {
  return /^(127\.|0\.0\.0\.0$|::1?$|::ffff:127\.)/i.test(address);
}

async function askSystem(host: string): Promise<readonly string[]> {
  try {
    return (await lookup(host, { all: true })).map((found) => found.address);
  } catch {
    return [];
  }
}

/** Read each time: it is small, cached by the system, and edited while we run. */
function hostsNamed(file: string, host: string): readonly string[] {
  let text: string;
  try {
    if (statSync(file).size > HOSTS_BYTES_MAX) return [];
    text = readFileSync(file, "utf8");
  } catch {
    return [];
  }
  const wanted = host.toLowerCase();
  return text.split("\n").flatMap((line) => {
    const [address = "", ...names] = line.replace(/#.*/, "").trim().split(/\s+/);
    return isIP(address) !== 0 && names.some((name) => name.toLowerCase() === wanted) ? [address] : [];
  });
}
