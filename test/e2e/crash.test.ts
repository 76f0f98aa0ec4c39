/** Processes that are killed: a server in the middle of a download, a client that was told it may go. */
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, statSync, writeSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readTree } from "../../adapters/demo/tree.ts";
import { build } from "../adapters/built.ts";
import { Rig, until } from "./rig.ts";

const MIB = 1024 * 1024;
const SIZE = 500 * MIB;
let rig: Rig;
beforeAll(async () => {
  await build();
  rig = await Rig.create("127.0.23");
});
afterAll(() => rig.close());

/** Bytes that are on the disk of a tree that is being written. */
function staged(server: number): number {
  const root = rig.rootOf(server);
  let bytes = 0;
  for (const name of readdirSync(root)) {
    if (!name.startsWith(".tmp.")) continue;
    for (const file of readdirSync(`${root}/${name}`))
      bytes += statSync(`${root}/${name}/${file}`).blocks * 512;
  }
  return bytes;
}

test("a server that is killed in the middle of a download goes on with what it has", async () => {
  const source = rig.path("large");
  mkdirSync(source);
  const fd = openSync(`${source}/data`, "w");
  for (let at = 0; at < SIZE; at += MIB) writeSync(fd, randomBytes(MIB));
  closeSync(fd);
  const wanted = readTree(source).digest;
  await rig.startAll(1);
  rig.configure(2, [1, 2]);
  const sent = await rig.sync("--replace", `${source}:/site/large`, rig.addressOf(1));
  expect(sent).toMatchObject({ status: 0 });
  await rig.start(2);
  await until("a third is there", () => staged(2) > SIZE / 3, 60_000);
  await rig.stop(2, "SIGKILL");
  const had = staged(2);
  expect(had).toBeLessThan(SIZE * 0.95);
  expect(existsSync(`${rig.rootOf(2)}/large`)).toBe(false);
  const servedBefore = await rig.bytesOf(1, "served");

  await rig.start(2);
  await until("the rest is there", () => existsSync(`${rig.rootOf(2)}/large`), 120_000);
  expect(readTree(`${rig.rootOf(2)}/large`).digest).toBe(wanted);
  const servedAfter = (await rig.bytesOf(1, "served")) - servedBefore;
  const again = servedAfter - (SIZE - had);
  expect(again).toBeLessThanOrEqual(had * 0.05);
}, 240_000);

test("when the client is killed after it was told that it may go, all servers finish", async () => {
  const source = rig.path("safe");
  mkdirSync(source);
  const fd = openSync(`${source}/data`, "w");
  for (let at = 0; at < 40; at++) writeSync(fd, randomBytes(MIB));
  closeSync(fd);
  rig.configure(3, [1, 2, 3]);
  await rig.start(3);
  await rig.stop(1);
  rig.configure(1, [1, 2, 3]);
  await rig.start(1);
  const client = rig.spawnClient(rig.signed("sync", "--replace", `${source}:/site/safe`, rig.addressOf(1)));
  const ended = new Promise((done) => client.once("exit", done));
  await new Promise<void>((done) => {
    client.stdout?.on("data", (bytes: Buffer) => {
      if (!bytes.toString().startsWith("safe to disconnect")) return;
      client.kill("SIGKILL");
      done();
    });
  });
  await ended;
  const { digest } = readTree(source);
  for (const server of [1, 2, 3]) {
    await until(`server ${server} has it`, () => existsSync(`${rig.rootOf(server)}/safe`), 60_000);
    expect(readTree(`${rig.rootOf(server)}/safe`).digest).toBe(digest);
  }
}, 120_000);
