import fc from "fast-check";
import { expect, test } from "vitest";
import { createRollingHash } from "../../sim/rolling-hash.ts";

const digestOf = (...values: readonly unknown[]): string => {
  const hash = createRollingHash();
  for (const value of values) hash.plain(value);
  return hash.digest();
};

test("values that differ in kind, content, order or nesting have other digests", () => {
  const values: readonly unknown[] = [
    0,
    1,
    -1,
    2 ** 32,
    2 ** 33,
    0.5,
    "",
    "0",
    "1",
    "ab",
    true,
    false,
    "true",
    null,
    undefined,
    1n,
    [],
    [0],
    [[]],
    [0, 1],
    [1, 0],
    {},
    { a: 1 },
    { a: 2 },
    { b: 1 },
    { a: 1, b: 2 },
    { b: 2, a: 1 },
    new Map([["a", 1]]),
    new Map([[1, "a"]]),
    new Uint8Array(0),
    new Uint8Array(1),
    new Uint8Array([1]),
    new Uint8Array([0, 1]),
  ];
  const digests = values.map((value) => digestOf(value));
  expect(new Set(digests).size).toBe(values.length);
  expect(digestOf("a", "b")).not.toBe(digestOf("ab"));
  expect(digestOf([1], 2)).not.toBe(digestOf([1, 2]));
});

test("each byte of a long array counts, wherever the array lies in memory", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.integer({ min: 60, max: 70 }), fc.integer({ min: 2_000, max: 2_100 })),
      fc.nat(3),
      fc.nat(),
      (length, shift, at) => {
        const bytes = new Uint8Array(length).map((_, nth) => nth * 31);
        const moved = new Uint8Array(length + shift).subarray(shift);
        moved.set(bytes);
        expect(digestOf(moved)).toBe(digestOf(bytes));
        const other = bytes.slice();
        other[at % length] = (other[at % length] as number) ^ 0x10;
        expect(digestOf(other)).not.toBe(digestOf(bytes));
      },
    ),
  );
});
