/** What stands at a path, seen from outside: listed, printed, fetched whole, and who holds it. */
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { newKeyPair } from "../../adapters/keys/pair.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readTree } from "../../adapters/demo/tree.ts";
import { build } from "../adapters/built.ts";
import { type Ended, endOf, Rig, rowsOf } from "./rig.ts";

let rig: Rig;
let source: string;
beforeAll(async () => {
  await build();
  rig = await Rig.create("127.0.28");
  await rig.startAll(3);
  source = rig.path("source");
  mkdirSync(`${source}/sub/empty`, { recursive: true });
  writeFileSync(`${source}/data.json`, `{"rate": 1}\n`);
  writeFileSync(`${source}/none`, "");
  writeFileSync(`${source}/run`, "#!/bin/sh\n", { mode: 0o755 });
  chmodSync(`${source}/run`, 0o755);
  writeFileSync(`${source}/sub/large`, randomBytes(3_000_000));
  symlinkSync("../data.json", `${source}/sub/link`);
  writeFileSync(Buffer.concat([Buffer.from(`${source}/sub/odd`), Buffer.from([0xff])]), "odd");
  const sent = await rig.sync("--replace", `${source}:/site/current`, rig.addressOf(1));
  if (sent.status !== 0) throw new Error(sent.stderr);
});
afterAll(() => rig.close());

const client = (...words: readonly string[]): Promise<Ended> => rig.client(words);
const dir = ["-d", "/site/current"];

test("ls says every entry, of one part what is in it, and who has signed", async () => {
  const ended = await client("ls", ...dir, "-i", rig.keyFile, rig.addressOf(2));
  expect(ended).toMatchObject({ status: 0 });
  expect(ended.stdout.replace(/ +/g, " ").split("\n")).toEqual([
    "d /",
    "f 12 /data.json",
    "f 0 /none",
    "x 10 /run",
    "d /sub",
    "f 3000000 /sub/large",
    "l /sub/link -> ../data.json",
    "f 3 /sub/odd\\xff",
    "d /sub/empty",
    "",
  ]);
  expect(ended.stderr).toMatch(/^\/site\/current: [0-9a-f]{64}, signed 20\S+ by ssh-ed25519 \S+, from /);
  const part = rowsOf(await client("ls", ...dir, "-f", "/sub/link", "--json", rig.addressOf(2)));
  expect(part).toMatchObject([
    { type: "image", signers: [] },
    { type: "entry", kind: "link", path: "/sub/link", target: "../data.json" },
    { type: "result", status: 0 },
  ]);
});

test("cat writes a file as it is, whatever is in it", async () => {
  expect(await client("cat", ...dir, "-f", "/data.json", rig.addressOf(3))).toMatchObject({
    status: 0,
    stdout: `{"rate": 1}\n`,
  });
  const large = rowsOf(await client("cat", ...dir, "-f", "/sub/large", "--json", rig.addressOf(3)));
  expect(
    Buffer.from(String(large[1]?.["base64"]), "base64").equals(readFileSync(`${source}/sub/large`)),
  ).toBe(true);
});

test("get makes a new directory that is the same, and leaves nothing beside it", async () => {
  const out = rig.path("fetched");
  const ended = await client("get", ...dir, "-o", out, rig.addressOf(1));
  expect(ended).toMatchObject({ status: 0, stdout: expect.stringMatching(/ 9 entries/) });
  expect(readTree(out).digest).toBe(readTree(source).digest);
  expect(readdirSync(rig.folder).filter((name) => name.startsWith(".tmp"))).toEqual([]);
  const again = await client("get", ...dir, "-o", out, rig.addressOf(1));
  expect(again).toMatchObject({ status: 74, stderr: expect.stringMatching(/is there already/) });
});

test("status names each server, what it holds and since when, also those that nobody named", async () => {
  const ended = await client("status", ...dir, "--json", rig.addressOf(1));
  expect(ended.status).toBe(0);
  const servers = rowsOf(ended).filter(({ type }) => type === "server");
  expect(new Set(servers.map(({ hostname }) => hostname))).toEqual(new Set(["n1", "n2", "n3"]));
  expect(servers.length).toBe(3);
  expect(new Set(servers.map(({ image }) => image)).size).toBe(1);
  for (const each of servers)
    expect(each).toMatchObject({
      state: "complete",
      path: "/site/current",
      since: expect.stringMatching(/^20/),
    });
  const base = await client("status", "-d", "/site", rig.addressOf(1));
  expect(base.stdout.split("\n").filter((line) => line.includes("/site/current")).length).toBe(3);
  expect(await client("status", "-d", "/site/absent", rig.addressOf(1))).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/n1 \(\S+\) {2}absent/),
  });
});

describe("what fails says what, and with which status", () => {
  test.each([
    [["ls", "-d", "/site/absent", "HOST"], 66, /nothing_there/],
    [["cat", "-d", "/site/current", "-f", "/no", "HOST"], 66, /no_such_file/],
    [["cat", "-d", "/site/current", "-f", "/sub", "HOST"], 66, /is_a_directory/],
    [["ls", "-d", "/site/current", "127.0.28.99"], 69, /unreachable/],
    [["status", "127.0.28.99"], 69, /unreachable/],
    [["ls", "-d", "/site", "HOST"], 64, /at least two/],
    [["ls", "HOST"], 64, /--dir/],
    [["ls", "-d", "/site/current"], 64, /no server/],
    [["ls", "-d", "/site/current", "--trusted-keys", "/no/such", "HOST"], 78, /cannot be read/],
  ])("%j ends with %i", async (args, status, says) => {
    const words = args.map((word) => (word === "HOST" ? rig.addressOf(1) : word));
    const ended = await client(...words);
    expect(ended).toMatchObject({ status, stdout: "", stderr: expect.stringMatching(says) });
    const objects = rowsOf(await client(...words, "--json"));
    expect(objects.at(-1)).toMatchObject({ type: "result", status, message: expect.stringMatching(says) });
  });

  test("a key that must have signed and has not", async () => {
    const own = rig.path("own.pub");
    writeFileSync(own, `${rig.publicKey}\n`);
    const other = rig.path("other.pub");
    writeFileSync(other, newKeyPair().public);
    const get = (keys: string, to: string) =>
      client("get", ...dir, "--trusted-keys", keys, "-o", rig.path(to), rig.addressOf(1));
    expect(await get(own, "trusted")).toMatchObject({ status: 0 });
    expect(await get(other, "distrusted")).toMatchObject({
      status: 65,
      stderr: expect.stringMatching(/not_signed/),
    });
    expect(existsSync(rig.path("distrusted"))).toBe(false);
  });
});

test("get shows at a terminal how much is here, and nothing of it stays on the screen", async () => {
  const words = ["get", ...dir, "-o", rig.path("shown"), rig.addressOf(1)];
  const { status, stdout } = await endOf(rig.spawnAtTerminal(words, { TERM: "xterm", NO_COLOR: "1" }));
  expect(status).toBe(0);
  expect(stdout).toMatch(/\r\/site\/current \[#+\] 100% (\d\.\d MiB) of \1/);
  expect(stdout.slice(stdout.lastIndexOf("100%"))).toContain("\r\u001b[K");
});
