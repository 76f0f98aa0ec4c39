/** Digests and signatures by the libraries that the daemon has: the same answers as the kernel's, many times sooner. */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { createBLAKE2b } from "hash-wasm";
import type { PublicKey } from "../../kernel/signature/public-key.ts";
import { fromHex, toHex } from "../../kernel/text.ts";
import { PORTABLE, type Primitives } from "../crypto.ts";

const SIGNATURE_BYTES = 64;
/** What goes before the 32 bytes of a secret in PKCS #8 (RFC 8410, section 7). */
const PKCS8_HEAD = fromHex("302e020100300506032b657004220420");
const KEYS_MAX = 1_000;

export async function createFastCrypto(): Promise<Primitives> {
  const blake2b = await fastBlake2b();
  const publicKeys = new Map<string, KeyObject>();
  const publicKey = (key: PublicKey): KeyObject => {
    const known = publicKeys.get(key);
    if (known !== undefined) return known;
    if (publicKeys.size >= KEYS_MAX) publicKeys.clear();
    const x = Buffer.from(key, "hex").toString("base64url");
    const made = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
    publicKeys.set(key, made);
    return made;
  };
  const privateKeys = new Map<string, KeyObject>();
  const privateKey = (secret: Uint8Array): KeyObject => {
    const name = toHex(secret);
    const known = privateKeys.get(name);
    if (known !== undefined) return known;
    if (privateKeys.size >= KEYS_MAX) privateKeys.clear();
    const key = Buffer.concat([PKCS8_HEAD, secret]);
    const made = createPrivateKey({ key, format: "der", type: "pkcs8" });
    privateKeys.set(name, made);
    return made;
  };
  return {
    blake2b,
    sha512: (bytes) => plain(createHash("sha512-256").update(bytes).digest()),
    verify: (key, payload, signature) =>
      signature.length === SIGNATURE_BYTES && verify(null, payload, publicKey(key), signature),
    sign: (secret, payload) => plain(sign(null, payload, privateKey(secret))),
    publicKeyOf(secret) {
      const { x = "" } = createPublicKey(privateKey(secret)).export({ format: "jwk" });
      return toHex(Buffer.from(x, "base64url")) as PublicKey;
    },
  };
}

/** Node without a compiler has no WebAssembly either. */
async function fastBlake2b(): Promise<Primitives["blake2b"]> {
  if (!("WebAssembly" in globalThis)) return (bytes) => PORTABLE.blake2b(bytes);
  const hasher = await createBLAKE2b(256);
  return (bytes) => hasher.init().update(bytes).digest("binary");
}

/** Without the methods of a `Buffer`, as everywhere in the kernel. */
function plain(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes);
}
