/** Indexes and signatures from the specification alone, so that nothing is judged by the code that made it. */
import { blake2b } from "@noble/hashes/blake2.js";
import ssh2 from "ssh2";
import { encode } from "./cbor.ts";
import type { Tree } from "./tree.ts";

const BLOCK = 32_768;

export type Image = {
  /** 64 hex digits. */
  readonly id: string;
  readonly index: Buffer;
  /** By hash; and where each stands first. */
  readonly blocks: ReadonlyMap<
    string,
    { readonly bytes: Buffer; readonly file: string; readonly offset: number }
  >;
};

export function hash(bytes: Uint8Array): string {
  return Buffer.from(blake2b(bytes, { dkLen: 32 })).toString("hex");
}

const known = new WeakMap<Tree, Image>();

/** The index of a tree (index-format.md 1 to 7). */
export function imageOf(content: Tree): Image {
  const before = known.get(content);
  if (before !== undefined) return before;
  const blocks = new Map<string, { bytes: Buffer; file: string; offset: number }>();
  const lines: string[] = [];
  const walk = (folder: string): void => {
    lines.push(folder === "" ? "/" : escaped(folder));
    const below = [...content]
      .filter(([path]) => path.startsWith(`${folder}/`) && !path.slice(folder.length + 1).includes("/"))
      .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    for (const [path, entry] of below) {
      const name = escaped(path.slice(folder.length + 1));
      if (entry.kind === "link") lines.push(`  ${name} s ${escaped(entry.target)}`);
      if (entry.kind !== "file") continue;
      const words = [name, entry.exec ? "x" : "f", String(entry.bytes.length)];
      for (let offset = 0; offset < entry.bytes.length; offset += BLOCK) {
        const bytes = entry.bytes.subarray(offset, offset + BLOCK);
        const digest = hash(bytes);
        words.push(digest);
        if (!blocks.has(digest)) blocks.set(digest, { bytes, file: path, offset });
      }
      lines.push(`  ${words.join(" ")}`);
    }
    for (const [path, entry] of below) if (entry.kind === "directory") walk(path);
  };
  walk("");
  const body = Buffer.from(`${lines.join("\n")}\n`);
  const id = hash(body);
  const header = Buffer.from(`DIRSIGNATURE.v1 blake2b/256 block_size=${BLOCK}\n`);
  const image = { id, index: Buffer.concat([header, body, Buffer.from(`${id}\n`)]), blocks };
  known.set(content, image);
  return image;
}

function escaped(text: string): string {
  return Array.from(Buffer.from(text), (byte) =>
    byte <= 0x20 || byte >= 0x7f || byte === 0x5c
      ? `\\x${byte.toString(16).padStart(2, "0")}`
      : String.fromCharCode(byte),
  ).join("");
}

export type Key = {
  /** File of the private key, as OpenSSH writes it. */
  readonly file: string;
  /** A line of `authorized_keys`. */
  readonly publicLine: string;
  readonly privateText: string;
};

/** What an upload signs (wire.md 7). */
export function payload(path: string, id: string, timestamp: number): Buffer {
  return encode([path, Buffer.from(id, "hex"), BigInt(timestamp)]);
}

export function sign(key: Key, bytes: Buffer): Buffer {
  const parsed = ssh2.utils.parseKey(key.privateText);
  if (parsed instanceof Error) throw parsed;
  const signature = parsed.sign(bytes);
  if (signature instanceof Error) throw signature;
  return signature;
}

export function isSignedBy(key: Key, bytes: Buffer, signature: Buffer): boolean {
  const parsed = ssh2.utils.parseKey(key.publicLine);
  return !(parsed instanceof Error) && parsed.verify(bytes, signature);
}
