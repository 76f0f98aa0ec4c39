import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { ImageId, VPath } from "../../kernel/ids.ts";
import { decodeCbor, encodeCbor } from "../../kernel/wire/cbor.ts";
import { readSignedState } from "../../kernel/wire/shape.ts";
import type { Listing } from "../../kernel/wire/signed-state.ts";
import {
  decodeState,
  decodeStateFile,
  digestOfConfigList,
  digestOfListing,
  encodeListing,
  encodeState,
} from "../../kernel/wire/state-file.ts";

const read = (file: string) => JSON.parse(readFileSync(`test/vectors/${file}`, "utf8"));
const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const hexOf = (value: Uint8Array) => Buffer.from(value).toString("hex");

const states: { valid: { note: string; hex: string }[]; invalid: { note: string; hex: string }[] } =
  read("state.json");
const hashes: {
  base_dir_hash: { note: string; cbor: string; hash: string }[];
  your_config_hash_in_gossip: { paths: string[]; hash: string }[];
} = read("basedir-hash.json");

test.each(states.valid)(
  "a state file with $note is read, and written as it was with a check behind it",
  ({ hex }) => {
    const state = decodeState(bytes(hex));
    if (!state.ok) throw new Error(state.detail);
    const check = /^a2(.*)$/.exec(hex)?.[1] ?? "";
    expect(hexOf(encodeState(state.value))).toMatch(new RegExp(`^a3${check}65636865636b50[0-9a-f]{32}$`));
    for (let end = 0; end < hex.length / 2; end++)
      expect(decodeState(bytes(hex).subarray(0, end)).ok).toBe(false);
  },
);

test.each(states.invalid)("a state file with $note is refused", ({ hex }) => {
  expect(decodeState(bytes(hex))).toMatchObject({ ok: false, code: "state_invalid" });
});

test("a further member is ignored, and the long list that 0.6.12 grows is read", () => {
  const one = states.valid[0]?.hex ?? "";
  expect(decodeState(bytes(`a3${one.slice(2)}617801`)).ok).toBe(true);
  const entry = one.slice(one.indexOf("82", one.indexOf("7369676e617475726573")));
  const head = one.slice(0, one.length - entry.length - 2);
  const long = decodeState(bytes(`${head}9901f4${entry.repeat(500)}`));
  expect(long).toMatchObject({ ok: true, value: { signatures: { length: 500 } } });
});

test.each([
  ["a state", null],
  ["a promise", { stage: "ab12", mode: "append" }],
])("a bit of %s that is wrong is seen, or was none of what counts", (_, promise) => {
  const state = decodeState(bytes(states.valid[0]?.hex ?? ""));
  if (!state.ok) throw new Error(state.detail);
  const written = encodeState(state.value, promise);
  expect(decodeStateFile(written)).toEqual({ ok: true, value: { state: state.value, promise } });
  let unseen = 0;
  for (let bit = 0; bit < written.length * 8; bit++) {
    const changed = written.slice();
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const file = decodeStateFile(changed);
    if (!file.ok) continue;
    unseen += 1;
    expect(file.value).toEqual({ state: state.value, promise });
  }
  expect(unseen).toBeLessThan("check".length * 8 + 1); // its name alone: then there is nothing to compare with
});

test.each(hashes.base_dir_hash)("base directory with $note", ({ cbor, hash }) => {
  const decoded = decodeCbor(bytes(cbor), "refuse");
  if (!decoded.ok || !(decoded.value instanceof Map)) throw new Error("the vector is a map");
  const listing: Listing = Array.from(decoded.value as Map<string, unknown>, ([name, value]) => {
    const state = readSignedState(value);
    if (state === null) throw new Error("the vector has states");
    return [name, state] as const;
  });
  expect(hexOf(encodeListing(listing))).toBe(cbor);
  expect(digestOfListing(listing.toReversed())).toBe(hash);
});

test.each(hashes.your_config_hash_in_gossip)("config list $paths", ({ paths, hash }) => {
  expect(digestOfConfigList(paths as VPath[])).toBe(hash);
  expect(digestOfConfigList([...paths, ...paths].toReversed() as VPath[])).toBe(hash);
});

test("a listing is written as the codec writes the same map, whatever its names, numbers and order", () => {
  const signature = fc.record({
    timestamp: fc.oneof(
      fc.constantFrom(0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER),
      fc.maxSafeNat(),
    ),
    bytes: fc.uint8Array({ minLength: 64, maxLength: 64 }),
  });
  const image = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((id) => hexOf(id) as ImageId);
  const state = fc.record({ image, signatures: fc.array(signature, { minLength: 1, maxLength: 30 }) });
  const name = fc.oneof(
    fc.string({ unit: "binary", maxLength: 300 }),
    fc.constantFrom("a", "a\u{10000}", "a\uffff"),
  );
  const listings = fc.uniqueArray(fc.tuple(name, state), { selector: ([key]) => key, maxLength: 30 });
  fc.assert(
    fc.property(listings, (listing) => {
      const sorted = listing.toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      const map = new Map(
        sorted.map(([key, { image: id, signatures }]) => [
          key,
          new Map<string, Uint8Array | [number, [string, Uint8Array]][]>([
            ["image", bytes(id)],
            ["signatures", signatures.map((each) => [each.timestamp, ["ssh-ed25519", each.bytes]])],
          ]),
        ]),
      );
      expect(hexOf(encodeListing(listing))).toBe(hexOf(encodeCbor(map)));
    }),
  );
});
