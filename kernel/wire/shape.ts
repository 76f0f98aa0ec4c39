/**
 * From `unknown` to types. A reader takes a decoded value and answers null when it has another shape; nothing here
 * throws. Byte strings of ids are copied into hex text, so that no small id keeps a large frame alive.
 */
import {
  type BlockHash,
  blockHashOfBytes,
  type Digest,
  digestOfBytes,
  type ImageId,
  imageIdOfBytes,
  type MachineId,
  machineIdOfBytes,
  parseDigest,
  parseMachineId,
} from "../ids.ts";
import { utf8Encode } from "../text.ts";
import { ENTRIES_MAX, TIMESTAMP_MAX } from "./limits.ts";
import type { Signature, SignedState } from "./signed-state.ts";

/** A message's members by name; other keys are ignored, as 0.6.12 ignores them. */
export type Members = ReadonlyMap<unknown, unknown>;

export function readMembers(value: unknown): Members | null {
  return value instanceof Map ? value : null;
}

export function readUnsigned(value: unknown): number | null {
  const number = typeof value === "bigint" && value <= TIMESTAMP_MAX ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) && number >= 0 ? number : null;
}

export function readBytes(value: unknown, length: number): Uint8Array | null {
  return value instanceof Uint8Array && value.length === length ? value : null;
}

export function readImageId(value: unknown): ImageId | null {
  return value instanceof Uint8Array ? imageIdOfBytes(value) : null;
}

export function readBlockHash(value: unknown): BlockHash | null {
  return value instanceof Uint8Array ? blockHashOfBytes(value) : null;
}

/** 32 bytes, or 64 hex digits as text, which 0.6.12 reads too. */
export function readDigest(value: unknown): Digest | null {
  if (value instanceof Uint8Array) return digestOfBytes(value);
  return typeof value === "string" ? parseDigest(value.toLowerCase()) : null;
}

/** 16 bytes, or 32 hex digits as text. */
export function readMachineId(value: unknown): MachineId | null {
  if (value instanceof Uint8Array) return machineIdOfBytes(value);
  return typeof value === "string" ? parseMachineId(value.toLowerCase()) : null;
}

export function readText(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

/** A byte string of any length, or text, which 0.6.12 reads here too. */
export function readData(value: unknown): Uint8Array | null {
  if (typeof value === "string") return utf8Encode(value);
  return value instanceof Uint8Array ? value : null;
}

/** Machine ids and names; missing means none. */
export function readHosts(value: unknown): ReadonlyMap<MachineId, string> | null {
  if (value === undefined) return new Map();
  const members = readMembers(value);
  if (members === null || members.size > ENTRIES_MAX) return null;
  const hosts = new Map<MachineId, string>();
  for (const [id, name] of members) {
    const machine = readMachineId(id);
    if (machine === null || typeof name !== "string") return null;
    hosts.set(machine, name);
  }
  return hosts;
}

/** `[timestamp, ["ssh-ed25519", 64 bytes]]`. */
export function readSignature(value: unknown): Signature | null {
  if (!Array.isArray(value) || value.length !== 2) return null;
  const timestamp = readUnsigned(value[0]);
  const bytes = readSignatureBytes(value[1]);
  return timestamp === null || bytes === null ? null : { timestamp, bytes };
}

/** `["ssh-ed25519", 64 bytes]`; another algorithm is no signature. */
export function readSignatureBytes(value: unknown): Uint8Array | null {
  if (!Array.isArray(value) || value.length !== 2 || value[0] !== "ssh-ed25519") return null;
  const bytes = readBytes(value[1], 64);
  return bytes === null ? null : bytes.slice();
}

/**
 * An image and its signatures, at least one. 0.6.12 adds an entry at each upload and never trims the list, so a long
 * one is read whole; the winner rule keeps `SIGNATURES_MAX` of them.
 */
export function readSignedState(value: unknown): SignedState | null {
  const members = readMembers(value);
  const image = readImageId(members?.get("image"));
  const list = members?.get("signatures");
  if (image === null || !Array.isArray(list) || list.length < 1 || list.length > ENTRIES_MAX) return null;
  const signatures = list.map(readSignature);
  return signatures.every((each) => each !== null) ? { image, signatures } : null;
}
