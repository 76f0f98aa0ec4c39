/**
 * Ed25519 by OpenSSL, in Node's own thread pool: 10,000 a second and core, and never on the main thread. The same check
 * comes again from every peer that tells of an image, so answers are remembered.
 */
import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import type { SignatureCheck } from "../kernel/effect.ts";
import { BoundedMap } from "./bounded-map.ts";
import type { Verifier } from "./port.ts";

const ANSWERS_MAX = 65_536; // 64 characters each: 10 MiB at most
const KEYS_MAX = 1_024; // keys in use at once: some a directory
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

export function createVerifier(): Verifier {
  const answers = new BoundedMap<boolean>(ANSWERS_MAX);
  const keys = new BoundedMap<KeyObject | null>(KEYS_MAX);

  function keyOf(bytes: Uint8Array): KeyObject | null {
    const x = Buffer.from(bytes).toString("base64url");
    const held = keys.get(x);
    if (held !== undefined) return held;
    const key = loadKey(x);
    keys.set(x, key);
    return key;
  }

  function check(one: SignatureCheck, done: (holds: boolean) => void): void {
    if (one.publicKey.length !== KEY_BYTES || one.signature.length !== SIGNATURE_BYTES) return done(false);
    const name = createHash("sha256")
      .update(one.publicKey)
      .update(one.signature)
      .update(one.payload)
      .digest("base64");
    const known = answers.get(name);
    if (known !== undefined) return done(known);
    const key = keyOf(one.publicKey);
    if (key === null) return done(false);
    verify(null, one.payload, key, one.signature, (error, holds) => {
      const answer = error === null && holds;
      answers.set(name, answer);
      done(answer);
    });
  }

  return {
    verify(checks, done) {
      if (checks.length === 0) return done([]);
      const holds = checks.map(() => false);
      let open = checks.length;
      for (const [at, one] of checks.entries()) {
        check(one, (answer) => {
          holds[at] = answer;
          open -= 1;
          if (open === 0) done(holds);
        });
      }
    },
  };
}

/** Null for bytes that are no point of the curve; keys that are weak were refused when they were read. */
function loadKey(x: string): KeyObject | null {
  try {
    return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  } catch {
    return null;
  }
}
