/**
 * Public key files: `[options] TYPE BASE64 [comment]` a line, as in authorized_keys. Of the options `expiry-time` is
 * obeyed, as sshd(8) reads it; the others are about logins, and skipped. Every line is judged: a wrong one is a problem with its place, and the others still count.
 */
import { type PublicKey, parsePublicKey } from "../../kernel/config.ts";
import { type Problem, shown, wholeFile } from "../config/problem.ts";

export type PublicKeys = {
  /** Each key once, in the order of the file. */
  readonly keys: readonly PublicKey[];
  /** Those with a date: milliseconds since 1970. */
  readonly ending: readonly { readonly key: PublicKey; readonly until: number }[];
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
      ending: [],
      problems: [wholeFile(file, "a private key where public keys belong", mend)],
      warnings: [],
    };
  }
  const keys = new Set<PublicKey>();
  const ending = new Map<PublicKey, number>();
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
      const { key, until } = found;
      if (until === null) keys.add(key);
      else ending.set(key, Math.max(until, ending.get(key) ?? until));
      continue;
    }
    const { what, mend } = found;
    const place = { file, line: index + 1, col: start + found.offset + 1, what, mend };
    (found.kind === "never" ? warnings : problems).push(place);
  }
  return {
    keys: [...keys],
    ending: [...ending].flatMap(([key, until]) => (keys.has(key) ? [] : [{ key, until }])),
    problems,
    warnings,
  };
}

type Line =
  | { readonly kind: "key"; readonly key: PublicKey; readonly until: number | null }
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
  if (typeof key === "string") return wrong(key);
  const until = expiryIn(line.slice(0, offset));
  if (until !== "bad_date") return { kind: "key", key: key.key, until };
  const mend = 'write expiry-time="YYYYMMDDZ" or "YYYYMMDDHHMMSSZ"; without Z it is local time';
  return { kind: "wrong", offset: 0, what: "expiry-time is no date", mend };
}

/** The earliest date in the options, null when there is none. */
function expiryIn(options: string): number | null | "bad_date" {
  let until: number | null = null;
  for (let start = 0; start < options.length; ) {
    const end = endOfOption(options, start, ",");
    const [name = "", ...value] = options.slice(start, end).trim().split("=");
    start = end + 1;
    if (name.toLowerCase() !== "expiry-time") continue;
    const date = dateOf(value.join("=").replace(/^"(.*)"$/, "$1"));
    if (date === null) return "bad_date";
    until = Math.min(until ?? date, date);
  }
  return until;
}

const DATE = /^(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?)?(Z?)$/;

/** Null for what is no date, such as the 31st of June. */
function dateOf(text: string): number | null {
  const [, year, month, day, hour = "00", minute = "00", second = "00", zone] = DATE.exec(text) ?? [];
  if (zone === undefined) return null;
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  const sound = Date.parse(`${iso}Z`);
  if (Number.isNaN(sound) || !new Date(sound).toISOString().startsWith(iso)) return null;
  return Date.parse(`${iso}${zone}`);
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
  const end = endOfOption(line, 0, " \t");
  return end + (/^[ \t]*/.exec(line.slice(end))?.[0].length ?? 0);
}

/** The first of some characters outside of double quotes, or the end. */
function endOfOption(text: string, start: number, ends: string): number {
  let quoted = false;
  for (let at = start; at < text.length; at++) {
    const character = text[at] ?? "";
    if (character === "\\" && text[at + 1] === '"') at++;
    else if (character === '"') quoted = !quoted;
    else if (!quoted && ends.includes(character)) return at;
  }
  return text.length;
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
