/** Many files of a directory changed at once, by a client that has none of the rest. */
import { randomBytes } from "node:crypto";
import { execFileSync, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readTree } from "../../adapters/demo/tree.ts";
import { build } from "../adapters/built.ts";
import { type Ended, endOf, resultOf, Rig, rowsOf, until } from "./rig.ts";

const SERVERS = [1, 2, 3];
let rig: Rig;
beforeAll(async () => {
  await build();
  rig = await Rig.create("127.0.30");
  await rig.startAll(3);
  const source = rig.path("source");
  mkdirSync(`${source}/pool/empty`, { recursive: true });
  writeFileSync(`${source}/index`, "one\n");
  writeFileSync(`${source}/run`, "#!/bin/sh\n", { mode: 0o755 });
  writeFileSync(`${source}/pool/large`, randomBytes(500_000));
  writeFileSync(`${source}/pool/old`, "old");
  symlinkSync("../index", `${source}/pool/link`);
  const sent = await rig.sync("--replace", `${source}:/site/current`, rig.addressOf(1));
  if (sent.status !== 0) throw new Error(sent.stderr);
});
afterAll(() => rig.close());

function spawnPatch(server: number, args: readonly string[]): ChildProcess {
  const words = rig.signed("patch", "-d", "/site/current", ...args, rig.addressOf(server));
  return rig.spawnClient(words, { stdin: "pipe" });
}

function patch(server: number, ...args: readonly string[]): Promise<Ended> {
  const child = spawnPatch(server, args);
  child.stdin?.end();
  return endOf(child);
}

/** Two that read their changes from stdin, and get them when both have started. */
async function atOnce(changes: readonly string[]): Promise<readonly Ended[]> {
  const children = changes.map((_, at) => spawnPatch(at + 1, ["--changes", "-", "--json"]));
  const ended = children.map(endOf);
  await new Promise((done) => setTimeout(done, START_MS));
  for (const [at, child] of children.entries()) child.stdin?.end(changes[at]);
  return Promise.all(ended);
}

const current = (server: number, path = "") => `${rig.rootOf(server)}/current${path}`;
const file = (name: string, content: string | Buffer): string => {
  writeFileSync(rig.path(name), content);
  return rig.path(name);
};
const digests = () => new Set(SERVERS.map((server) => readTree(current(server)).digest));

test("files are put, removed, renamed, copied and made executable in one step, and only what is new is sent", async () => {
  const inodes = SERVERS.map((server) => statSync(current(server, "/pool/large")).ino);
  const added = file("new", randomBytes(40_000));
  mkdirSync(rig.path("folder/inner"), { recursive: true });
  writeFileSync(rig.path("folder/inner/x"), "x");
  const list = file("changes", `# two more\nremove /pool/old\n\nput ${file("index2", "two\n")}:/index\n`);
  const words = `--put ${added}:/pool/new --rename /pool/large:/pool/big --copy /pool/big:/copy --clear-exec /run`;
  const more = `--set-exec /pool/new --put ${rig.path("folder")}:/folder --changes ${list} --json`;
  const ended = await patch(2, ...`${words} ${more}`.split(" "));
  expect(ended.status, ended.stdout).toBe(0);
  expect(resultOf(ended)["bytes"]).toBeLessThan(3 * 41_000);
  await until("all have it", () => digests().size === 1 && existsSync(current(3, "/pool/new")));
  for (const server of SERVERS) {
    expect(readFileSync(current(server, "/pool/new")).equals(readFileSync(added))).toBe(true);
    expect(statSync(current(server, "/pool/new")).mode & 0o777).toBe(0o755);
    expect(statSync(current(server, "/run")).mode & 0o777).toBe(0o644);
    expect(readFileSync(current(server, "/index"), "utf8")).toBe("two\n");
    expect(readFileSync(current(server, "/pool/link"), "utf8")).toBe("two\n");
    expect(readFileSync(current(server, "/folder/inner/x"), "utf8")).toBe("x");
    expect(existsSync(current(server, "/pool/old"))).toBe(false);
    expect(existsSync(current(server, "/pool/large"))).toBe(false);
    expect(existsSync(current(server, "/pool/empty"))).toBe(true);
    expect(readFileSync(current(server, "/copy")).equals(readFileSync(current(server, "/pool/big")))).toBe(
      true,
    );
  }
  expect(SERVERS.map((server) => statSync(current(server, "/pool/big")).ino)).toEqual(inodes);
});

test("a dry run says what would change, and changes nothing", async () => {
  const before = digests();
  const ended = await patch(1, "--remove", "/copy", "--put", `${file("dry", "dry")}:/dry`, "--dry-run");
  expect(ended).toMatchObject({ status: 0, stdout: "missing  /copy\nextra  /dry\n" });
  expect(digests()).toEqual(before);
});

describe("nothing is changed", () => {
  test.each([
    [["--remove", "/no/such"], 66, /no_such_entry/],
    [["--set-exec", "/pool"], 65, /is_a_directory/],
    [["--put", "/no/such/file:/x"], 66, /cannot be read/],
    [["--rename", "/index:/run"], 65, /already_there/],
    [["--put", "x"], 64, /--put/],
    [["--changes", "/no/such"], 64, /cannot be read/],
    [[], 64, /nothing to change/],
  ])("by %j", async (args, status, says) => {
    const before = digests();
    const ended = await patch(1, ...args);
    expect(ended).toMatchObject({ status, stdout: "", stderr: expect.stringMatching(says) });
    expect(digests()).toEqual(before);
  });

  test("without a server, a directory, or a key that may write", async () => {
    const run = (key: string, ...more: readonly string[]) =>
      rig.client(["patch", "-i", key, "--remove", "/index", "-t", "5s", "-d", ...more]);
    expect((await run(rig.keyFile, "/site/absent", rig.addressOf(1))).status).toBe(66);
    expect((await run(rig.keyFile, "/site/current", rig.addressOf(99))).status).toBe(69);
    const other = rig.path("other-key");
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", other]);
    const ended = await run(other, "/site/current", rig.addressOf(1));
    expect(ended).toMatchObject({ status: 77, stderr: expect.stringMatching(/signature_mismatch/) });
  });
});

const ROUNDS_MAX = 12;
/** Node has started and waits for its stdin; if not, the two do not meet in this round. */
const START_MS = 1_500;

test("of two at once one wins everywhere, the other is told which, and its redo succeeds", async () => {
  const content = file("content", randomBytes(40_000));
  let conflicts = 0;
  for (let round = 0; conflicts < 2; round++) {
    expect(round, "two at once meet").toBeLessThan(ROUNDS_MAX);
    const names = ["left", "right"].map((each) => `${each}-${round}`);
    const both = await atOnce(names.map((name) => `put ${content}:/${name}\n`));
    const results = both.map((each) => resultOf(each));
    expect(digests().size).toBe(1);
    const said = JSON.stringify(results);
    for (const [at, { status }] of both.entries())
      for (const server of SERVERS)
        expect(existsSync(current(server, `/${names[at]}`)), said).toBe(status === 0);
    const loser = both.findIndex(({ status }) => status !== 0);
    if (loser < 0) continue; // one after the other, and on top of it
    conflicts += 1;
    expect(results[1 - loser], said).toMatchObject({ status: 0 });
    expect(results[loser], said).toMatchObject({ status: 75, reason: "superseded" });
    const told = rowsOf(both[loser] ?? { stdout: "" }).find((row) => "winner" in row);
    expect(told?.["winner"]).toBe(results[1 - loser]?.["image"]);
    expect((await patch(loser + 1, "--put", `${content}:/${names[loser]}`)).status).toBe(0);
    for (const server of SERVERS)
      for (const name of names) expect(existsSync(current(server, `/${name}`))).toBe(true);
  }
}, 120_000);

test("with --redo all of several at once come in, one on top of the other", async () => {
  const names = ["r1", "r2", "r3"];
  const all = await Promise.all(
    names.map((name, at) => patch(at + 1, "--put", `${file(name, name)}:/${name}`, "--redo", "9")),
  );
  expect(
    all.map(({ status }) => status),
    all.map(({ stderr }) => stderr).join("\n"),
  ).toEqual([0, 0, 0]);
  for (const name of names)
    for (const server of SERVERS) expect(existsSync(current(server, `/${name}`))).toBe(true);
  expect(digests().size).toBe(1);
});
