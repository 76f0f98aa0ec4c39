import { expect, test } from "vitest";
import {
  hasIndex,
  hasSlice,
  isWhole,
  MASK_NOTHING,
  MASK_SLICES,
  MASK_WHOLE,
  maskGain,
  parseMask,
  slicesOf,
  unionMasks,
  withIndex,
  withSlice,
} from "../../kernel/gossip/mask.ts";
import { SLICES } from "../../kernel/fetch/slots.ts";

test("a mask is 16 bits", () => {
  expect([0, 0x8000, 0xffff].map(parseMask)).toEqual([0, 0x8000, 0xffff]);
  expect([-1, 0x1_0000, 0.5, Number.NaN].map(parseMask)).toEqual([null, null, null, null]);
});

test("index and slices have their own bits, and all of them are the whole", () => {
  expect(withIndex(MASK_NOTHING)).toBe(0x8000);
  let mask = withIndex(MASK_NOTHING);
  for (let slice = 0; slice < MASK_SLICES; slice++) {
    expect(isWhole(mask)).toBe(false);
    expect(hasSlice(mask, slice)).toBe(false);
    mask = withSlice(mask, slice);
    expect(mask).toBe(0x8000 | (2 ** (slice + 1) - 1));
  }
  expect(mask).toBe(MASK_WHOLE);
  expect(hasIndex(MASK_NOTHING)).toBe(false);
  for (const wrong of [-1, 15, 1.5]) expect(() => hasSlice(mask, wrong)).toThrow(/slice/);
});

test("union and gain of two masks", () => {
  const ours = withSlice(withIndex(MASK_NOTHING), 0);
  const theirs = withSlice(withSlice(withIndex(MASK_NOTHING), 0), 4);
  expect(slicesOf(maskGain(ours, theirs))).toEqual([4]);
  expect(unionMasks(ours, theirs)).toBe(theirs);
  expect(maskGain(MASK_WHOLE, theirs)).toBe(MASK_NOTHING);
});

test("both rooms count the same slices", () => {
  expect(SLICES).toBe(MASK_SLICES);
});
