import fc from "fast-check";
import { expect, test } from "vitest";
import { type DirectoryFile, parseDirectoryFile } from "../../adapters/config/directory-file.ts";
import { printProblem } from "../../adapters/config/problem.ts";

const GOOD = "directory: /srv/a\nappend-only: true\nnum-levels: 1\n";

function parse(text: string | Uint8Array): DirectoryFile {
  return parseDirectoryFile("a.yaml", "a", typeof text === "string" ? Buffer.from(text) : text);
}

function problemsOf(text: string | Uint8Array): readonly string[] {
  const parsed = parse(text);
  return parsed.ok ? [] : parsed.problems.map(printProblem);
}

test("the defaults are those of 0.6.12, and the hash is the vector's", () => {
  expect(parse(GOOD)).toEqual({
    ok: true,
    keyNames: [],
    directory: {
      key: "a",
      root: "/srv/a",
      appendOnly: true,
      numLevels: 1,
      uploadKeys: [],
      autoClean: false,
      keepListFile: null,
      keepMin: 2,
      keepMax: 100,
      keepRecentMs: 172_800_000,
      configHash: "7e6439dd688ec2b050c0a9a9ca09bef91a509eb89353c098dbb629aa1724a242",
    },
  });
});

test("all options, in both spellings, both styles, with comments, quotes, an alias and CRLF", () => {
  const text = `# images of a
directory: "/srv/a"
append_only: 'false'
num-levels: 0x2
upload-keys: &who [one, two, one]
download_keys: *who
_note: {any: [thing]}
auto-clean: true   # yes
keep_list_file: /srv/a/keep.txt
keep-min-directories: "1"
keep_max_directories: 1_k
keep-recent: 1day 12h
`.replaceAll("\n", "\r\n");
  const parsed = parse(text);
  expect(parsed).toMatchObject({
    ok: true,
    keyNames: [
      { name: "one", line: 5, col: 20 },
      { name: "two", line: 5, col: 25 },
      { name: "one", line: 5, col: 30 },
    ],
    directory: {
      root: "/srv/a",
      appendOnly: false,
      numLevels: 2,
      uploadKeys: ["one", "two"],
      autoClean: true,
      keepListFile: "/srv/a/keep.txt",
      keepMin: 1,
      keepMax: 1_000,
      keepRecentMs: 129_600_000,
    },
  });
});

test.each([["num_levels: 3\nnum-levels: 4\n"], ["num-levels: 4\nnum_levels: 3\n"]])(
  "of two spellings the one with _ wins: %j",
  (levels) => {
    const parsed = parse(`directory: /srv/a\nappend-only: true\n${levels}`);
    expect(parsed).toMatchObject({ ok: true, directory: { numLevels: 3 } });
  },
);

const MISSING = [
  'a.yaml:1:1: directory is missing: add a line "directory: /srv/images"',
  'a.yaml:1:1: append-only is missing: add a line "append-only: true"',
  'a.yaml:1:1: num-levels is missing: add a line "num-levels: 1"',
];
const NOT_MAPPING = 'not a mapping: write lines such as "directory: /srv/images"';
const WHOLE = "write a whole number, such as 2, 10_000, 0x10 or 4ki";
const LEVELS = "write a number from 1 to 16";
const DURATION = 'write a number and a unit, such as "2 days" or "1h 30min"';

test.each<[string, string, readonly string[]]>([
  ["an empty file", "", MISSING],
  ["comments alone", "# nothing\n", MISSING],
  ["a list", "- a\n", [`a.yaml:1:1: ${NOT_MAPPING}`]],
  ["a text", "hello\n", [`a.yaml:1:1: ${NOT_MAPPING}`]],
  ["two documents", `${GOOD}---\na: b\n`, ["a.yaml:4:1: a second document: keep one mapping in each file"]],
  ["a required option left out", "directory: /srv/a\nappend-only: true\n", MISSING.slice(2)],
  [
    "no levels",
    GOOD.replace("levels: 1", "levels: 0"),
    [`a.yaml:3:13: num-levels is "0": ${LEVELS}; 0 is in the documentation of 0.6.12 and never worked`],
  ],
  [
    "too many levels",
    GOOD.replace("levels: 1", "levels: 17"),
    [`a.yaml:3:13: num-levels is "17": ${LEVELS}`],
  ],
  ["negative levels", GOOD.replace("levels: 1", "levels: -1"), [`a.yaml:3:13: num-levels is "-1": ${WHOLE}`]],
  ["half a level", GOOD.replace("levels: 1", "levels: 1.5"), [`a.yaml:3:13: num-levels is "1.5": ${WHOLE}`]],
  [
    "a value left out",
    GOOD.replace("levels: 1", "levels:"),
    ["a.yaml:3:1: num-levels is empty: write a value after the colon"],
  ],
  ["yes", GOOD.replace("true", "yes"), ['a.yaml:2:14: append-only is "yes": write true or false']],
  ["True", GOOD.replace("true", "True"), ['a.yaml:2:14: append-only is "True": write true or false']],
  ["1 for a boolean", `${GOOD}auto-clean: 1\n`, ['a.yaml:4:13: auto-clean is "1": write true or false']],
  [
    "a wrong unit",
    `${GOOD}keep-recent: 2 fortnights\n`,
    [
      'a.yaml:4:14: keep-recent is "2 fortnights": "fortnights" is no unit; ms, s, min, h, days, weeks are some',
    ],
  ],
  ["a negative time", `${GOOD}keep-recent: -1 day\n`, [`a.yaml:4:14: keep-recent is "-1 day": ${DURATION}`]],
  [
    "a quoted nothing",
    `${GOOD}keep-recent: ""\n`,
    ["a.yaml:4:1: keep-recent is empty: write a value after the colon"],
  ],
  [
    "min above max",
    `${GOOD}keep-min-directories: 5\nkeep-max-directories: 3\n`,
    [
      "a.yaml:4:23: keep-min-directories (5) is above keep-max-directories (3): lower the one or raise the other",
    ],
  ],
  [
    "keep nothing",
    `${GOOD}keep-min-directories: 0\n`,
    ['a.yaml:4:23: keep-min-directories is "0": write a number from 1 to 4294967295'],
  ],
  [
    "keep 2^32",
    `${GOOD}keep-max-directories: 4Gi\n`,
    ['a.yaml:4:23: keep-max-directories is "4Gi": write a number from 1 to 4294967295'],
  ],
  [
    "a wrong letter",
    `${GOOD}upload_key: [a]\n`,
    ['a.yaml:4:1: unknown option "upload_key": did you mean upload-keys?'],
  ],
  [
    "a strange option",
    `${GOOD}colour: red\n`,
    ['a.yaml:4:1: unknown option "colour": remove it, or put _ in front of a note of your own'],
  ],
  [
    "mixed spelling",
    `${GOOD}keep-min_directories: 1\n`,
    ['a.yaml:4:1: unknown option "keep-min_directories": did you mean keep-min-directories?'],
  ],
  [
    "a merge key",
    `_x: &x {auto-clean: true}\n${GOOD}<<: *x\n`,
    ['a.yaml:5:1: unknown option "<<": remove it, or put _ in front of a note of your own'],
  ],
  [
    "a name instead of a list",
    `${GOOD}upload-keys: user1\n`,
    ["a.yaml:4:14: upload-keys is not a list: write upload-keys: [NAME, NAME]"],
  ],
  [
    "names that leave the folder",
    `${GOOD}upload-keys: [../x, "", ok, ., a/b]\n`,
    [
      'a.yaml:4:15: "../x" is no name of a key: name a file of keys/ without .key',
      'a.yaml:4:21: "" is no name of a key: name a file of keys/ without .key',
      'a.yaml:4:29: "." is no name of a key: name a file of keys/ without .key',
      'a.yaml:4:32: "a/b" is no name of a key: name a file of keys/ without .key',
    ],
  ],
  [
    "a list of lists",
    `${GOOD}upload-keys: [[a]]\n`,
    ["a.yaml:4:15: an entry of upload-keys is not a name: write one name"],
  ],
  [
    "an option twice",
    `${GOOD}directory: /srv/b\n`,
    ['a.yaml:4:1: "directory" is already on line 1: keep one of the two'],
  ],
  [
    "a mapping for a path",
    GOOD.replace("/srv/a", "{a: b}"),
    ["a.yaml:1:12: directory is not a single value: write directory: VALUE"],
  ],
  [
    "an include",
    `${GOOD}upload-keys: !Include keys.yaml\n`,
    [
      'a.yaml:4:23: the tag "!Include": write the value without a tag',
      "a.yaml:4:23: upload-keys is not a list: write upload-keys: [NAME, NAME]",
    ],
  ],
  [
    "a tag that converts",
    `${GOOD}keep-min-directories: !!int 1\n`,
    ['a.yaml:4:29: the tag "tag:yaml.org,2002:int": write the value without a tag'],
  ],
  [
    "a tab",
    "directory: /srv/a\nupload-keys:\n\t- a\n",
    ["a.yaml:3:1: Tabs are not allowed as indentation: indent with spaces"],
  ],
  [
    "a colon in a value",
    "directory: a: b\n",
    [
      "a.yaml:1:12: Nested mappings are not allowed in compact mappings: put a value that contains a colon and a space in quotes",
    ],
  ],
  [
    "several at once",
    "directory: /srv/a\nappend-only: maybe\nnum-levels: x\nwhat: 1\n",
    [
      'a.yaml:4:1: unknown option "what": remove it, or put _ in front of a note of your own',
      'a.yaml:2:14: append-only is "maybe": write true or false',
      `a.yaml:3:13: num-levels is "x": ${WHOLE}`,
    ],
  ],
])("%s", (_, text, problems) => {
  expect(problemsOf(text)).toEqual(problems);
});

test("bytes that are not UTF-8 are named with their line; a BOM is not in the way", () => {
  expect(problemsOf(Buffer.from(GOOD, "utf16le"))).toEqual([
    "a.yaml:1:1: not UTF-8 (UTF-16 or binary): save it as UTF-8",
  ]);
  expect(problemsOf(Buffer.from(`${GOOD}# caf\u00e9\n`, "latin1"))).toEqual([
    "a.yaml:4:1: a line that is not UTF-8: save the file as UTF-8",
  ]);
  expect(problemsOf(`\ufeff${GOOD}`)).toEqual([]);
});

test("what the YAML library says is cut and does nothing to a terminal; depth and length have bounds", () => {
  expect(problemsOf('"\\\r')).toContain("a.yaml:1:2: Invalid escape sequence \\\\u000d: mend the YAML here");
  const long = problemsOf(`@${"x".repeat(5_000)}`);
  expect(Math.max(...long.map(({ length }) => length))).toBeLessThan(300);
  expect(problemsOf("[".repeat(20_000)).join("\n")).toMatch(
    /^a\.yaml:1:\d+: nested too deeply: write NAME: VALUE$/m,
  );
  expect(problemsOf(`${GOOD}#${"x".repeat(64 * 1024)}`)).toEqual([
    "a.yaml:1:1: larger than 65536 bytes: make it shorter",
  ]);
});

test("an alias bomb is a few problems, at once", () => {
  const levels = Array.from({ length: 30 }, (_, at) => {
    const before = at === 0 ? "x" : `*a${at - 1}`;
    return `_${at}: &a${at} [${Array.from({ length: 10 }, () => before).join(", ")}]\n`;
  });
  const start = performance.now();
  const problems = problemsOf(`${levels.join("")}${GOOD}upload-keys: *a29\n`);
  expect(problems.length).toBeGreaterThan(0);
  expect(problems.length).toBeLessThanOrEqual(10);
  expect(performance.now() - start).toBeLessThan(5_000);
});

test("no text makes the reader throw, and what is refused says where and how to mend it", () => {
  const piece = fc.constantFrom(
    "directory",
    "append-only",
    "num_levels",
    ": ",
    "\n",
    "  ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    "*a",
    "&a ",
    "!x ",
    "'",
    '"',
    "|",
    ">",
    "---\n",
    "%",
    "#",
    "true",
    "1",
    "?",
    ",",
    "\t",
    "\u0000",
    "<<",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), fc.boolean(), (pieces, after) => {
      const parsed = parse((after ? GOOD : "") + pieces.join(""));
      if (parsed.ok) return;
      expect(parsed.problems.length).toBeGreaterThan(0);
      for (const problem of parsed.problems)
        expect(printProblem(problem)).toMatch(/^a\.yaml:\d+:\d+: .+: .+$/s);
    }),
    { numRuns: 2_000 },
  );
});
