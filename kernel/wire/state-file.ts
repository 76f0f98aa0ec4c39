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

export function encodeState(state: SignedState): Uint8Array<ArrayBuffer> {
  return encodeCbor(cborOfState(state));
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

function cborOfState(state: SignedState): Cbor {
  return new Map<string, Cbor>([
    ["image", fromHex(state.image)],
    ["signatures", state.signatures.map(({ timestamp, bytes }) => [timestamp, ["ssh-ed25519", bytes]])],
  ]);
}

function digestOf(bytes: Uint8Array): Digest {
  return toHex(blake2b(bytes, { dkLen: 32 })) as Digest;
}
