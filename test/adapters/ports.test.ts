import { createServer, type RequestListener, type Server } from "node:http";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import { formatAddress } from "../../adapters/address.ts";
import { BoundedMap } from "../../adapters/bounded-map.ts";
import { createClock } from "../../adapters/clock.ts";
import { createDigester } from "../../adapters/digester.ts";
import { openNameServer } from "./name-server.ts";
import { createNames } from "../../adapters/names.ts";
import { createPages } from "../../adapters/pages.ts";
import { createProcessStats } from "../../adapters/process-stats.ts";
import { createVerifier } from "../../adapters/verifier.ts";
import type { SignatureCheck } from "../../kernel/effect.ts";
import type { Address, MonoMs } from "../../kernel/ids.ts";
import { signWithSeed } from "../../kernel/signature/verify.ts";
import { toHex } from "../../kernel/text.ts";
import * as ed25519 from "@noble/ed25519";
import { digestBytes } from "../digest.ts";

const folder = mkdtempSync(join(tmpdir(), "ciruela-ports-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

test("the newest alarm rings, at its time and alone", async () => {
  const clock = createClock();
  ends.push(() => clock.close());
  const rung: string[] = [];
  const start = clock.now().mono;
  await new Promise<void>((done) => {
    clock.setAlarm((start + 10) as MonoMs, () => rung.push("replaced"));
    clock.setAlarm((start + 10_000_000_000) as MonoMs, () => rung.push("far")); // above a timer's bound
    clock.setAlarm((start + 30) as MonoMs, () => rung.push("same time, replaced"));
    clock.setAlarm((start + 30) as MonoMs, () => {
      rung.push("newest");
      done();
    });
  });
  expect(rung).toEqual(["newest"]);
  expect(clock.now().mono - start).toBeGreaterThanOrEqual(30);
  expect(Number.isInteger(clock.now().mono)).toBe(true);
});

test("an alarm that was due long ago rings at once, and never is never", async () => {
  const clock = createClock();
  ends.push(() => clock.close());
  clock.setAlarm(Number.POSITIVE_INFINITY as MonoMs, () => {
    throw new Error("rang");
  });
  await new Promise<void>((done) => clock.setAlarm(0 as MonoMs, done));
});

test("signatures hold by their key, payload and bytes alone, also when asked a second time", async () => {
  const verifier = createVerifier();
  const seed = new Uint8Array(32).fill(7);
  const payload = new Uint8Array([1, 2, 3]);
  const good: SignatureCheck = {
    payload,
    signature: signWithSeed(seed, payload),
    publicKey: ed25519.getPublicKey(seed),
  };
  const checks: readonly SignatureCheck[] = [
    good,
    { ...good, payload: new Uint8Array([1, 2, 4]) },
    { ...good, signature: good.signature.map((byte, at) => (at === 40 ? byte ^ 1 : byte)) },
    { ...good, publicKey: ed25519.getPublicKey(new Uint8Array(32).fill(8)) },
    { ...good, publicKey: new Uint8Array(31) },
    { ...good, signature: new Uint8Array(63) },
    { ...good, publicKey: new Uint8Array(32).fill(0xff) }, // no point of the curve
    good,
  ];
  const ask = (list: readonly SignatureCheck[]) =>
    new Promise<readonly boolean[]>((done) => verifier.verify(list, done));
  const wanted = [true, false, false, false, false, false, false, true];
  expect(await ask(checks)).toEqual(wanted);
  let inside: readonly boolean[] | null = null;
  verifier.verify(checks, (holds) => {
    inside = holds;
  });
  expect(inside).toEqual(wanted); // remembered, so answered inside the call
  expect(await ask([])).toEqual([]);
});

test("what is remembered has a bound, and the oldest goes first", () => {
  const map = new BoundedMap<number>(2);
  for (const [at, name] of ["a", "b", "c"].entries()) map.set(name, at);
  expect([map.get("a"), map.get("b"), map.get("c"), map.size]).toEqual([undefined, 1, 2, 2]);
});

test("digests equal those of the kernel's own implementation", async () => {
  const digester = await createDigester();
  for (const size of [0, 1, 127, 128, 129, 70_000]) {
    const bytes = new Uint8Array(size).fill(size);
    const got = await new Promise((done) => digester.digest(bytes, done));
    expect(got).toBe(toHex(digestBytes("blake2b/256", bytes)));
  }
});

test("addresses pass with the port appended, and the hosts file comes before any name server", async () => {
  const hostsFile = join(folder, "hosts");
  writeFileSync(hostsFile, "# nothing\n10.1.2.3 n1 N1.Example.org # comment n9\nfe80::1 n1\nrubbish n2\n");
  // A name server that nobody runs: a name that is asked for there fails.
  const names = createNames({ port: 24783, hostsFile, servers: ["127.0.0.1:1"] });
  const ask = (name: string) => new Promise((done) => names.resolve(name, done));
  expect(await ask("127.0.0.2")).toEqual(["127.0.0.2:24783"]);
  expect(await ask("127.0.0.2:99")).toEqual(["127.0.0.2:99"]);
  expect(await ask("::1")).toEqual(["[::1]:24783"]);
  expect(await ask("[::1]")).toEqual(["[::1]:24783"]);
  expect(await ask("[::1]:5")).toEqual(["[::1]:5"]);
  expect(await ask("n1")).toEqual(["10.1.2.3:24783", "[fe80::1]:24783"]);
  expect(await ask("n1.example.ORG:7")).toEqual(["10.1.2.3:7"]);
  expect(await ask("n9.invalid")).toEqual([]);
  expect(await ask("")).toEqual([]);
  expect(await ask("localhost")).toContain("127.0.0.1:24783"); // the system's own resolver, asked last
});

test("a service is all servers of its SRV records; a name that leads to this machine itself leads nowhere", async () => {
  const server = await openNameServer({
    "_ciruela._tcp.example.org": {
      srv: [
        ["b.example.org", 2],
        ["a.example.org", 1],
        ["none.example.org", 3],
        ["inside.example.org", 4],
      ],
    },
    "a.example.org": { a: ["10.0.0.1", "10.0.0.9"] },
    "b.example.org": { a: ["10.0.0.2"] },
    "inside.example.org": { a: ["127.0.0.1", "0.0.0.0"] },
    "both.example.org": { a: ["127.0.0.1", "10.0.0.3"] },
  });
  ends.push(server.close);
  const hostsFile = join(folder, "no-hosts");
  const names = createNames({ port: 24783, hostsFile, servers: [server.at] });
  const ask = (name: string) => new Promise((done) => names.resolve(name, done));
  expect(await ask("_ciruela._tcp.example.org:24783")).toEqual(["10.0.0.1:1", "10.0.0.2:2", "10.0.0.9:1"]);
  expect(await ask("_other._tcp.example.org")).toEqual([]);
  expect(await ask("inside.example.org")).toEqual([]);
  expect(await ask("both.example.org")).toEqual(["10.0.0.3:24783"]);
});

async function serve(listener: RequestListener): Promise<Address> {
  const server: Server = createServer(listener);
  await new Promise<void>((done) => server.listen(0, "127.0.0.2", done));
  ends.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return formatAddress("127.0.0.2", (server.address() as AddressInfo).port);
}

const page = (address: Address, path = "/") =>
  new Promise<Uint8Array | null>((done) => createPages({ localHost: "127.0.0.3" }).get(address, path, done));

test("a page arrives whole, asked from the server's own address", async () => {
  const address = await serve((request, response) =>
    response.end(`${request.url} ${request.socket.remoteAddress}`),
  );
  expect(Buffer.from((await page(address, "/base-dirs/")) ?? []).toString()).toBe("/base-dirs/ 127.0.0.3");
});

test.each<[string, RequestListener]>([
  ["another status", (_, response) => response.writeHead(404).end("Not found")],
  ["more than a mebibyte", (_, response) => response.end(Buffer.alloc(1024 * 1024 + 1))],
  [
    "an end in the middle",
    (_, response) => response.writeHead(200, { "content-length": 9 }).end("a", () => response.destroy()),
  ],
  ["no answer", () => {}],
  [
    "a byte now and then",
    (_, response) => {
      const drip = setInterval(() => response.write("x"), 100);
      response.on("close", () => clearInterval(drip));
    },
  ],
])("%s is no page", async (_, listener) => {
  const start = performance.now();
  expect(await page(await serve(listener))).toBeNull();
  expect(performance.now() - start).toBeLessThan(4_000);
});

test("a path that no request can have is no page", async () => {
  const address = await serve((_, response) => response.end("a page"));
  for (const path of ["/list-dir/a b", "/list-dir/\u00e9", "/list-dir/a\r\nHost: x", ""])
    expect(await page(address, path)).toBeNull();
});

test("nobody at the address is no page", async () => {
  expect(await page("127.0.0.2:1" as Address)).toBeNull();
});

test("figures of the process come after the first two samples, and are numbers", async () => {
  const stats = createProcessStats(50);
  ends.push(() => stats.close());
  expect(stats.process()).toBeNull();
  expect(stats.threads()).toEqual({});
  while (stats.process() === null) await new Promise((done) => setTimeout(done, 5));
  const figures = stats.process() ?? {};
  expect(Object.values(figures).filter((value) => !Number.isFinite(value) || value < 0)).toEqual([]);
  expect(figures["memory_rss"]).toBeGreaterThan(10_000_000);
  expect(figures["memory_rss_peak"]).toBeGreaterThanOrEqual(figures["memory_rss"] ?? 0);
  expect(Object.keys(stats.threads())).toContain("main");
});

test("when nobody asks, figures are of a longer time; after a question they are of the usual one again", async () => {
  const stats = createProcessStats(10);
  ends.push(() => stats.close());
  const rest = (samples: number) => new Promise((done) => setTimeout(done, samples * 10));
  const duration = () => stats.process()?.["duration"] ?? 0;
  for (let longest = 0; longest < 40; longest = duration()) await rest(45);
  for (let shortest = 40; shortest >= 40; shortest = duration()) await rest(3);
});
