/**
 * `NAME.floor` beside the states of a base directory: what was removed there last, and what was published. It outlives
 * the image and its state, so that an old signature, sent again by anybody, brings nothing back. 0.6.12 reads only
 * `*.state`.
 *
 * Two facts that do not touch each other: of what was removed, it and all smaller versions stay away; of what was
 * published, it is welcome again, and only smaller ones stay away.
 */
import { blake2b } from "@noble/hashes/blake2.js";
import type { ImageId } from "../ids.ts";
import { accepted, type Result, refused } from "../result.ts";
import { equalBytes, fromHex } from "../text.ts";
import { type Cbor, decodeCbor, encodeCbor } from "./cbor.ts";
import { readBytes, readImageId, readMembers, readUnsigned } from "./shape.ts";

/** A version at a path. `timestamp` in milliseconds since 1970. */
export type Floor = { readonly timestamp: number; readonly image: ImageId };
/** `removing`: decided, and perhaps not done. Afterwards a state below the floor is of a 0.6.12 that ran here. */
export type RemovedFloor = Floor & { readonly removing: boolean };
/** At least one of them. */
export type FloorFile = { readonly removed: RemovedFloor | null; readonly published: Floor | null };

const CHECK_BYTES = 16; // against damage, not against people

/** What says nothing of a publication is as it was before there were any. */
export function encodeFloor(floor: FloorFile): Uint8Array<ArrayBuffer> {
  const { removed, published } = floor;
  const members = new Map<string, Cbor>();
  if (removed !== null) {
    members.set("image", fromHex(removed.image));
    members.set("timestamp", removed.timestamp);
    members.set("removing", removed.removing);
  }
  if (published !== null) {
    members.set("published_image", fromHex(published.image));
    members.set("published", published.timestamp);
  }
  return encodeCbor(members.set("check", checkOf(floor)));
}

/** Whole, of the right shape, and undamaged; further members are ignored. */
export function decodeFloor(bytes: Uint8Array): Result<FloorFile, "floor_invalid"> {
  const decoded = decodeCbor(bytes, "refuse");
  if (!decoded.ok) return refused("floor_invalid", decoded.code);
  const members = readMembers(decoded.value);
  const version = readFloor(members?.get("timestamp"), members?.get("image"));
  const published = readFloor(members?.get("published"), members?.get("published_image"));
  const removing = members?.get("removing");
  const check = readBytes(members?.get("check"), CHECK_BYTES);
  const removed = version === null || typeof removing !== "boolean" ? null : { ...version, removing };
  if ((removed === null && published === null) || check === null)
    return refused("floor_invalid", "not an image with a timestamp and a check");
  // Half of a fact is no fact, and then the check, which is of all of them, does not hold.
  if (!equalBytes(check, checkOf({ removed, published }))) return refused("floor_invalid", "damaged");
  return accepted({ removed, published });
}

function readFloor(time: unknown, id: unknown): Floor | null {
  const [timestamp, image] = [readUnsigned(time), readImageId(id)];
  return timestamp === null || image === null ? null : { timestamp, image };
}

function checkOf({ removed, published }: FloorFile): Uint8Array {
  const facts: Cbor[] = [];
  if (removed !== null) facts.push(removed.timestamp, fromHex(removed.image), removed.removing);
  if (published !== null) facts.push(published.timestamp, fromHex(published.image));
  return blake2b(encodeCbor(facts), { dkLen: CHECK_BYTES });
}
