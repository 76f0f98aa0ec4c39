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
