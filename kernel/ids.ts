/** Names of things, each made by one parser. Ids are hex text here and bytes only on the wire. */
import type { Brand } from "./brand.ts";
import { compareText, toHex } from "./text.ts";

/** 16 bytes of `/etc/machine-id` as 32 lowercase hex digits: who a server is. */
export type MachineId = Brand<string, "MachineId">;
/** 32-byte hash of an index body, 64 lowercase hex digits. */
export type ImageId = Brand<string, "ImageId">;
/** BLAKE2b-256 of one block, 64 lowercase hex digits. */
export type BlockHash = Brand<string, "BlockHash">;
/** BLAKE2b-256 of a base directory's listing or of a config list, 64 lowercase hex digits. */
export type Digest = Brand<string, "Digest">;
/** Cluster-wide name in normal form: `/key/part/part`, no empty, `.` or `..` part, no NUL, no final slash. */
export type VPath = Brand<string, "VPath">;
/** Where a server answers just now: `IP:PORT`, an IPv6 address in brackets. */
export type Address = Brand<string, "Address">;
/** One connection, unique for the life of the process. Dialled ones are odd, accepted ones even. */
export type ConnId = Brand<number, "ConnId">;
/** One asked-for operation, unique for the life of the process. */
export type OpId = Brand<number, "OpId">;
/** Milliseconds of a clock that never jumps; drives deadlines. */
export type MonoMs = Brand<number, "MonoMs">;
/** Milliseconds since 1970; compared with signed timestamps and shown, never a deadline. */
export type UnixMs = Brand<number, "UnixMs">;
/** Two clocks that must not meet. */
export type Now = { readonly mono: MonoMs; readonly wall: UnixMs };

const LONE_SURROGATE = /\p{Surrogate}/u;
const HEX_16_BYTES = /^[0-9a-f]{32}$/;
const HEX_32_BYTES = /^[0-9a-f]{64}$/;

export function parseMachineId(text: string): MachineId | null {
  return HEX_16_BYTES.test(text) ? (text as MachineId) : null;
}

export function parseImageId(text: string): ImageId | null {
  return HEX_32_BYTES.test(text) ? (text as ImageId) : null;
}

export function parseBlockHash(text: string): BlockHash | null {
  return HEX_32_BYTES.test(text) ? (text as BlockHash) : null;
}

export function parseDigest(text: string): Digest | null {
  return HEX_32_BYTES.test(text) ? (text as Digest) : null;
}

/** Ids as they are on the wire; null when they have another length. */
export function imageIdOfBytes(bytes: Uint8Array): ImageId | null {
  return bytes.length === 32 ? (toHex(bytes) as ImageId) : null;
}

export function blockHashOfBytes(bytes: Uint8Array): BlockHash | null {
  return bytes.length === 32 ? (toHex(bytes) as BlockHash) : null;
}

export function digestOfBytes(bytes: Uint8Array): Digest | null {
  return bytes.length === 32 ? (toHex(bytes) as Digest) : null;
}

export function machineIdOfBytes(bytes: Uint8Array): MachineId | null {
  return bytes.length === 16 ? (toHex(bytes) as MachineId) : null;
}

/** Longest virtual path in UTF-16 units: Linux paths end at 4,096 bytes, and the base directory comes in front. */
export const VPATH_LENGTH_MAX = 1024;
/** Most components of a virtual path: `num-levels` is at most 16, and the key comes in front. */
export const VPATH_PARTS_MAX = 17;

/** A virtual path in normal form, or null. Level and configuration are judged elsewhere. */
export function parseVPath(text: string): VPath | null {
  if (text.length < 2 || text.length > VPATH_LENGTH_MAX || !text.startsWith("/")) return null;
  let parts = 1;
  let plain = true;
  for (let at = 1, begin = 1; at <= text.length; at++) {
    const unit = at < text.length ? text.charCodeAt(at) : SLASH;
    if (unit === 0) return null;
    if (unit > 0x7f) plain = false;
    if (unit !== SLASH) continue;
    if (isSpecial(text, begin, at) || parts > VPATH_PARTS_MAX) return null;
    begin = at + 1;
    parts += 1;
  }
  return plain || !LONE_SURROGATE.test(text) ? (text as VPath) : null;
}

const SLASH = 0x2f;
const DOT = 0x2e;

/** An empty part, `.` or `..`. */
function isSpecial(text: string, begin: number, end: number): boolean {
  if (end - begin > 2) return false;
  for (let at = begin; at < end; at++) if (text.charCodeAt(at) !== DOT) return false;
  return true;
}

/** An address without its port. */
export function hostOf(address: Address): string {
  return address.slice(0, address.lastIndexOf(":"));
}

/** First component: selects the configuration. */
export function keyOf(path: VPath): string {
  const end = path.indexOf("/", 1);
  return end < 0 ? path.slice(1) : path.slice(1, end);
}

/** Number of components after the key. */
export function levelOf(path: VPath): number {
  let level = -1;
  for (let at = 0; at < path.length; at++) if (path.charCodeAt(at) === SLASH) level++;
  return level;
}

/** The base directory of an image's path, or null for a path of one component. */
export function parentOf(path: VPath): VPath | null {
  const end = path.lastIndexOf("/");
  return end <= 0 ? null : (path.slice(0, end) as VPath);
}

/** Last component. */
export function nameOf(path: VPath): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Components after the key. */
export function suffixOf(path: VPath): readonly string[] {
  return path.split("/").slice(2);
}

/** The path of a name in a base directory, or null when the name is not one component. */
export function joinVPath(base: VPath, name: string): VPath | null {
  return name.includes("/") ? null : parseVPath(`${base}/${name}`);
}

/** Component-wise byte order, the order of sorted maps on the wire. */
export function compareVPath(a: VPath, b: VPath): number {
  const length = Math.min(a.length, b.length);
  let at = 0;
  while (at < length && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  // The end of a part comes before all that may follow in it.
  if (at < length && a.charCodeAt(at) === SLASH) return -1;
  if (at < length && b.charCodeAt(at) === SLASH) return 1;
  return compareText(a, b);
}
