/**
 * Section 4.4, and the frames of 4.2 that are none: one real server, raw sockets. After each the server still answers,
 * and its disk is what it was.
 */
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { get as getPage } from "node:http";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readTree } from "../../adapters/demo/tree.ts";
import { decodeFrame, encodeFrame } from "../../kernel/wire/frame.ts";
import type { VPath } from "../../kernel/ids.ts";
import { build } from "../adapters/built.ts";
import { CLIENT, endOf, Rig, until } from "../e2e/rig.ts";

let rig: Rig;
let before = "";
const disk = () => readTree(rig.path("server-1")).digest;
beforeAll(async () => {
  await build();
  rig = await Rig.create("127.0.68");
  await rig.startAll(1);
  await until("nothing is written any more", async () => {
    before = disk();
    await new Promise((done) => setTimeout(done, 500));
    return before === disk();
  });
});
afterAll(() => rig.close());

const PATIENCE_MS = 3_000;

/** What the server says until it ends the connection, or until `enough` has come. */
async function say(
  bytes: string | Uint8Array,
  enough: RegExp = /never/,
): Promise<{ text: string; ended: boolean }> {
  const socket = connect(rig.port, rig.addressOf(1));
  socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  let text = "";
  const ended = await new Promise<boolean>((done) => {
    const timer = setTimeout(() => done(false), PATIENCE_MS);
    const finish = (closed: boolean) => {
      clearTimeout(timer);
      done(closed);
    };
    socket.on("data", (part) => {
      text += part.toString("latin1");
      if (enough.test(text)) finish(false);
    });
    socket.on("error", () => {});
    socket.on("close", () => finish(true));
  });
  socket.destroy();
  return { text, ended };
}

async function expectUnharmed(): Promise<void> {
  expect(await rig.page(1)).toMatchObject({ state: "running" });
  expect(disk()).toBe(before);
}

const HOST = "Host: x\r\nConnection: close\r\n";
const get = (path: string, headers = "") => `GET ${path} HTTP/1.1\r\n${HOST}${headers}\r\n`;
const manyHeaders = Array.from({ length: 2_001 }, (_, at) => `a${at}: b\r\n`).join("");

test.each<readonly [id: string, what: string, request: string, status: number]>([
  ["BH2", "17 KiB of headers", get("/status/", `a: ${"b".repeat(17 * 1024)}\r\n`), 400],
  ["BH2", "2,001 headers", get("/status/", manyHeaders), 400],
  ["BH2", "a header without a colon", get("/status/", "nothing\r\n"), 400],
  ["BH2", "a folded header", get("/status/", "a: b\r\n c\r\n"), 400],
  ["BH2", "a zero byte in a header", get("/status/", "a: b\0\r\n"), 400],
  ["BH2", "a line end of one byte", "GET /status/ HTTP/1.1\nHost: x\n\n", 400],
  ["BH3", "a length and chunks", get("/status/", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400],
  ["BH3", "two lengths", get("/status/", "Content-Length: 1\r\nContent-Length: 2\r\n"), 400],
  ["BH3", "a length that is none", get("/status/", "Content-Length: +1\r\n"), 400],
  ["BH7", "dots", get("/list-dir/../../etc/passwd"), 404],
  ["BH7", "escaped dots", get("/list-dir/%2e%2e/%2e%2e/etc/passwd"), 404],
  ["BH7", "no path", get("/list-dir//"), 404],
  ["BH7", "7,000 bytes of path", get(`/list-dir/${"a".repeat(7_000)}`), 404],
  ["BH7", "9,000 bytes of path", get(`/list-dir/${"a".repeat(9_000)}`), 400],
  ["BH7", "a percent sign that escapes nothing", get("/list-dir/%zz"), 404],
  ["BH8", "POST", `POST /status/ HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`, 405],
  ["BH8", "PUT", `PUT /status/ HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`, 405],
  ["BH8", "DELETE", `DELETE /status/ HTTP/1.1\r\n${HOST}\r\n`, 405],
  ["BH8", "TRACE", `TRACE /status/ HTTP/1.1\r\n${HOST}\r\n`, 405],
  ["BH8", "another server's URL", get("http://evil.example/status/"), 400],
  ["BH8", "a target of *", `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`, 400],
])("%s %s is refused with a status", async (_, __, request, status) => {
  const { text, ended } = await say(request);
  expect([text.slice(0, 12), ended]).toEqual([`HTTP/1.1 ${status}`, true]);
  await expectUnharmed();
});

test.each<readonly [host: string, status: number]>([
  ["evil.example", 421],
  ["evil.example:24783", 421],
  ["127.0.0.1.evil.example", 421],
  ["127.1", 421],
  ["[::1].evil.example", 421],
  ["127.0.0.1:24783", 200],
  ["[::1]:24783", 200],
  ["localhost", 200],
  ["N1:24783", 200],
])("BH6 a page under the name %s is %i", async (host, status) => {
  const { text } = await say(`GET /status/ HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  expect(text.slice(0, 12)).toBe(`HTTP/1.1 ${status}`);
  if (status === 421) expect(text).not.toContain("machine_id");
});

test("BH8 CONNECT is ended", async () => {
  expect((await say(`CONNECT evil.example:443 HTTP/1.1\r\n${HOST}\r\n`)).ended).toBe(true);
  await expectUnharmed();
});

const KEY = "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n";
const upgrade = (headers: string, host = "Host: ciruela\r\n") =>
  `GET / HTTP/1.1\r\n${host}Connection: Upgrade\r\n${headers}\r\n`;
const SOUND = upgrade(`Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n${KEY}`);

test.each<readonly [id: string, what: string, request: string, status: number]>([
  ["BH4", "version 7", upgrade(`Upgrade: websocket\r\nSec-WebSocket-Version: 7\r\n${KEY}`), 400],
  ["BH4", "no key", upgrade("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"), 400],
  [
    "BH4",
    "a short key",
    upgrade("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAA\r\n"),
    400,
  ],
  ["BH4", "two keys", upgrade(`Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n${KEY}${KEY}`), 400],
  ["BH4", "another protocol", upgrade(`Upgrade: h2c\r\nSec-WebSocket-Version: 13\r\n${KEY}`), 400],
  [
    "BH4",
    "10 kB of extensions",
    upgrade(
      `Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n${KEY}Sec-WebSocket-Extensions: ${"a;".repeat(5_000)}\r\n`,
    ),
    400,
  ],
  [
    "BH4",
    "1 MB of sub-protocols",
    upgrade(
      `Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n${KEY}Sec-WebSocket-Protocol: ${"a ,".repeat(350_000)}\r\n`,
    ),
    400,
  ],
  [
    "BH5",
    "another site",
    upgrade(`Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n${KEY}Origin: https://evil\r\n`),
    403,
  ],
  [
    "BH5",
    "a site without a name",
    upgrade(`Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n${KEY}Origin: null\r\n`),
    403,
  ],
  [
    "BH5",
    "no slash",
    upgrade(`Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n${KEY}Origin: http://ciruela\r\n`),
    403,
  ],
])("%s an upgrade with %s is refused", async (_, __, request, status) => {
  const { text, ended } = await say(request);
  expect([text.slice(0, 12), ended]).toEqual([`HTTP/1.1 ${status}`, true]);
  await expectUnharmed();
});

/** A frame of the client's side, masked by zeros. */
function frameOf(
  opcode: number,
  payload: Uint8Array,
  changes: { fin?: boolean; rsv?: number; masked?: boolean } = {},
) {
  const { fin = true, rsv = 0, masked = true } = changes;
  const head = [(fin ? 0x80 : 0) | rsv | opcode];
  const mask = masked ? 0x80 : 0;
  if (payload.length < 126) head.push(mask | payload.length);
  else head.push(mask | 126, payload.length >> 8, payload.length & 255);
  return Buffer.concat([Buffer.from(head), masked ? Buffer.alloc(4) : Buffer.alloc(0), payload]);
}

const CONTINUATION = 0;
const TEXT = 1;
const BINARY = 2;
const PING = 9;
const none = Buffer.alloc(0);
const ask = encodeFrame({
  kind: "request",
  id: 5,
  request: { type: "GetIndexAt", path: "/site/none" as VPath },
});

test("BH12 a frame that comes with the upgrade is answered after it", async () => {
  const { text } = await say(Buffer.concat([Buffer.from(SOUND), frameOf(BINARY, ask)]), /GetIndexAt/);
  expect(text).toMatch(/^HTTP\/1\.1 101 /);
  const frame = Buffer.from(text.slice(text.indexOf("\r\n\r\n") + 6), "latin1");
  expect(decodeFrame(frame)).toMatchObject({ ok: true, message: { kind: "response", id: 5 } });
  await expectUnharmed();
});

describe("BC27 frames that RFC 6455 does not have end the connection with a code", () => {
  test.each<readonly [what: string, frames: readonly Buffer[], code: number]>([
    ["a ping of 126 bytes", [frameOf(PING, Buffer.alloc(126))], 1002],
    ["a reserved bit", [frameOf(BINARY, ask, { rsv: 0x40 })], 1002],
    ["no mask", [frameOf(BINARY, ask, { masked: false })], 1002],
    ["a continuation of nothing", [frameOf(CONTINUATION, none)], 1002],
    ["an opcode that there is not", [frameOf(3, none)], 1002],
    ["text that is not UTF-8", [frameOf(TEXT, Buffer.from([0xff]))], 1007],
    [
      "a hundred thousand empty fragments",
      [
        frameOf(BINARY, none, { fin: false }),
        ...Array.from({ length: 100_000 }, () => frameOf(CONTINUATION, none, { fin: false })),
      ],
      1008,
    ],
  ])("%s", async (_, frames, code) => {
    const { text, ended } = await say(Buffer.concat([Buffer.from(SOUND), ...frames]));
    const sent = Buffer.from(text.slice(text.indexOf("\r\n\r\n") + 4), "latin1");
    const close = sent.lastIndexOf(Buffer.from([0x88, 0x02]));
    expect([close < 0 ? null : sent.readUInt16BE(close + 2), ended]).toEqual([code, true]);
    await expectUnharmed();
  });

  test("BC26 a head of more than a frame may have is the end, before anything of it is kept", async () => {
    const head = Buffer.from("82ff000000000fffffff00000000", "hex");
    const { text, ended } = await say(Buffer.concat([Buffer.from(SOUND), head]));
    expect([text.includes("\u0088\u0002\u0003\u00f1"), ended]).toEqual([true, true]); // 1009
    await expectUnharmed();
  });

  test("a text frame is no message, and the next one is answered", async () => {
    const frames = [frameOf(TEXT, Buffer.from("hello")), frameOf(BINARY, ask)];
    expect((await say(Buffer.concat([Buffer.from(SOUND), ...frames]), /GetIndexAt/)).text).toContain(
      "GetIndexAt",
    );
    await expectUnharmed();
  });
});

test("BK10 without a key the client warns, and the server refuses, as with 0.6.12", async () => {
  mkdirSync(rig.path("tree"));
  const args = [
    "--port",
    String(rig.port),
    "sync",
    "--append",
    `${rig.path("tree")}:/site/x`,
    rig.addressOf(1),
  ];
  const env = { ...process.env, HOME: rig.path("nobody"), CIRUELA_KEY: undefined };
  const client = spawn(process.execPath, [CLIENT, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  const { status, stderr } = await endOf(client);
  expect([status, stderr.split("\n")[0]]).toEqual([
    3,
    "warning: no private key found, servers will refuse: make one with `ssh-keygen -t ed25519`, or give one with -i",
  ]);
  expect(stderr).toContain("signature_mismatch");
  await expectUnharmed();
});

/** Whether somebody at an address of the test gets a page. */
function isServed(localAddress: string): Promise<boolean> {
  return new Promise((done) => {
    const options = { host: rig.addressOf(1), port: rig.port, path: "/status/", localAddress, agent: false };
    const request = getPage(options, (response) => {
      response.resume();
      done(response.statusCode === 200);
    });
    request.on("error", () => done(false));
  });
}

test("BH9 thousands of idle connections keep out strangers at most, and only as long as they may be idle", async () => {
  const sockets = [81, 82, 83, 84, 85, 86, 87, 88].flatMap((at) =>
    Array.from({ length: 250 }, () => {
      const socket = connect({ host: rig.addressOf(1), port: rig.port, localAddress: rig.addressOf(at) });
      socket.on("error", () => {});
      return socket;
    }),
  );
  const stranger = rig.addressOf(95);
  await until("strangers are kept out", async () => !(await isServed(stranger)));
  expect(await isServed(rig.addressOf(1))).toBe(true); // as in its own peer list
  await until("they are let in again", () => isServed(stranger));
  for (const socket of sockets) socket.destroy();
  await expectUnharmed();
}, 60_000);

test("BC1 a connection that sends nothing but rubbish is closed", async () => {
  const rubbish = Array.from({ length: 20 }, () => frameOf(BINARY, Buffer.from([0xff])));
  expect((await say(Buffer.concat([Buffer.from(SOUND), ...rubbish]))).ended).toBe(true);
  await expectUnharmed();
});
