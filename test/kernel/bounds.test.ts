/** What others can make a server do or remember has a bound, whoever they say they are. */
import { expect, test } from "vitest";
import { BASE_ENTRIES_MAX, putCommitted } from "../../kernel/catalog.ts";
import { DEFAULT_LIMITS } from "../../kernel/config.ts";
import type { Digest, VPath } from "../../kernel/ids.ts";
import { encodePacket, type GossipMessage } from "../../kernel/wire/packet.ts";
import {
  addressOf,
  createRig,
  found,
  imageOf,
  machineOf,
  NOTHING,
  pathOf,
  SELF,
  sentFrames,
  sentPackets,
  stateOf,
  WALL,
} from "./rig.ts";

const watching = (paths: readonly VPath[]): GossipMessage => ({ ...NOTHING, watching: paths });
const names = (count: number) => Array.from({ length: count }, (_, at) => `i${at}`);

function hear(rig: ReturnType<typeof createRig>, from: number, machine: number, message: GossipMessage) {
  const packet = { machine: machineOf(machine), yourConfig: null, message };
  return sentPackets(rig.feed({ kind: "datagram", from: addressOf(from), bytes: encodePacket(packet) }));
}

test("a config list is told to one address at a bounded rate, whatever machines speak from it", () => {
  const rig = createRig();
  rig.start();
  const told = Array.from({ length: 20 }, (_, at) => hear(rig, 1 + (at % 2), 100 + at, NOTHING)).flat();
  const lists = told.filter(({ packet }) => packet.message.type === "ConfigSync");
  expect(lists.map(({ to }) => to)).toEqual([addressOf(1), addressOf(2)]);
  rig.wait(DEFAULT_LIMITS.configSyncIntervalMs);
  expect(hear(rig, 1, 100, NOTHING).map(({ packet }) => packet.message.type)).toContain("ConfigSync");
});

test("the config list of a server with many directories is told whole", () => {
  const keys = Array.from({ length: 300 }, (_, at) => `directory-${at}`).toSorted((a, b) => (a < b ? -1 : 1));
  const rig = createRig({ keys });
  rig.start();
  const lists = hear(rig, 1, 1, NOTHING).flatMap(({ packet: { message } }) =>
    message.type === "ConfigSync" ? [message.paths] : [],
  );
  expect(lists).toEqual([keys.map((key) => `/${key}`)]);
});

test("a peer is not taken for ourselves for long because somebody says so from its address", () => {
  const rig = createRig();
  rig.start();
  rig.gossip(1, NOTHING, SELF);
  const heard = () => sentPackets(rig.wait(1_000)).map(({ to }) => to);
  expect(heard()).toEqual([addressOf(2)]);
  for (let second = 0; second < DEFAULT_LIMITS.recordExpiryMs / 1_000; second++) heard();
  expect(heard()).toEqual([addressOf(1), addressOf(2)]);
});

test("a round goes to a hundred addresses that have not answered, and rounds in time to all of them", () => {
  const rig = createRig({ peers: 250 });
  const told = new Set<string>();
  const round = (effects: ReturnType<typeof rig.wait>) => sentPackets(effects).map(({ to }) => to);
  rig.start();
  for (let nth = 0; nth < 30; nth++) {
    const to = round(rig.wait(1_000));
    expect(new Set(to).size).toBe(100);
    for (const each of to) told.add(each);
  }
  expect(told.size).toBe(250);
});

test("what an address has said last is recognised, and what it says else is heard", () => {
  const rig = createRig();
  rig.start();
  const digest = "ab".repeat(32) as Digest;
  const asks = (message: GossipMessage) =>
    rig.gossip(1, message).filter(({ kind }) => kind === "dial").length;
  const other: GossipMessage = { ...NOTHING, baseDirs: new Map([["/site" as VPath, digest]]) };
  expect([asks(NOTHING), asks(NOTHING), asks(other)]).toEqual([0, 0, 1]);
});

test("one packet brings about a few, however many paths it names; the rounds say the rest", () => {
  const rig = createRig();
  rig.start(names(200).map((name, at) => found(pathOf(name), stateOf(imageOf(at + 1), WALL))));
  hear(rig, 1, 1, NOTHING);
  rig.wait(2_000);
  const sent = hear(rig, 1, 1, watching(names(200).map(pathOf)));
  expect(sent.length).toBeLessThan(10);
  const said = new Set<VPath>();
  for (let round = 0; round < 60; round++) {
    for (const { packet } of sentPackets(rig.wait(1_000))) {
      expect(packet.message.type).toBe("BaseDirs");
      if (packet.message.type === "BaseDirs")
        for (const path of packet.message.complete.keys()) said.add(path);
    }
    hear(rig, 1, 1, watching(names(200).map(pathOf)));
  }
  expect(said.size).toBe(200);
});

/** How often an entry is looked at from now on. */
function looksAt<K, V>(map: Map<K, V>): () => number {
  let looks = 0;
  for (const name of ["keys", "values", "entries", Symbol.iterator] as const) {
    const all = map[name].bind(map) as () => IterableIterator<unknown>;
    Object.defineProperty(map, name, {
      *value() {
        for (const each of all()) {
          looks += 1;
          yield each;
        }
      },
    });
  }
  return () => looks;
}

test("what clients watch takes no more of a round than a packet holds, and each of it gets its turn", () => {
  const rig = createRig();
  rig.start();
  const signatures = [new Uint8Array(64)];
  for (let conn = 2; conn < 800; conn += 2) {
    rig.open(conn);
    for (let at = 0; at < 256; at++) {
      const path = pathOf(`conn${conn}-${"x".repeat(60)}-${at}`);
      const upload = { path, image: imageOf(1), timestamp: WALL, signatures: [] };
      rig.request(conn, at, { type: "AppendDir", ...upload, ...(at === 0 ? { signatures } : {}) });
    }
  }
  expect(rig.node.watch.paths.size).toBeGreaterThan(100_000);
  rig.wait(1_000);
  const { paths } = rig.node.watch;
  const looks = looksAt(paths);
  const [first, second] = [sentPackets(rig.wait(1_000)), sentPackets(rig.wait(1_000))];
  expect(first.length).toBeGreaterThan(0);
  expect(looks()).toBeLessThanOrEqual(2 * paths.size); // each once a round, however many packets there are
  const told = (packets: typeof first) =>
    packets.flatMap(({ packet: { message } }) => (message.type === "BaseDirs" ? message.watching : []));
  expect(told(first).length).toBeGreaterThan(5);
  expect(told(second)).not.toEqual(told(first));
});

test("an upload into a full base directory is refused, and ends nothing", () => {
  const rig = createRig();
  rig.start();
  rig.open(2);
  for (const name of names(BASE_ENTRIES_MAX)) {
    putCommitted(rig.node.catalog, pathOf(name), { timestamp: 1, image: imageOf(1), signatures: [] });
  }
  rig.node.catalog.dirty.clear();
  const answer = sentFrames(rig.upload(2, 1, "one-more", imageOf(2))).at(-1);
  expect(answer).toMatchObject({ response: { accepted: false, reason: "catalog_full" } });
});

test("frames of a connection that has ended leave nothing behind", () => {
  const rig = createRig();
  rig.start();
  rig.frame(4, { kind: "notification", notification: { type: "PublishImage", image: imageOf(1) } });
  expect(rig.node.watch.byConn.size).toBe(0);
});

test("a connection has as many questions open as it may, and each further one is refused at once", () => {
  const rig = createRig();
  rig.start();
  rig.open(2);
  const { requestsPerConnMax } = DEFAULT_LIMITS;
  const ask = (id: number) =>
    sentFrames(rig.request(2, id, { type: "GetIndex", image: imageOf(1), hint: null }));
  for (let id = 0; id < requestsPerConnMax; id++) expect(ask(id)).toEqual([]);
  expect(ask(requestsPerConnMax)).toMatchObject([{ response: { type: "Error", text: "too_many_requests" } }]);
  rig.disk("read_index", { ok: false, code: "index_missing", detail: "" });
  expect(ask(requestsPerConnMax + 1)).toEqual([]);
});

test("what a peer has said is forgotten when it is silent for long", () => {
  const rig = createRig();
  rig.start();
  rig.gossip(1, { ...NOTHING, complete: new Map([[pathOf("x"), imageOf(1)]]), watching: [pathOf("y")] });
  const said = () => {
    const peer = rig.node.view.peers.get(machineOf(1));
    return [peer?.complete.size, peer?.watching.size];
  };
  const seconds = DEFAULT_LIMITS.recordExpiryMs / 1_000;
  for (let second = 1; second < seconds; second++) rig.wait(1_000);
  expect(said()).toEqual([1, 1]);
  for (let second = 0; second < 2; second++) rig.wait(1_000);
  expect(said()).toEqual([0, 0]);
});

test("base directories take turns: of fifty, all are told within five rounds", () => {
  const rig = createRig({ settings: { numLevels: 2 } });
  rig.start(names(50).map((name) => found(pathOf(`${name}/x`), stateOf(imageOf(1), WALL))));
  rig.wait(1_000);
  const told = new Set<VPath>();
  for (let round = 0; round < 5; round++)
    for (const { packet } of sentPackets(rig.wait(1_000)))
      if (packet.message.type === "BaseDirs")
        for (const base of packet.message.baseDirs.keys()) told.add(base);
  expect(told.size).toBe(50);
});
