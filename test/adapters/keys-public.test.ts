import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { keyOfBlob, parsePublicKeys, printPublicKey } from "../../adapters/keys/public.ts";
import { printProblem } from "../../adapters/config/problem.ts";

const VECTOR_1 =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4 spec-test-key-1";
const VECTOR_1_HEX = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8";
const ADVICE = "use a line of a .pub file made by `ssh-keygen -t ed25519`";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "keys-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The public line and the private file of a key that ssh-keygen makes. */
function makeKey(
  name: string,
  ...options: readonly string[]
): { readonly line: string; readonly file: string } {
  const file = join(folder, name);
  execFileSync("ssh-keygen", ["-q", "-N", "", "-C", "a comment", "-f", file, ...options]);
  return { line: readFileSync(`${file}.pub`, "utf8").trim(), file };
}

function parse(text: string | Uint8Array): {
  keys: readonly string[];
  problems: string[];
  warnings: string[];
} {
  const { keys, problems, warnings } = parsePublicKeys(
    "k",
    typeof text === "string" ? Buffer.from(text) : text,
  );
  return { keys, problems: problems.map(printProblem), warnings: warnings.map(printProblem) };
}

/** A line of chosen type around a blob of chosen strings. */
function lineOf(type: string, strings: readonly Uint8Array[], after: Uint8Array = new Uint8Array()): string {
  const parts = strings.flatMap((bytes) => {
    const word = Buffer.alloc(4);
    word.writeUInt32BE(bytes.length);
    return [word, bytes];
  });
  return `${type} ${Buffer.concat([...parts, after]).toString("base64")}`;
}

test("keys that ssh-keygen makes are read, and printed as it prints them", () => {
  const { line } = makeKey("plain", "-t", "ed25519");
  const { keys, problems, warnings } = parsePublicKeys("k", Buffer.from(line));
  expect([keys.length, problems, warnings]).toEqual([1, [], []]);
  expect(keys.map(printPublicKey)).toEqual([line.split(" ").slice(0, 2).join(" ")]);
});

test("comments, blanks, CRLF, a BOM, odd comment bytes, options and repeats", () => {
  const { line } = makeKey("options", "-t", "ed25519");
  const text = Buffer.concat([
    Buffer.from(`\ufeff# a comment\r\n\r\n \t${VECTOR_1}\r\n${VECTOR_1} again\n`),
    Buffer.from([...Buffer.from(VECTOR_1), 0x20, 0xff, 0xfe, 0x0a]),
    Buffer.from(`command="say \\"ssh-ed25519 x\\"",no-pty ${line}${"y".repeat(10_000)}`),
  ]);
  const { keys, problems } = parse(text);
  expect(problems).toEqual([]);
  expect(keys[0]).toBe(VECTOR_1_HEX);
  expect(keys.length).toBe(2);
});

test.each([
  ['expiry-time="20261126Z"', Date.UTC(2026, 10, 26)],
  ["EXPIRY-TIME=202611261530Z", Date.UTC(2026, 10, 26, 15, 30)],
  ['no-pty,expiry-time="20261126153007Z",command="a,b \\"c=d\\""', Date.UTC(2026, 10, 26, 15, 30, 7)],
  ['expiry-time="20261126"', new Date(2026, 10, 26).getTime()],
  ['expiry-time="20260101Z",expiry-time="20270101Z"', Date.UTC(2026, 0, 1)],
])("a key with %s counts until then", (options, until) => {
  const { keys, ending, problems } = parsePublicKeys("k", Buffer.from(`${options} ${VECTOR_1}\n`));
  expect({ keys, ending, problems }).toEqual({
    keys: [],
    ending: [{ key: VECTOR_1_HEX, until }],
    problems: [],
  });
});

test.each(["20261301Z", "20260631Z", "2026", "", "tomorrow", "20261126T00Z", "202611262500Z"])(
  "expiry-time %j is no date: the key counts for nothing",
  (date) => {
    const found = parsePublicKeys("k", Buffer.from(`expiry-time="${date}" ${VECTOR_1}\n`));
    expect([found.keys, found.ending]).toEqual([[], []]);
    expect(found.problems.map(printProblem)).toEqual([
      'k:1:1: expiry-time is no date: write expiry-time="YYYYMMDDZ" or "YYYYMMDDHHMMSSZ"; without Z it is local time',
    ]);
  },
);

test("a key that is there without a date, too, has none; of two dates the later counts", () => {
  const line = (date: string) => `expiry-time="${date}" ${VECTOR_1}\n`;
  const twice = parsePublicKeys("k", Buffer.from(line("20260101Z") + line("20270101Z")));
  expect(twice.ending).toEqual([{ key: VECTOR_1_HEX, until: Date.UTC(2027, 0, 1) }]);
  expect(parsePublicKeys("k", Buffer.from(`${line("20260101Z")}${VECTOR_1}\n`)).ending).toEqual([]);
});

test("other types: RSA is taken and never matches, the rest are problems", () => {
  const rsa = makeKey("rsa", "-t", "rsa", "-b", "2048").line;
  const ecdsa = makeKey("ecdsa", "-t", "ecdsa").line;
  expect(parse(`${rsa}\n  ${ecdsa}\nsk-ssh-ed25519@openssh.com AAAA\n${VECTOR_1}\n`)).toEqual({
    keys: [VECTOR_1_HEX],
    problems: [
      `k:2:3: unsupported key type "ecdsa-sha2-nistp256": ${ADVICE}`,
      `k:3:1: unsupported key type "sk-ssh-ed25519@openssh.com": ${ADVICE}`,
    ],
    warnings: [`k:1:1: an ssh-rsa key can match no upload: ${ADVICE}`],
  });
});

const ED = Buffer.from("ssh-ed25519");
const POINT = Buffer.from(VECTOR_1_HEX, "hex");
test.each([
  ["hello", 'k:1:1: not a key: "hello"'],
  [`x${VECTOR_1}`, `k:1:1: not a key: "${`x${VECTOR_1}`.slice(0, 60)}"...`],
  ['command="open ssh-ed25519 AAAA', 'k:1:1: not a key: "command=\\"open ssh-ed25519 AAAA"'],
  ["ssh-ed25519", "k:1:12: the key is not whole base64"],
  ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDd", "k:1:13: the key is cut short"],
  ["ssh-ed25519 AAAA!", "k:1:13: the key is not whole base64"],
  ["ssh-ed25519 AAAA", "k:1:13: the key is cut short"],
  [
    lineOf("ssh-ed25519", [Buffer.from("ssh-rsa"), POINT]),
    'k:1:13: a key of type "ssh-rsa" on a line of type "ssh-ed25519"',
  ],
  [lineOf("ssh-rsa", [ED, POINT]), 'k:1:9: a key of type "ssh-ed25519" on a line of type "ssh-rsa"'],
  [lineOf("ssh-ed25519", [ED, POINT.subarray(1)]), "k:1:13: a key of 31 bytes instead of 32"],
  [lineOf("ssh-ed25519", [ED, POINT], Buffer.from("x")), "k:1:13: 1 bytes after the end of the key"],
  [lineOf("ssh-ed25519", [ED, Buffer.alloc(32)]), "k:1:13: an unsafe key (small order)"],
  [
    lineOf("ssh-ed25519", [ED, Buffer.from(`01${"00".repeat(31)}`, "hex")]),
    "k:1:13: an unsafe key (small order)",
  ],
  [
    lineOf("ssh-ed25519", [ED, Buffer.from(`02${"00".repeat(31)}`, "hex")]),
    "k:1:13: an unsafe key (not a point)",
  ],
])("the line %j is a problem, and the next one counts", (line, message) => {
  expect(parse(`${line}\n${VECTOR_1}`)).toEqual({
    keys: [VECTOR_1_HEX],
    problems: [`${message}: ${ADVICE}`],
    warnings: [],
  });
});

test("a private key is refused with a warning about disclosure", () => {
  const { file } = makeKey("private", "-t", "ed25519");
  expect(parse(readFileSync(file))).toEqual({
    keys: [],
    problems: [
      "k:1:1: a private key where public keys belong: put the .pub file here, and treat the private key as disclosed",
    ],
    warnings: [],
  });
});

test("a blob cut at any byte is no key", () => {
  const blob = Buffer.from(VECTOR_1.split(" ")[1] ?? "", "base64");
  expect(keyOfBlob(blob)).toEqual({ key: VECTOR_1_HEX });
  for (let end = 0; end < blob.length; end++) expect(keyOfBlob(blob.subarray(0, end))).toBeTypeOf("string");
});
