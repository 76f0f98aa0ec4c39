import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readFolder, readKeys } from "../../adapters/config/folder.ts";
import { printProblem } from "../../adapters/config/problem.ts";

const KEY_1 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4 one\n";
const HEX_1 = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8";
const GOOD = "directory: /srv/a\nappend-only: true\nnum-levels: 1\n";

let base = "";
let folder = "";
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "folder-"));
  folder = join(base, "etc");
  mkdirSync(folder);
});
afterEach(() => rmSync(base, { recursive: true }));

function write(files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

/** The messages, with the folder's name left out. */
function read(): { ok: boolean; problems: string[]; warnings: string[] } {
  const result = readFolder(folder);
  const short = (message: string): string => message.replaceAll(`${folder}/`, "");
  return {
    ok: result.ok,
    problems: result.ok ? [] : result.problems.map(printProblem).map(short),
    warnings: result.warnings.map(printProblem).map(short),
  };
}

test("a whole folder: directories sorted, the ring, the peers", () => {
  write({
    "configs/b.yaml": `${GOOD.replace("/srv/a", "/srv/b")}upload-keys: [ci]\n`,
    "configs/a.yaml": GOOD,
    "configs/a b.yaml": GOOD.replace("/srv/a", "/srv/ab"),
    "configs/.hidden.yaml": "no",
    "configs/c.yaml.bak": "no",
    "configs/c.yaml~": "no",
    "configs/#c.yaml#": "no",
    "keys/ci.key": KEY_1,
    "keys/README": "no key",
    "master.key": "# nobody\n",
    "peers.txt": "10.0.0.1\n",
  });
  const result = readFolder(folder);
  expect(result).toMatchObject({ ok: true, warnings: [] });
  if (!result.ok) return;
  expect(result.folder.directories.map(({ key, root }) => [key, root])).toEqual([
    ["a", "/srv/a"],
    ["a b", "/srv/ab"],
    ["b", "/srv/b"],
  ]);
  expect(result.folder.keys).toEqual({ master: [], named: new Map([["ci", [HEX_1]]]), ending: [] });
  expect(result.folder.peers).toEqual([{ text: "10.0.0.1", host: "10.0.0.1", port: null }]);
});

test("retired keys have the names of the others, and each a date", () => {
  const dated = `expiry-time="20260101Z" ${KEY_1}`;
  const until = Date.UTC(2026, 0, 1);
  write({
    "configs/a.yaml": `${GOOD}upload-keys: [gone]\n`,
    "peers.txt": "",
    "keys/ci.key": dated,
    "retired-keys/master.key": dated,
    "retired-keys/gone.key": dated,
  });
  const result = readFolder(folder);
  expect(result).toMatchObject({ ok: true, gaps: [] });
  if (!result.ok) return;
  expect(result.folder.keys.ending).toEqual([
    { key: HEX_1, until, name: "ci", uploads: true },
    { key: HEX_1, until, name: "gone", uploads: false },
    { key: HEX_1, until, name: null, uploads: false },
  ]);
  write({ "retired-keys/master.key": KEY_1 });
  const mend = 'put expiry-time="YYYYMMDDZ" and a space in front of each';
  expect(read().problems).toEqual([
    `retired-keys/master.key:1:1: 1 of its keys without the date until which they count: ${mend}`,
  ]);
});

test("an empty or missing folder is a server that stands alone and holds nothing", () => {
  const warnings = [
    "configs:1:1: no such folder: nothing is synchronised; put NAME.yaml there",
    "peers.txt:1:1: no such file: this server stands alone; list the others there, one a line",
  ];
  expect(read()).toEqual({ ok: true, problems: [], warnings });
  rmSync(folder, { recursive: true });
  expect(read()).toEqual({ ok: true, problems: [], warnings });
});

test("secrets that are mounted as links inside of the folder are read", () => {
  write({ "keys/..2024/ci.key": KEY_1, "..2024/master.key": KEY_1, "peers.txt": "" });
  symlinkSync("..2024", join(folder, "keys/..data"));
  symlinkSync("..data/ci.key", join(folder, "keys/ci.key"));
  symlinkSync("..2024", join(folder, "..data"));
  symlinkSync("..data/master.key", join(folder, "master.key"));
  expect(readKeys(folder)).toEqual({
    keys: { master: [HEX_1], named: new Map([["ci", [HEX_1]]]), ending: [] },
    problems: [],
    warnings: [],
  });
});

test("all problems of all files come at once", () => {
  write({
    "configs/a.yaml": `${GOOD}upload-keys: [nobody]\n`,
    "configs/b.yaml": "num-levels: 0\n",
    "configs/x.yml": GOOD,
    "keys/ci.key": `nonsense\n${KEY_1}`,
    "master.key": "ecdsa-sha2-nistp256 AAAA\n",
    "peers.txt": "10.0.0.1\nhttp://a\n",
  });
  mkdirSync(join(folder, "configs/d.yaml"));
  writeFileSync(join(base, "outside"), KEY_1);
  symlinkSync("../../outside", join(folder, "keys/out.key"));
  symlinkSync("nowhere", join(folder, "keys/dangling.key"));
  symlinkSync("loop.key", join(folder, "keys/loop.key"));
  writeFileSync(join(folder, "keys/large.key"), Buffer.alloc(1024 * 1024 + 1));
  execFileSync("mkfifo", [join(folder, "keys/pipe.key")]);
  const advice = "use a line of a .pub file made by `ssh-keygen -t ed25519`";
  expect(read()).toEqual({
    ok: false,
    problems: [
      'configs/b.yaml:1:1: directory is missing: add a line "directory: /srv/images"',
      'configs/b.yaml:1:1: append-only is missing: add a line "append-only: true"',
      'configs/b.yaml:1:13: num-levels is "0": write a number from 1 to 16; 0 is in the documentation of 0.6.12 and never worked',
      "configs/d.yaml:1:1: not a plain file: put a plain file here",
      `master.key:1:1: unsupported key type "ecdsa-sha2-nistp256": ${advice}`,
      `keys/ci.key:1:1: not a key: "nonsense": ${advice}`,
      "keys/dangling.key:1:1: a link to nothing: remove it, or mend its target",
      "keys/large.key:1:1: larger than 1048576 bytes: make it shorter",
      "keys/loop.key:1:1: a link to itself: put a plain file here",
      "keys/out.key:1:1: a link to the outside of its folder: copy the file here",
      "keys/pipe.key:1:1: not a plain file: put a plain file here",
      'configs/a.yaml:4:15: no key "nobody": put the public key into keys/nobody.key',
    ],
    warnings: [
      "configs/x.yml:1:1: skipped: only .yaml counts: rename it to x.yaml",
      'peers.txt:2:1: no port from 1 to 65535 in "http://a", line skipped: write one name or address a line, such as node1.example.org, 10.0.0.1, ::1 or [::1]:24783',
    ],
  });
});

test("names of files: no part of a path, not UTF-8; a file where a folder belongs; one root for two", () => {
  write({ "configs/a.yaml": GOOD, "configs/b.yaml": GOOD, "peers.txt": "", keys: "a file" });
  writeFileSync(
    Buffer.concat([Buffer.from(`${folder}/configs/`), Buffer.from([0xff]), Buffer.from(".yaml")]),
    GOOD,
  );
  expect(read()).toEqual({
    ok: false,
    problems: [
      "configs/\ufffd.yaml:1:1: a name that is not UTF-8: rename the file",
      "keys:1:1: not a folder: make it a folder that the user of this program can read",
    ],
    warnings: [
      'configs/b.yaml:1:1: the same directory as "a": give each its own: the images of the two get mixed',
    ],
  });
});

test("a directory in another one is told, whichever is read first; a longer name is none", () => {
  const at = (root: string) => `directory: ${root}\nappend-only: false\nnum-levels: 1\n`;
  const warningsOf = (a: string, b: string) => {
    write({ "configs/a.yaml": at(a), "configs/b.yaml": at(b), "peers.txt": "" });
    return read().warnings;
  };
  const told = [
    'configs/b.yaml:1:1: one of this directory and that of "a" lies in the other: give each its own: a replace in the outer takes the inner along',
  ];
  expect(warningsOf("/srv/site", "/srv/site/sub")).toEqual(told);
  expect(warningsOf("/srv/site/sub", "/srv/site")).toEqual(told);
  expect(warningsOf("/srv/site", "/srv/site2")).toEqual([]);
});

test("while a server runs, sound lines count beside wrong ones", () => {
  write({ "keys/ci.key": `nonsense\n${KEY_1}` });
  const { keys, problems } = readKeys(folder);
  expect(keys.named.get("ci")).toEqual([HEX_1]);
  expect(problems.length).toBe(1);
});
