/**
 * Section 4.3: datagrams. Two kinds of harm are looked for: a thing that is believed, promised, answered or told to a
 * client because of a datagram; and an answer to an address that nobody listed.
 */
import { describe, expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../kernel/config.ts";
import type { Effect } from "../../kernel/effect.ts";
import type { Address, Digest, VPath } from "../../kernel/ids.ts";
import { type Cbor, encodeCbor } from "../../kernel/wire/cbor.ts";
import type { BaseDirs } from "../../kernel/wire/packet.ts";
import {
  addressOf,
  createRig,
  imageOf,
  machineOf,
  pathOf,
  type Rig,
  SELF,
  sentFrames,
  sentPackets,
  NOTHING,
} from "../kernel/rig.ts";

const hex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));
const mapOf = (members: Readonly<Record<string, Cbor>>): Cbor => new Map(Object.entries(members));
const ID = new Uint8Array(16).fill(7);
const EMPTY = {
  in_progress: mapOf({}),
  watching: [],
  deleted: [],
  base_dirs: mapOf({}),
  complete: mapOf({}),
};
const packet = (
  machine: Cbor,
  type: string,
  body: Readonly<Record<string, Cbor>>,
  more: Readonly<Record<string, Cbor>> = {},
) => encodeCbor(mapOf({ machine_id: machine, your_config: null, message: [type, mapOf(body)], ...more }));
const GOOD = packet(ID, "BaseDirs", EMPTY);

function started(): Rig {
  const rig = createRig();
  rig.start();
  return rig;
}

/** What can be believed of others, without how often nothing was. */
function beliefs({ node, pending }: Rig): string {
  const { peers, byAddress, selfAt } = node.view;
  const plain = (_: string, value: unknown): unknown =>
    value instanceof Map ? [...value] : value instanceof Set ? [...value] : value;
  const { catalog, reconcile, downloads, watch } = node;
  return JSON.stringify({ peers, byAddress, selfAt, catalog, reconcile, downloads, watch, pending }, plain);
}

test.each<readonly [id: string, what: string, bytes: Uint8Array]>([
  ["BG1", "nothing", hex("")],
  ["BG1", "one byte", hex("a0")],
  ["BG1", "65,507 bytes", new Uint8Array(65_507)],
  ["BG1", "random bytes", hex("8fd3a10bb7e93f4c5582")],
  ["BG5", "a machine id of 15 bytes", packet(ID.subarray(1), "BaseDirs", EMPTY)],
  ["BG5", "a machine id of 17 bytes", packet(new Uint8Array(17), "BaseDirs", EMPTY)],
  ["BG5", "a machine id of 31 digits", packet("a".repeat(31), "BaseDirs", EMPTY)],
  ["BG11", "16 levels of tags", hex(`${"c1".repeat(100)}00`)],
  ["BG11", "ten thousand arrays", hex("81".repeat(10_000))],
  ["BG11", "an array of 2^32 - 1", hex("9affffffff")],
  ["BG11", "2^63 bytes", hex("5b8000000000000000")],
  ["BG13", "a variant that we do not know", packet(ID, "Rumour", EMPTY)],
  ["BG13", "a variant without its members", packet(ID, "BaseDirs", {})],
])("%s %s is dropped, counted, and not answered", (_, __, bytes) => {
  const rig = started();
  const before = beliefs(rig);
  expect(rig.feed({ kind: "datagram", from: addressOf(1), bytes })).toEqual([]);
  expect(rig.node.view.undecodable).toBe(1);
  expect(beliefs(rig)).toBe(before);
});

test.each<readonly [id: string, what: string, bytes: Uint8Array]>([
  ["BG5", "a machine id of 32 digits", packet("ab".repeat(16), "BaseDirs", EMPTY)],
  ["BG12", "bytes behind the packet", Uint8Array.from([...GOOD, 1, 2, 3])],
  ["BG13", "members that we do not know", packet(ID, "BaseDirs", { ...EMPTY, more: 1 }, { more: "x" })],
])("%s %s is listened to, as 0.6.12 does", (_, __, bytes) => {
  const rig = started();
  rig.feed({ kind: "datagram", from: addressOf(1), bytes });
  expect([rig.node.view.undecodable, rig.node.view.peers.size]).toEqual([0, 1]);
});

const UNLISTED = [
  "10.0.0.99:24783",
  "10.0.0.1:24784",
  "255.255.255.255:24783",
  "224.0.0.1:24783",
  "127.0.0.1:24783",
].concat(["10.0.0.1:0", "10.0.0.1:7", "10.0.0.1:19", "10.0.0.1:53"]) as Address[];
test.each(UNLISTED)("BG2 BG17 a sound packet from %s, which nobody listed", (from) => {
  const rig = started();
  const before = beliefs(rig);
  expect(rig.feed({ kind: "datagram", from, bytes: GOOD })).toEqual([]);
  expect([rig.node.view.unlisted, rig.node.view.undecodable]).toEqual([1, 0]);
  expect(beliefs(rig)).toBe(before);
});

test("BG3 our own machine id from elsewhere is told once, and nothing else of it is believed", () => {
  const rig = started();
  const tell = () => rig.gossip(1, { ...NOTHING, complete: new Map([[pathOf("x"), imageOf(1)]]) }, SELF);
  expect(tell()).toEqual([
    { kind: "trace", mark: "own_machine_id_heard", fields: expect.objectContaining({ from: addressOf(1) }) },
  ]);
  expect(tell()).toEqual([]);
  expect(rig.node.view.peers.size).toBe(0);
  // A server that lists itself is asked now and then whether it still is itself: that is no news.
  rig.wait(DEFAULT_LIMITS.recordExpiryMs);
  expect(tell()).toEqual([]);
  rig.gossip(1, NOTHING, machineOf(9));
  rig.wait(DEFAULT_LIMITS.recordExpiryMs);
  expect(tell()).toMatchObject([{ kind: "trace", mark: "own_machine_id_heard" }]);
});

describe("BG4 another machine id at a known address", () => {
  const saysMore: BaseDirs = { ...NOTHING, complete: new Map([[pathOf("x"), imageOf(1)]]) };
  const questions = (effects: readonly Effect[]) => effects.filter((each) => each.kind === "http_get");
  const answer = (rig: Rig, effects: readonly Effect[], body: string | null) =>
    questions(effects).flatMap(({ op }) =>
      rig.feed({ kind: "http_got", op, body: body === null ? null : Buffer.from(body) }),
    );
  const statusOf = (machine: string) => JSON.stringify({ machine_id: machine, version: "0.6.12" });

  function known(): Rig {
    const rig = started();
    rig.gossip(1, NOTHING);
    return rig;
  }

  test("is not believed: who is there is asked over TCP, once in a while", () => {
    const rig = known();
    const before = beliefs(rig);
    const asked = rig.gossip(1, saysMore, machineOf(9));
    expect(asked).toEqual([
      { kind: "http_get", op: expect.any(Number), address: addressOf(1), path: "/status/" },
    ]);
    expect(beliefs(rig)).toBe(before);
    expect(rig.gossip(1, saysMore, machineOf(9))).toEqual([]);
    expect(answer(rig, asked, null)).toEqual([]);
    expect(rig.gossip(1, saysMore, machineOf(9))).toEqual([]);
    expect(beliefs(rig)).toBe(before);
    rig.wait(DEFAULT_LIMITS.identityAskMs);
    expect(questions(rig.gossip(1, saysMore, machineOf(9)))).toHaveLength(1);
  });

  test("takes its place when it says so itself, and what the first one said is forgotten", () => {
    // A reinstalled server has a new id. Nothing that is stored hangs on it.
    const rig = started();
    rig.gossip(1, saysMore);
    const asked = rig.gossip(1, NOTHING, machineOf(9));
    expect(answer(rig, asked, statusOf(machineOf(9).toUpperCase()))).toEqual([
      {
        kind: "trace",
        mark: "peer_id_changed",
        fields: { address: addressOf(1), before: machineOf(1), machine: machineOf(9) },
      },
    ]);
    rig.gossip(1, NOTHING, machineOf(9));
    expect([...rig.node.view.peers.keys()]).toEqual([machineOf(9)]);
    expect(rig.node.view.peers.get(machineOf(9))?.complete.size).toBe(0);
    // It may be reinstalled again at once.
    expect(questions(rig.gossip(1, NOTHING, machineOf(8)))).toHaveLength(1);
  });

  test.each([
    ["that it is who it was", statusOf(machineOf(1))],
    ["that it is we", statusOf(SELF)],
    ["what is no machine id", statusOf("../../etc/passwd")],
    ["a number", '{"machine_id":9}'],
    ["a list", "[]"],
    ["what is not JSON", "<html>"],
    ["nothing", ""],
  ])("changes nothing when what is there says %s", (_, body) => {
    const rig = known();
    const before = beliefs(rig);
    expect(answer(rig, rig.gossip(1, saysMore, machineOf(9)), body)).toEqual([]);
    expect(beliefs(rig)).toBe(before);
  });

  test("does not move a peer that is known elsewhere", () => {
    const rig = known();
    rig.gossip(2, NOTHING);
    const before = beliefs(rig);
    expect(questions(rig.gossip(2, saysMore, machineOf(1)))).toHaveLength(1);
    expect(beliefs(rig)).toBe(before);
  });

  test("at many addresses at once is asked about in turn", () => {
    const many = DEFAULT_LIMITS.identityAsksMax + 2;
    const numbers = Array.from({ length: many }, (_, at) => at + 1);
    const rig = createRig({ peers: many });
    rig.start();
    for (const number of numbers) rig.gossip(number, NOTHING);
    const asked = numbers.flatMap((number) => rig.gossip(number, NOTHING, machineOf(100 + number)));
    expect(questions(asked)).toHaveLength(DEFAULT_LIMITS.identityAsksMax);
    answer(rig, asked.slice(0, 1), null);
    expect(questions(rig.gossip(many, NOTHING, machineOf(200)))).toHaveLength(1);
    expect(questions(rig.gossip(many - 1, NOTHING, machineOf(200)))).toHaveLength(0);
  });
});

test("BG6 watches of one level are dropped one by one, and of others no more is remembered than may be", () => {
  const rig = started();
  const many = Array.from({ length: DEFAULT_LIMITS.recordPathsMax + 500 }, (_, at) => pathOf(`x${at}`));
  rig.gossip(1, { ...NOTHING, watching: ["/a" as VPath, ...many] });
  const { watching } = rig.node.view.peers.get(machineOf(1)) ?? { watching: new Set() };
  expect(watching.size).toBe(DEFAULT_LIMITS.recordPathsMax);
  expect(watching.has("/a" as VPath)).toBe(false);
  const root = packet(ID, "BaseDirs", { ...EMPTY, watching: ["/", "x", "/a/../b"] });
  rig.feed({ kind: "datagram", from: addressOf(2), bytes: root });
  expect(rig.node.view.peers.get("07".repeat(16) as never)?.watching.size).toBe(0);
});

/** A client's upload that is being downloaded here. */
function uploading(): Rig {
  const rig = started();
  rig.open(2);
  rig.frame(2, { kind: "notification", notification: { type: "PublishImage", image: imageOf(1) } });
  rig.upload(2, 1, "x", imageOf(1));
  rig.done("put_intent");
  return rig;
}

test.each<readonly [id: string, what: string, forged: Partial<BaseDirs>]>([
  ["BG7", "complete, which was never uploaded", { complete: new Map([[pathOf("other"), imageOf(9)]]) }],
  ["BG7", "complete, with another image of our path", { complete: new Map([[pathOf("x"), imageOf(9)]]) }],
  [
    "BG8",
    "everything deleted",
    {
      deleted: [
        [pathOf("x"), imageOf(1)],
        [pathOf("y"), imageOf(1)],
      ],
    },
  ],
  [
    "BG8",
    "everything stalled",
    { inProgress: new Map([[pathOf("x"), { image: imageOf(1), mask: 0, source: false, stalled: true }]]) },
  ],
])("%s a peer says %s: no success, no end, nothing on disk", (_, __, forged) => {
  const rig = uploading();
  const before = rig.pending.length;
  const effects = rig.gossip(1, { ...NOTHING, ...forged });
  const told = sentFrames(effects, 2).flatMap((each) =>
    each.kind === "notification" ? [each.notification] : [],
  );
  // A receipt of the peer's own, for its own image, may pass through: it names the peer, and the client compares it.
  for (const each of told)
    expect(each).toMatchObject({
      type: "ReceivedImage",
      image: imageOf(9),
      machine: machineOf(1),
      forwarded: true,
    });
  expect(rig.node.downloads.size).toBe(1);
  expect(rig.pending.length).toBe(before);
});

test("BG9 digests of what is not configured, of a wrong length, or too many, start nothing", () => {
  const rig = started();
  const digest = "ab".repeat(32) as Digest;
  const many = new Map(Array.from({ length: 1_000 }, (_, at) => [`/other${at}` as VPath, digest]));
  const before = rig.all.length;
  rig.gossip(1, { ...NOTHING, baseDirs: many });
  const short = packet(machineBytes(1), "BaseDirs", {
    ...EMPTY,
    base_dirs: mapOf({ "/site": new Uint8Array(31) }),
  });
  rig.feed({ kind: "datagram", from: addressOf(1), bytes: short });
  expect(rig.all.slice(before).filter(({ kind }) => kind === "dial" || kind === "disk")).toEqual([]);
});

function machineBytes(number: number): Uint8Array {
  return Uint8Array.from(Buffer.from(machineOf(number), "hex"));
}

test("BG10 a list of five thousand directories is cut, and one without any costs its peer alone", () => {
  const rig = started();
  rig.gossip(2, { type: "ConfigSync", paths: ["/site" as VPath] });
  rig.gossip(1, { type: "ConfigSync", paths: Array.from({ length: 5_000 }, (_, at) => `/k${at}` as VPath) });
  expect(rig.node.view.peers.get(machineOf(1))?.configs.size).toBe(DEFAULT_LIMITS.configListMax);
  rig.gossip(1, { type: "ConfigSync", paths: [] });
  expect(rig.node.view.peers.get(machineOf(1))?.configs.size).toBe(0);
  expect(rig.node.view.peers.get(machineOf(2))?.configs.size).toBe(1);
});

test("BG14 a packet that comes again, at once, a minute and a day later, changes nothing that is stored", () => {
  const rig = uploading();
  const say = () => rig.gossip(1, { ...NOTHING, complete: new Map([[pathOf("y"), imageOf(5)]]) });
  say();
  const stored = () =>
    JSON.stringify([[...rig.node.downloads.keys()], rig.node.catalog.images, rig.pending.length]);
  for (const ms of [1, 60_000, 86_400_000]) {
    rig.wait(ms);
    const before = stored();
    say();
    expect(stored()).toBe(before);
  }
  expect(rig.node.view.peers.size).toBe(1);
});

test("BG16 a hundred thousand packets of strangers and of garbage leave nothing behind, and answer nobody", () => {
  const rig = started();
  const before = beliefs(rig);
  const garbage = hex("a1616281");
  for (let at = 0; at < 50_000; at++) {
    rig.feed({ kind: "datagram", from: `10.1.${at >> 8}.${at & 255}:9` as Address, bytes: GOOD });
    rig.feed({ kind: "datagram", from: addressOf(1), bytes: garbage });
  }
  expect([rig.node.view.unlisted, rig.node.view.undecodable]).toEqual([50_000, 50_000]);
  expect(beliefs(rig)).toBe(before);
  rig.gossip(2, NOTHING);
  expect(sentPackets(rig.wait(2_000)).map(({ to }) => to)).toContain(addressOf(2));
});
