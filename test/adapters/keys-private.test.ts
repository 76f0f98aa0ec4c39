import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { keyPairOf } from "../../adapters/keys/pair.ts";
import { findPrivateKeys, parsePrivateKeys } from "../../adapters/keys/private.ts";
import { parsePublicKeys, printPublicKey } from "../../adapters/keys/public.ts";
import type { PublicKey } from "../../kernel/config.ts";
import { verifySignature } from "../../kernel/signature/verify.ts";

const VECTOR_1 = readFileSync("test/vectors/keys/test1_ed25519", "utf8");
const PUBLIC_1 = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8";
const VECTOR_2 = readFileSync("test/vectors/keys/test2_ed25519", "utf8");

let home = "";
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "home-"));
});
afterEach(() => rmSync(home, { recursive: true }));

function put(name: string, text: string, mode = 0o600): string {
  const file = join(home, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

function make(passphrase: string, ...options: readonly string[]): string {
  const file = join(home, `key-${Math.random()}`);
  execFileSync("ssh-keygen", ["-q", "-C", "", "-N", passphrase, "-f", file, ...options]);
  return readFileSync(file, "utf8");
}

function publicKeysOf(text: string): readonly string[] | string {
  const keys = parsePrivateKeys(text, "K");
  return typeof keys === "string" ? keys : keys.map(({ publicKey }) => publicKey);
}

test("a key of ssh-keygen signs what the strict verifier accepts", () => {
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(home, "k")]);
  const keys = parsePrivateKeys(readFileSync(join(home, "k"), "utf8"), "K");
  const [key] = typeof keys === "string" ? [] : keys;
  expect(key).toBeDefined();
  if (key === undefined) return;
  const bytes = Buffer.from("signed");
  expect(verifySignature(key.publicKey, bytes, key.sign(bytes))).toBe(true);
  expect(verifySignature(key.publicKey, Buffer.from("other"), key.sign(bytes))).toBe(false);
  const line = readFileSync(join(home, "k.pub"), "utf8");
  expect(line.startsWith(`${printPublicKey(key.publicKey)} `)).toBe(true);
});

test("a new key whose public half begins with a zero byte is whole, for us and for ssh-keygen", () => {
  const seed = Buffer.from("766cb53c753baedac5dc782593e04694b3bae3aed057ac2ff98cc1aef6413137", "hex");
  const { private: text, public: line } = keyPairOf(seed, "new");
  const own = "00e3b80cf9025b7f2555d62b7837bfcabc339b5933008bf33bcd98a55be0ceef";
  expect(publicKeysOf(text)).toEqual([own]);
  expect(line).toBe(`${printPublicKey(own as PublicKey)} new`);
  expect(parsePublicKeys("new.pub", Buffer.from(line))).toMatchObject({ keys: [own], problems: [] });
  const file = put("new", text);
  expect(execFileSync("ssh-keygen", ["-y", "-f", file], { encoding: "utf8" }).trim()).toBe(line);
});

test.each([
  ["as it is", VECTOR_1],
  ["CRLF", VECTOR_1.replaceAll("\n", "\r\n")],
  ["no final newline", VECTOR_1.trim()],
  ["space around", `\n  ${VECTOR_1}\n\n`],
])("the vector's key, %s", (_, text) => {
  expect(publicKeysOf(text)).toEqual([PUBLIC_1]);
});

test("every block of a text counts", () => {
  const found = publicKeysOf(VECTOR_1 + VECTOR_2);
  expect(found).toHaveLength(2);
  expect(found[0]).toBe(PUBLIC_1);
});

const NEW = "make one with `ssh-keygen -t ed25519 -N '' -f K`";
const NEW_TYPE = "only ssh-ed25519 can sign: make one with `ssh-keygen -t ed25519 -N '' -f K_ed25519`";
const PASSPHRASE =
  "protected by a passphrase: make a copy without one (`ssh-keygen -p -N '' -f COPY`) or another key with `ssh-keygen -t ed25519 -N '' -f K_ciruela`, and give it with -i";
/** Another private half in the same file: the public one no longer belongs to it. */
function mismatched(): string {
  const body = Buffer.from(VECTOR_1.replace(/-----[^\n]*-----/g, ""), "base64");
  const seed = body.indexOf(Buffer.from("000102030405060708090a0b0c0d0e0f", "hex"));
  expect(seed).toBeGreaterThan(0);
  body[seed] = 0xff;
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${body.toString("base64")}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

test.each<[string, () => string, string]>([
  [
    "nothing",
    () => " \n",
    "empty: put an OpenSSH private key here, or make one with `ssh-keygen -t ed25519 -N '' -f K`",
  ],
  ["other text", () => "hello\n", `not a private key: ${NEW}`],
  ["a public key", () => "ssh-ed25519 AAAA x\n", "a public key: give the file of the same name without .pub"],
  [
    "written line ends",
    () => VECTOR_1.trim().replaceAll("\n", "\\n"),
    'line ends are written as "\\n": put real line ends there, as in `export VARIABLE="$(cat FILE)"`',
  ],
  ["a passphrase", () => make("secret", "-t", "ed25519"), PASSPHRASE],
  ["a passphrase, PEM", () => make("secret", "-t", "rsa", "-b", "2048", "-m", "PEM"), PASSPHRASE],
  ["RSA", () => make("", "-t", "rsa", "-b", "2048"), `a key of type ssh-rsa, ${NEW_TYPE}`],
  ["RSA, PEM", () => make("", "-t", "rsa", "-b", "2048", "-m", "PEM"), `a key of type ssh-rsa, ${NEW_TYPE}`],
  ["ECDSA", () => make("", "-t", "ecdsa"), `a key of type ecdsa-sha2-nistp256, ${NEW_TYPE}`],
  [
    "PKCS#8",
    () => generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    `a PKCS#8 key, not an OpenSSH one: ${NEW}`,
  ],
  [
    "a label of anything",
    () => `-----BEGIN \u001b[2J${"x".repeat(500)}-----\n-----END x-----\n`,
    `a key of type ${JSON.stringify(`\u001b[2J${"x".repeat(56)}`)}..., ${NEW_TYPE}`,
  ],
  ["a key cut short", () => VECTOR_1.slice(0, 200), "cut short, there is no END line: copy the whole file"],
  [
    "a line left out",
    () => VECTOR_1.split("\n").toSpliced(2, 1).join("\n"),
    "damaged (Malformed OpenSSH private key): copy the file anew",
  ],
  ["halves of two keys", mismatched, "damaged (its two halves do not belong together): copy the file anew"],
  ["a good and a wrong block", () => VECTOR_1 + make("secret", "-t", "ed25519"), PASSPHRASE],
])("%s: exact advice", (_, text, message) => {
  expect(publicKeysOf(text())).toBe(message);
});

test("the usual places, in their order, each key once", () => {
  put(".ssh/id_ed25519", VECTOR_2);
  put(".ssh/id_ciruela", VECTOR_1);
  put(".ciruela/id_ed25519", VECTOR_2);
  const found = findPrivateKeys({ files: [], variables: [] }, { HOME: home });
  expect(found.problems).toEqual([]);
  expect(found.keys.length).toBe(2);
  expect(found.keys[1]?.publicKey).toBe(PUBLIC_1);
  const withVariable = findPrivateKeys({ files: [], variables: [] }, { HOME: home, CIRUELA_KEY: VECTOR_1 });
  expect(withVariable.keys[0]?.publicKey).toBe(PUBLIC_1);
  expect(withVariable.keys.length).toBe(2);
  expect(findPrivateKeys({ files: [], variables: [] }, {})).toEqual({ keys: [], problems: [], warnings: [] });
});

test("a default file that is there and cannot be used is a problem", () => {
  const file = put(".ssh/id_ed25519", make("secret", "-t", "ed25519"));
  const { problems } = findPrivateKeys({ files: [], variables: [] }, { HOME: home, CIRUELA_KEY: "" });
  expect(problems).toEqual([
    "variable CIRUELA_KEY: empty: put an OpenSSH private key here, or make one with `ssh-keygen -t ed25519 -N '' -f FILE`",
    `${file}: ${PASSPHRASE.replace(" K_ciruela", ` ${file}_ciruela`).replace("f K", `f ${file}`)}`,
  ]);
});

test("given keys are the only ones, files first, and each must exist", () => {
  put(".ssh/id_ed25519", "broken");
  const given = put("given", VECTOR_1);
  const choice = { files: [given, join(home, "none")], variables: ["TWO", "NONE"] };
  const found = findPrivateKeys(choice, { HOME: home, CIRUELA_KEY: "broken", TWO: VECTOR_2 });
  expect(found.keys.map(({ publicKey }) => publicKey === PUBLIC_1)).toEqual([true, false]);
  expect(found.problems).toEqual([
    `${home}/none: no such file: make a key with \`ssh-keygen -t ed25519 -N '' -f ${home}/none\``,
    "variable NONE: not set: put the text of a private key into it",
  ]);
});

test("a key that others may read is used with a warning; a directory and a pipe are refused at once", () => {
  const open = put("it's open", VECTOR_1, 0o644);
  execFileSync("mkfifo", [join(home, "pipe")]);
  const found = findPrivateKeys({ files: [open, home, join(home, "pipe")], variables: [] }, {});
  expect(found.keys.length).toBe(1);
  expect(found.warnings).toEqual([
    `${open}: other users may read this key: run \`chmod 600 '${home}/it'\\''s open'\``,
  ]);
  expect(found.problems).toEqual([
    `${home}: not a plain file: put a plain file here`,
    `${home}/pipe: not a plain file: put a plain file here`,
  ]);
});
