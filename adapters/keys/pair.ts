/**
 * New Ed25519 keys as OpenSSH writes them, for clusters that live as long as a demonstration or a test. That of ssh2
 * loses the first byte of one public key in 256, which is then 31 bytes long.
 *
 * Source: OpenSSH, PROTOCOL.key.
 */
import { createPrivateKey, createPublicKey, randomBytes } from "node:crypto";

export type KeyPair = {
  /** Text of a private key file. */
  readonly private: string;
  /** A line of `authorized_keys`, without its end. */
  readonly public: string;
};

const KIND = "ssh-ed25519";
const SEED_BYTES = 32;
const CIPHER_BLOCK = 8; // of no cipher
const LINE = 70;
/** PKCS #8 around a seed (RFC 8410 section 7). */
const PKCS8_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");

export function newKeyPair(comment = ""): KeyPair {
  return keyPairOf(randomBytes(SEED_BYTES), comment);
}

/** @param seed  the 32 bytes of RFC 8032 section 5.1.5 */
export function keyPairOf(seed: Uint8Array, comment = ""): KeyPair {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, seed]), format: "der", type: "pkcs8" });
  const own = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-SEED_BYTES);
  const blob = Buffer.concat([string(KIND), string(own)]);
  const check = randomBytes(4);
  const secret = [
    check,
    check,
    string(KIND),
    string(own),
    string(Buffer.concat([seed, own])),
    string(comment),
  ];
  const length = secret.reduce((sum, part) => sum + part.length, 0);
  const padding = Buffer.from(Array.from({ length: -length & (CIPHER_BLOCK - 1) }, (_, at) => at + 1));
  const one = Buffer.from([0, 0, 0, 1]);
  const whole = Buffer.concat([
    Buffer.from("openssh-key-v1\0"),
    ...["none", "none", ""].map(string),
    one,
    string(blob),
    string(Buffer.concat([...secret, padding])),
  ]);
  const lines = whole.toString("base64").match(new RegExp(`.{1,${LINE}}`, "g")) ?? [];
  const text = [
    "-----BEGIN OPENSSH PRIVATE KEY-----",
    ...lines,
    "-----END OPENSSH PRIVATE KEY-----",
    "",
  ].join("\n");
  return { private: text, public: `${KIND} ${blob.toString("base64")} ${comment}`.trimEnd() };
}

function string(content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(content as string);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
