/**
 * A public key that every verifier judges alike. Libraries disagree about signatures by small-order points and by
 * points in a form that is not the canonical one; such keys are refused when they are loaded, once.
 */
import { Point } from "@noble/ed25519";
import type { Brand } from "../brand.ts";
import { type Result, accepted, refused } from "../result.ts";
import { equalBytes, toHex } from "../text.ts";

/** A sound Ed25519 public key, 64 lowercase hex digits. */
export type PublicKey = Brand<string, "PublicKey">;
export type PublicKeyRefusal = "bad_key" | "weak_key";

export function parsePublicKey(bytes: Uint8Array): Result<PublicKey, PublicKeyRefusal> {
  if (bytes.length !== 32) return refused("bad_key", `${bytes.length} bytes`);
  let point: Point;
  try {
    point = Point.fromBytes(bytes, true); // lenient, so that an odd form of a point is told from no point
  } catch {
    return refused("bad_key", "not a point");
  }
  if (point.isSmallOrder()) return refused("weak_key", "small order");
  if (!equalBytes(point.toBytes(), bytes)) return refused("weak_key", "not canonical");
  return accepted(toHex(bytes) as PublicKey);
}
