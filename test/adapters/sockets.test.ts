import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import { formatAddress, splitAddress } from "../../adapters/address.ts";
import { openUdp, type UdpPort } from "../../adapters/udp.ts";
import { createWebSocketLinks, type WebSocketLinks } from "../../adapters/websocket.ts";
import type { Address, ConnId } from "../../kernel/ids.ts";
import { until } from "./until.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

type Side = { readonly links: WebSocketLinks; readonly notes: string[]; readonly address: Address };

async function openSide(localHost: string): Promise<Side> {
  const notes: string[] = [];
  const links = createWebSocketLinks({
    localHost,
    events: {
      open: (conn, address, side) => notes.push(`open ${conn} ${side} ${splitAddress(address).host}`),
      frame: (conn, bytes) => notes.push(`frame ${conn} ${bytes.length}`),
      closed: (conn, why) => notes.push(`closed ${conn} ${why}`),
    },
  });
  const server: Server = createServer((_, answer) => answer.end("page"));
  server.on("upgrade", (request, socket, head) => links.upgrade(request, socket, head));
  await new Promise<void>((done) => server.listen(0, localHost, done));
  ends.push(
    () => links.closeAll(),
    () => new Promise((done) => server.close(done)),
  );
  return { links, notes, address: formatAddress(localHost, (server.address() as AddressInfo).port) };
}

test("addresses are written and read, IPv6 in brackets, mapped IPv4 plain", () => {
  expect(formatAddress("::ffff:127.0.0.1", 5)).toBe("127.0.0.1:5");
  expect(splitAddress(formatAddress("::1", 24783))).toEqual({ host: "::1", port: 24783 });
});

test("a frame travels both ways and an end is told to both, from the address that the dialler was given", async () => {
  const one = await openSide("127.0.0.1");
  const two = await openSide("127.0.0.2");
  one.links.dial(7 as ConnId, two.address);
  await until(() => one.notes.length === 1 && two.notes.length === 1);
  expect(two.notes).toEqual(["open 2 accepted 127.0.0.1"]);
  two.links.send(2 as ConnId, new Uint8Array(40_000));
  one.links.send(7 as ConnId, new Uint8Array(3));
  await until(() => one.notes.length === 2 && two.notes.length === 2);
  one.links.close(7 as ConnId);
  await until(() => one.notes.length === 3 && two.notes.length === 3);
  expect(one.notes).toEqual(["open 7 dialled 127.0.0.2", "frame 7 40000", "closed 7 asked"]);
  expect(two.notes[1]).toBe("frame 2 3");
});

test("an address that cannot be dialled is refused like one where nobody listens", async () => {
  const one = await openSide("127.0.0.1");
  const addresses = ["[fe80::1%eth0]:24783", "127.0.0.1:70000", "127.0.0.1:1"];
  for (const [at, address] of addresses.entries()) one.links.dial((at * 2 + 1) as ConnId, address as Address);
  await until(() => one.notes.length === 3);
  expect(one.notes.toSorted()).toEqual(["closed 1 refused", "closed 3 refused", "closed 5 refused"]);
});

test("a message of 60 MB travels; of two more that do not end, the one that breaks the common bound is cut off", async () => {
  const one = await openSide("127.0.0.1");
  const two = await openSide("127.0.0.2");
  one.links.dial(1 as ConnId, two.address);
  await until(() => two.notes.length === 1);
  one.links.send(1 as ConnId, new Uint8Array(60_000_000));
  await until(() => two.notes.includes("frame 2 60000000"));
  // Two heads of 100 MB, and 90 MB behind each.
  const head = Buffer.from("82ff0000000005f5e10000000000", "hex");
  const { port } = splitAddress(two.address);
  const sockets = [1, 2].map(() => {
    const socket = new WebSocket(`ws://127.0.0.2:${port}/`);
    ends.push(() => socket.terminate());
    return socket;
  });
  for (const socket of sockets) {
    await new Promise((done) =>
      socket.once("upgrade", ({ socket: wire }) => {
        socket.once("open", () => {
          wire.on("error", () => {});
          wire.write(head);
          done(wire.write(Buffer.alloc(90_000_000)));
        });
      }),
    );
  }
  await until(() => two.notes.some((note) => note.endsWith("broken")));
  expect(two.notes.filter((note) => note.startsWith("closed"))).toHaveLength(1);
  one.links.send(1 as ConnId, new Uint8Array(40_000));
  await until(() => two.notes.includes("frame 2 40000"));
});

test("a dial to nobody ends as refused", async () => {
  const one = await openSide("127.0.0.1");
  one.links.dial(1 as ConnId, "127.0.0.1:1" as Address);
  await until(() => one.notes.length === 1);
  expect(one.notes).toEqual(["closed 1 refused"]);
});

test.each([
  ["a web page's origin", "/", { origin: "https://evil.example" }, 403],
  ["an origin without the slash", "/", { origin: "http://ciruela" }, 403],
  ["a browser's fetch", "/", { "sec-fetch-site": "same-origin" }, 403],
  ["another target", "/?x", {}, 404],
])("%s is refused", async (_, target, headers, status) => {
  const side = await openSide("127.0.0.1");
  const socket = new WebSocket(`ws://${side.address}${target}`, { headers });
  const answer = await new Promise((done) => {
    socket.on("unexpected-response", (__, response) => done(response.statusCode));
    socket.on("open", () => done("open"));
    socket.on("error", () => {}); // terminating a refused handshake says so again
  });
  socket.terminate();
  expect(answer).toBe(status);
  expect(side.notes).toEqual([]);
});

test("another version of the protocol is refused, as 0.6.12 does", async () => {
  const side = await openSide("127.0.0.1");
  const socket = new WebSocket(`ws://${side.address}/`, { protocolVersion: 8 });
  const answer = await new Promise((done) => {
    socket.on("unexpected-response", (_, response) => done(response.statusCode));
    socket.on("open", () => done("open"));
    socket.on("error", () => {});
  });
  socket.terminate();
  expect(answer).toBe(400);
  expect(side.notes).toEqual([]);
});

test("what 0.6.12's client sends is accepted, and no sub-protocol is answered", async () => {
  const side = await openSide("127.0.0.1");
  const { host, port } = splitAddress(side.address);
  const socket = connect(port, host);
  socket.write(
    "GET / HTTP/1.1\r\nHost: ciruela\r\nOrigin: http://ciruela/\r\nUser-Agent: tk-http/0.3.9\r\n" +
      "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n" +
      "Sec-WebSocket-Version: 13\r\n\r\n",
  );
  const head = await new Promise<string>((done) =>
    socket.once("data", (data) => done(data.toString("latin1"))),
  );
  expect(head).toMatch(/^HTTP\/1\.1 101 /);
  expect(head).not.toMatch(/sec-websocket-(protocol|extensions)/i);
  socket.destroy();
  await until(() => side.notes.some((note) => note.startsWith("closed")));
});

test("a peer that says nothing is dropped as silent, though its socket stays open", async () => {
  const side = await openSide("127.0.0.1");
  const { host, port } = splitAddress(side.address);
  const socket = connect(port, host);
  ends.push(() => socket.destroy());
  socket.write(
    "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n" +
      "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\nSec-WebSocket-Version: 13\r\n\r\n",
  );
  await until(() => side.notes.includes("closed 2 silent"));
});

test("a reader that never reads is dropped, with what was queued for it", async () => {
  const side = await openSide("127.0.0.1");
  const { host, port } = splitAddress(side.address);
  const socket = connect(port, host).pause();
  ends.push(() => socket.destroy());
  socket.write(
    "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n" +
      "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\nSec-WebSocket-Version: 13\r\n\r\n",
  );
  await until(() => side.notes.length === 1);

  for (let each = 0; each < 200; each++) side.links.send(2 as ConnId, new Uint8Array(256 * 1024));
  await until(() => side.notes.includes("closed 2 silent"));
  expect(side.links.count()).toBe(0);
});

test("datagrams travel between loopback addresses on one port, from the port that listens", async () => {
  const got: string[] = [];
  const receive = (from: Address, bytes: Uint8Array) => void got.push(`${from} ${bytes.length}`);
  const one: UdpPort = await openUdp({ host: "127.0.0.1", port: 0, receive });
  const { port } = splitAddress(one.address);
  const two: UdpPort = await openUdp({ host: "127.0.0.2", port, receive });
  ends.push(
    () => one.close(),
    () => two.close(),
  );
  two.send(one.address, new Uint8Array(1400));
  two.send(one.address, new Uint8Array(70_000)); // larger than a datagram can be
  await until(() => got.length === 1 && two.refusedCount() === 1);
  expect(got).toEqual([`127.0.0.2:${port} 1400`]);
});

test("a port in use is an error that the caller sees", async () => {
  const one = await openUdp({ host: "127.0.0.1", port: 0, receive: () => {} });
  ends.push(() => one.close());
  const { port } = splitAddress(one.address);
  await expect(openUdp({ host: "127.0.0.1", port, receive: () => {} })).rejects.toThrow("EADDRINUSE");
});
