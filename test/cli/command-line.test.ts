import { expect, test } from "vitest";
import { parseCommandLine, type SyncCommand } from "../../adapters/cli/command-line.ts";
import { hostWords } from "../../adapters/cli/entry-points.ts";
import { parseChanges } from "../../adapters/cli/patch-line.ts";
import { reservedName } from "../../adapters/cli/upload-argument.ts";
import { parseVPath } from "../../kernel/ids.ts";
import { checkImageName } from "../../kernel/path-rules.ts";

const ID = "0123456789abcdef".repeat(4);
const parse = (...words: readonly string[]) => parseCommandLine(words, "1.2.3");

function sync(...words: readonly string[]): SyncCommand {
  const parsed = parse(...words);
  if (!parsed.ok || parsed.value.kind !== "sync") throw new Error(`not a sync: ${JSON.stringify(parsed)}`);
  return parsed.value;
}

test("without options the defaults are those of 0.6.12", () => {
  expect(sync("sync", "--replace", "./build:/site/current", "n1")).toEqual({
    kind: "sync",
    port: 24783,
    diskThreads: 4,
    uploads: [{ source: "./build", path: "/site/current", mode: "replace", oldImage: null }],
    clusters: [{ name: "n1", entryPoints: ["n1"] }],
    identityFiles: [],
    identityVariables: [],
    dryRun: false,
    earlyMs: 30_000,
    earlyShare: 750,
    earlyHosts: 3,
    deadlineMs: 1_800_000,
    confirm: null,
    progressMs: null,
    json: false,
  });
});

test("every option reaches the command, and uploads stand in the order append, append-weak, replace", () => {
  const words = "--port 80 --disk-threads 0 sync --replace a:/k/1 --append-weak b:/k/2 --append c:/k/3";
  const more =
    "-i f -i g -k V -e 5s --early-fraction .5 --early-hosts 7 -t 1h --confirm 4 --print-progress 2sec --json n1";
  expect(sync(...`${words} ${more}`.split(" "))).toMatchObject({
    port: 80,
    diskThreads: 0,
    uploads: [{ mode: "append" }, { mode: "append_weak" }, { mode: "replace" }],
    identityFiles: ["f", "g"],
    identityVariables: ["V"],
    earlyMs: 5_000,
    earlyShare: 500,
    earlyHosts: 7,
    deadlineMs: 3_600_000,
    confirm: 4,
    progressMs: 2_000,
    json: true,
  });
});

test.each([
  [
    ["a", "b"],
    ["a", "b"],
  ],
  [["a", "a"], ["a"]],
  [["-m", "a", "b"], ["a b"]],
  [
    ["-m", "a", "--", "b", "c"],
    ["a", "b c"],
  ],
  [
    ["-m", "--", "a", "--", "--", "b", "c", "--"],
    ["a", "b c"],
  ],
  [
    ["--", "a", "--", "b"],
    ["a", "b"],
  ],
  [
    ["10.0.0.1:24783", "[fd00::1]:1", "fd00::1"],
    ["10.0.0.1:24783", "[fd00::1]:1", "fd00::1"],
  ],
])("entry points %j are the clusters %j", (hosts, clusters) => {
  expect(sync("sync", "--append", "a:/k/1", ...hosts).clusters.map(({ name }) => name)).toEqual(clusters);
});

test.each([
  ["a:b:/k/1", { source: "a:b", path: "/k/1", oldImage: null }],
  ["/abs/:/k/1/2", { source: "/abs/", path: "/k/1/2", oldImage: null }],
  [`a:/k/1:${ID.toUpperCase()}`, { source: "a", path: "/k/1", oldImage: ID }],
  ["a b:/k/ö x", { source: "a b", path: "/k/ö x", oldImage: null }],
])("--replace %s is split at the last colon before a slash", (text, job) => {
  expect(sync("sync", "--replace", text, "n1").uploads).toMatchObject([job]);
});

test.each([
  ["destination", ["sync", "--replace", "a:/", "n1"], /names no directory/],
  ["destination", ["sync", "--replace", "a:/site", "n1"], /--replace a:\/site\/current/],
  ["destination", ["sync", "--replace", "a:/site/../etc", "n1"], /"\.\."/],
  ["destination", ["sync", "--replace", "a:/site/x/", "n1"], /ends with a slash.*a:\/site\/x$/],
  ["destination", ["sync", "--replace", "a:/site//x", "n1"], /empty part/],
  ["destination", ["sync", "--replace", "a", "n1"], /no destination/],
  ["destination", ["sync", "--replace", ":/site/x", "n1"], /no source/],
  ["destination", ["sync", "--replace", "a:/site/x:12", "n1"], /no image id/],
  ["destination", ["sync", "--append", `a:/site/x:${ID}`, "n1"], /--replace only/],
  ["destination", ["sync", "--append", "a:/k/1", "--replace", "b:/k/1", "n1"], /two uploads/],
  ["destination", ["sync", "--append", "a:/k/.tmp", "n1"], /starts with a dot/],
  ["host", ["sync", "--append", "a:/k/1", "no host"], /"no host": not a host/],
  ["host", ["sync", "--append", "a:/k/1", "n1:0"], /port/],
  ["host", ["sync", "--append", "a:/k/1", "1.2.3"], /not a host/],
  ["usage", ["sync", "--append", "a:/k/1"], /no server/],
  ["usage", ["sync", "n1"], /nothing to upload/],
  ["usage", ["sync", "--apend", "a:/k/1", "n1"], /did you mean --append/],
  ["usage", ["sync", "-t", "5 parsecs", "n1"], /parsecs/],
  ["usage", ["sync", "--early-fraction", "2", "n1"], /from 0 to 1/],
  ["usage", ["sync", "--confirm", "0", "n1"], /from 1 to/],
  ["usage", ["sync", "--confirm", "most", "n1"], /Write all, or a whole number from 1 to 1000000; see/],
  ["usage", ["--port", "0", "sync", "n1"], /from 1 to 65535/],
  ["usage", ["snyc"], /unknown command/],
] as const)("%s: %j is refused with advice", (code, words, advice) => {
  const parsed = parse(...words);
  expect(parsed).toMatchObject({ ok: false, code });
  expect(parsed.ok ? "" : parsed.detail).toMatch(advice);
  expect(parsed.ok ? "" : parsed.detail).not.toContain("\n");
});

test("help and the version are texts, no command is a hint", () => {
  expect(parse("--version")).toMatchObject({ value: { kind: "text", text: "1.2.3\n" } });
  for (const words of [["-h"], ["--help"], ["sync", "-h"], ["sync", "--help"]]) {
    expect(parse(...words)).toMatchObject({
      value: { kind: "text", text: expect.stringMatching(/^Usage: /) },
    });
  }
  expect(parse()).toMatchObject({ value: { kind: "hint", text: expect.stringContaining("--help") } });
});

test("what servers keep for themselves is no destination: client and servers have one rule", () => {
  const reserved = ["/k/.x", "/k/x.new", "/k/x.state", "/k/x.backup", "/k/x.floor", `/k/${"é".repeat(109)}`];
  const free = ["/k/x", "/k/x.newer", "/.k/x", "/k/new", `/k/${"é".repeat(108)}`];
  for (const text of [...reserved, ...free]) {
    const path = parseVPath(text);
    if (path === null) throw new Error(`${text} is no path`);
    expect(reservedName(path) === null, text).toBe(free.includes(text));
    expect(checkImageName(path).ok, text).toBe(free.includes(text));
  }
});

test("edit and put-file name a directory, a file in it, and servers", () => {
  const words = "edit -d /site/current -f /sub/data.json --editor vi -m n1 n2".split(" ");
  expect(parse(...words)).toMatchObject({
    ok: true,
    value: { kind: "edit", path: "/site/current", file: "/sub/data.json", clusters: [{ name: "n1 n2" }] },
  });
  expect(parse("put-file", "-d", "/k/1", "-s", "a b", "-f", "/é", "n1")).toMatchObject({
    ok: true,
    value: { kind: "put_file", local: "a b", file: "/\xc3\xa9" },
  });
});

test.each([
  [["edit", "-d", "/k/1", "n1"], "usage"],
  [["edit", "-f", "/a", "n1"], "usage"],
  [["put-file", "-d", "/k/1", "-f", "/a", "n1"], "usage"],
  [["edit", "-d", "/k/1", "-f", "/a"], "usage"],
  [["edit", "-d", "/k", "-f", "/a", "n1"], "destination"],
  [["edit", "-d", "k/1", "-f", "/a", "n1"], "destination"],
  [["edit", "-d", "/k/../1", "-f", "/a", "n1"], "destination"],
  [["edit", "-d", "/k/1", "-f", "a", "n1"], "destination"],
  [["edit", "-d", "/k/1", "-f", "/", "n1"], "destination"],
  [["edit", "-d", "/k/1", "-f", "/a/", "n1"], "destination"],
  [["edit", "-d", "/k/1", "-f", "/a/./b", "n1"], "destination"],
  [["edit", "-d", "/k/1", "-f", "/a", "n1:x"], "host"],
])("%j is refused as %s", (words, code) => {
  expect(parse(...words)).toMatchObject({ ok: false, code });
});

test("the changes of a patch stay in the order in which they are written", () => {
  const words = "patch -d /k/1 --rename /a:/b --put x:y:/a --remove /b --set-exec /a --copy /a:/c n1 n2";
  expect(parse(...words.split(" "))).toMatchObject({
    ok: true,
    value: {
      kind: "patch",
      clusters: [{ entryPoints: ["n1", "n2"] }],
      changes: [
        { kind: "rename", from: "/a", to: "/b" },
        { kind: "put", local: "x:y", path: "/a" },
        { kind: "remove", path: "/b" },
        { kind: "set_exec", path: "/a", executable: true },
        { kind: "copy", from: "/a", to: "/c" },
      ],
    },
  });
});

test("a file of changes has one a line, and says which is wrong", () => {
  expect(parseChanges("# new\nput a b:/x y\n\nremove /z\r\n")).toMatchObject({
    ok: true,
    value: [
      { kind: "put", local: "a b", path: "/x y" },
      { kind: "remove", path: "/z" },
    ],
  });
  for (const line of ["put /a", "put :/a", "rename /a", "copy a:/b", "remove a", "chmod /a", "set-exec"])
    expect(parseChanges(`remove /a\n${line}`)).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/^line 2/),
    });
});

test("what looks is of one cluster, whatever stands between its hosts", () => {
  expect(parse("ls", "-d", "/k/1", "-f", "/a", "--", "n1", "--", "[fd00::1]:7")).toMatchObject({
    value: { kind: "ls", path: "/k/1", file: "/a", entryPoints: ["n1", "[fd00::1]:7"] },
  });
  expect(parse("audit", "-d", "/k/1", "--against", "m1", "--expect", "A".repeat(64), "n1")).toMatchObject({
    value: { kind: "audit", against: ["m1"], expect: "a".repeat(64) },
  });
});

test.each([["a"], ["a b:1 [::1]:2"], ["a b", "c"], ["a", "b", "c"]])(
  "clusters %j are written as words that mean them",
  (...names) => {
    const clusters = names.map((name) => ({ name, entryPoints: name.split(" ") }));
    const words = hostWords(clusters);
    const parsed = parseCommandLine(["put-file", "-d", "/k/x", "-s", "f", "-f", "/f", ...words], "1");
    expect(parsed).toMatchObject({ ok: true, value: { clusters } });
  },
);
