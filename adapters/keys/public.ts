/**
 * Public key files: `[options] TYPE BASE64 [comment]` a line, as in authorized_keys. Options are skipped, not obeyed.
 * Every line is judged: a wrong one is a problem with its place, and the others still count.
 */
import { type PublicKey, parsePublicKey } from "../../kernel/config.ts";
import { type Problem, shown, wholeFile } from "../config/problem.ts";

export type PublicKeys = {
  /** Each key once, in the order of the file. */
  readonly keys: readonly PublicKey[];
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
};

const ED25519 = "ssh-ed25519";
const RSA = "ssh-rsa";
/** What any version of OpenSSH calls a key type; without it, an unsupported type would pass for options. */
const TYPE = /^(ssh|ecdsa|sk)-[a-z0-9@.-]+$/;
const OWN_KEY = "use a line of a .pub file made by `ssh-keygen -t ed25519`";

/** Bytes, not text: a comment may be in any encoding. */
export function parsePublicKeys(file: string, bytes: Uint8Array): PublicKeys {
  const text = Buffer.from(bytes).toString("latin1");
  if (/^-----BEGIN /m.test(text)) {
    const mend = "put the .pub file here, and treat the private key as disclosed";
    return {
      keys: [],
      problems: [wholeFile(file, "a private key where public keys belong", mend)],
      warnings: [],
    };
  }
  const keys = new Set<PublicKey>();
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  for (const [index, whole] of text
    .replace(/^\u00ef\u00bb\u00bf/, "")
    .split("\n")
    .entries()) {
    const start = whole.search(/[^ \t\r]/);
    if (start < 0 || whole[start] === "#") continue;
    const found = parseLine(whole.slice(start).replace(/[ \t\r]+$/, ""));
    if (found.kind === "key") {
      keys.add(found.key);
      continue;
    }
    const { what, mend } = found;
    const place = { file, line: index + 1, col: start + found.offset + 1, what, mend };
    (found.kind === "never" ? warnings : problems).push(place);
  }
  return { keys: [...keys], problems, warnings };
}

type Line =
  | { readonly kind: "key"; readonly key: PublicKey }
  | {
      readonly kind: "wrong" | "never"; // never: a sound line that can match no signature
      readonly offset: number;
      readonly what: string;
      readonly mend: string;
    };

function parseLine(line: string): Line {
  const offset = TYPE.test(fieldAt(line, 0)) ? 0 : afterOptions(line);
  const type = fieldAt(line, offset);
  if (!TYPE.test(type))
    return {
      kind: "wrong",
      offset: 0,
      what: `not a key: ${shown(Buffer.from(line, "latin1").toString())}`,
      mend: OWN_KEY,
    };
  const blobAt = offset + type.length + (/^[ \t]*/.exec(line.slice(offset + type.length))?.[0].length ?? 0);
  if (type !== ED25519 && type !== RSA) {
    return { kind: "wrong", offset, what: `unsupported key type ${shown(type)}`, mend: OWN_KEY };
  }
  const wrong = (what: string): Line => ({ kind: "wrong", offset: blobAt, what, mend: OWN_KEY });
  const blob = decodeBase64(fieldAt(line, blobAt));
  if (blob === null) return wrong("the key is not whole base64");
  const inner = readString(blob, 0);
  if (inner === null) return wrong("the key is cut short");
  if (inner.toString("latin1") !== type) {
    return wrong(`a key of type ${shown(inner.toString("latin1"))} on a line of type ${shown(type)}`);
  }
  if (type === RSA) {
    return { kind: "never", offset, what: "an ssh-rsa key can match no upload", mend: OWN_KEY };
  }
  const key = keyOfBlob(blob);
  return typeof key === "string" ? wrong(key) : { kind: "key", key: key.key };
}

/** The key of a whole `ssh-ed25519` blob, or what is wrong with it. */
export function keyOfBlob(blob: Buffer): { readonly key: PublicKey } | string {
  const inner = readString(blob, 0);
  const bytes = inner === null ? null : readString(blob, 4 + inner.length);
  if (inner === null || bytes === null) return "the key is cut short";
  if (inner.toString("latin1") !== ED25519) return "not an ssh-ed25519 key";
  if (bytes.length !== 32) return `a key of ${bytes.length} bytes instead of 32`;
  const end = 4 + inner.length + 4 + bytes.length;
  if (end !== blob.length) return `${blob.length - end} bytes after the end of the key`;
  const key = parsePublicKey(bytes);
  return key.ok ? { key: key.value } : `an unsafe key (${key.detail})`;
}

/** `ssh-ed25519 BASE64`, the form of key files and of the client's list. */
export function printPublicKey(key: PublicKey): string {
  const type = Buffer.from(ED25519);
  const bytes = Buffer.from(key, "hex");
  const blob = Buffer.concat([length(type), type, length(bytes), bytes]);
  return `${ED25519} ${blob.toString("base64")}`;
}

function length(bytes: Buffer): Buffer {
  const word = Buffer.alloc(4);
  word.writeUInt32BE(bytes.length);
  return word;
}

function fieldAt(line: string, offset: number): string {
  return /^[^ \t]*/.exec(line.slice(offset))?.[0] ?? "";
}

/** Where the field after the options starts: they end at the first space outside of double quotes. */
function afterOptions(line: string): number {
  let quoted = false;
  for (let at = 0; at < line.length; at++) {
    const character = line[at];
    if (character === "\\" && line[at + 1] === '"') at++;
    else if (character === '"') quoted = !quoted;
    else if (!quoted && (character === " " || character === "\t")) {
      return at + (/^[ \t]*/.exec(line.slice(at))?.[0].length ?? 0);
    }
  }
  return line.length;
}

/** Node decodes what it can; here all of it must be base64, padding included or left out. */
function decodeBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, "base64");
  const whole = bytes.toString("base64");
  return text !== "" && (whole === text || whole.replace(/=+$/, "") === text) ? bytes : null;
}

function readString(blob: Buffer, at: number): Buffer | null {
  if (at + 4 > blob.length) return null;
  const end = at + 4 + blob.readUInt32BE(at);
  return end > blob.length ? null : blob.subarray(at + 4, end);
}
