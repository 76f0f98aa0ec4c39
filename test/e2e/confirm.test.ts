/** `--confirm`: what counts is what servers say when they are asked themselves. */
import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build } from "../adapters/built.ts";
import { type Ended, endOf, plant, resultOf, Rig, until } from "./rig.ts";

let rig: Rig;
let source: string;
beforeAll(async () => {
  await build();
  rig = await Rig.create("127.0.58");
  await rig.startAll(3);
  source = plant(rig.path("source"), { "a/b": "one", c: "two" });
});
afterAll(() => rig.close());

type Result = {
  readonly uploads: readonly { readonly confirmed: readonly string[]; readonly reason: string }[];
};
const confirmedBy = (ended: Ended) => (resultOf(ended) as Result).uploads[0]?.confirmed.toSorted();
const addresses = (...servers: readonly number[]) =>
  servers.map((each) => `${rig.addressOf(each)}:${rig.port}`);

function client(command: string, ...args: readonly string[]): Promise<Ended> {
  return rig.client(rig.signed(command, "--json", ...args, rig.addressOf(1)));
}

test("every command that uploads ends with 0 when all three servers have said it", async () => {
  const sent = await client("sync", "--replace", `${source}:/site/current`, "--confirm", "all");
  expect(sent).toMatchObject({ status: 0 });
  expect(confirmedBy(sent)).toEqual(addresses(1, 2, 3));
  const local = rig.path("local");
  writeFileSync(local, "three");
  const put = await client("put-file", "-d", "/site/current", "-s", local, "-f", "/d", "--confirm", "3");
  expect(put).toMatchObject({ status: 0 });
  expect(confirmedBy(put)).toEqual(addresses(1, 2, 3));
  const patched = await client("patch", "-d", "/site/current", "--remove", "/c", "--confirm", "all");
  expect(patched).toMatchObject({ status: 0 });
  expect(confirmedBy(patched)).toEqual(addresses(1, 2, 3));
});

test("a server that is known and dead is missed until it is back; two are enough where two are asked for", async () => {
  await until("server 1 knows server 3", async () =>
    Object.keys((await rig.page(1, "/peers/")) as object).includes("3".padStart(32, "0")),
  );
  await rig.stop(3, "SIGKILL");
  writeFileSync(`${source}/c`, "four");
  const replace = ["--replace", `${source}:/site/current`] as const;
  const two = await client("sync", ...replace, "--confirm", "2");
  expect(two).toMatchObject({ status: 0 });
  for (const [command, status, ...words] of [
    ["sync", 3, ...replace],
    ["patch", 75, "-d", "/site/current", "--remove", "/c"],
  ] as const)
    expect(await client(command, ...words, "--confirm", "all", "--deadline", "4s")).toMatchObject({ status });
  writeFileSync(`${source}/c`, "five");
  const words = rig.signed("sync", ...replace, "--confirm", "all", "--json", rig.addressOf(1));
  const waiting = rig.spawnClient(words);
  const ended = endOf(waiting);
  const confirmed = new Promise<void>((done) => {
    let said = "";
    waiting.stdout?.on("data", (bytes: Buffer) => {
      said += bytes.toString();
      if (addresses(1, 2).every((host) => said.includes(`"type":"confirmed","host":"${host}"`))) done();
    });
  });
  await Promise.race([confirmed, ended]);
  expect(waiting.exitCode).toBe(null);
  await rig.start(3);
  const all = await ended;
  expect(all).toMatchObject({ status: 0 });
  expect(confirmedBy(all)).toEqual(addresses(1, 2, 3));
});
