import { readFileSync } from "node:fs";
import { decode as strictDecode } from "cborg";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Cbor, decodeCbor, encodeCbor, encodeCborEndingIn } from "../../kernel/wire/cbor.ts";
import { guardCbor } from "../../kernel/wire/guard.ts";

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const read = (file: string) => JSON.parse(readFileSync(`test/vectors/${file}`, "utf8"));

/** A meaning as the vectors write it. */
function valueOf(meaning: unknown): Cbor {
  if (Array.isArray(meaning)) return meaning.map(valueOf);
  if (typeof meaning !== "object" || meaning === null) return meaning as Cbor;
  const { $bytes, $map } = meaning as { $bytes?: string; $map?: [unknown, unknown][] };
  if ($bytes !== undefined) return bytes($bytes);
  return new Map(($map ?? []).map(([key, each]) => [valueOf(key) as string, valueOf(each)]));
}

const valid: { name: string; hex: string; meaning: unknown }[] = [
  ...read("wire.json").messages,
  ...read("gossip.json").packets,
  ...read("state.json").valid.map((each: { file: string }) => ({ ...each, name: each.file })),
];

describe.each(valid)("$name", ({ hex, meaning }) => {
  test("is written byte for byte, and read as the same", () => {
    expect(Buffer.from(encodeCbor(valueOf(meaning))).toString("hex")).toBe(hex);
    const decoded = decodeCbor(bytes(hex), "refuse");
    if (!decoded.ok) throw new Error(decoded.code);
    expect(Buffer.from(encodeCbor(narrowed(decoded.value))).toString("hex")).toBe(hex);
  });

  test("is refused wherever it is cut", () => {
    for (let end = 0; end < hex.length / 2; end++)
      expect(decodeCbor(bytes(hex).subarray(0, end), "refuse").ok).toBe(false);
  });
});

function narrowed(value: unknown): Cbor {
  if (typeof value === "bigint") return value <= Number.MAX_SAFE_INTEGER ? Number(value) : String(value);
  if (Array.isArray(value)) return value.map(narrowed);
  if (value instanceof Map) return new Map(Array.from(value, ([key, each]) => [key, narrowed(each)]));
  return value as Cbor;
}

const repeat = (hex: string, count: number, end = "") => bytes(hex.repeat(count) + end);
const hostile: readonly (readonly [name: string, input: Uint8Array, code: string])[] = [
  ["nothing", bytes(""), "cbor_truncated"],
  ["a lone break", bytes("ff"), "cbor_malformed"],
  [
    "a bignum of 256 KiB",
    Buffer.concat([bytes("c25a00040000"), Buffer.alloc(262_144, 255)]),
    "cbor_malformed",
  ],
  ["a typed-array tag around a crafted map", bytes("d84ea1666c656e6774681a7fffffff"), "cbor_malformed"],
  ["100,000 nested arrays", repeat("81", 100_000, "00"), "cbor_too_deep"],
  ["100,000 nested maps", repeat("a100", 100_000, "00"), "cbor_too_deep"],
  ["100,000 nested tags", repeat("c1", 100_000, "00"), "cbor_malformed"],
  ["100,000 open arrays", repeat("9f", 100_000), "cbor_too_deep"],
  ["shared references", bytes("d81c81d81d00"), "cbor_malformed"],
  ["a record definition", bytes("d9dffe820181616100"), "cbor_malformed"],
  ["a generic object", bytes("d81b82665265674578706161"), "cbor_malformed"],
  ["an array of 2^32 items", bytes("9affffffff00"), "cbor_truncated"],
  ["a map of 2^64 entries", bytes("bbffffffffffffffff00"), "cbor_truncated"],
  ["a byte string of 2^63", bytes("5b800000000000000000"), "cbor_truncated"],
  ["a text of 2^32", bytes("7b000000010000000061"), "cbor_truncated"],
  ["a float", bytes("fb3ff0000000000000"), "cbor_malformed"],
  ["undefined", bytes("f7"), "cbor_malformed"],
  ["a negative number", bytes("20"), "cbor_malformed"],
  ["a reserved head", bytes("1c"), "cbor_malformed"],
  ["an indefinite number", bytes("1fff"), "cbor_malformed"],
  ["text that is not UTF-8", bytes("62c328"), "cbor_bad_utf8"],
  ["a surrogate in text", bytes("63eda080"), "cbor_bad_utf8"],
  ["an overlong form", bytes("62c080"), "cbor_bad_utf8"],
  ["two equal text keys", bytes("a2616101616102"), "cbor_duplicate_key"],
  ["two equal byte keys", bytes("a2416101416102"), "cbor_duplicate_key"],
  ["a map that ends after a key", bytes("bf6161ff"), "cbor_malformed"],
  ["bytes behind the item", bytes("0000"), "cbor_trailing"],
];
test.each(hostile)("%s is refused, at once", (_, input, code) => {
  expect(decodeCbor(input, "refuse")).toMatchObject({ ok: false, code });
  // What the decoder alone made of the worst of them took 28 s: it gets none but equal keys, which the guard leaves to it.
  const { looked, at } = counted(input);
  const guarded = guardCbor(looked, "refuse");
  expect(guarded).toMatchObject(code === "cbor_duplicate_key" ? { ok: true } : { ok: false, code });
  expect(at()).toBeLessThanOrEqual(input.length + 8);
  const grew = Array.from({ length: 5 }, () => {
    const before = process.memoryUsage();
    decodeCbor(input, "refuse");
    const after = process.memoryUsage();
    return after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
  });
  expect(Math.min(...grew)).toBeLessThan(1024 * 1024);
});

/** Bytes that count how often one of them is looked at. */
function counted(input: Uint8Array): { readonly looked: Uint8Array; readonly at: () => number } {
  let count = 0;
  const looked = new Proxy(input, {
    get(target, name) {
      if (typeof name === "string" && /^[0-9]+$/.test(name)) count += 1;
      return Reflect.get(target, name, target) as unknown;
    },
  });
  return { looked, at: () => count };
}

test("more items than a message may have are refused", () => {
  const input = new Uint8Array(10_000_005);
  input.set(bytes("9a00989680"));
  expect(decodeCbor(input, "refuse")).toMatchObject({ ok: false, code: "cbor_too_many_items" });
});

test("bytes behind a datagram's item are ignored, as 0.6.12 does", () => {
  expect(decodeCbor(bytes("a0ff"), "ignore")).toMatchObject({ ok: true });
});

test("what 0.6.12 tolerates is read: long numbers, open lengths, any order", () => {
  expect(decodeCbor(bytes("1800"), "refuse")).toMatchObject({ ok: true, value: 0 });
  expect(decodeCbor(bytes("9f0102ff"), "refuse")).toMatchObject({ ok: true, value: [1, 2] });
  expect(decodeCbor(bytes("7f61616162ff"), "refuse")).toMatchObject({ ok: true, value: "ab" });
});

test.each(
  (read("wire.json").decoding_tolerance.cases as { name: string; original: string; hex: string }[]).filter(
    ({ original, name }) => original === "accept" && /member|indefinite|integer|length/.test(name),
  ),
)("tolerance: $name", ({ hex }) => {
  expect(decodeCbor(bytes(hex), "refuse")).toMatchObject({ ok: true });
});

test("strings of open length read as their chunks together", () => {
  const chunks = fc.array(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 4 }), { maxLength: 4 });
  fc.assert(
    fc.property(chunks, (strings) => {
      const open = strings.map((parts) =>
        Buffer.concat([bytes("5f"), ...parts.map((part) => encodeCbor(part)), bytes("ff")]),
      );
      const decoded = decodeCbor(Buffer.concat([bytes("9f"), ...open, bytes("ff")]), "refuse");
      expect(decoded).toMatchObject({ ok: true });
      const whole = strings.map((parts) => Uint8Array.from(Buffer.concat(parts)));
      if (decoded.ok) expect(encodeCbor(narrowed(decoded.value))).toEqual(encodeCbor(whole));
    }),
  );
});

/** null for strings of open length, which the other decoder does not know. */
function strictly(input: Uint8Array): { readonly value: unknown } | null {
  try {
    return { value: strictDecode(input, { useMaps: true, strict: false, allowBigInt: true }) };
  } catch (error) {
    if (String(error).includes("indefinite length bytes/strings are not supported")) return null;
    throw error;
  }
}

test("random bytes never throw, and what is accepted says the same to a strict decoder", () => {
  const item = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.constant(bytes("7fff")),
    fc
      .letrec((tie) => ({
        value: fc.oneof(
          { maxDepth: 4 },
          fc.maxSafeNat(),
          fc.string(),
          fc.uint8Array({ maxLength: 8 }),
          fc.boolean(),
          fc.constant(null),
          fc.array(tie("value"), { maxLength: 4 }),
          fc
            .dictionary(fc.string(), tie("value"), { maxKeys: 4 })
            .map((each) => new Map(Object.entries(each))),
        ),
      }))
      .value.map((value) => encodeCbor(value as Cbor)),
  );
  let compared = 0;
  fc.assert(
    fc.property(item, (input) => {
      const decoded = decodeCbor(input, "refuse");
      if (!decoded.ok) return;
      const strict = strictly(input);
      if (strict === null) return;
      compared += 1;
      expect(encodeCbor(narrowed(decoded.value))).toEqual(encodeCbor(narrowed(strict.value)));
    }),
    { numRuns: 2000 },
  );
  expect(compared).toBeGreaterThan(500);
});

test.each([0, 1, 23, 24, 255, 256, 32_768, 65_535, 65_536, 100_000])(
  "%i bytes behind a frame are what the whole would be",
  (length) => {
    const data = new Uint8Array(length).fill(length % 251);
    const whole = encodeCbor([2, "GetBlock", 7, new Map([["data", data]])]);
    expect(encodeCborEndingIn([2, "GetBlock", 7, new Map([["data", new Uint8Array()]])], data)).toEqual(
      whole,
    );
  },
);
