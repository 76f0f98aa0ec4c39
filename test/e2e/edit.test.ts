/** One file of a directory, edited or put, by the client alone: the servers have the rest. */
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { spawn } from "node:child_process";
import { dirname } from "node:path";
import { shellWord } from "../../adapters/cli/text.ts";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { readTree } from "../../adapters/demo/tree.ts";
import { build } from "../adapters/built.ts";
import { CLIENT, type Ended, endOf, type Environment, Rig, until } from "./rig.ts";

const SERVERS = [1, 2, 3];
let rig: Rig;
beforeAll(async () => {
  await build();
  rig = await Rig.create("127.0.27");
  await rig.startAll(3);
  const source = rig.path("source");
  mkdirSync(`${source}/sub/empty`, { recursive: true });
  writeFileSync(`${source}/data.json`, `{"rate": 1}\n`);
  writeFileSync(`${source}/run`, "#!/bin/sh\n");
  chmodSync(`${source}/run`, 0o755);
  writeFileSync(`${source}/sub/large`, randomBytes(300_000));
  symlinkSync("../data.json", `${source}/sub/link`);
  const sent = await rig.sync("--replace", `${source}:/site/current`, rig.addressOf(1));
  if (sent.status !== 0) throw new Error(sent.stderr);
});
afterAll(() => rig.close());

/** An editor as a shell script that gets the file as `$1`. */
const editor = (script: string): Environment => ({ CIRUELA_EDITOR: rig.script(script) });

const current = (server: number, path = "") => `${rig.rootOf(server)}/current${path}`;
const edit = (file: string, environment: Environment, ...more: readonly string[]) =>
  rig.client(rig.signed("edit", "-d", "/site/current", "-f", file, ...more, rig.addressOf(2)), environment);
const put = (local: string, file: string, ...more: readonly string[]) =>
  rig.client(
    rig.signed("put-file", "-d", "/site/current", "-s", local, "-f", file, ...more, rig.addressOf(1)),
  );

/** Somebody else, while the editor runs. */
function faster(file: string, content: string): string {
  const local = rig.path(`other-${randomBytes(4).toString("hex")}`);
  writeFileSync(local, content);
  const hosts = SERVERS.map((each) => rig.addressOf(each));
  const words = rig.signed("put-file", "-d", "/site/current", "-s", local, "-f", file, ...hosts);
  return `${rig.commandLine(words)} >/dev/null 2>&1`;
}

const temporary = () => readdirSync(rig.path("tmp")).filter((name) => name.startsWith("ciruela-file-"));

/** What was kept, which is all that a client has left behind. */
function textKept({ stderr }: Ended): string {
  const kept = /your text is kept in "([^"]+)"/.exec(stderr)?.[1] ?? "";
  const text = readFileSync(kept, "utf8");
  expect(temporary()).toHaveLength(1);
  rmSync(dirname(dirname(kept)), { recursive: true });
  return text;
}
afterEach(() => expect(temporary()).toEqual([]));

const INTERRUPT = "\u0003"; // Ctrl-C

/** `edit` at a terminal of its own; each answer is typed when its question is asked. */
async function editAtTerminal(
  script: string,
  answers: readonly (readonly [question: RegExp, answer: string])[],
): Promise<{ readonly status: number | null; readonly shown: string }> {
  const words = rig.signed("edit", "-d", "/site/current", "-f", "/data.json", rig.addressOf(2));
  const child = rig.spawnAtTerminal(words, editor(script));
  let shown = "";
  let seen = 0;
  child.stdout?.on("data", (bytes: Buffer) => (shown += bytes.toString()));
  const ended = new Promise<number | null>((done) => child.once("close", done));
  for (const [question, answer] of answers) {
    await until(`${question} is asked`, () => child.exitCode !== null || question.test(shown.slice(seen)));
    seen = shown.length;
    child.stdin?.write(answer === INTERRUPT ? answer : `${answer}\n`);
  }
  return { status: await ended, shown };
}

async function everywhere(path: string, content: Buffer): Promise<void> {
  await until(`all have ${path}`, () =>
    SERVERS.every(
      (server) => existsSync(current(server, path)) && readFileSync(current(server, path)).equals(content),
    ),
  );
}

test("an edited file is there on every server, and all others are what they were, in their inodes", async () => {
  const inodes = SERVERS.map((server) => statSync(current(server, "/sub/large")).ino);
  const ended = await edit("/data.json", editor(`sed -i s/1/2/ "$1"`));
  expect(ended).toMatchObject({ status: 0, stdout: expect.stringMatching(/^safe to disconnect: /) });
  await everywhere("/data.json", Buffer.from(`{"rate": 2}\n`));
  expect(SERVERS.map((server) => statSync(current(server, "/sub/large")).ino)).toEqual(inodes);
  expect(statSync(current(3, "/run")).mode & 0o777).toBe(0o755);
  expect(existsSync(current(3, "/sub/empty"))).toBe(true);
  expect(readFileSync(current(2, "/sub/link"), "utf8")).toBe(`{"rate": 2}\n`);
  const trees = SERVERS.map((server) => readTree(current(server)).digest);
  expect(new Set(trees).size).toBe(1);
});

test("an edited program stays executable", async () => {
  expect(await edit("/run", editor(`echo exit 0 >> "$1"`))).toMatchObject({ status: 0 });
  await everywhere("/run", Buffer.from("#!/bin/sh\nexit 0\n"));
  for (const server of SERVERS) expect(statSync(current(server, "/run")).mode & 0o777).toBe(0o755);
});

describe("nothing is changed", () => {
  const before = () => SERVERS.map((server) => readTree(current(server)).digest);
  test.each([
    ["by an editor that changes nothing", "true", 0, /file is unchanged/],
    ["by an editor that fails and has written nothing", "exit 7", 1, /ended with status 7/],
    ["by an editor that removes the file", `rm "$1"`, 1, /has removed the file/],
    ["by an editor that is not there", null, 1, /cannot be started \(ENOENT\)/],
  ])("%s", async (_, script, status, says) => {
    const trees = before();
    const environment = script === null ? { CIRUELA_EDITOR: rig.path("absent") } : editor(script);
    const ended = await edit("/data.json", environment);
    expect(ended).toMatchObject({ status, stdout: "", stderr: expect.stringMatching(says) });
    expect(ended.stderr).not.toContain("your text is kept");
    expect(before()).toEqual(trees);
  });

  test.each([
    ["ends with an error", "exit 7", 1, /ended with status 7: nothing was uploaded/],
    ["is killed", "kill -KILL $$", 1, /was ended by SIGKILL: nothing was uploaded/],
    ["still runs when the client is ended", "kill -TERM $PPID; sleep 1", 143, /SIGTERM/],
  ])("by an editor that has written and %s: the text is kept", async (_, script, status, says) => {
    const trees = before();
    const ended = await edit("/data.json", editor(`echo written > "$1"; ${script}`));
    expect(ended).toMatchObject({ status, stdout: "", stderr: expect.stringMatching(says) });
    expect(textKept(ended)).toBe("written\n");
    expect(before()).toEqual(trees);
  });

  test.each([
    ["/no/such", 3, /no_such_file/],
    ["/sub", 3, /is_a_directory/],
    ["/sub/link", 3, /is_a_link/],
    ["/data.json/x", 3, /not_a_directory/],
    ["data.json", 1, /--file/],
    ["/sub/../data.json", 1, /--file/],
  ])("when %s is to be edited", async (file, status, says) => {
    const ended = await edit(file, editor("exit 9"));
    expect(ended).toMatchObject({ status, stdout: "", stderr: expect.stringMatching(says) });
  });

  test("when there is no such directory, or no server", async () => {
    const at = (path: string, server: number) =>
      rig.client(rig.signed("edit", "-d", path, "-f", "/a", rig.addressOf(server)));
    expect(await at("/site/absent", 1)).toMatchObject({
      status: 3,
      stderr: expect.stringMatching(/nothing_there/),
    });
    expect(await at("/site/current", 99)).toMatchObject({
      status: 3,
      stderr: expect.stringMatching(/unreachable/),
    });
  });

  test("when somebody else was faster: the text is kept", async () => {
    const ended = await edit("/data.json", editor(`${faster("/data.json", "{}")}\necho mine > "$1"`));
    expect(ended).toMatchObject({ status: 3, stdout: "" });
    expect(ended.stderr).toMatch(/replace_doesnt_match_index/);
    expect(ended.stderr).toMatch(/superseded: .* run it again, or use --redo/);
    expect(textKept(ended)).toBe("mine\n");
    await everywhere("/data.json", Buffer.from("{}"));
  });

  test("in a file that somebody else has changed too, also when it is to be redone", async () => {
    const script = `${faster("/data.json", "theirs")}\necho mine > "$1"`;
    const ended = await edit("/data.json", editor(script), "--redo", "3");
    expect(ended).toMatchObject({ status: 3, stdout: "" });
    expect(ended.stderr).toMatch(/somebody has changed that file too/);
    expect(textKept(ended)).toBe("mine\n");
    await everywhere("/data.json", Buffer.from("theirs"));
  });
});

test("the command that is told for a text that was kept works when it is pasted", async () => {
  const key = rig.path("key with 'quotes'");
  copyFileSync(rig.keyFile, key);
  const words = ["edit", "-i", key, "-k", "KEY", "-d", "/site/current", "-f", "/data.json", rig.addressOf(2)];
  const environment = { KEY: readFileSync(rig.keyFile, "utf8"), TMPDIR: rig.path("tmp") };
  const ended = await rig.client(words, { ...environment, ...editor(`echo pasted > "$1"; exit 1`) });
  const [, command = ""] = / on top of what is there now: (.*)/.exec(ended.stderr) ?? [];
  expect(command).toMatch(/^ciruela --port [0-9]+ put-file -i '/);
  const program = `ciruela() { ${[process.execPath, CLIENT].map(shellWord).join(" ")} "$@"; }`;
  const pasted = await endOf(
    spawn("bash", ["-c", `${program}; ${command}`], { env: rig.environment(environment) }),
  );
  expect(pasted, pasted.stderr).toMatchObject({ status: 0 });
  await everywhere("/data.json", Buffer.from("pasted\n"));
  expect(textKept(ended)).toBe("pasted\n");
});

test.each([0, 1, 32_768, 65_536, 10_000_000])("a file of %i bytes is put, and edited again", async (size) => {
  const local = rig.path(`local-${size}`);
  const content = randomBytes(size);
  writeFileSync(local, content);
  expect(await put(local, `/new/deep/${size}`)).toMatchObject({ status: 0 });
  await everywhere(`/new/deep/${size}`, content);
  const ended = await edit(`/new/deep/${size}`, editor(`printf x >> "$1"`));
  expect(ended).toMatchObject({ status: 0 });
  await everywhere(`/new/deep/${size}`, Buffer.concat([content, Buffer.from("x")]));
});

test("what is put over a file keeps its exec bit, and as a new file has that of the local one", async () => {
  const local = rig.path("tool");
  writeFileSync(local, "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  expect(await put(local, "/tool", "--json")).toMatchObject({ status: 0 });
  expect(await put(local, "/data.json")).toMatchObject({ status: 0 });
  await everywhere("/data.json", readFileSync(local));
  for (const server of SERVERS) {
    expect(statSync(current(server, "/tool")).mode & 0o777).toBe(0o755);
    expect(statSync(current(server, "/data.json")).mode & 0o777).toBe(0o644);
  }
  expect(await put(rig.path("nowhere"), "/x")).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/--source/),
  });
  expect(await put(local, "/sub")).toMatchObject({
    status: 3,
    stderr: expect.stringMatching(/is_a_directory/),
  });
});

test.each([
  ["without a word of each server", "mine", []],
  ["with one", "mine too", ["--confirm", "all"]],
])("a change of another file meanwhile is no loss with --redo, %s: both are there", async (_, mine, more) => {
  const script = `${faster("/theirs", `beside ${mine}`)}\necho ${mine} > "$1"`;
  const ended = await edit("/data.json", editor(script), "--redo", "1", ...more);
  expect(ended).toMatchObject({
    status: 0,
    stderr: expect.stringMatching(/superseded: .* made again on top/),
  });
  await everywhere("/data.json", Buffer.from(`${mine}\n`));
  await everywhere("/theirs", Buffer.from(`beside ${mine}`));
});

test("of several that put files at once, each comes to its turn with --redo", async () => {
  const files = [1, 2, 3].map((each) => `/turn-${each}`);
  const ended = await Promise.all(
    files.map((file) => {
      const local = rig.path(file);
      writeFileSync(local, file);
      return put(local, file, "--redo", "20");
    }),
  );
  expect(ended.map(({ status, stderr }) => (status === 0 ? 0 : stderr))).toEqual([0, 0, 0]);
  for (const file of files) await everywhere(file, Buffer.from(file));
});

describe("at a terminal", () => {
  const upload = /Upload it to \/site\/current\? /;
  test("the difference is shown and asked about; no is no, and keeps the text", async () => {
    const content = readFileSync(current(1, "/data.json"));
    const { status, shown } = await editAtTerminal(`echo other > "$1"`, [[upload, "n"]]);
    expect(status).toBe(1);
    expect(shown).toMatch(
      /--- \/data\.json\r\n\+\+\+ \/data\.json \(edited\)\r\n@@ .*@@\r\n-.*\r\n\+other\r\n/,
    );
    expect(textKept({ status, stdout: "", stderr: shown })).toBe("other\n");
    await everywhere("/data.json", content);
  });

  test("who interrupts the question is told where the text is", async () => {
    const { status, shown } = await editAtTerminal(`echo other > "$1"`, [[upload, INTERRUPT]]);
    expect(status).toBe(130);
    expect(textKept({ status, stdout: "", stderr: shown })).toBe("other\n");
  });

  test("to do it again on top of another's change is offered", async () => {
    const script = `${faster("/theirs", "again")}\necho "$PPID" > "$1"`;
    const answers = [
      [upload, "y"],
      [/superseded: .*Make yours again on top of it\? /, "y"],
      [upload, "yes"],
    ] as const;
    const { status, shown } = await editAtTerminal(script, answers);
    expect({ status, shown }).toMatchObject({ status: 0 });
    await everywhere("/theirs", Buffer.from("again"));
    expect(readFileSync(current(1, "/data.json"), "utf8")).toMatch(/^[0-9]+\n$/);
  });
});
