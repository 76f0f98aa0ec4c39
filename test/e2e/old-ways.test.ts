/** What scripts of 0.6.12 call `upload`, and what a `sync` would do without doing it. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build } from "../adapters/built.ts";
import { Rig, rowsOf } from "./rig.ts";

let rig: Rig;
let source: string;
beforeAll(async () => {
  await build();
  rig = await Rig.create("127.0.32");
  await rig.startAll(2);
  source = rig.path("source");
  mkdirSync(source);
  writeFileSync(`${source}/a`, "a".repeat(1_000));
});
afterAll(() => rig.close());

const upload = (...words: readonly string[]) => rig.client(rig.signed("upload", ...words));
const target = (server: number, path: string) => `${rig.addressOf(server)}:${path}`;
const dryRun = (...words: readonly string[]) => rig.sync("--dry-run", ...words);

test("a dry run says files, bytes and hosts, what is new, and uploads nothing", async () => {
  const first = await dryRun("--replace", `${source}:/site/dry`, rig.addressOf(1));
  expect(first).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/1 files, 1000 B, 1000 B of it new/),
  });
  expect(first.stdout).toMatch(/n2 \(\S+\) {2}nothing there/);
  expect(existsSync(`${rig.rootOf(1)}/dry`)).toBe(false);
  expect(await rig.sync("--replace", `${source}:/site/dry`, rig.addressOf(1))).toMatchObject({ status: 0 });
  writeFileSync(`${source}/b`, "b".repeat(10));
  const json = await dryRun("--json", "--replace", `${source}:/site/dry`, rig.addressOf(1));
  const [row, last] = rowsOf(json);
  expect(row).toMatchObject({
    type: "dry_run",
    files: 2,
    bytes: 1_010,
    new_bytes: 10,
    entries_changed: 1,
    hosts: [
      { hostname: "n1", state: "complete" },
      { hostname: "n2", state: "complete" },
    ],
  });
  expect(last).toMatchObject({ type: "result", status: 0 });
  expect(existsSync(`${rig.rootOf(1)}/dry/b`)).toBe(false);
  expect(await dryRun("--replace", `${source}:/site/dry`, "127.0.32.99")).toMatchObject({ status: 3 });
  expect(await dryRun("--replace", `${source}/no:/site/dry`, rig.addressOf(1))).toMatchObject({ status: 1 });
});

test("upload takes HOST:/PATH of several paths, appends, and replaces when it is told to", async () => {
  expect(await upload("-d", source, target(1, "/site/old"), target(2, "/site/other"))).toMatchObject({
    status: 0,
  });
  for (const path of ["old", "other"])
    expect(readFileSync(`${rig.rootOf(1)}/${path}/a`, "utf8").length).toBe(1_000);
  writeFileSync(`${source}/c`, "c");
  expect(await upload("-d", source, target(1, "/site/old"))).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/already_exists/),
  });
  expect(await upload("-x", "-d", source, target(1, "/site/old"))).toMatchObject({ status: 0 });
  expect(existsSync(`${rig.rootOf(1)}/old/c`)).toBe(false);
  expect(await upload("--replace", "-d", source, target(1, "/site/old"))).toMatchObject({ status: 0 });
  expect(existsSync(`${rig.rootOf(1)}/old/c`)).toBe(true);
});

test.each([
  [["HOST:/site/x"], 1, /no directory/],
  [["-d", "/no/such", "HOST:/site/x"], 2, /no such directory/],
  [["-d", "SOURCE", "HOST"], 2, /HOST:\/PATH/],
  [["-d", "SOURCE", "HOST:/site"], 2, /at least two/],
  [["-d", "SOURCE"], 2, /nowhere/],
  [["-d", "SOURCE", "--key-from-env", "NO_SUCH_VARIABLE", "HOST:/site/x"], 2, /NO_SUCH_VARIABLE/],
])("upload %j ends with %i", async (words, status, says) => {
  const args = words.map((word) => word.replace("HOST", rig.addressOf(1)).replace("SOURCE", source));
  expect(await upload(...args)).toMatchObject({ status, stderr: expect.stringMatching(says) });
});
