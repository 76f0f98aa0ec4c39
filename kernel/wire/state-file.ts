/**
 * State files, the listing of a base directory, and the digest that gossip compares. One encoding serves all three.
 * Source: specification, storage section 3 and gossip section 5.
 */
import { blake2b } from "@noble/hashes/blake2.js";
import type { Digest, VPath } from "../ids.ts";
import { type Result, accepted, refused } from "../result.ts";
import { compareText, fromHex, toHex } from "../text.ts";
import { type Cbor, decodeCbor, encodeCbor } from "./cbor.ts";
import { readSignedState } from "./shape.ts";
import type { Listing, SignedState } from "./signed-state.ts";

/** `stage` is an addition of ours, written only when given: 0.6.12 ignores further members. Never part of a listing. */
export function encodeState(state: SignedState, stage?: string): Uint8Array<ArrayBuffer> {
  const members = cborOfState(state);
  return encodeCbor(stage === undefined ? members : new Map([...members, ["stage", stage]]));
}

/** Whole, of the right shape, with at least one signature; further members are ignored. */
export function decodeState(bytes: Uint8Array): Result<SignedState, "state_invalid"> {
  const decoded = decodeCbor(bytes, "refuse");
  if (!decoded.ok) return refused("state_invalid", decoded.code);
  const state = readSignedState(decoded.value);
  return state === null ? refused("state_invalid", "not an image with signatures") : accepted(state);
}

/** The map of names and states, sorted by the UTF-8 bytes of the names. */
export function encodeListing(listing: Listing): Uint8Array<ArrayBuffer> {
  return encodeCbor(cborOfListing(listing));
}

export function cborOfListing(listing: Listing): Cbor {
  const sorted = listing.toSorted(([a], [b]) => compareText(a, b));
  return new Map(sorted.map(([name, state]) => [name, cborOfState(state)]));
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

function cborOfState(state: SignedState): ReadonlyMap<string, Cbor> {
  return new Map<string, Cbor>([
    ["image", fromHex(state.image)],
    ["signatures", state.signatures.map(({ timestamp, bytes }) => [timestamp, ["ssh-ed25519", bytes]])],
  ]);
}

function digestOf(bytes: Uint8Array): Digest {
  return toHex(blake2b(bytes, { dkLen: 32 })) as Digest;
}
