import { createSocket } from "node:dgram";
import { get } from "node:http";
import { connect } from "node:net";
import { afterEach, beforeAll, expect, test } from "vitest";
import { splitAddress } from "../../adapters/address.ts";
import type { PeerEntry } from "../../adapters/config/peers-file.ts";
import type { LiveFolder, Look } from "../../adapters/daemon/live-folder.ts";
import { type ServeOptions, type Server, serve } from "../../adapters/daemon/serve.ts";
import type { Machine } from "../../adapters/port.ts";
import { openUdp } from "../../adapters/udp.ts";
import type { KeyRing } from "../../kernel/config.ts";
import type { Effect } from "../../kernel/effect.ts";
import type { Address, MonoMs, OpId } from "../../kernel/ids.ts";
import type { RootName } from "../../kernel/storage/call.ts";
import { build } from "./built.ts";
import { until } from "./until.ts";

const HOST = "127.0.0.5";
const NO_KEYS: KeyRing = { master: [], named: new Map(), ending: [] };
beforeAll(build);

const entry = (text: string): PeerEntry => ({ text, host: text, port: null });

const filesOf = (look: () => Look): LiveFolder => ({
  look,
  reload: look,
  watched: () => [],
  roots: () => [],
});

let server: Server | null = null;
afterEach(async () => {
  server?.stop();
  await server?.ended;
  server = null;
});

/** Recovers at its first wake, answers each datagram, and stops when it is told to. */
function toyMachine(events: string[], obeysStop = true): Machine {
  let woken = false;
  return {
    wakeAt: () => Number.MAX_SAFE_INTEGER as MonoMs,
    step(event): readonly Effect[] {
      events.push(event.kind);
      switch (event.kind) {
        case "wake":
          if (woken) return [];
          woken = true;
          return [{ kind: "disk", op: 1 as OpId, request: { kind: "recover", places: [], tag: "t" } }];
        case "disk_done":
          return event.result.ok
            ? [{ kind: "trace", mark: "recovered", fields: {} }, { kind: "ready" }]
            : [{ kind: "failed", code: event.result.code, detail: event.result.detail }];
        case "datagram":
          return [{ kind: "send_datagram", to: event.from, bytes: event.bytes }];
        case "stop":
          return obeysStop ? [{ kind: "stopped" }] : [];
        default:
          return [];
      }
    },
  };
}

async function freePort(): Promise<number> {
  const socket = await openUdp({ host: HOST, port: 0, receive: () => {} });
  const { port } = splitAddress(socket.address);
  await socket.close();
  return port;
}

type World = { readonly events: string[]; readonly lines: string[]; readonly port: number };

async function start(
  changes: Partial<ServeOptions> = {},
  obeysStop = true,
  context: unknown = {},
): Promise<World> {
  const events: string[] = [];
  const lines: string[] = [];
  const port = changes.port ?? (await freePort());
  server = await serve({
    host: HOST,
    wall: Date.now,
    port,
    names: ["Toy.example.org"],
    cantal: false,
    connectionsMax: 10,
    version: "1.2.3",
    machine: toyMachine(events, obeysStop),
    storage: { threads: 1, program: new URL("./tiny-program.mjs", import.meta.url).href, context },
    page: (path) => (path === "/status/" ? { hostname: "toy" } : null),
    db: "/nowhere" as RootName,
    files: filesOf(() => ({ events: [], peers: null })),
    log: { trace: (mark, fields) => void lines.push(`${mark} ${JSON.stringify(fields)}`) },
    about: { machine_id: "ab" },
    ...changes,
  });
  return { events, lines, port };
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, HOST);
    socket.on("connect", () => {
      socket.destroy();
      done(true);
    });
    socket.on("error", () => done(false));
  });
}

/** The status of the status page when it is asked for under a name. */
function statusUnder(port: number, name: string): Promise<number> {
  return new Promise((done, fail) => {
    get({ host: HOST, port, path: "/status/", headers: { host: name } }, (response) => {
      response.resume();
      done(response.statusCode ?? 0);
    }).on("error", fail);
  });
}

test("TCP is refused until recovery has been answered, and then pages are there", async () => {
  const { lines, port } = await start();
  expect(await canConnect(port)).toBe(false);
  await until(() => lines.some((line) => line.startsWith("listening")));
  expect(lines).toEqual(["recovered {}", `listening {"address":"${HOST}:${port}","machine_id":"ab"}`]);
  const page = await (await fetch(`http://${HOST}:${port}/status/`)).json();
  expect(page).toMatchObject({ hostname: "toy", version: "1.2.3", process: null, threads: {} });
  expect(await statusUnder(port, "toy.example.org:24783")).toBe(200);
  expect(await statusUnder(port, "peer.example.org")).toBe(421);
});

test("datagrams come to the machine, and its answers leave from the port that listens", async () => {
  const { lines, port } = await start();
  await until(() => lines.length === 2);
  const socket = createSocket("udp4");
  const answer = new Promise((done) =>
    socket.on("message", (bytes, from) => done(`${bytes.toString()} ${from.address}:${from.port}`)),
  );
  socket.send("hello", port, HOST);
  expect(await answer).toBe(`hello ${HOST}:${port}`);
  socket.close();
});

test("stop ends at once, and what comes afterwards reaches nobody", async () => {
  const { events, lines, port } = await start();
  await until(() => lines.length === 2);
  server?.stop();
  expect(await server?.ended).toEqual({ kind: "stopped" });
  expect(events.at(-1)).toBe("stop");
  expect(await canConnect(port)).toBe(false);
});

test("a machine that does not stop is cut off after four seconds", async () => {
  const { lines } = await start({}, false);
  await until(() => lines.length === 2);
  server?.stop();
  await server?.ended;
  expect(lines.at(-1)).toBe('stop_cut {"after_ms":4000}');
});

test("a stop before recovery is over opens no port", async () => {
  const { lines, port } = await start();
  server?.stop();
  await server?.ended;
  expect(lines).toEqual(["stopping {}"]);
  expect(await canConnect(port)).toBe(false);
});

test("a recovery that fails ends the server with its code", async () => {
  await start({}, true, { locked: true });
  expect(await server?.ended).toEqual({ kind: "failed", code: "locked", detail: "another server" });
});

test("a port in use is found before recovery begins", async () => {
  const udp = await openUdp({ host: HOST, port: 0, receive: () => {} });
  await expect(start({ port: splitAddress(udp.address).port })).rejects.toThrow("EADDRINUSE");
  await udp.close();
});

test("peers and keys are told at the start and when they change, and a broken name keeps nobody waiting", async () => {
  let peers: readonly PeerEntry[] | null = [entry("127.0.0.9"), entry("name.invalid"), entry("127.0.0.8")];
  let keys: KeyRing | null = NO_KEYS;
  const told: string[] = [];
  const machine = toyMachine([]);
  const { lines, port } = await start({
    machine: {
      wakeAt: () => machine.wakeAt(),
      step(event, now) {
        if (event.kind === "peers_resolved") told.push(event.peers.map((peer) => peer.address).join(" "));
        if (event.kind === "keys_changed") told.push("keys");
        return machine.step(event, now);
      },
    },
    files: filesOf(() => {
      const events = keys === null ? [] : [{ kind: "keys_changed", keys } as const];
      const read = { events, peers };
      peers = null;
      keys = null;
      return read;
    }),
  });
  const at = (host: string) => `${host}:${port}` as Address;
  await until(() => told.length === 2);
  expect(told).toEqual(["keys", `${at("127.0.0.9")} ${at("127.0.0.8")}`]);
  await until(() => lines.some((line) => line.startsWith("name_unresolved")));
  peers = [entry("127.0.0.8"), entry("peer.example.org")];
  keys = NO_KEYS;
  server?.reload();
  await until(() => told.length === 4);
  expect(await statusUnder(port, "PEER.example.org")).toBe(200);
  expect(told.slice(2)).toEqual(["keys", at("127.0.0.8")]);
});
