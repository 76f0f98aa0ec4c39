/** Vectors of the RFCs that everything stands on, against each implementation that we use. */
import { blake2b } from "@noble/hashes/blake2.js";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createDigester } from "../../adapters/digester.ts";
import { createVerifier } from "../../adapters/verifier.ts";
import { parsePublicKey } from "../../kernel/signature/public-key.ts";
import { publicKeyOf, signWithSeed, verifySignature } from "../../kernel/signature/verify.ts";
import { type Cbor, decodeCbor, encodeCbor } from "../../kernel/wire/cbor.ts";

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const hexOf = (data: Uint8Array) => Buffer.from(data).toString("hex");
const read = (file: string): unknown => JSON.parse(readFileSync(`test/vectors/${file}`, "utf8"));

const cbor = read("rfc8949.json") as {
  readonly appendixA: readonly (
    | { readonly hex: string; readonly meaning: unknown; readonly rewritten?: true }
    | { readonly hex: string; readonly refused: string; readonly why: string }
  )[];
  readonly appendixF: readonly { readonly kind: string; readonly hex: readonly string[] }[];
};

/** What the decoder gives for a meaning; 8 bytes of number are a bigint. */
function valueOf(meaning: unknown, wide: boolean): unknown {
  if (typeof meaning === "number") return wide && meaning > 0xffff_ffff ? BigInt(meaning) : meaning;
  if (Array.isArray(meaning)) return meaning.map((each) => valueOf(each, wide));
  if (typeof meaning !== "object" || meaning === null) return meaning;
  const { $bytes, $map, $bigint } = meaning as {
    $bytes?: string;
    $map?: readonly (readonly [unknown, unknown])[];
    $bigint?: string;
  };
  if ($bytes !== undefined) return bytes($bytes);
  if ($bigint !== undefined) return BigInt($bigint);
  return new Map(($map ?? []).map(([key, each]) => [valueOf(key, wide), valueOf(each, wide)]));
}

describe("RFC 8949, appendix A", () => {
  test.each(cbor.appendixA)("$hex", (entry) => {
    const decoded = decodeCbor(bytes(entry.hex), "refuse");
    if ("refused" in entry) {
      expect(decoded).toMatchObject({ ok: false, code: entry.refused });
      return;
    }
    if (!decoded.ok) throw new Error(decoded.code);
    expect(plain(decoded.value)).toEqual(valueOf(entry.meaning, true));
    if (entry.rewritten === true || entry.hex === "1bffffffffffffffff") return; // open lengths; beyond what we send
    expect(hexOf(encodeCbor(valueOf(entry.meaning, false) as Cbor))).toBe(entry.hex);
  });

  test("every kind of value that no message has is refused, and every other one is read", () => {
    const kinds = new Set(cbor.appendixA.map((entry) => ("why" in entry ? entry.why : "read")));
    expect([...kinds].toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
      "a big number",
      "a float",
      "a negative number",
      "a simple value",
      "a tag",
      "read",
      "undefined",
    ]);
    expect(cbor.appendixA.length).toBe(82);
  });
});

/** Views of a larger buffer compare by their bytes. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  if (Array.isArray(value)) return value.map(plain);
  return value instanceof Map ? new Map([...value].map(([key, each]) => [plain(key), plain(each)])) : value;
}

describe("RFC 8949, appendix F", () => {
  test.each(cbor.appendixF)("$kind", ({ hex }) => {
    for (const each of hex) expect([each, decodeCbor(bytes(each), "refuse").ok]).toEqual([each, false]);
  });
});

const ed25519 = read("rfc8032.json") as {
  readonly cases: readonly Readonly<Record<"name" | "seed" | "public" | "message" | "signature", string>>[];
};

describe("RFC 8032, section 7.1", () => {
  test.each(ed25519.cases)("$name", async (vector) => {
    const [seed, message, signature] = [bytes(vector.seed), bytes(vector.message), bytes(vector.signature)];
    const key = parsePublicKey(bytes(vector.public));
    if (!key.ok) throw new Error(key.code);
    expect(publicKeyOf(seed)).toBe(vector.public);
    expect(hexOf(signWithSeed(seed, message))).toBe(vector.signature);
    const other = Uint8Array.from([...message, 0]);
    expect(verifySignature(key.value, message, signature)).toBe(true);
    expect(verifySignature(key.value, other, signature)).toBe(false);
    const publicKey = bytes(vector.public);
    const checks = [message, other].map((payload) => ({ payload, signature, publicKey }));
    const holds = await new Promise((done) => createVerifier().verify(checks, done));
    expect(holds).toEqual([true, false]);
  });
});

const blake = read("rfc7693.json") as {
  readonly abc: { readonly input: string; readonly digestBytes: number; readonly digest: string };
  readonly selfTest: {
    readonly digestLengths: readonly number[];
    readonly inputLengths: readonly number[];
    readonly digest: string;
  };
};

/** The generator of RFC 7693, appendix E. */
function sequence(length: number, seed: number): Uint8Array {
  const out = new Uint8Array(length);
  let a = Math.imul(0xdead4bad, seed);
  let b = 1;
  for (let at = 0; at < length; at++) {
    const t = (a + b) | 0;
    a = b;
    b = t;
    out[at] = t >>> 24;
  }
  return out;
}

describe("RFC 7693", () => {
  test("appendix A: BLAKE2b-512 of abc", () => {
    const { input, digest, digestBytes } = blake.abc;
    expect(hexOf(blake2b(bytes(input), { dkLen: digestBytes }))).toBe(digest);
    expect(createHash("blake2b512").update(bytes(input)).digest("hex")).toBe(digest);
  });

  test("appendix E: the self-test, its last digest by each implementation of BLAKE2b-256", async () => {
    const { digestLengths, inputLengths, digest } = blake.selfTest;
    const all: Uint8Array[] = [];
    for (const dkLen of digestLengths) {
      for (const length of inputLengths) {
        const input = sequence(length, length);
        all.push(blake2b(input, { dkLen }), blake2b(input, { dkLen, key: sequence(dkLen, dkLen) }));
      }
    }
    const whole = Buffer.concat(all);
    expect(hexOf(blake2b(whole, { dkLen: 32 }))).toBe(digest);
    const digester = await createDigester();
    expect(await new Promise((done) => digester.digest(whole, done))).toBe(digest);
  });
});
