/**
 * A client that looks around: which server of a cluster holds what, since when. It reads the status pages, which
 * servers of 0.6.12 have too, so that no question can do harm; and it finds the servers that others know.
 *
 *   of each server:  status -> base directories, downloads, peers -> listings of the base directories -> done | silent
 *
 * Source: specification of behaviour, section 9.
 */
import type { Effect } from "./effect.ts";
import type { Event } from "./event.ts";
import {
  type Address,
  type ImageId,
  type MonoMs,
  type Now,
  type OpId,
  type VPath,
  joinVPath,
  parentOf,
  parseImageId,
  parseVPath,
} from "./ids.ts";
import { isPage, listPagePath, type Page, pageOf, textIn } from "./page.ts";
import { operation, takeWaiting } from "./operations.ts";

export type SurveyConfig = {
  /** An image, or a base directory; null for everything. */
  readonly path: VPath | null;
  readonly entryPoints: readonly string[];
  readonly deadlineMs: number;
};

export type Holding = {
  readonly path: VPath;
  readonly image: ImageId;
  /** Of its newest signature, as RFC 3339. */
  readonly since: string;
  readonly state: "complete" | "downloading";
};

export type Surveyed = {
  readonly address: Address;
  readonly machine: string | null;
  readonly hostname: string | null;
  readonly answered: boolean;
  readonly holdings: readonly Holding[];
};

/** Servers that are asked; a cluster is at most some thousands. */
const SERVERS_MAX = 10_000;
const ASKED_AT_ONCE_MAX = 32;
const TICK_MS = 250;

type Server = {
  readonly address: Address;
  phase: "waiting" | "asked" | "done" | "silent";
  /** Pages that are still to come. */
  open: number;
  machine: string | null;
  hostname: string | null;
  downloading: ReadonlySet<string>;
  readonly listings: Map<VPath, Page>;
};
type Asked =
  | { readonly kind: "resolve" }
  | { readonly kind: "page"; readonly server: Server; readonly page: string; readonly base: VPath | null };

export type SurveyState = {
  readonly config: SurveyConfig;
  readonly servers: Map<Address, Server>;
  readonly waiting: Map<OpId, Asked>;
  readonly deadline: MonoMs;
  tickAt: MonoMs;
  nextOp: number;
  started: boolean;
  ended: boolean;
};

export function createSurvey(config: SurveyConfig, now: Now): SurveyState {
  return {
    config,
    servers: new Map(),
    waiting: new Map(),
    deadline: (now.mono + config.deadlineMs) as MonoMs,
    tickAt: now.mono,
    nextOp: 1,
    started: false,
    ended: false,
  };
}

export function wakeAt(state: SurveyState): MonoMs {
  return state.tickAt;
}

/** Each server once, also when it is known by two addresses; in the order in which they were found. */
export function surveyed(state: SurveyState): readonly Surveyed[] {
  const machines = new Set<string>();
  const out: Surveyed[] = [];
  for (const server of state.servers.values()) {
    const { address, machine, hostname, phase } = server;
    if (machine !== null && machines.has(machine)) continue;
    if (machine !== null) machines.add(machine);
    const answered = phase === "done";
    out.push({ address, machine, hostname, answered, holdings: answered ? holdingsOf(state, server) : [] });
  }
  return out;
}

export function step(state: SurveyState, event: Event, now: Now): readonly Effect[] {
  const out: Effect[] = [];
  if (state.ended) return out;
  if (event.kind === "wake") {
    state.tickAt = (now.mono + TICK_MS) as MonoMs;
    if (!state.started) {
      state.started = true;
      for (const name of state.config.entryPoints)
        out.push({ kind: "resolve", op: operation(state, { kind: "resolve" }), name });
    }
  } else if (event.kind === "resolved" || event.kind === "http_got") {
    const asked = takeWaiting(state, event.op);
    if (event.kind === "resolved") for (const address of event.addresses) add(state, address);
    else if (asked?.kind === "page") got(state, asked, pageOf(event.body), out);
  }
  plan(state, out);
  if (event.kind === "stop" || now.mono >= state.deadline || state.waiting.size === 0) {
    state.ended = true;
    out.push({ kind: "stopped" });
  }
  return out;
}

function plan(state: SurveyState, out: Effect[]): void {
  const servers = [...state.servers.values()];
  let room = ASKED_AT_ONCE_MAX - servers.filter(({ phase }) => phase === "asked").length;
  for (const server of servers) {
    if (room <= 0) return;
    if (server.phase !== "waiting") continue;
    room -= 1;
    server.phase = "asked";
    for (const page of ["/status/", "/downloading/", "/peers/", "/base-dirs/"])
      askPage(state, server, page, null, out);
  }
}

function askPage(state: SurveyState, server: Server, page: string, base: VPath | null, out: Effect[]): void {
  server.open += 1;
  const op = operation(state, { kind: "page", server, page, base });
  out.push({ kind: "http_get", op, address: server.address, path: page });
}

function got(
  state: SurveyState,
  { server, page, base }: Extract<Asked, { kind: "page" }>,
  body: Page | null,
  out: Effect[],
): void {
  server.open -= 1;
  if (body === null) server.phase = "silent";
  else if (base !== null) server.listings.set(base, body);
  else if (page === "/status/") {
    server.machine = textIn(body, "machine_id");
    server.hostname = textIn(body, "hostname");
  } else if (page === "/downloading/") server.downloading = new Set(Object.keys(body));
  else if (page === "/peers/") {
    for (const peer of Object.values(body)) {
      const address = isPage(peer) ? textIn(peer, "addr") : null;
      if (address !== null && /^(\[[0-9a-f:.]+\]|[0-9.]+):[0-9]{1,5}$/i.test(address))
        add(state, address as Address);
    }
  } else {
    for (const name of Object.keys(body)) {
      const path = parseVPath(name);
      if (path !== null && isWanted(state, path)) askPage(state, server, listPagePath(path), path, out);
    }
  }
  if (server.open === 0 && server.phase === "asked") server.phase = "done";
}

/** A base directory that is asked for, or that has what is asked for. */
function isWanted({ config: { path } }: SurveyState, base: VPath): boolean {
  return path === null || base === path || base === parentOf(path);
}

function add(state: SurveyState, address: Address): void {
  if (state.servers.has(address) || state.servers.size >= SERVERS_MAX) return;
  state.servers.set(address, {
    address,
    phase: "waiting",
    open: 0,
    machine: null,
    hostname: null,
    downloading: new Set(),
    listings: new Map(),
  });
}

function holdingsOf({ config }: SurveyState, { listings, downloading }: Server): readonly Holding[] {
  const out: Holding[] = [];
  for (const [base, page] of listings) {
    for (const [name, entry] of Object.entries(page)) {
      const path = joinVPath(base, name);
      if (path === null || !isPage(entry)) continue;
      if (config.path !== null && path !== config.path && base !== config.path) continue;
      const image = parseImageId(textIn(entry, "image") ?? "");
      if (image === null) continue;
      out.push({
        path,
        image,
        since: newestIn(entry),
        state: downloading.has(path) ? "downloading" : "complete",
      });
    }
  }
  return out;
}

/** RFC 3339 in UTC orders as text. */
function newestIn(entry: Page): string {
  const { signatures } = entry;
  const times = (Array.isArray(signatures) ? signatures : []).map((each: unknown) =>
    isPage(each) ? (textIn(each, "timestamp") ?? "") : "",
  );
  return times.reduce((newest, each) => (each > newest ? each : newest), "");
}
