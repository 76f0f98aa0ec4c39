/**
 * Every path that a server opens or changes, seen by strace from its first instruction: through a start, uploads, a
 * replace, an edit, a removal, and with links planted where it will walk. What it changes lies below its base directory
 * or its database, and is named there by one component in a held directory. Needs strace.
 */
import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build } from "../../adapters/built.ts";
import { CLIENT, endOf, plant, Rig, until } from "../../e2e/rig.ts";
import { expectNeeds } from "../rig/needs.ts";
import { CLEAN } from "../rig/stories.ts";
import { JUDGED, judge, type Realm } from "./judge.ts";

const CALLS_MIN = 200;
const REMOVED_MS_MAX = 60_000; // two looks are ten seconds apart
const PROGRAM = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");
const SYSTEM = ["/usr", "/lib", "/lib64", "/etc", "/proc", "/sys", "/dev/null"];

let rig: Rig;
let outside: string;

beforeAll(async () => {
  expectNeeds("strace");
  await build();
  rig = await Rig.create("127.0.43");
  outside = realpathSync(mkdtempSync(join(tmpdir(), "ciruela-outside-")));
  writeFileSync(join(outside, "secret"), "secret");
});
afterAll(async () => {
  await rig.close();
  rmSync(outside, { recursive: true });
});

function realm(): Realm {
  const own = realpathSync(rig.path("server-1"));
  return {
    own: [join(own, "site"), join(own, "db")],
    read: [...SYSTEM, join(own, "config"), PROGRAM, dirname(process.execPath)],
  };
}

async function client(...args: readonly string[]): Promise<void> {
  const [command = "", ...more] = args;
  const all = [CLIENT, "--port", String(rig.port), command, "-i", rig.keyFile, ...more, rig.addressOf(1)];
  const editor = rig.path("editor");
  writeFileSync(editor, '#!/bin/sh\necho edited >> "$1"\n', { mode: 0o755 });
  const child = spawn(process.execPath, all, { env: { ...process.env, CIRUELA_EDITOR: editor } });
  const ended = await endOf(child);
  if (ended.status !== 0) throw new Error(`${args.join(" ")}: ${ended.stdout}${ended.stderr}`);
}

test("a server opens and changes only what is its own, one name at a time", {
  timeout: 180_000,
}, async () => {
  rig.configure(1, [], { site: { more: CLEAN } });
  const trace = rig.path("trace");
  const strace = ["strace", "-D", "-f", "-qq", "-y", "-s", "4096", "-o", trace, "-e", "signal=none", "-e"];
  await rig.startUnder([...strace, `trace=${JUDGED.join(",")}`], 1, "--disk-threads", "1");
  const site = rig.rootOf(1);
  const old = plant(rig.path("old"), {
    same: "same ".repeat(20_000),
    "in/deep/file": "file",
    "in/changes": "before",
  });
  const young = plant(rig.path("young"), {
    same: "same ".repeat(20_000),
    "in/deep/file": "file",
    "in/changes": "after",
  });
  symlinkSync("../../../..", join(young, "in/up"));
  symlinkSync(outside, join(young, "out"));
  await client("sync", "--append", `${old}:/site/current`);
  // Somebody on this machine puts links where a directory and a file were: the replace wants to reuse both.
  renameSync(join(site, "current/in"), join(outside, "in"));
  symlinkSync(join(outside, "in"), join(site, "current/in"));
  renameSync(join(site, "current/same"), join(outside, "same"));
  symlinkSync(join(outside, "same"), join(site, "current/same"));
  const before = listed(outside);
  await client("sync", "--replace", `${young}:/site/current`);
  await client("edit", "-d", "/site/current", "-f", "/in/changes");
  await client("put-file", "-d", "/site/current", "-s", join(outside, "secret"), "-f", "/in/deep/put");
  expect(readFileSync(join(site, "current/in/changes"), "utf8")).toBe("afteredited\n");
  await client("sync", "--append", `${old}:/site/other`);
  await until("the older one is removed", () => !existsSync(join(site, "current")), REMOVED_MS_MAX);
  await rig.stop(1);

  const seen = readFileSync(trace, "utf8");
  const { complaints, judged } = judge(seen, realm());
  process.stdout.write(`${judged} calls in its own directories, ${complaints.length} complaints\n`);
  expect(complaints).toEqual([]);
  expect(judged).toBeGreaterThan(CALLS_MIN);
  expect(listed(outside)).toBe(before);
  // Were its database not its own, that would be seen.
  const {
    own: [base = ""],
    read,
  } = realm();
  expect(judge(seen, { own: [base], read }).complaints.length).toBeGreaterThan(0);
});

/** Each does one thing that a server must not do, and what is said of it. */
const FORBIDDEN: readonly (readonly [what: string, complaint: RegExp, python: string])[] = [
  [
    "write outside",
    /^opens \S*ciruela-outside\S* to write/,
    "os.open(outside + '/new', os.O_CREAT | os.O_WRONLY)",
  ],
  [
    "remove outside",
    /^changes \S*ciruela-outside/,
    "os.unlink('secret', dir_fd=os.open(outside, os.O_RDONLY))",
  ],
  ["read outside", /^reads \S*ciruela-outside/, "os.open(outside + '/secret', os.O_RDONLY)"],
  ["follow a link out", /^leads to \S*ciruela-outside/, "os.open('link', os.O_RDONLY, dir_fd=base)"],
  ["walk up", /^leads to /, "os.open('..', os.O_RDONLY | os.O_NOFOLLOW, dir_fd=base)"],
  ["open by a path", /^opens \S* by a path/, "os.open(site + '/file', os.O_RDONLY | os.O_NOFOLLOW)"],
  [
    "open two names",
    /^opens in\/file by a path/,
    "os.open('in/file', os.O_RDONLY | os.O_NOFOLLOW, dir_fd=base)",
  ],
  ["open and follow", /^follows a link/, "os.open('file', os.O_RDONLY, dir_fd=base)"],
  ["change by a path", /^changes by a path/, "os.mkdir(site + '/made')"],
  ["look by a path", /by a path/, "os.lstat(site + '/in/file')"],
  [
    "link what is outside",
    /^changes \S*ciruela-outside/,
    "os.link('/proc/self/fd/%d' % os.open(outside + '/secret', os.O_RDONLY), 'linked', dst_dir_fd=base, follow_symlinks=True)",
  ],
];

test.each(FORBIDDEN)("it would be seen to %s", (_, complaint, python) => {
  const own = mkdtempSync(rig.path("control-"));
  const site = realpathSync(own);
  mkdirSync(join(site, "in"));
  for (const file of ["file", "in/file"]) writeFileSync(join(site, file), "");
  writeFileSync(join(outside, "secret"), "secret");
  symlinkSync(join(outside, "secret"), join(site, "link"));
  const trace = rig.path("control-trace");
  const program = `import os\nsite, outside = ${JSON.stringify(site)}, ${JSON.stringify(outside)}\nbase = os.open(site, os.O_RDONLY | os.O_DIRECTORY)\n${python}\n`;
  const args = [
    "-f",
    "-qq",
    "-y",
    "-o",
    trace,
    "-e",
    `trace=${JUDGED.join(",")}`,
    "/usr/bin/python3",
    "-c",
    program,
  ];
  expect(spawnSync("strace", args, { encoding: "utf8" }).stderr).toBe("");
  const { complaints } = judge(readFileSync(trace, "utf8"), { own: [site], read: SYSTEM });
  expect(complaints.at(-1)).toMatch(complaint);
});

/** Names, sizes and times of a folder. */
function listed(folder: string): string {
  return spawnSync("find", [folder, "-printf", "%p %s %m %n %T@ %C@\n"], { encoding: "utf8" }).stdout;
}
