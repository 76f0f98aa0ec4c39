/**
 * Somebody without a key connects: attacks T10, T25 to T28, T34 and T37 of the reliability notes, over real sockets
 * against real servers.
 */
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { BlockHash, ImageId, MachineId, VPath } from "../../kernel/ids.ts";
import { utf8Decode } from "../../kernel/text.ts";
import { encodeFrame } from "../../kernel/wire/frame.ts";
import type { Message, Request } from "../../kernel/wire/message.ts";
import { encodePacket } from "../../kernel/wire/packet.ts";
import { until } from "../e2e/rig.ts";
import { NOTHING } from "../kernel/rig.ts";
import { dial, Link } from "./attacker.ts";
import { flood } from "./flood.ts";
import { STRANGER, Victims } from "./victims.ts";

const SLOW_SOCKETS = 5_000;
const DATAGRAMS = 50_000; // a second
const SLOW_MS_MAX = 40_000;
const UPLOADS = 200;
const NOTIFICATIONS = 100_000;
const UNREAD = 5_000;
const GREEDY = 240; // of one address: a few less than it gets
const BLOCKS_ASKED = 250;
const REFUSED_ASKED = 10_000;
const UNREAD_MS = 30_000;

let victims: Victims;
let host: string;
let port: number;
beforeAll(async () => {
  victims = await Victims.create("127.0.46");
  host = victims.rig.addressOf(1);
  ({ port } = victims.rig);
});
afterAll(() => victims.close());

const UPGRADE = [
  "GET / HTTP/1.1",
  "Host: ciruela",
  "Connection: upgrade",
  "Upgrade: websocket",
  `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
  "Sec-WebSocket-Version: 13",
  "",
  "",
].join("\r\n");

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));
const request = (message: Request): Uint8Array => encodeFrame({ kind: "request", id: 1, request: message });
const path = "/site/current" as VPath;
const image = "ab".repeat(32) as ImageId;
const hash = "cd".repeat(32) as BlockHash;
const upload = { path, image, timestamp: Date.now(), signatures: [new Uint8Array(64)] };
const nested = (byte: number): Uint8Array => new Uint8Array(100_000).fill(byte);

test("T10: a frame that is announced larger than any is not waited for", async () => {
  const socket = await dial(host, port, UPGRADE);
  await pause(300);
  socket.write(Buffer.from([0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4]));
  await until("the server ends it", () => socket.closed);
  const header = await dial(host, port, `GET / HTTP/1.1\r\nX: ${"x".repeat(100_000)}\r\n\r\n`);
  await until("the server ends it", () => header.closed);
  await victims.judge(
    "T10: a frame of 2^40 bytes announced, and a header of 100 kB",
    "both connections ended",
  );
});

/** What ended 0.6.12, or could end a decoder. */
const FRAMES: readonly (readonly [string, Uint8Array])[] = [
  ["100,000 arrays in each other", nested(0x81)],
  ["100,000 tags in each other", nested(0xc1)],
  ["100,000 indefinite maps", nested(0xbf)],
  ["an upload to a path without a parent", request({ type: "AppendDir", ...upload, path: "/x" as VPath })],
  [
    "a replace of a path without a parent",
    request({ type: "ReplaceDir", oldImage: null, ...upload, path: "/x" as VPath }),
  ],
  ["an index at such a path", request({ type: "GetIndexAt", path: "/x" as VPath })],
  ["an index without an id", request({ type: "GetIndex", image: "" as ImageId, hint: null })],
  [
    "a block at such a path",
    request({ type: "GetBlock", hash, hint: { path: "/x" as VPath, file: "/f", offset: 0 } }),
  ],
  ["a listing of `/site/..`", request({ type: "GetBaseDir", path: "/site/.." as VPath })],
  [
    "an offset of 2^53 - 1",
    request({ type: "GetBlock", hash, hint: { path, file: "/data.json", offset: Number.MAX_SAFE_INTEGER } }),
  ],
  ["a year of 285,000", request({ type: "AppendDir", ...upload, timestamp: Number.MAX_SAFE_INTEGER })],
  [
    "a control character in a path",
    request({ type: "GetIndexAt", path: '/site/a\n{"msg":"forged"}\u001b[31m' as VPath }),
  ],
  ["random bytes", randomBytes(100_000)],
];

test("T25, T26, T34: no message ends a server or writes a line of its own into the log", async () => {
  const ends = { answered: 0, ended: 0 };
  for (const [what, bytes] of FRAMES) {
    const link = await Link.to(host, port);
    link.raw(bytes);
    const heard = await link.heard();
    if (heard === null) throw new Error(`nobody has heard of ${what}`);
    ends[heard] += 1;
    link.close();
  }
  const sound = await Link.to(host, port);
  expect((await sound.ask({ type: "GetBaseDir", path: "/site" as VPath }))?.type).toBe("GetBaseDir");
  sound.close();
  for (const server of [1, 2]) {
    const lines = victims.rig.logOf(server).split("\n").filter(Boolean);
    for (const line of lines) expect(JSON.parse(line)).toHaveProperty("level");
    expect(lines.filter((line) => line.includes("\u001b"))).toEqual([]);
  }
  await victims.judge(
    `T25, T26, T34: ${FRAMES.map(([what]) => what).join(", ")}`,
    `${ends.ended} connections ended, on ${ends.answered} the next question is answered; every line of the log is one of the server's`,
  );
});

/** Sockets that come again whenever the server ends them. */
class Assault {
  readonly #open = new Set<Socket>();
  #over = false;
  dials = 0;

  constructor(sockets: number) {
    for (let at = 0; at < sockets; at++) void this.#come(at);
  }

  end(): void {
    this.#over = true;
    for (const socket of this.#open) socket.destroy();
  }

  /** Half of them send a header, a byte a second; the other half upgrade and are silent. */
  async #come(at: number): Promise<void> {
    const from = victims.rig.addressOf(STRANGER);
    while (!this.#over) {
      const slow = at % 2 === 0;
      const socket = await dial(host, port, slow ? "GET / HTTP/1.1\r\nX: " : UPGRADE, from);
      this.dials += 1;
      if (!socket.destroyed) this.#open.add(socket);
      for (; !socket.destroyed && !this.#over; await pause(1_000)) if (slow) socket.write("x");
      this.#open.delete(socket);
      await pause(100);
    }
  }
}

/** A third is noise, the others are packets of machines that nobody knows. */
function garbage(): readonly Uint8Array[] {
  return Array.from({ length: 999 }, (_, at) => {
    if (at % 3 === 0) return randomBytes(1 + (at % 1_400));
    const machine = randomBytes(16).toString("hex") as MachineId;
    return encodePacket({ machine, yourConfig: null, message: NOTHING });
  });
}

test("T23, T27: slow and silent sockets without end, and a flood, keep nobody out", {
  timeout: 120_000,
}, async () => {
  const unloaded = await victims.upload("unloaded", { file: "unloaded ".repeat(20_000) });
  const before = await victims.refused();
  const assault = new Assault(SLOW_SOCKETS);
  const { dials, perSecond, loaded } = await under(assault).finally(() => assault.end());
  const unlisted = (await victims.refused()).unlisted - before.unlisted;
  expect(unlisted).toBeGreaterThan(0);
  await victims.judge(
    `T23, T27: ${SLOW_SOCKETS} sockets that come again when they are ended, half of them with a header of a byte a second, half upgraded and silent, and ${DATAGRAMS} datagrams a second, a third of them noise`,
    `${dials} sockets came, and ${Math.round(perSecond)} datagrams a second, ${unlisted} of which it has read and refused; an upload meanwhile took ${(loaded / unloaded).toFixed(1)} times its unloaded time`,
  );
});

/** An upload while the sockets come, and a flood of datagrams too. */
async function under(assault: Assault) {
  await until("many of them have come", () => assault.dials > SLOW_SOCKETS, SLOW_MS_MAX);
  const from = victims.rig.addressOf(STRANGER);
  const datagrams = flood({ from, to: host, port, perSecond: DATAGRAMS, datagrams: garbage() });
  try {
    await pause(1_000);
    const loaded = await victims.upload("loaded", { file: "loaded ".repeat(20_000) });
    return { dials: assault.dials, loaded, ...(await datagrams.end()) };
  } catch (error) {
    await datagrams.end();
    throw error;
  }
}

test("T28: a page of another origin gets no connection", async () => {
  for (const origin of ["http://evil.example", "https://evil.example:24783", "null"]) {
    await expect(Link.to(host, port, () => null, { Origin: origin })).rejects.toThrow(/403|400/);
  }
  await victims.judge("T28: an upgrade with a foreign `Origin`", "refused");
});

test("T37: signatures that nobody made are refused, and others are served", { timeout: 60_000 }, async () => {
  const link = await Link.to(host, port);
  const answers = await Promise.all(
    Array.from({ length: UPLOADS }, (_, at) =>
      link.ask({
        type: "ReplaceDir",
        oldImage: null,
        path: `/site/flood-${at}` as VPath,
        image,
        timestamp: Date.now(),
        signatures: Array.from({ length: 16 }, () => randomBytes(64)),
      }),
    ),
  );
  link.close();
  const counts = new Map<string, number>();
  for (const answer of answers) {
    const what =
      answer?.type === "ReplaceDir"
        ? answer.accepted
          ? "accepted"
          : `refused as \`${answer.reason}\``
        : answer?.type === "Error"
          ? "answered with an error"
          : "not answered";
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  expect(counts.get("accepted")).toBe(undefined);
  expect(counts.get("not answered")).toBe(undefined);
  await victims.judge(
    `T37: ${UPLOADS} uploads at once with 16 signatures each, by nobody's key`,
    [...counts].map(([what, count]) => `${count} ${what}`).join(", "),
  );
});

test("T26: notifications that nobody asked for cost nothing", { timeout: 300_000 }, async () => {
  const receipt = { image, path, machine: "3".repeat(32), hostname: "n3", forwarded: false };
  const kinds = ["PublishImage", "ReceivedImage", "AbortedImage"] as const;
  let ended = 0;
  for (const type of kinds) {
    const link = await Link.to(host, port);
    for (let at = 0; at < NOTIFICATIONS && !link.closed; at++) {
      const own = { ...receipt, type, reason: "no", image: at.toString(16).padStart(64, "0") };
      link.say({ kind: "notification", notification: own } as Message);
      if (at % 1_000 === 0) await pause(0);
    }
    const heard = await link.heard();
    if (heard === null) throw new Error(`nobody has heard of ${type}`);
    if (heard === "ended") ended += 1;
    link.close();
  }
  await victims.judge(
    `T26: ${NOTIFICATIONS} notifications of each kind: announcements, receipts, ends`,
    `${ended} of ${kinds.length} connections ended; on the others the next question is answered`,
  );
});

test("T27: answers that nobody reads are not piled up", { timeout: 120_000 }, async () => {
  const link = await Link.to(host, port);
  link.pause();
  const listing = request({ type: "GetBaseDir", path: "/site" as VPath });
  for (let at = 0; at < UNREAD; at++) link.raw(listing);
  await pause(3_000);
  link.resume();
  const heard = await link.heard();
  expect(heard).not.toBe(null);
  link.close();
  await victims.judge(
    `T27: ${UNREAD} requests of somebody who reads no answer`,
    heard === "ended" ? "the server has ended it" : "the server goes on when the answers are read",
  );
});

/** A block that both servers have, as everybody may learn it: the first of `in/large`. */
async function aBlock(): Promise<Request> {
  const link = await Link.to(host, port);
  const answer = await link.ask({ type: "GetIndexAt", path });
  link.close();
  const index = answer?.type === "GetIndexAt" && answer.data !== null ? utf8Decode(answer.data) : null;
  const found = /\n {2}large f \d+ ([0-9a-f]{64})/.exec(index ?? "")?.[1];
  if (found === undefined) throw new Error(`no block in ${index}`);
  return { type: "GetBlock", hash: found as BlockHash, hint: { path, file: "/in/large", offset: 0 } };
}

test.each([
  [
    `T27: ${GREEDY} connections that ask for ${BLOCKS_ASKED} blocks each, and read none`,
    BLOCKS_ASKED,
    aBlock,
  ],
  [
    `T27: ${GREEDY} connections that ask ${REFUSED_ASKED} times for what nobody has, and read no answer`,
    REFUSED_ASKED,
    async (): Promise<Request> => ({ type: "GetBlock", hash, hint: null }),
  ],
])("%s", { timeout: 300_000 }, async (attack, count, asked) => {
  const question = await asked();
  const links: Link[] = [];
  for (let at = 0; at < GREEDY; at++) {
    const link = await Link.to(host, port);
    link.pause();
    links.push(link);
    for (let id = 1; id <= count; id++) link.raw(encodeFrame({ kind: "request", id, request: question }));
  }
  await pause(UNREAD_MS);
  for (const each of links) each.close();
  await victims.judge(
    attack,
    `answers wait until there is room for them; after ${UNREAD_MS / 1_000} s an upload goes on`,
  );
});
