/** `--confirm`: what counts is what servers say when they are asked themselves. */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build } from "../adapters/built.ts";
import { CLIENT, type Ended, endOf, plant, Rig, until } from "./rig.ts";

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
const resultOf = ({ stdout }: Ended) => JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as Result;
const confirmedBy = (ended: Ended) => resultOf(ended).uploads[0]?.confirmed.toSorted();
const addresses = (...servers: readonly number[]) =>
  servers.map((each) => `${rig.addressOf(each)}:${rig.port}`);

function client(command: string, ...args: readonly string[]): Promise<Ended> {
  const words = ["--port", String(rig.port), command, "-i", rig.keyFile, "--json", ...args, rig.addressOf(1)];
  return endOf(spawn(process.execPath, [CLIENT, ...words], { stdio: ["ignore", "pipe", "pipe"] }));
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

test("a server that is known and dead is missed: all end with 3 at the deadline, two are enough where two are asked for", async () => {
  await until("server 1 knows server 3", async () =>
    Object.keys((await rig.page(1, "/peers/")) as object).includes("3".padStart(32, "0")),
  );
  await rig.stop(3, "SIGKILL");
  writeFileSync(`${source}/c`, "four");
  const words = ["--replace", `${source}:/site/current`, "--deadline", "4s"] as const;
  const all = await client("sync", ...words, "--confirm", "all");
  expect(all).toMatchObject({ status: 3 });
  expect(resultOf(all).uploads[0]?.reason).toBe("deadline");
  expect(confirmedBy(all)).toEqual(addresses(1, 2));
  const two = await client("sync", ...words, "--confirm", "2");
  expect(two).toMatchObject({ status: 0 });
  const patched = await client(
    "patch",
    "-d",
    "/site/current",
    "--remove",
    "/c",
    "--confirm",
    "all",
    "-t",
    "4s",
  );
  expect(patched).toMatchObject({ status: 75 });
  expect(confirmedBy(patched)).toEqual(addresses(1, 2));
});
