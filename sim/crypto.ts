/**
 * Digests and signatures, each computed once for all hosts: they are pure functions of their bytes, so that sharing
 * the answers changes none. What computes them may be another library than the kernel's, with the same answers.
 */
import { blake2b } from "@noble/hashes/blake2.js";
import { sha512_256 } from "@noble/hashes/sha2.js";
import type { SignatureCheck } from "../kernel/effect.ts";
import type { Digest } from "../kernel/ids.ts";
import type { HashName } from "../kernel/index/packed.ts";
import type { PublicKey } from "../kernel/signature/public-key.ts";
import { publicKeyOf, signWithSeed, verifySignature } from "../kernel/signature/verify.ts";
import { toHex } from "../kernel/text.ts";
import { createPieces } from "./pieces.ts";

const ANSWERS_MAX = 20_000;

/** What computes; a fast library of the platform may stand in where there is one. */
export type Primitives = {
  /** BLAKE2b-256, 32 bytes. */
  blake2b(bytes: Uint8Array): Uint8Array;
  /** SHA-512/256, 32 bytes. */
  sha512(bytes: Uint8Array): Uint8Array;
  /** Ed25519 by the strict rule, under a key that `parsePublicKey` would accept. */
  verify(key: PublicKey, payload: Uint8Array, signature: Uint8Array): boolean;
  /** `secret` is a 32-byte seed. */
  sign(secret: Uint8Array, payload: Uint8Array): Uint8Array;
  publicKeyOf(secret: Uint8Array): PublicKey;
};

export const PORTABLE: Primitives = {
  blake2b: (bytes) => blake2b(bytes, { dkLen: 32 }),
  sha512: sha512_256,
  verify: verifySignature,
  sign: signWithSeed,
  publicKeyOf: (secret) => publicKeyOf(secret) as PublicKey,
};

export type Crypto = {
  /** BLAKE2b-256. */
  digest(bytes: Uint8Array): Digest;
  /** 32 bytes that must not be changed. */
  digestBytes(algorithm: HashName, bytes: Uint8Array): Uint8Array;
  verify(check: SignatureCheck): boolean;
  sign(secret: Uint8Array, payload: Uint8Array): Uint8Array;
  publicKeyOf(secret: Uint8Array): PublicKey;
  /** The one array that stands for all with these bytes; it must not be changed. */
  shared(bytes: Uint8Array): Uint8Array;
};

export function createCrypto(primitives: Primitives = PORTABLE): Crypto {
  const verdicts = bounded<boolean>();
  const signatures = bounded<Uint8Array>();
  const publicKeys = bounded<PublicKey>();
  const pieces = createPieces({
    "blake2b/256": (bytes) => primitives.blake2b(bytes),
    "sha512/256": (bytes) => primitives.sha512(bytes),
  });

  return {
    digest: (bytes) => toHex(pieces.digest("blake2b/256", bytes)) as Digest,
    digestBytes: (algorithm, bytes) => pieces.digest(algorithm, bytes),
    shared: (bytes) => pieces.shared(bytes),
    verify({ payload, signature, publicKey }) {
      const key = toHex(publicKey) as PublicKey;
      return verdicts(`${key} ${toHex(signature)} ${toHex(payload)}`, () =>
        primitives.verify(key, payload, signature),
      );
    },
    sign: (secret, payload) =>
      signatures(`${toHex(secret)} ${toHex(payload)}`, () => primitives.sign(secret, payload)),
    publicKeyOf: (secret) => publicKeys(toHex(secret), () => primitives.publicKeyOf(secret)),
  };
}

/** Answers by name, each made once, until there are so many that all are forgotten. */
function bounded<T>(): (name: string, make: () => T) => T {
  const known = new Map<string, T>();
  return (name, make) => {
    const found = known.get(name);
    if (found !== undefined) return found;
    if (known.size >= ANSWERS_MAX) known.clear();
    const made = make();
    known.set(name, made);
    return made;
  };
}
