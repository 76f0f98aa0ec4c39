/**
 * State files, the listing of a base directory, and the digest that gossip compares. One encoding serves all three.
 * Source: specification, storage section 3 and gossip section 5.
 */
import { blake2b } from "@noble/hashes/blake2.js";
import type { Digest, VPath } from "../ids.ts";
import { type Result, accepted, refused } from "../result.ts";
import { compareText, equalBytes, fromHex, toHex, utf8Encode } from "../text.ts";
import { type Cbor, decodeCbor, encodeCbor } from "./cbor.ts";
import { readBytes, readMembers, readSignedState, readText } from "./shape.ts";
import type { Listing, SignedState } from "./signed-state.ts";

/** What a promise says beside its state: the stage that it fills, and how it was uploaded. */
export type PromiseMembers = { readonly stage: string; readonly mode: string };
/** `promise` as it stands in the file, whatever it says; null in a file of 0.6.12 and in one of what is committed. */
export type StateFile = { readonly state: SignedState; readonly promise: PromiseMembers | null };

/**
 * `check` and the members of a promise are additions of ours, which 0.6.12 ignores, and loses when it writes the file
 * anew. They are never part of a listing.
 */
export function encodeState(
  state: SignedState,
  promise: PromiseMembers | null = null,
): Uint8Array<ArrayBuffer> {
  const members = new Map(membersOf(state, promise));
  return encodeCbor(members.set("check", checkOf(state, promise)));
}

/** Whole, of the right shape, with at least one signature, undamaged; further members are ignored. */
export function decodeStateFile(bytes: Uint8Array): Result<StateFile, "state_invalid"> {
  const decoded = decodeCbor(bytes, "refuse");
  if (!decoded.ok) return refused("state_invalid", decoded.code);
  const state = readSignedState(decoded.value);
  if (state === null) return refused("state_invalid", "not an image with signatures");
  const members = readMembers(decoded.value);
  const [stage, mode] = [readText(members?.get("stage")), readText(members?.get("mode"))];
  const promise = stage === null ? null : { stage, mode: mode ?? "" };
  if (members?.has("check") === true) {
    const check = readBytes(members.get("check"), CHECK_BYTES);
    if (check === null || !equalBytes(check, checkOf(state, promise)))
      return refused("state_invalid", "damaged");
  }
  return accepted({ state, promise });
}

export function decodeState(bytes: Uint8Array): Result<SignedState, "state_invalid"> {
  const file = decodeStateFile(bytes);
  return file.ok ? accepted(file.value.state) : file;
}

const CHECK_BYTES = 16; // against damage, not against people

function checkOf(state: SignedState, promise: PromiseMembers | null): Uint8Array {
  return blake2b(encodeCbor(membersOf(state, promise)), { dkLen: CHECK_BYTES });
}

/**
 * The map of names and states, sorted by the UTF-8 bytes of the names. Written by hand: ten thousand images are encoded
 * at each change of one of them, and by the codec that takes twenty times as long.
 */
export function encodeListing(listing: Listing): Uint8Array<ArrayBuffer> {
  const sorted = isSorted(listing) ? listing : listing.toSorted(([a], [b]) => compareText(a, b));
  const names = sorted.map(([name]) => utf8Encode(name));
  let size = HEAD_BYTES_MAX;
  for (const [at, [, { signatures }]] of sorted.entries()) {
    size +=
      HEAD_BYTES_MAX * 2 + (names[at]?.length ?? 0) + STATE_HEAD.length + IMAGE_BYTES + SIGNATURES_KEY.length;
    for (const { bytes } of signatures) size += 1 + HEAD_BYTES_MAX * 2 + SIGNATURE_HEAD.length + bytes.length;
  }
  const out = { bytes: new Uint8Array(size), at: 0 };
  putHead(out, MAP, sorted.length);
  for (const [at, [, { image, signatures }]] of sorted.entries()) {
    const name = names[at] ?? new Uint8Array();
    putHead(out, TEXT, name.length);
    put(out, name);
    put(out, STATE_HEAD);
    put(out, fromHex(image));
    put(out, SIGNATURES_KEY);
    putHead(out, ARRAY, signatures.length);
    for (const { timestamp, bytes } of signatures) {
      putHead(out, ARRAY, 2);
      putHead(out, UNSIGNED, timestamp);
      put(out, SIGNATURE_HEAD);
      putHead(out, BYTES, bytes.length);
      put(out, bytes);
    }
  }
  return out.bytes.slice(0, out.at);
}

function isSorted(listing: Listing): boolean {
  let before: string | null = null;
  for (const [name] of listing) {
    if (before !== null && compareText(before, name) > 0) return false;
    before = name;
  }
  return true;
}

const [UNSIGNED, BYTES, TEXT, ARRAY, MAP] = [0x00, 0x40, 0x60, 0x80, 0xa0];
const HEAD_BYTES_MAX = 9;
const IMAGE_BYTES = 32;
/** A map of two: the key `image`, and the head of its 32 bytes. */
const STATE_HEAD = Uint8Array.of(0xa2, 0x65, ...utf8Encode("image"), 0x58, IMAGE_BYTES);
const SIGNATURES_KEY = Uint8Array.of(0x6a, ...utf8Encode("signatures"));
/** An array of two: the name of the algorithm, and bytes that follow. */
const SIGNATURE_HEAD = Uint8Array.of(0x82, 0x6b, ...utf8Encode("ssh-ed25519"));

type Out = { readonly bytes: Uint8Array<ArrayBuffer>; at: number };

function put(out: Out, bytes: Uint8Array): void {
  out.bytes.set(bytes, out.at);
  out.at += bytes.length;
}

/** RFC 8949, section 3: the shortest form of a number behind a major type. */
function putHead(out: Out, major: number, value: number): void {
  const size = value < 24 ? 0 : value < 0x100 ? 1 : value < 0x1_0000 ? 2 : value <= 0xffff_ffff ? 4 : 8;
  out.bytes[out.at] = major + (size === 0 ? value : 24 + Math.log2(size));
  let rest = value;
  for (let byte = size; byte > 0; byte--) {
    out.bytes[out.at + byte] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  out.at += 1 + size;
}

export function digestOfListing(listing: Listing): Digest {
  return digestOf(encodeListing(listing));
}

/** What `your_config` of a packet is compared with: the sorted, duplicate-free paths `/NAME` of all directories. */
export function digestOfConfigList(paths: readonly VPath[]): Digest {
  return digestOf(encodeCbor([...new Set(paths)].toSorted(compareText)));
}

/** What GetBaseDir responses carry about a directory's configuration; receivers of 0.6.12 do not look at it. */
export type DirSettings = {
  readonly numLevels: number;
  readonly autoClean: boolean;
  readonly keepMinDirectories: number;
  readonly keepMaxDirectories: number;
  readonly keepRecentMs: number;
};

export function digestOfSettings(settings: DirSettings): Digest {
  return digestOf(
    encodeCbor(
      new Map<string, Cbor>([
        ["num_levels", settings.numLevels],
        ["auto_clean", settings.autoClean],
        ["keep_min_directories", settings.keepMinDirectories],
        ["keep_max_directories", settings.keepMaxDirectories],
        ["keep_recent", settings.keepRecentMs],
      ]),
    ),
  );
}

/** Names of the keep list that lie directly in the base directory. */
export function digestOfKeepList(names: readonly string[]): Digest {
  return digestOf(encodeCbor([...new Set(names)].toSorted(compareText)));
}

function membersOf(state: SignedState, promise: PromiseMembers | null): ReadonlyMap<string, Cbor> {
  return new Map<string, Cbor>([
    ["image", fromHex(state.image)],
    ["signatures", state.signatures.map(({ timestamp, bytes }) => [timestamp, ["ssh-ed25519", bytes]])],
    ...Object.entries(promise ?? {}),
  ]);
}

function digestOf(bytes: Uint8Array): Digest {
  return toHex(blake2b(bytes, { dkLen: 32 })) as Digest;
}
