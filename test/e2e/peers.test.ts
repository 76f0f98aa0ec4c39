/** Where real servers have their peers from, and what they do when that cannot be read. */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build } from "../adapters/built.ts";
import { Rig, until } from "./rig.ts";

const CANTAL_PORT = 22_682;

let rig: Rig;
beforeAll(async () => {
  await build();
  rig = await Rig.create("127.0.54");
});
afterAll(() => rig.close());

test("servers that know each other by cantal alone are a cluster", async () => {
  const peers = [1, 2].map((at) => ({
    id: String(at).padStart(32, "0"),
    hostname: `n${at}`,
    name: null,
    primary_addr: `${rig.addressOf(at)}:${CANTAL_PORT}`,
  }));
  const cantal = createServer((_, response) => response.end(JSON.stringify({ peers })));
  await new Promise<void>((done) => cantal.listen(CANTAL_PORT, "127.0.0.1", done));
  try {
    for (const each of [1, 2]) {
      rig.configure(each, []);
      rmSync(rig.path(`server-${each}/config/peers.txt`));
    }
    await Promise.all([rig.start(1, "--cantal"), rig.start(2, "--cantal")]);
    mkdirSync(rig.path("source"));
    writeFileSync(rig.path("source/file"), "1");
    expect((await rig.sync("--append", `${rig.path("source")}:/site/x`, rig.addressOf(1))).status).toBe(0);
    await until("the other one has it", () => existsSync(rig.rootOf(2, "site/x/file")));
  } finally {
    cantal.closeAllConnections();
    cantal.close();
  }
}, 60_000);

test("a peer list that cannot be read any more goes on as it was, and it is said until it can be", async () => {
  rig.configure(3, [3, 4]);
  await rig.start(3);
  const file = rig.path("server-3/config/peers.txt");
  const status = async () =>
    (await rig.page(3)) as {
      peers: { listed: number };
      problems: readonly { about: string; what: string }[];
    };
  await until("the list is known", async () => (await status()).peers.listed === 2);
  renameSync(file, `${file}.was`);
  mkdirSync(file);
  await until("it is said", async () => (await status()).problems.length === 1);
  expect(await status()).toMatchObject({
    peers: { listed: 2 },
    problems: [{ about: "peers", what: expect.stringContaining("peers.txt:1:1: not a plain file") }],
  });
  rmSync(file, { recursive: true });
  renameSync(`${file}.was`, file);
  await until("it is over", async () => (await status()).problems.length === 0);
}, 60_000);

test("a server that was reinstalled has another machine id at its address, and is known by it when it says so itself", async () => {
  const [first, second] = [String(6).padStart(32, "0"), "f".repeat(32)];
  for (const each of [5, 6]) rig.configure(each, [5, 6]);
  await Promise.all([rig.start(5), rig.start(6)]);
  const known = async () => Object.keys((await rig.page(5, "/peers/")) as object);
  await until("it is known", async () => (await known()).includes(first));
  mkdirSync(rig.path("kept"));
  writeFileSync(rig.path("kept/file"), "1");
  expect((await rig.sync("--append", `${rig.path("kept")}:/site/kept`, rig.addressOf(5))).status).toBe(0);
  await rig.stop(6);
  for (const folder of ["db", "site"]) rmSync(rig.path("server-6", folder), { recursive: true });
  rig.configure(6, [5, 6]);
  await rig.start(6, "--override-machine-id", second);
  await until("it is known anew", async () => (await known()).includes(second));
  expect(await known()).toEqual([second]);
  expect(rig.logOf(5)).toContain('"peer_id_changed"');
  await until("it has what was there", () => existsSync(rig.rootOf(6, "site/kept/file")));
}, 60_000);
