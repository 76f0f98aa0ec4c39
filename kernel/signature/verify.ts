/** Ed25519 by the strict rule (RFC 8032). The daemon may put a faster verifier behind the same signature. */
import * as ed25519 from "@noble/ed25519";
import { sha512 } from "@noble/hashes/sha2.js";
import { assert } from "../assert.ts";
import { fromHex, toHex } from "../text.ts";
import type { PublicKey } from "./public-key.ts";

ed25519.hashes.sha512 = sha512; // the library has no synchronous hash of its own

export function verifySignature(key: PublicKey, payload: Uint8Array, signature: Uint8Array): boolean {
  return signature.length === 64 && ed25519.verify(signature, payload, fromHex(key), { zip215: false });
}

/** For the simulator and tests; `seed` is the 32-byte secret. Real keys are used where they live: files and agents. */
export function signWithSeed(seed: Uint8Array, payload: Uint8Array): Uint8Array {
  assert(seed.length === 32, "a seed is 32 bytes");
  return ed25519.sign(payload, seed);
}

/** 64 lowercase hex digits. */
export function publicKeyOf(seed: Uint8Array): string {
  return toHex(ed25519.getPublicKey(seed));
}
