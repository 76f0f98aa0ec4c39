/**
 * `NAME.floor` beside the states of a base directory: what was removed there last. It outlives the image and its
 * state, so that an old signature, sent again by anybody, brings nothing back. 0.6.12 reads only `*.state`.
 */
import { blake2b } from "@noble/hashes/blake2.js";
import type { ImageId } from "../ids.ts";
import { accepted, type Result, refused } from "../result.ts";
import { equalBytes, fromHex } from "../text.ts";
import { type Cbor, decodeCbor, encodeCbor } from "./cbor.ts";
import { readBytes, readImageId, readMembers, readUnsigned } from "./shape.ts";

/** The version that was removed: it and all smaller ones stay away. `timestamp` in milliseconds since 1970. */
export type Floor = { readonly timestamp: number; readonly image: ImageId };
/** `removing`: decided, and perhaps not done. Afterwards a state below the floor is of a 0.6.12 that ran here. */
export type FloorFile = Floor & { readonly removing: boolean };

const CHECK_BYTES = 16; // against damage, not against people

export function encodeFloor({ timestamp, image, removing }: FloorFile): Uint8Array<ArrayBuffer> {
  return encodeCbor(
    new Map<string, Cbor>([
      ["image", fromHex(image)],
      ["timestamp", timestamp],
      ["removing", removing],
      ["check", checkOf(timestamp, image, removing)],
    ]),
  );
}

/** Whole, of the right shape, and undamaged; further members are ignored. */
export function decodeFloor(bytes: Uint8Array): Result<FloorFile, "floor_invalid"> {
  const decoded = decodeCbor(bytes, "refuse");
  if (!decoded.ok) return refused("floor_invalid", decoded.code);
  const members = readMembers(decoded.value);
  const image = readImageId(members?.get("image"));
  const timestamp = readUnsigned(members?.get("timestamp"));
  const removing = members?.get("removing");
  const check = readBytes(members?.get("check"), CHECK_BYTES);
  if (image === null || timestamp === null || typeof removing !== "boolean" || check === null)
    return refused("floor_invalid", "not an image with a timestamp and a check");
  if (!equalBytes(check, checkOf(timestamp, image, removing))) return refused("floor_invalid", "damaged");
  return accepted({ timestamp, image, removing });
}

function checkOf(timestamp: number, image: ImageId, removing: boolean): Uint8Array {
  return blake2b(encodeCbor([timestamp, fromHex(image), removing]), { dkLen: CHECK_BYTES });
}
