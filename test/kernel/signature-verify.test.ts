import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parsePublicKey } from "../../kernel/signature/public-key.ts";
import { signWithSeed, verifySignature } from "../../kernel/signature/verify.ts";

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const vectors: {
  keys: { seed: string; public: string }[];
  cases: { note: string; signed_bytes: string; signature_test1: string; signature_test2: string }[];
} = JSON.parse(readFileSync("test/vectors/signature.json", "utf8"));

function keyOf(hex: string) {
  const key = parsePublicKey(bytes(hex));
  if (!key.ok) throw new Error(key.code);
  return key.value;
}

test.each(vectors.cases)("$note: signed as in the vectors, verified by its key alone", (vector) => {
  const payload = bytes(vector.signed_bytes);
  const signatures = [bytes(vector.signature_test1), bytes(vector.signature_test2)];
  for (const [at, { seed, public: pub }] of vectors.keys.slice(0, 2).entries()) {
    expect(signWithSeed(bytes(seed), payload)).toEqual(signatures[at]);
    for (const [other, signature] of signatures.entries())
      expect(verifySignature(keyOf(pub), payload, signature)).toBe(at === other);
  }
  const changed = Uint8Array.from(payload);
  changed[1] = (changed[1] ?? 0) ^ 1;
  expect(verifySignature(keyOf(vectors.keys[0]?.public ?? ""), changed, signatures[0] ?? bytes(""))).toBe(
    false,
  );
});

test("a signature of another length, or with S + L, is false and no throw", () => {
  const key = keyOf(vectors.keys[0]?.public ?? "");
  const payload = bytes(vectors.cases[0]?.signed_bytes ?? "");
  const good = bytes(vectors.cases[0]?.signature_test1 ?? "");
  expect(verifySignature(key, payload, good.subarray(1))).toBe(false);
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  let s = order;
  for (let at = 63; at >= 32; at--) s += BigInt(good[at] ?? 0) << BigInt(8 * (at - 32));
  const bent = Uint8Array.from(good);
  for (let at = 32; at < 64; at++) bent[at] = Number((s >> BigInt(8 * (at - 32))) & 255n);
  expect(verifySignature(key, payload, bent)).toBe(false);
});

const f = "ff".repeat(30);
test.each([
  ["identity", `01${"00".repeat(31)}`, "weak_key"],
  ["order 2", `ec${f}7f`, "weak_key"],
  ["order 4", "00".repeat(32), "weak_key"],
  ["order 8", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "weak_key"],
  ["y = p + 1", `ee${f}7f`, "weak_key"],
  ["y = p + 3, a point of large order", `f0${f}7f`, "weak_key"],
  ["x = 0 with its sign set", `01${"00".repeat(30)}80`, null],
  ["not on the curve", `02${"00".repeat(31)}`, "bad_key"],
  ["31 bytes", "00".repeat(31), "bad_key"],
])("key: %s is refused", (_, hex, code) => {
  const key = parsePublicKey(bytes(hex));
  expect(key.ok).toBe(false);
  if (code !== null) expect(key).toMatchObject({ code });
});
