/** A client's keys: OpenSSH private key files and variables, unencrypted Ed25519. Each found key signs everything. */
import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { join } from "node:path";
import ssh2 from "ssh2";
import type { PublicKey } from "../../kernel/config.ts";
import { brief, shown } from "../config/problem.ts";
import { readTextFile } from "../config/text-file.ts";
import { keyOfBlob } from "./public.ts";

export type PrivateKey = {
  readonly publicKey: PublicKey;
  /** A raw Ed25519 signature of 64 bytes. */
  readonly sign: (bytes: Uint8Array) => Uint8Array;
};

export type KeyChoice = {
  /** `-i`, in order. */
  readonly files: readonly string[];
  /** `-k`, in order. */
  readonly variables: readonly string[];
};

export type FoundKeys = {
  /** Each key once, in the order in which it was found. */
  readonly keys: readonly PrivateKey[];
  /** `where: what: how to mend it`; with one of these the command ends before it connects. */
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
};

const VARIABLE = "CIRUELA_KEY";
/** Below $HOME, in this order. */
const FILES = [".ssh/id_ed25519", ".ssh/id_ciruela", ".ciruela/id_ed25519"];
const OTHERS_MAY_READ = 0o077;
/** What real files have between BEGIN and the dashes; the rest is quoted. */
const PLAIN_LABEL = /^[A-Z0-9 ]{1,40}$/;

/** The given keys, each of which must be there; without any, what there is in the usual places. */
export function findPrivateKeys(
  choice: KeyChoice,
  environment: Readonly<Record<string, string | undefined>>,
): FoundKeys {
  const found = new Map<PublicKey, PrivateKey>();
  const problems: string[] = [];
  const warnings: string[] = [];
  const add = (where: string, text: string, makeNew: string): void => {
    const keys = parsePrivateKeys(text, makeNew);
    if (typeof keys === "string") problems.push(`${where}: ${keys}`);
    else for (const key of keys) if (!found.has(key.publicKey)) found.set(key.publicKey, key);
  };
  const addFile = (file: string, given: boolean): void => {
    const read = readTextFile(file);
    if (read.kind === "missing") {
      if (given) problems.push(`${file}: no such file: make a key with \`${makeKey(file)}\``);
      return;
    }
    if (read.kind === "wrong") {
      problems.push(`${file}: ${read.what}: ${read.mend}`);
      return;
    }
    if ((read.mode & OTHERS_MAY_READ) !== 0) {
      warnings.push(`${file}: other users may read this key: run \`chmod 600 ${quoted(file)}\``);
    }
    add(file, read.bytes.toString("utf8"), file);
  };
  const addVariable = (name: string, given: boolean): void => {
    const text = environment[name];
    if (text !== undefined) add(`variable ${name}`, text, "FILE");
    else if (given) problems.push(`variable ${name}: not set: put the text of a private key into it`);
  };
  const given = choice.files.length > 0 || choice.variables.length > 0;
  if (given) {
    for (const file of choice.files) addFile(file, true);
    for (const name of choice.variables) addVariable(name, true);
  } else {
    const home = environment["HOME"];
    addVariable(VARIABLE, false);
    if (home !== undefined && home !== "") for (const file of FILES) addFile(join(home, file), false);
  }
  return { keys: [...found.values()], problems, warnings };
}

/**
 * All keys of a text, or `what: how to mend it`.
 *
 * @param file  for the commands in the advice
 */
export function parsePrivateKeys(text: string, file: string): readonly PrivateKey[] | string {
  if (text.trim() === "")
    return `empty: put an OpenSSH private key here, or make one with \`${makeKey(file)}\``;
  if (!text.includes("\n") && text.includes("\\n")) {
    return 'line ends are written as "\\n": put real line ends there, as in `export VARIABLE="$(cat FILE)"`';
  }
  // The library reads the first block of a text and is silent about others.
  const blocks = text.match(/-----BEGIN [^\n]*?-----[\s\S]*?(?:-----END [^\n]*?-----|$(?![\s\S]))/g);
  if (blocks === null) {
    return /^(?:ssh|ecdsa|sk)-\S+ /.test(text.trimStart())
      ? "a public key: give the file of the same name without .pub"
      : `not a private key: make one with \`${makeKey(file)}\``;
  }
  const keys: PrivateKey[] = [];
  for (const block of blocks) {
    const key = parseBlock(block, file);
    if (typeof key === "string") return key;
    keys.push(key);
  }
  return keys;
}

function parseBlock(block: string, file: string): PrivateKey | string {
  const label = /-----BEGIN ([^\n]*?)-----/.exec(block)?.[1] ?? "";
  if (!block.includes("-----END ")) return "cut short, there is no END line: copy the whole file";
  if (label === "ENCRYPTED PRIVATE KEY" || /^Proc-Type: .*ENCRYPTED/m.test(block)) return encrypted(file);
  if (label === "PRIVATE KEY") return `a PKCS#8 key, not an OpenSSH one: make one with \`${makeKey(file)}\``;
  if (label.endsWith("PUBLIC KEY")) return "a public key: give the private one";
  if (label === "RSA PRIVATE KEY") return unsupported("ssh-rsa", file);
  if (label !== "OPENSSH PRIVATE KEY")
    return unsupported(PLAIN_LABEL.test(label) ? label : shown(label), file);
  const parsed: unknown = parseGuarded(`${block.trim()}\n`);
  if (parsed instanceof Error) {
    return parsed.message.includes("Encrypted")
      ? encrypted(file)
      : `damaged (${brief(parsed.message)}): copy the file anew`;
  }
  if (Array.isArray(parsed)) return "several keys in one block: use one block for each key";
  const key = parsed as ssh2.ParsedKey;
  if (key.type !== "ssh-ed25519") return unsupported(key.type, file);
  return ed25519Of(key) ?? "damaged (its two halves do not belong together): copy the file anew";
}

/** Null when the public half is not that of the private half: signing with such a pair gives the secret away. */
function ed25519Of(key: ssh2.ParsedKey): PrivateKey | null {
  const secret = createPrivateKey(key.getPrivatePEM());
  const point = createPublicKey(secret).export({ format: "jwk" }).x ?? "";
  const stored = keyOfBlob(key.getPublicSSH());
  if (typeof stored === "string" || stored.key !== Buffer.from(point, "base64url").toString("hex"))
    return null;
  return { publicKey: stored.key, sign: (bytes) => new Uint8Array(sign(null, bytes, secret)) };
}

/** The library answers with an Error for what it expects, and throws at the rest. */
function parseGuarded(block: string): unknown {
  try {
    return ssh2.utils.parseKey(block);
  } catch (error) {
    return error instanceof Error ? error : new Error("unknown");
  }
}

function encrypted(file: string): string {
  return `protected by a passphrase: make a copy without one (\`ssh-keygen -p -N '' -f COPY\`) or another key with \`${makeKey(`${file}_ciruela`)}\`, and give it with -i`;
}

function unsupported(type: string, file: string): string {
  return `a key of type ${type}, only ssh-ed25519 can sign: make one with \`${makeKey(`${file}_ed25519`)}\``;
}

function makeKey(file: string): string {
  return `ssh-keygen -t ed25519 -N '' -f ${quoted(file)}`;
}

/** For a shell, when it needs quotes at all. */
function quoted(text: string): string {
  return /^[A-Za-z0-9_./+:@%-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
