/** A client's Ed25519 keys: OpenSSH private key files and variables. Each found key signs everything. */
import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { join } from "node:path";
import ssh2 from "ssh2";
import type { PublicKey } from "../../kernel/config.ts";
import { brief, shown } from "../config/problem.ts";
import { readTextFile } from "../config/text-file.ts";
import { keyOfBlob, parsePublicKeys } from "./public.ts";

export type PrivateKey = {
  readonly publicKey: PublicKey;
  /** A raw Ed25519 signature of 64 bytes. */
  readonly sign: (bytes: Uint8Array) => Uint8Array;
};

/** Also one whose private half is somewhere else. */
export type SigningKey = {
  readonly publicKey: PublicKey;
  readonly sign: (bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>;
};

/** Whoever holds the private half would not sign. */
export class AgentRefused extends Error {
  override readonly name = "AgentRefused";
}

/** For private halves that are not in the open. */
export type Means = {
  readonly held: (key: PublicKey) => SigningKey | undefined;
  /** A passphrase; null when there is nobody to ask. */
  readonly ask: (where: string, again: boolean) => string | null;
};

export type KeyChoice = {
  /** `-i`, in order. */
  readonly files: readonly string[];
  /** `-k`, in order. */
  readonly variables: readonly string[];
};

export type FoundKeys = {
  /** Each key once, in the order in which it was found. */
  readonly keys: readonly SigningKey[];
  /** `where: what: how to mend it`; with one of these the command ends before it connects. */
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
};

const VARIABLE = "CIRUELA_KEY";
/** Below $HOME, in this order. */
const FILES = [".ssh/id_ed25519", ".ssh/id_ciruela", ".ciruela/id_ed25519"];
const NO_MEANS: Means = { held: () => undefined, ask: () => null };
const TRIES = 3; // as ssh has them
const OTHERS_MAY_READ = 0o077;
/** What real files have between BEGIN and the dashes; the rest is quoted. */
const PLAIN_LABEL = /^[A-Z0-9 ]{1,40}$/;

/** The given keys, each of which must be there; without any, what there is in the usual places. */
export function findPrivateKeys(
  choice: KeyChoice,
  environment: Readonly<Record<string, string | undefined>>,
  means: Means = NO_MEANS,
): FoundKeys {
  const found = new Map<PublicKey, SigningKey>();
  const problems: string[] = [];
  const warnings: string[] = [];
  const add = (where: string, text: string, makeNew: string): void => {
    const locked = (block: string) => openLocked(block, where, means);
    const keys = parsePrivateKeys(text, makeNew, locked);
    if (typeof keys === "string") problems.push(`${where}: ${keys}`);
    else for (const key of keys) if (!found.has(key.publicKey)) found.set(key.publicKey, key);
  };
  const addFile = (file: string, given: boolean): void => {
    const read = readTextFile(file);
    if (given) {
      const held = heldBy(read.kind === "missing" ? `${file}.pub` : file, means);
      for (const key of held) if (!found.has(key.publicKey)) found.set(key.publicKey, key);
      if (held.length > 0) return;
    }
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
 * @param file    for the commands in the advice
 * @param locked  the key of a block with a passphrase, or what is wrong; null when it cannot be opened
 */
export function parsePrivateKeys<Locked = never>(
  text: string,
  file: string,
  locked: (block: string) => Locked | string | null = () => null,
): readonly (PrivateKey | Locked)[] | string {
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
  const keys: (PrivateKey | Locked)[] = [];
  for (const block of blocks) {
    const key = parseBlock(block, file, locked);
    if (typeof key === "string") return key;
    keys.push(key);
  }
  return keys;
}

function parseBlock<Locked>(
  block: string,
  file: string,
  locked: (block: string) => Locked | string | null,
): PrivateKey | Locked | string {
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
      ? (locked(`${block.trim()}\n`) ?? encrypted(file))
      : `damaged (${brief(parsed.message)}): copy the file anew`;
  }
  if (Array.isArray(parsed)) return "several keys in one block: use one block for each key";
  const key = parsed as ssh2.ParsedKey;
  if (key.type !== "ssh-ed25519") return unsupported(key.type, file);
  return ed25519Of(key) ?? "damaged (its two halves do not belong together): copy the file anew";
}

/** The key of a block with a passphrase: from who holds it, else with the passphrase. */
function openLocked(block: string, where: string, means: Means): SigningKey | string | null {
  const blob = publicBlobOf(block);
  const own = blob === null ? "damaged" : keyOfBlob(blob);
  if (typeof own === "string") return null;
  const held = means.held(own.key);
  if (held !== undefined) return held;
  for (let tries = 0; tries < TRIES; tries++) {
    const passphrase = means.ask(where, tries > 0);
    if (passphrase === null) return tries === 0 ? null : "no passphrase was given";
    const parsed = parseGuarded(block, passphrase);
    if (parsed instanceof Error || Array.isArray(parsed)) continue;
    const key = ed25519Of(parsed as ssh2.ParsedKey);
    return key ?? "damaged (its two halves do not belong together): copy the file anew";
  }
  return `the passphrase was wrong ${TRIES} times: run the command again with the right one`;
}

/** The public half, which stands in the open before the private one. Source: OpenSSH, PROTOCOL.key. */
function publicBlobOf(block: string): Buffer | null {
  const body = Buffer.from(block.replace(/-----[^\n]*-----/g, ""), "base64");
  let at = "openssh-key-v1\0".length;
  const next = (): Buffer | null => {
    if (at + 4 > body.length) return null;
    const start = at + 4;
    at = start + body.readUInt32BE(at);
    return at > body.length ? null : body.subarray(start, at);
  };
  for (let skipped = 0; skipped < 3; skipped++) if (next() === null) return null; // cipher, kdf, its options
  at += 4; // number of keys
  return next();
}

/** Those of the keys in a public key file that somebody holds. */
function heldBy(file: string, { held }: Means): readonly SigningKey[] {
  const read = readTextFile(file);
  if (read.kind === "missing" || read.kind === "wrong") return [];
  return parsePublicKeys(file, read.bytes).keys.flatMap((key) => held(key) ?? []);
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
function parseGuarded(block: string, passphrase?: string): unknown {
  try {
    return ssh2.utils.parseKey(block, passphrase);
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
