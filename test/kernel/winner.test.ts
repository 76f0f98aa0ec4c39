import fc from "fast-check";
import { expect, test } from "vitest";
import type { ImageId } from "../../kernel/ids.ts";
import {
  compareVersions,
  mergeVersions,
  stateOf,
  type Version,
  VERSION_SIGNATURES_MAX,
  versionOf,
} from "../../kernel/winner.ts";
import { compareBytes } from "../../kernel/text.ts";

/** Few timestamps, images and signatures, so that ties are the rule. */
const versions: fc.Arbitrary<Version> = fc
  .tuple(
    fc.integer({ min: 0, max: 2 }),
    fc.constantFrom("0a", "a0", "ff"),
    fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: VERSION_SIGNATURES_MAX }),
  )
  .map(([timestamp, image, seeds]) => ({
    timestamp,
    image: image.repeat(32) as ImageId,
    signatures: seeds.map((seed) => new Uint8Array(64).fill(seed)).toSorted(compareBytes),
  }));

test("merging does not depend on order, grouping or repetition, and never goes back", () => {
  let ties = 0;
  fc.assert(
    fc.property(versions, versions, versions, (a, b, c) => {
      if (compareVersions(a, b) === 0) ties += 1;
      expect(mergeVersions(a, b)).toEqual(mergeVersions(b, a));
      expect(mergeVersions(mergeVersions(a, b), c)).toEqual(mergeVersions(a, mergeVersions(b, c)));
      expect(mergeVersions(a, a)).toEqual(a);
      const merged = mergeVersions(a, b);
      expect(compareVersions(merged, a)).toBeGreaterThanOrEqual(0);
      expect(compareVersions(merged, b)).toBeGreaterThanOrEqual(0);
    }),
    { numRuns: 1000 },
  );
  expect(ties).toBeGreaterThan(20);
});

const version = (timestamp: number, image: string): Version => ({
  timestamp,
  image: image.repeat(32) as ImageId,
  signatures: [new Uint8Array(64)],
});

test("the later timestamp wins, and of equal ones the greater image id", () => {
  expect(mergeVersions(version(2, "00"), version(1, "ff"))).toEqual(version(2, "00"));
  expect(mergeVersions(version(1, "9f"), version(1, "a0"))).toEqual(version(1, "a0"));
});

const signature = (timestamp: number, seed: number) => ({
  timestamp,
  bytes: new Uint8Array(64).fill(seed),
});

test("a version is what was signed last, whatever the order of the list", () => {
  const image = "0a".repeat(32) as ImageId;
  const state = {
    image,
    signatures: [signature(1, 1), signature(5, 9), signature(3, 2), signature(5, 4), signature(5, 9)],
  };
  expect(versionOf(state)).toEqual({
    timestamp: 5,
    image,
    signatures: [new Uint8Array(64).fill(4), new Uint8Array(64).fill(9)],
  });
  expect(versionOf({ image, signatures: [] })).toBeNull();
});

test("a version survives its state", () => {
  fc.assert(
    fc.property(versions, (one) => {
      expect(versionOf(stateOf(one))).toEqual(one);
    }),
  );
});
