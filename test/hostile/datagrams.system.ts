/**
 * Somebody without a key sends datagrams, from an address that nobody lists and from that of a listed server which is
 * not there: attacks T19 to T26 of the reliability notes, over real sockets against real servers.
 */
import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Digest, ImageId, VPath } from "../../kernel/ids.ts";
import { type Cbor, encodeCbor } from "../../kernel/wire/cbor.ts";
import type { GossipMessage } from "../../kernel/wire/packet.ts";
import { endOf } from "../e2e/rig.ts";
import { Datagrams } from "./attacker.ts";
import { LISTED, STRANGER, Victims } from "./victims.ts";
import { NOTHING } from "../kernel/rig.ts";

const PACKET_BYTES_MAX = 1_400;
const LISTED_FACTOR_MAX = 3;
const FLOOD = 50_000;
const PAUSE_MS = 3_000; // three rounds of gossip

let victims: Victims;
let stranger: Datagrams;
let listed: Datagrams;
let target: string;
beforeAll(async () => {
  victims = await Victims.create("127.0.45");
  const { rig } = victims;
  stranger = await Datagrams.from(rig.addressOf(STRANGER), rig.port);
  listed = await Datagrams.from(rig.addressOf(LISTED), rig.port);
  target = rig.addressOf(1);
});
afterAll(async () => {
  stranger.close();
  listed.close();
  await victims.close();
});

const pause = (ms = PAUSE_MS) => new Promise((done) => setTimeout(done, ms));
const someone = () => randomBytes(16).toString("hex");
/** The one machine that is believed to be at the listed address: under other ids nothing from there is heard. */
const BELIEVED = "3".repeat(32);
const image = "ab".repeat(32) as ImageId;
const digest = "cd".repeat(32) as Digest;
const path = "/site/current" as VPath;
const whole = { image, mask: 0xffff, source: true, stalled: false };

/** What the server has refused since then, as it says itself: that is how it is known that it came. */
async function refusedSince(before: Awaited<ReturnType<Victims["refused"]>>): Promise<typeof before> {
  const now = await victims.refused();
  return {
    unlisted: now.unlisted - before.unlisted,
    undecodable: now.undecodable - before.undecodable,
  };
}

/** One of each kind, each of which made 0.6.12 answer, dial or believe. */
const EVERY: readonly GossipMessage[] = [
  NOTHING,
  { ...NOTHING, baseDirs: new Map([["/site" as VPath, digest]]), watching: [path] },
  { ...NOTHING, complete: new Map([[path, image]]), deleted: [[path, image]] },
  { ...NOTHING, inProgress: new Map([[path, { ...whole, stalled: true }]]) },
  { type: "Downloading", path, image, mask: 0xffff, source: true, watches: [] },
  { type: "Reconcile", path: "/site" as VPath, digest, watches: new Map() },
  { type: "Complete", path, image },
  { type: "CompleteAck", path },
  { type: "ConfigSync", paths: ["/site" as VPath, "/other" as VPath] },
];

test("T21, T22: nothing is answered to a stranger, and nobody calls on him", async () => {
  const { rig } = victims;
  let calls = 0;
  const server = createServer((socket) => {
    calls += 1;
    socket.destroy();
  });
  await new Promise<void>((done) => server.listen(rig.port, rig.addressOf(STRANGER), done));
  const before = await victims.refused();
  for (let round = 0; round < 20; round++) {
    for (const message of EVERY) await stranger.say(target, someone(), message);
  }
  await pause();
  server.close();
  const { unlisted } = await refusedSince(before);
  expect(unlisted).toBe(20 * EVERY.length);
  expect(stranger.received).toBe(0);
  expect(calls).toBe(0);
  await victims.judge(
    `T21, T22: ${stranger.sent} bytes of valid gossip of every kind from an address that nobody lists`,
    `all ${unlisted} datagrams refused; 0 bytes come back, 0 connections: amplification 0.0`,
  );
});

test("T21, T24: a listed address gets no more than it may, in datagrams that fit", async () => {
  const [sent, received] = [listed.sent, listed.received];
  for (let round = 0; round < 50; round++) {
    for (const message of EVERY) await listed.say(target, BELIEVED, message);
  }
  await pause();
  const factor = (listed.received - received) / (listed.sent - sent);
  expect(listed.received).toBeGreaterThan(received); // it is believed to be a server
  expect(factor).toBeLessThanOrEqual(LISTED_FACTOR_MAX);
  const watching = Array.from({ length: 3_000 }, (_, at) => `/site/watched-${at}` as VPath);
  for (let round = 0; round < 3; round++) await listed.say(target, BELIEVED, { ...NOTHING, watching });
  await pause();
  expect(listed.longest).toBeLessThanOrEqual(PACKET_BYTES_MAX);
  // While it says that it has `/site`, clients wait for it as for a server that is down.
  for (let round = 0; round < 3; round++)
    await listed.say(target, BELIEVED, { type: "ConfigSync", paths: [] });
  await victims.judge(
    "T21, T24: the same under the address of a listed server, and 3,000 watched paths",
    `${factor.toFixed(2)} bytes for each that came; the longest datagram has ${listed.longest}`,
  );
});

test("T19, T20: what is forged about an upload neither ends it nor counts as success", async () => {
  const { rig } = victims;
  const name = "/site/forged" as VPath;
  const source = victims.tree("forged", { large: "large and forged ".repeat(500_000) });
  const child = rig.spawnClient(
    rig.signed("sync", "--json", "--replace", `${source}:${name}`, rig.addressOf(1)),
  );
  const ended = endOf(child);
  let count = 0;
  const before = await victims.refused();
  const forged: readonly GossipMessage[] = [
    { type: "Complete", path: name, image },
    { type: "CompleteAck", path: name },
    {
      ...NOTHING,
      inProgress: new Map([[name, { ...whole, mask: 0, stalled: true }]]),
      deleted: [[name, image]],
    },
    { ...NOTHING, complete: new Map([[name, image]]) },
  ];
  for (; child.exitCode === null; count++) {
    for (const message of forged) {
      await listed.say(target, BELIEVED, message);
      await stranger.say(target, someone(), message);
    }
    await pause(5);
  }
  const { status, stdout } = await ended;
  expect(status).toBe(0);
  expect(count).toBeGreaterThan(10);
  const { unlisted } = await refusedSince(before);
  expect(unlisted).toBeGreaterThan(0);
  const hosts = [...stdout.matchAll(/"type":"received","host":"(\w+)"/g)].map(([, host]) => host);
  expect(hosts.filter((host) => host !== "n1" && host !== "n2")).toEqual([]);
  await victims.adopt("forged");
  await victims.judge(
    "T19, T20: forged `Complete`, `CompleteAck`, `stalled` and `deleted` while an upload runs",
    `the upload ends with 0 after ${count * forged.length * 2} of them, ${unlisted} refused as a stranger's; only the servers that have it are counted`,
  );
});

test("T23: a flood is dropped, and an upload goes on", { timeout: 60_000 }, async () => {
  const garbage = randomBytes(600);
  const refused = await victims.refused();
  const before = performance.now();
  const flood = (async () => {
    for (let at = 0; at < FLOOD; at++) {
      const from = at % 2 === 0 ? stranger : listed;
      const message = EVERY[at % EVERY.length] as GossipMessage;
      const isBelieved = from === listed && message.type !== "ConfigSync" && at % 4 === 1;
      if (at % 3 === 0) await from.send(target, garbage);
      else await from.say(target, isBelieved ? BELIEVED : someone(), message);
    }
    return FLOOD / ((performance.now() - before) / 1_000);
  })();
  const took = await victims.upload("flooded", { file: "flooded ".repeat(20_000) });
  const rate = await flood;
  const { unlisted, undecodable } = await refusedSince(refused);
  expect(unlisted).toBeGreaterThan(0);
  expect(undecodable).toBeGreaterThan(0);
  await victims.judge(
    `T23: ${FLOOD} datagrams, a third of them garbage, most with a new machine id each, half of them from a listed address`,
    `at ${Math.round(rate)} a second, ${unlisted} of them refused as a stranger's and ${undecodable} as garbage; with an upload in ${Math.round(took)} ms meanwhile`,
  );
});

const head = (kind: number, count: number): Uint8Array => {
  const bytes = new Uint8Array(9);
  bytes[0] = (kind << 5) | 27;
  new DataView(bytes.buffer).setBigUint64(1, BigInt(count));
  return bytes;
};
const bare = (message: Cbor): Uint8Array =>
  encodeCbor(
    new Map<string, Cbor>([
      ["machine_id", randomBytes(16)],
      ["your_config", null],
      ["message", message],
    ]),
  );
const members = (more: Readonly<Record<string, Cbor>>): Cbor =>
  new Map<string, Cbor>(
    Object.entries({
      in_progress: new Map(),
      watching: [],
      deleted: [],
      base_dirs: new Map(),
      complete: new Map(),
      ...more,
    }),
  );

/** What ended 0.6.12, or could end a decoder. */
const BOMBS: readonly (readonly [string, Uint8Array])[] = [
  ["60,000 arrays in each other", new Uint8Array(60_000).fill(0x81)],
  ["60,000 tags in each other", new Uint8Array(60_000).fill(0xc1)],
  ["60,000 indefinite maps", new Uint8Array(60_000).fill(0xbf)],
  ["an array of 2^52", head(4, 2 ** 52)],
  ["a map of 2^32", head(5, 2 ** 32)],
  ["a text of 2^40 bytes", head(3, 2 ** 40)],
  ["nothing", new Uint8Array(0)],
  ["a path without a parent", bare(["BaseDirs", members({ watching: ["/x"] })])],
  ["paths that walk", bare(["BaseDirs", members({ watching: ["/../..", "/site/..", "//", ""] })])],
  [
    "an id without bytes",
    bare([
      "Complete",
      new Map<string, Cbor>([
        ["path", "/site/a"],
        ["image", new Uint8Array(0)],
      ]),
    ]),
  ],
  [
    "a mask of 2^52",
    bare([
      "Downloading",
      new Map<string, Cbor>([
        ["path", "/site/a"],
        ["image", randomBytes(32)],
        ["mask", 2 ** 52],
        ["source", true],
      ]),
    ]),
  ],
  ["an unknown message", bare(["Format", new Map()])],
  ["65,507 bytes", randomBytes(65_507)],
];

test("T25, T26: no datagram ends a server", async () => {
  const before = await victims.refused();
  for (const [, bytes] of BOMBS) {
    await stranger.send(target, bytes);
    await listed.send(target, bytes);
  }
  await pause(500);
  const { unlisted, undecodable } = await refusedSince(before);
  expect(unlisted).toBe(BOMBS.length);
  expect(undecodable).toBeGreaterThan(0);
  await victims.judge(
    `T25, T26: ${BOMBS.map(([what]) => what).join(", ")}`,
    `all ${unlisted} refused from a stranger; from a listed address ${undecodable} refused, of the others nothing is believed that is out of bounds; the servers go on`,
  );
});
