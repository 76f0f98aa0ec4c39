/**
 * `time` in the database: what the wall clock showed a moment ago, so that a start sees that it was set meanwhile. A CBOR
 * map of milliseconds since 1970, and of a check of them. Damaged it says nothing.
 */
import { blake2b } from "@noble/hashes/blake2.js";
import type { UnixMs } from "../ids.ts";
import { equalBytes } from "../text.ts";
import { type Cbor, decodeCbor, encodeCbor } from "../wire/cbor.ts";
import { readBytes, readMembers, readUnsigned } from "../wire/shape.ts";
import { readOwn, replaceFile, setAside } from "./aside.ts";
import type { FileName, Handle, StorageProgram } from "./call.ts";

const FILE = "time" as FileName;
const BYTES_MAX = 256; // a number and a check have less than 50
const TAG = "clock";
const CHECK_BYTES = 16; // against damage, not against people

export function* saveTime(db: Handle, time: UnixMs): StorageProgram<void> {
  const members = new Map<string, Cbor>([
    ["time", time],
    ["check", checkOf(time)],
  ]);
  yield* replaceFile(db, FILE, encodeCbor(members), TAG);
}

/** Null where no server has run, and where the file does not say: then it is set aside. */
export function* loadTime(db: Handle, tag: string, problems: string[]): StorageProgram<UnixMs | null> {
  const own = yield* readOwn(db, FILE, BYTES_MAX);
  if (own.kind === "missing") return null;
  const time = own.kind === "bytes" ? decodeTime(own.bytes) : null;
  if (time !== null) return time;
  const backup = yield* setAside(db, FILE, tag);
  problems.push(
    `when this server last ran is unreadable: a clock that is behind is not seen; kept as ${backup}`,
  );
  return null;
}

function decodeTime(bytes: Uint8Array): UnixMs | null {
  const decoded = decodeCbor(bytes, "refuse");
  const members = decoded.ok ? readMembers(decoded.value) : null;
  const time = readUnsigned(members?.get("time"));
  const check = readBytes(members?.get("check"), CHECK_BYTES);
  if (time === null || check === null || !equalBytes(check, checkOf(time))) return null;
  return time as UnixMs;
}

function checkOf(time: number): Uint8Array {
  return blake2b(encodeCbor(time), { dkLen: CHECK_BYTES });
}
