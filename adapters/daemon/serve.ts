/**
 * A running server: ports around a machine.
 *
 *   UDP bound, datagrams dropped -> recovery -> listening -> stop asked -> stopped
 *                 `-> failed          `-> failed
 *
 * UDP is bound before anything on the disk is touched, so that a port in use is found first. TCP comes after recovery:
 * whoever can connect finds a server that knows what it has.
 */
import type { Event, ListedPeer } from "../../kernel/event.ts";
import { splitAddress } from "../address.ts";
import { createClock } from "../clock.ts";
import { createDigester } from "../digester.ts";
import { createDriver } from "../driver.ts";
import { type HttpServer, openHttpServer } from "../http-server.ts";
import type { RootName } from "../../kernel/storage/call.ts";
import type { Log } from "../log.ts";
import { createNames } from "../names.ts";
import { createPages } from "../pages.ts";
import type { Machine } from "../port.ts";
import { createProcessStats } from "../process-stats.ts";
import { openStorageThreads } from "../storage-threads.ts";
import { openUdp } from "../udp.ts";
import { createVerifier } from "../verifier.ts";
import { createWebSocketLinks } from "../websocket.ts";
import { createCantalWatch } from "./cantal-watch.ts";
import { createFileWatch } from "./file-watch.ts";
import type { LiveFolder, Look } from "./live-folder.ts";
import { createSpaceWatch } from "./space-watch.ts";
import { createPeerWatch } from "./peer-watch.ts";

const lowerCase = (name: string): string => name.toLowerCase();

const STOP_MS = 4_000; // then the rest is cut off, as a crash would: recovery is made for that

export type ServeOptions = {
  readonly host: string;
  readonly port: number;
  /** Milliseconds since 1970. */
  readonly wall: () => number;
  /** Of this server, besides those in the peer list. */
  readonly names: readonly string[];
  /** Peers come from the cantal of this machine instead of the peer list. */
  readonly cantal: boolean;
  readonly connectionsMax: number;
  readonly version: string;
  readonly machine: Machine;
  readonly storage: { readonly threads: number; readonly program: string; readonly context: unknown };
  /** A status page of the machine, or null. */
  readonly page: (path: string) => unknown;
  readonly db: RootName;
  readonly files: LiveFolder;
  readonly log: Log;
  /** Members of the line that tells of readiness. */
  readonly about: Readonly<Record<string, string | number>>;
};

export type Server = {
  /** Asks for a clean stop; `ended` follows. */
  stop(): void;
  reload(): void;
  /** How it ended. A failure was logged. */
  readonly ended: Promise<Ending>;
};

export type Ending =
  | { readonly kind: "stopped" }
  | { readonly kind: "failed"; readonly code: string; readonly detail: string };

/** Rejects with the system's error when the address cannot be bound. */
export async function serve(options: ServeOptions): Promise<Server> {
  const { log, machine, host } = options;
  let state: "starting" | "running" | "ending" = "starting";
  let http: HttpServer | null = null;
  let peerHosts: ReadonlySet<string> = new Set();
  const isPeer = (listed: string): boolean => peerHosts.has(listed);
  let end: ((ending: Ending) => void) | null = null;
  const ended = new Promise<Ending>((resolve) => {
    end = resolve;
  });

  const udp = await openUdp({
    host,
    port: options.port,
    receive(from, bytes) {
      if (state === "running") feed({ kind: "datagram", from, bytes });
    },
  });
  const storage = await openStorageThreads({
    ...options.storage,
    died(error) {
      throw error; // nobody would answer what that thread was asked
    },
  });
  const clock = createClock(options.wall);
  const names = createNames({ port: options.port });
  const stats = createProcessStats();
  const links = createWebSocketLinks({
    localHost: host,
    connectionsMax: options.connectionsMax,
    isPeer,
    events: {
      open: (conn, address, side) => feed({ kind: "conn_open", conn, address, side }),
      frame: (conn, bytes) => feed({ kind: "frame", conn, bytes }),
      closed: (conn, why) => feed({ kind: "conn_closed", conn, why }),
    },
  });
  const driver = createDriver(machine, {
    clock,
    datagrams: {
      send(to, bytes) {
        if (state !== "ending") udp.send(to, bytes);
      },
    },
    links,
    storage,
    digester: await createDigester(),
    verifier: createVerifier(),
    names,
    pages: createPages({ localHost: host }),
    tracer: log,
    ready: () => void listen(),
    failed: (code, detail) => void close({ kind: "failed", code, detail }),
    stopped: () => void close({ kind: "stopped" }),
  });
  const cantal = !options.cantal
    ? null
    : createCantalWatch({
        pages: createPages({ localHost: "0.0.0.0" }),
        port: options.port,
        resolved: listed,
        failed: () => log.trace("cantal_silent", {}),
      });
  const peers = options.cantal
    ? null
    : createPeerWatch({
        names,
        port: options.port,
        mono: () => performance.now(),
        resolved: listed,
        failed: (name) => log.trace("name_unresolved", { name }),
      });
  const space = createSpaceWatch({
    db: options.db,
    roots: options.files.roots,
    found: (places) => feed({ kind: "space", places }),
  });
  let files = createFileWatch(options.files.watched(), look);
  let reloadAsked = false;
  let ownNames: ReadonlySet<string> = new Set(options.names.map(lowerCase));

  function feed(event: Event): void {
    if (state !== "ending") driver.feed(event); // afterwards the ports are closed
  }

  function look(): void {
    if (state !== "ending") tell(options.files.look(log));
  }

  function tell({ events, peers: entries }: Look): void {
    for (const event of events) feed(event);
    if (entries === null) return;
    peers?.replace(entries);
    ownNames = new Set([...options.names, ...entries.map(({ host: listed }) => listed)].map(lowerCase));
  }

  function listed(list: readonly ListedPeer[]): void {
    peerHosts = new Set(list.map(({ address }) => splitAddress(address).host));
    feed({ kind: "peers_resolved", peers: list });
  }

  /** What an operator asks for while the server starts is done when it has started. */
  function reload(): void {
    reloadAsked = state === "starting";
    if (state !== "running") return;
    tell(options.files.reload(log));
    files.close();
    files = createFileWatch(options.files.watched(), look);
  }

  async function listen(): Promise<void> {
    try {
      const opened = await openHttpServer({
        host,
        port: options.port,
        version: options.version,
        isPeer,
        ownNames: () => ownNames,
        page: (path) => pageWithStats(path),
        pageFailed: (path, error) => log.trace("page_failed", { path, error: String(error) }),
        upgrade: (request, socket, head) => links.upgrade(request, socket, head),
      });
      if (state === "ending") {
        await opened.close();
        return;
      }
      http = opened;
      state = "running";
      log.trace("listening", { address: opened.address, ...options.about });
      if (reloadAsked) reload();
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      log.trace("start_failed", { code: "listen", detail });
      await close({ kind: "failed", code: "listen", detail });
    }
  }

  function pageWithStats(path: string): unknown {
    const page = options.page(path);
    if (path !== "/status/" || typeof page !== "object" || page === null) return page;
    return { ...page, version: options.version, process: stats.process(), threads: stats.threads() };
  }

  async function close(ending: Ending): Promise<void> {
    if (state === "ending") return;
    state = "ending";
    files.close();
    peers?.close();
    cantal?.close();
    space.close();
    stats.close();
    links.closeAll();
    await Promise.all([http?.close(), udp.close(), storage.close()]);
    clock.close();
    end?.(ending);
  }

  look();
  feed({ kind: "wake" });

  return {
    ended,
    reload,
    stop() {
      if (state === "ending") return;
      log.trace("stopping", {});
      const cut = setTimeout(() => {
        log.trace("stop_cut", { after_ms: STOP_MS });
        void close({ kind: "stopped" });
      }, STOP_MS);
      cut.unref();
      feed({ kind: "stop" });
    },
  };
}
