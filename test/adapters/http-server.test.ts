import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, expect, test } from "vitest";
import { splitAddress } from "../../adapters/address.ts";
import { type HttpServer, openHttpServer } from "../../adapters/http-server.ts";

const SHARE = 250;
let server: HttpServer;
const failures: string[] = [];
afterEach(() => server.close());

async function open(connectionsMax?: number): Promise<void> {
  failures.length = 0;
  server = await openHttpServer({
    host: "127.0.0.1",
    port: 0,
    version: "9.8.7",
    ...(connectionsMax === undefined ? {} : { connectionsMax }),
    ownNames: () => new Set(["n1.example.org"]),
    page(path) {
      if (path === "/broken/") throw new Error("planted");
      return path === "/status/" ? { hostname: "n1", ü: 1 } : null;
    },
    pageFailed: (path) => failures.push(path),
    upgrade: (_, socket) => socket.end("HTTP/1.1 418 Upgraded\r\n\r\n"),
  });
}

/** What a raw request is answered with, until the server ends or `enough` is there. */
async function say(text: string, enough: RegExp = /never/): Promise<string> {
  const { host, port } = splitAddress(server.address);
  const socket = connect(port, host);
  socket.write(text);
  let got = "";
  await new Promise<void>((done) => {
    socket.on("data", (part) => {
      got += part.toString();
      if (enough.test(got)) done();
    });
    socket.on("error", () => done());
    socket.on("close", () => done());
  });
  socket.destroy();
  return got;
}

const fetchPage = (path: string, init: RequestInit = {}) => fetch(`http://${server.address}${path}`, init);

test("a page is chunked JSON with the original's headers, and ours in its place", async () => {
  await open();
  const answer = await fetchPage("/status/");
  expect(answer.status).toBe(200);
  expect(await answer.json()).toEqual({ hostname: "n1", ü: 1 });
  const { headers } = answer;
  expect([headers.get("content-type"), headers.get("server"), headers.get("transfer-encoding")]).toEqual([
    "application/json",
    "ciruela/9.8.7",
    "chunked",
  ]);
  expect(headers.get("date")).not.toBeNull();
});

test.each([
  ["/status", 404, "Not found"],
  ["/status/?x", 404, "Not found"],
  ["/", 404, "Not found"],
  ["/broken/", 500, "Internal Server Error"],
])("GET %s is %i", async (path, status, body) => {
  await open();
  const answer = await fetchPage(path);
  expect([answer.status, await answer.text()]).toEqual([status, body]);
  expect(failures).toEqual(status === 500 ? [path] : []);
});

test("HEAD has no body, and other methods are refused by name", async () => {
  await open();
  const head = await fetchPage("/status/", { method: "HEAD" });
  expect([head.status, await head.text()]).toEqual([200, ""]);
  const post = await fetchPage("/status/", { method: "POST", body: "x" });
  expect([post.status, post.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
});

test.each([
  ["another site's script", { origin: "http://evil.example" }],
  ["a browser that says so", { "sec-fetch-site": "cross-site" }],
])("%s is refused", async (_, headers) => {
  await open();
  expect((await fetchPage("/status/", { headers })).status).toBe(403);
});

test.each([
  ["rubbish", "rubbish\r\n\r\n", /^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*\r\n\r\nBad Request$/],
  ["headers too long", `GET / HTTP/1.1\r\nHost: x\r\nA: ${"a".repeat(20_000)}\r\n\r\n`, /^HTTP\/1\.1 400 /],
  ["no host", "GET /status/ HTTP/1.1\r\n\r\n", /^HTTP\/1\.1 400 /],
  [
    "another server's URL",
    "GET http://x/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    /^HTTP\/1\.1 400 /,
  ],
  [
    "an upgrade",
    "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    /^HTTP\/1\.1 418 /,
  ],
])("%s", async (_, text, wanted) => {
  await open();
  expect(await say(text)).toMatch(wanted);
});

test("headers that do not end within five seconds end the connection", async () => {
  await open();
  const start = performance.now();
  await say("GET /status/ HTTP/1.1\r\nHost: x\r\n");
  expect(performance.now() - start).toBeGreaterThan(4_000);
  expect(performance.now() - start).toBeLessThan(8_000);
});

test("above the bound a connection is ended, and those before it are served", async () => {
  await open(1);
  const { host, port } = splitAddress(server.address);
  const first = connect(port, host);
  await new Promise((done) => first.once("connect", done));
  expect(await say("GET /status/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).toBe("");
  const answer = new Promise<string>((done) => first.once("data", (part) => done(part.toString())));
  first.write("GET /status/ HTTP/1.1\r\nHost: x\r\n\r\n");
  expect(await answer).toMatch(/^HTTP\/1\.1 200 /);
  first.destroy();
});

test("an address has its share of connections, and leaves the rest to others", async () => {
  await open();
  const { host, port } = splitAddress(server.address);
  const from = (localAddress: string) =>
    connect({ host, port, localAddress })
      .resume()
      .on("error", () => {});
  /** Whether a page is served. */
  const served = async (localAddress: string): Promise<boolean> => {
    const socket = from(localAddress);
    let got = "";
    socket.on("data", (bytes) => (got += bytes.toString()));
    socket.write("GET /status/ HTTP/1.1\r\nHost: n\r\nConnection: close\r\n\r\n");
    await new Promise((done) => socket.once("close", done)); // after a reset too
    return got.startsWith("HTTP/1.1 200 ");
  };
  const held = Array.from({ length: SHARE }, () => from("127.0.0.8"));
  await Promise.all(held.map((socket) => once(socket, "connect")));
  expect(await served("127.0.0.8")).toBe(false);
  expect(await served("127.0.0.9")).toBe(true);
  held.pop()?.destroy();
  let again = false;
  while (!again) again = await served("127.0.0.8"); // as soon as the server has seen the end
  for (const socket of held) socket.destroy();
});
