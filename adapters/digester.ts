/** BLAKE2b-256 of what is too long for a decision: at 900 MB/s the longest listing takes some milliseconds. */
import { createBLAKE2b } from "hash-wasm";
import type { Digest } from "../kernel/ids.ts";
import type { Digester } from "./port.ts";

export async function createDigester(): Promise<Digester> {
  const hasher = await createBLAKE2b(256);
  return {
    digest(bytes, done) {
      done(hasher.init().update(bytes).digest("hex") as Digest);
    },
  };
}
