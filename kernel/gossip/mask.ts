/**
 * What a server has of an image, in 16 bits: bit 15 is the index, bits 0 to 14 are slices of its blocks, a bit is set
 * when all of it is stored. 0xffff is the whole image.
 *
 * Source: specification of gossip, section 2; of behaviour, section 3.
 */
import { assert } from "../assert.ts";
import type { Brand } from "../brand.ts";

export type Mask = Brand<number, "Mask">;

export const MASK_SLICES = 15;
export const MASK_NOTHING = 0 as Mask;
export const MASK_WHOLE = 0xffff as Mask;
const INDEX_BIT = 0x8000;

/** 16 bits, or null. */
export function parseMask(value: number): Mask | null {
  return Number.isInteger(value) && value >= 0 && value <= 0xffff ? (value as Mask) : null;
}

export function hasIndex(mask: Mask): boolean {
  return (mask & INDEX_BIT) !== 0;
}

export function hasSlice(mask: Mask, slice: number): boolean {
  return (mask & bitOf(slice)) !== 0;
}

export function isWhole(mask: Mask): boolean {
  return mask === MASK_WHOLE;
}

export function withIndex(mask: Mask): Mask {
  return (mask | INDEX_BIT) as Mask;
}

export function withSlice(mask: Mask, slice: number): Mask {
  return (mask | bitOf(slice)) as Mask;
}

/** What both together have. */
export function unionMasks(a: Mask, b: Mask): Mask {
  return (a | b) as Mask;
}

/** What `theirs` has and `ours` lacks. */
export function maskGain(ours: Mask, theirs: Mask): Mask {
  return (theirs & ~ours) as Mask;
}

/** Slices of a mask, ascending. */
export function slicesOf(mask: Mask): readonly number[] {
  const out: number[] = [];
  for (let slice = 0; slice < MASK_SLICES; slice++) if (hasSlice(mask, slice)) out.push(slice);
  return out;
}

function bitOf(slice: number): number {
  assert(Number.isInteger(slice) && slice >= 0 && slice < MASK_SLICES, "a slice is a number from 0 to 14");
  return 1 << slice;
}
