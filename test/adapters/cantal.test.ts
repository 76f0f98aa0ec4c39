import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { parseCantalPeers } from "../../adapters/config/cantal.ts";
import { createCantalWatch } from "../../adapters/daemon/cantal-watch.ts";
import { createPages } from "../../adapters/pages.ts";
import type { Address } from "../../kernel/ids.ts";
import { until } from "./until.ts";

const ends: (() => unknown)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

const ID = "0123456789abcdef0123456789abcdef";
const peer = (more: object): object => ({
  id: ID,
  hostname: "n1",
  name: "n1.example.org",
  primary_addr: "10.0.0.1:22682",
  addresses: [],
  known_since: 1,
  ...more,
});
const parse = (page: unknown): unknown => {
  const text = typeof page === "string" ? page : JSON.stringify(page);
  const peers = parseCantalPeers(Buffer.from(text), 24783);
  return peers === null ? null : peers.map(({ address, name }) => `${name} ${address}`);
};

test.each([
  [{}, ["n1.example.org 10.0.0.1:24783"]],
  [{ name: null }, ["n1 10.0.0.1:24783"]],
  [{ name: "\u001b", hostname: 1 }, ["10.0.0.1 10.0.0.1:24783"]],
  [{ primary_addr: "[fe80::1]:5" }, ["n1.example.org [fe80::1]:24783"]],
  [{ id: "x" }, []],
  [{ id: null }, []],
  [{ primary_addr: null }, []],
  [{ primary_addr: "n1:22682" }, []],
  [{ primary_addr: "10.0.0.1" }, []],
])("a peer with %j", (more, wanted) => {
  expect(parse({ peers: [peer(more)] })).toEqual(wanted);
});

test.each(["", "{", "[]", "null", '{"peers":{}}', '{"__proto__":{"peers":[]}}'])(
  "%j is no answer",
  (page) => {
    expect(parse(page)).toBe(null);
  },
);

test("what cantal says is told when it changes, and what it does not answer changes nothing", async () => {
  const pages = ["broken", JSON.stringify({ peers: [peer({})] })];
  const asked: (string | undefined)[] = [];
  const server: Server = createServer((request, response) => {
    asked.push(request.url);
    response.end(pages[asked.length - 1]);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  ends.push(() => server.close());
  const told: string[] = [];
  const watch = createCantalWatch({
    pages: createPages({ localHost: "0.0.0.0" }),
    port: 1,
    resolved: (peers) => told.push(peers.map(({ address }) => address).join(" ")),
    failed: () => told.push("failed"),
    cantal: `127.0.0.1:${(server.address() as AddressInfo).port}` as Address,
  });
  ends.push(() => watch.close());
  await until(() => told.length === 2);
  expect([asked, told]).toEqual([
    ["/all_peers.json", "/all_peers.json"],
    ["failed", "10.0.0.1:1"],
  ]);
});
