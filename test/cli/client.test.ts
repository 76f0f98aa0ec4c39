/** The client as a process against servers as processes: what it prints, and how it ends. */
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type Server } from "node:net";
import ssh2 from "ssh2";
import { newKeyPair } from "../../adapters/keys/pair.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readTree } from "../../adapters/demo/tree.ts";
import { build } from "../adapters/built.ts";
import { CLIENT, endOf, type Environment, resultOf, Rig, rowsOf, until } from "../e2e/rig.ts";

let rig: Rig;
let source: string;
let host: string;
beforeAll(async () => {
  await build();
  rig = await Rig.create("127.0.66");
  rig.configure(1, [1, 2], { once: { appendOnly: true } });
  rig.configure(2, [1, 2], { once: { appendOnly: true } });
  await Promise.all([rig.start(1), rig.start(2)]);
  source = rig.path("source");
  mkdirSync(`${source}/sub`, { recursive: true });
  writeFileSync(`${source}/sub/file`, "content");
  host = rig.addressOf(1);
});
afterAll(() => rig.close());

/** Without our key, unless it is among the words. */
const ended = (words: readonly string[], environment: Environment = {}) => rig.client(words, environment);

function newKey(name: string): { readonly file: string; readonly text: string; readonly publicKey: string } {
  const keys = newKeyPair();
  const file = rig.path(name);
  writeFileSync(file, keys.private, { mode: 0o600 });
  return { file, text: keys.private, publicKey: keys.public.trim() };
}

/** A listener that counts who comes; nobody shall. */
async function counted(): Promise<{
  readonly server: Server;
  readonly port: number;
  readonly count: () => number;
}> {
  let count = 0;
  const server = createServer((socket) => {
    count += 1;
    socket.destroy();
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  return { server, port: typeof address === "object" ? (address?.port ?? 0) : 0, count: () => count };
}

test("help and version are on stdout with status 0; no command is a hint on stderr", async () => {
  const [help, version, none] = await Promise.all([
    ended(["sync", "--help"]),
    ended(["--version"]),
    ended([]),
  ]);
  expect(help).toMatchObject({ status: 0, stdout: expect.stringContaining("--replace"), stderr: "" });
  expect(version).toMatchObject({ status: 0, stdout: expect.stringMatching(/^[0-9]+\.[0-9]+\.[0-9]+.*\n$/) });
  expect(none).toMatchObject({ status: 0, stdout: "", stderr: expect.stringContaining("--help") });
});

test("what is wrong from the start ends with its status, one line, and nobody is connected to", async () => {
  const { server, port, count } = await counted();
  const key = newKey("some-key").file;
  const to = `127.0.0.1:${port}`;
  const wrong: readonly (readonly [number, RegExp, readonly string[]])[] = [
    [2, /unknown option/, ["sync", "--wrong", to]],
    [2, /no server/, ["sync", "--replace", `${source}:/site/x`]],
    [2, /not a host/, ["sync", "--replace", `${source}:/site/x`, "not/a/host"]],
    [1, /one part/, ["sync", "--replace", `${source}:/site`, to]],
    [1, /"\."\s+or "\.\."/, ["sync", "--replace", `${source}:/site/../etc`, to]],
    [1, /names no directory/, ["sync", "--replace", `${source}:/`, to]],
    [2, /no such file/, ["sync", "-i", rig.path("absent"), "--replace", `${source}:/site/x`, to]],
    [2, /variable ABSENT: not set/, ["sync", "-k", "ABSENT", "--replace", `${source}:/site/x`, to]],
    [1, /no such directory/, ["sync", "-i", key, "--replace", `${rig.path("absent")}:/site/x`, to]],
    [1, /not a directory/, ["sync", "-i", key, "--replace", `${key}:/site/x`, to]],
    [
      1,
      /no such directory/,
      ["sync", "-i", key, "--append", `${source}:/site/x`, "--append", "absent:/site/y", to],
    ],
  ];
  for (const [status, message, words] of wrong) {
    const run = await ended(words);
    expect(run, words.join(" ")).toMatchObject({ status, stdout: "" });
    const errors = run.stderr.split("\n").filter((line) => line.startsWith("error: "));
    expect(errors, words.join(" ")).toEqual([expect.stringMatching(message)]);
    const [command = "", ...rest] = words;
    const objects = rowsOf(await ended([command, "--json", ...rest]));
    expect(objects.at(-2), words.join(" ")).toMatchObject({
      type: "error",
      message: expect.stringMatching(message),
    });
    expect(objects.at(-1)).toMatchObject({ type: "result", ok: false, status });
  }
  server.close();
  expect(count()).toBe(0);
});

test("keys are found in the usual places, or only where it is said", async () => {
  const home = rig.path("home");
  for (const each of [".ssh", ".ciruela"]) mkdirSync(`${home}/${each}`, { recursive: true });
  const variable = newKey("variable");
  const first = newKey("home/.ssh/id_ed25519");
  const second = newKey("home/.ssh/id_ciruela");
  const third = newKey("home/.ciruela/id_ed25519");
  const listed = async (options: readonly string[], environment: Environment) => {
    const words = ["--port", "1", "sync", ...options, "-t", "1ms", "--append", `${source}:/site/keys`, host];
    const { stderr } = await ended(words, { HOME: home, ...environment });
    return Array.from(stderr.matchAll(/^ {2}(ssh-ed25519 \S+)$/gm), ([, key]) => key);
  };
  const all = [variable, first, second, third].map(({ publicKey }) => publicKey);
  expect(await listed([], { CIRUELA_KEY: variable.text })).toEqual(all);
  expect(await listed([], {})).toEqual(all.slice(1));
  expect(await listed(["-k", "V", "-i", third.file], { V: first.text })).toEqual([
    third.publicKey,
    first.publicKey,
  ]);
  // An encrypted key in a usual place is an error, not a surprise at the server.
  const locked = ssh2.utils.generateKeyPairSync("ed25519", {
    passphrase: "x",
    cipher: "aes256-ctr",
    rounds: 1,
  });
  writeFileSync(second.file, locked.private);
  const run = await ended(["sync", "--append", `${source}:/site/keys`, host], { HOME: home });
  expect(run).toMatchObject({ status: 2, stderr: expect.stringContaining("protected by a passphrase") });
});

test("an upload ends with the line about safety alone on stdout, and both servers have it", async () => {
  const run = await rig.sync("--replace", `${source}:/site/lines`, host);
  expect(run.status, run.stderr).toBe(0);
  expect(run.stdout).toMatch(/^safe to disconnect: [0-9]+ servers hold all blocks of [0-9a-f]{64}\n$/);
  // A server speaks of itself by its host name, of others by the text of its peer list.
  expect(run.stderr).toMatch(
    /^Upload to 127\.0\.66\.1:\/site\/lines: fetched from (n[12]|127\.0\.66\.[12]), (n[12]|127\.0\.66\.[12]) in [0-9.]+s$/m,
  );
  const wanted = readTree(source).digest;
  for (const each of [1, 2]) expect(readTree(`${rig.rootOf(each)}/lines`).digest).toBe(wanted);
});

test("JSON tells the same upload; each object has its fields, and the result is the last", async () => {
  const objects = rowsOf(await rig.sync("--json", "--replace", `${source}:/site/json`, host));
  const { image } = objects[0] ?? {};
  expect(objects[0]).toMatchObject({
    type: "scan",
    image: expect.stringMatching(/^[0-9a-f]{64}$/),
    bytes: 7,
  });
  const subject = { cluster: host, path: "/site/json", image };
  const of = (type: string) => objects.filter((object) => object["type"] === type);
  expect(of("accepted")[0]).toMatchObject({ ...subject, host: expect.stringMatching(/^127\.0\.66\.[12]:/) });
  const machines = of("received").map((object) => object["machine_id"]);
  expect(new Set(machines)).toEqual(new Set([`${"0".repeat(31)}1`, `${"0".repeat(31)}2`]));
  expect(of("safe")[0]).toMatchObject({ ...subject, servers: 1 });
  expect(objects.at(-1)).toMatchObject({ type: "result", ok: true, status: 0, ...subject });
});

test("a refusal of every server is the end, with a line each: server, reason, and for keys the keys", async () => {
  const stranger = newKey("stranger");
  await rig.sync("--append", `${source}:/once/there`, host);
  const other = rig.path("other");
  mkdirSync(other, { recursive: true });
  writeFileSync(`${other}/file`, "another content");
  const id = "0".repeat(64);
  const refusals: readonly (readonly [string, readonly string[]])[] = [
    ["no_config", ["-i", rig.keyFile, "--append", `${source}:/nowhere/x`]],
    ["config_level_mismatch", ["-i", rig.keyFile, "--append", `${source}:/site/too/deep`]],
    ["signature_mismatch", ["-i", stranger.file, "--append", `${source}:/site/stranger`]],
    ["already_exists", ["-i", rig.keyFile, "--append", `${other}:/once/there`]],
    ["dir_is_append_only", ["-i", rig.keyFile, "--replace", `${other}:/once/there`]],
    ["replace_doesnt_match_index", ["-i", rig.keyFile, "--replace", `${other}:/site/lines:${id}`]],
  ];
  for (const [reason, options] of refusals) {
    const run = await ended(["sync", ...options, host]);
    expect(run.status, reason).toBe(3);
    expect(run.stderr).toContain("some hosts rejected the download"); // no deadline came first
    const line = run.stderr
      .split("\n")
      .filter((each) => each.includes(`rejected by ${host}:${rig.port}: ${reason}: `));
    expect(line, run.stderr).toHaveLength(1);
    if (reason === "signature_mismatch")
      expect(line[0]).toContain(stranger.publicKey.split(" ", 2).join(" "));
    expect(run.stdout).toBe("");
  }
  expect(existsSync(`${rig.rootOf(1)}/stranger`)).toBe(false);
  expect(readTree(`${rig.rootOf(1, "once")}/there`).digest).toBe(readTree(source).digest);
  const weak = await rig.sync("--append-weak", `${other}:/once/there`, host);
  expect(weak, weak.stderr).toMatchObject({ status: 0, stdout: "" });
});

test("nobody there ends soon, and says whom it could not reach", async () => {
  const run = await ended(["--port", "1", "sync", "-i", rig.keyFile, "--append", `${source}:/site/x`, host]);
  expect(run).toMatchObject({ status: 3, stdout: "" });
  expect(run.stderr).toContain(`cannot reach ${host}:1`);
  expect(run.stderr).toContain("no host can be reached"); // no deadline came first
});

test("one upload that fails does not stop another, and the status tells of it", async () => {
  const words = ["--json", "--append", `${source}:/nowhere/x`, "--replace", `${source}:/site/partly`, host];
  const result = resultOf(await rig.sync(...words));
  expect(result).toMatchObject({ type: "result", status: 3, ok: false, partial: true });
  expect(result["uploads"]).toMatchObject([
    { path: "/nowhere/x", ok: false },
    { path: "/site/partly", ok: true },
  ]);
});

test("a reader that leaves is no crash, and the upload goes on", async () => {
  const client = rig.spawnClient(rig.signed("sync", "--json", "--replace", `${source}:/site/pipe`, host));
  client.stdout?.destroy();
  const run = await endOf(client);
  expect(run).toMatchObject({ status: 0, stderr: "" });
  expect(readTree(`${rig.rootOf(1)}/pipe`).digest).toBe(readTree(source).digest);
});

test("a client killed after its line about safety has done its work", async () => {
  const large = rig.path("large");
  mkdirSync(large);
  for (let each = 0; each < 200; each++) writeFileSync(`${large}/${each}`, Buffer.alloc(100_000, `${each} `));
  const client = rig.spawnClient(rig.signed("sync", "--replace", `${large}:/site/large`, host));
  const closed = endOf(client);
  client.stdout?.once("data", () => client.kill("SIGKILL"));
  expect((await closed).stdout).toMatch(/^safe to disconnect: /);
  const wanted = readTree(large).digest;
  for (const each of [1, 2]) {
    const root = `${rig.rootOf(each)}/large`;
    await until(`server ${each} has it`, () => existsSync(root) && readTree(root).digest === wanted);
  }
});

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("%s ends what has no end with status %d and says what is known", async (signal, status) => {
  // Takes connections and never answers.
  const silent = createServer((socket) => void socket.resume().on("error", () => {}));
  await new Promise<void>((done) => silent.listen(rig.port, rig.addressOf(9), done));
  for (const json of [false, true]) {
    const options = [...(json ? ["--json"] : []), "--append", `${source}:/site/x`];
    const client = rig.spawnClient(rig.signed("sync", ...options, rig.addressOf(9)));
    const closed = endOf(client);
    const begun = json ? client.stdout : client.stderr;
    await new Promise<void>((done) =>
      begun?.on("data", (bytes: Buffer) => /Done|scan/.test(String(bytes)) && done()),
    );
    client.kill(signal);
    const run = await closed;
    expect(run.status).toBe(status);
    if (json) expect(rowsOf(run).at(-1)).toMatchObject({ type: "result", status, reason: "interrupted" });
    else expect(run.stderr).toContain(`${signal}: `);
  }
  await new Promise((done) => silent.close(done));
});

test("help is there at once: it loads no package but the one that parses the command line", () => {
  const folder = mkdtempSync(join(tmpdir(), "ciruela-loaded-"));
  const { status } = spawnSync(process.execPath, [CLIENT, "--help"], {
    env: { ...process.env, NODE_V8_COVERAGE: folder },
  });
  expect(status).toBe(0);
  const loaded = readdirSync(folder).flatMap((name) => {
    const { result } = JSON.parse(readFileSync(join(folder, name), "utf8")) as { result: { url: string }[] };
    return result.flatMap(({ url }) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []);
  });
  rmSync(folder, { recursive: true });
  expect([...new Set(loaded)]).toEqual(["commander"]);
});
