/** Digests for tests, by node:crypto and an implementation that the kernel does not use for it. */
import { blake2b } from "@noble/hashes/blake2.js";
import { createHash } from "node:crypto";
import type { DigestBytes } from "../kernel/index/parse.ts";

export const digestBytes: DigestBytes = (hashName, bytes) =>
  hashName === "sha512/256"
    ? new Uint8Array(createHash("sha512-256").update(bytes).digest())
    : blake2b(bytes, { dkLen: 32 });
