import { createServer } from "node:net";
import { afterEach, expect, test } from "vitest";
import { networkOf } from "../../adapters/address.ts";
import { createAdmission } from "../../adapters/admission.ts";
import { createWebSocketLinks } from "../../adapters/websocket.ts";
import type { Address, ConnId } from "../../kernel/ids.ts";
import { until } from "./until.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

test("no stranger has more than a part, all of them no more than the bound, and a peer still comes in", () => {
  const admission = createAdmission({
    connectionsMax: 40,
    perAddressMax: 10,
    isPeer: (host) => host.startsWith("10.0.0."),
  });
  const enter = (host: string, count: number) =>
    Array.from({ length: count }, () => admission.enter(host)).filter((leave) => leave !== null);
  expect(enter("192.0.2.1", 20).length).toBe(10);
  expect([2, 3, 4].map((at) => enter(`192.0.2.${at}`, 10).length)).toEqual([10, 10, 10]);
  expect(enter("192.0.2.5", 1)).toEqual([]);
  expect(enter("10.0.0.1", 20).length).toBe(8);
  expect(enter("10.0.0.2", 1).length).toBe(1);
});

test("who leaves makes room, also when the peer list has changed meanwhile", () => {
  const peers = new Set(["10.0.0.1"]);
  const admission = createAdmission({
    connectionsMax: 8,
    perAddressMax: 8,
    isPeer: (host) => peers.has(host),
  });
  const leaves = Array.from({ length: 16 }, () => admission.enter("10.0.0.1"));
  expect(leaves.includes(null)).toBe(false);
  peers.clear();
  expect(admission.enter("192.0.2.1")).toBe(null); // those sixteen are strangers now
  for (const leave of leaves) leave?.();
  expect(admission.enter("192.0.2.1")).not.toBe(null);
});

test.each([
  ["192.0.2.1", "192.0.2.1"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8::6", "2001:db8:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
])("%s belongs to %s", (host, network) => {
  expect(networkOf(host)).toBe(network);
});

test("a handshake that is answered byte by byte has one deadline", async () => {
  const slow = createServer((socket) => {
    const timer = setInterval(() => socket.write("H"), 200);
    socket.on("error", () => {});
    socket.on("close", () => clearInterval(timer));
    socket.write("HTTP/1.1 101 Switching Protocols\r\nX: ");
  });
  await new Promise<void>((done) => slow.listen(0, "127.0.0.7", done));
  ends.push(() => slow.close());
  const notes: string[] = [];
  const links = createWebSocketLinks({
    localHost: "127.0.0.8",
    events: { open: () => notes.push("open"), frame: () => {}, closed: (_, why) => notes.push(why) },
  });
  ends.push(() => links.closeAll());
  const address = slow.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const start = performance.now();
  links.dial(1 as ConnId, `127.0.0.7:${port}` as Address);
  await until(() => notes.length === 1);
  expect(notes).toEqual(["refused"]);
  expect(performance.now() - start).toBeLessThan(4_500);
}, 20_000);
