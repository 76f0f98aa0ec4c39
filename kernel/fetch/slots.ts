/**
 * Blocks of one download that have to be fetched, one slot each, numbered from 0 in index order.
 *
 *   wanted -> requested (asked of one holder) -> writing (and digested) -> stored
 *   requested -> wanted: deadline, error, holder gone      writing -> wanted: wrong bytes, the write failed
 *
 * Chunks of 100 slots are dealt out to 15 slices, which is what peers are told of. A slot that returns to `wanted`
 * goes to the back of its slice. Every operation on one slot is constant time, 9 bytes a slot.
 *
 * Source: specification of behaviour, section 3. Differs from 0.6.12: a slice counts when it is stored, not when its
 * last block has arrived.
 */
import { assert } from "../assert.ts";
import type { OpId } from "../ids.ts";
import { type Prng, shuffle } from "../prng.ts";

/** An image of 100 GB has 3.3 million blocks. */
export const SLOTS_MAX = 8_388_608;
export const SLICES = 15;
const SLICE_CHUNK = 100;
const MASK_WHOLE = 0xffff;

const WANTED = 0;
const REQUESTED = 1;
const WRITING = 2;
const STORED = 3;
const KINDS = ["wanted", "requested", "writing", "stored"] as const;
const NONE = -1;

/** Whom a block is asked of: a peer's address or a client's connection, as text. */
export type Holder = string;
export type SlotKind = (typeof KINDS)[number];
export type Slots = {
  readonly count: number;
  readonly kind: Uint8Array;
  /** Wanted slots of each slice as a list: a slot's neighbours, and each slice's first and last. */
  readonly after: Int32Array;
  readonly before: Int32Array;
  readonly first: Int32Array;
  readonly last: Int32Array;
  /** The order in which slices are worked through, shuffled once. */
  readonly order: readonly number[];
  /** Slots not yet stored, by slice. */
  readonly open: Int32Array;
  /** How many slots are of each kind, in the order of `SlotKind`. */
  readonly counts: Int32Array;
  /** Whom each was asked of; the deadline is the connection's. */
  readonly requests: Map<number, Holder>;
  readonly writes: Map<number, OpId>;
};

export function createSlots(count: number, prng: Prng): Slots {
  assert(Number.isInteger(count) && count >= 0 && count <= SLOTS_MAX, "a download has 0 to SLOTS_MAX slots");
  const existing = Array.from(
    { length: Math.min(SLICES, Math.ceil(count / SLICE_CHUNK)) },
    (_, slice) => slice,
  );
  const slots: Slots = {
    count,
    kind: new Uint8Array(count),
    after: new Int32Array(count).fill(NONE),
    before: new Int32Array(count).fill(NONE),
    first: new Int32Array(SLICES).fill(NONE),
    last: new Int32Array(SLICES).fill(NONE),
    order: shuffle(prng, existing),
    open: new Int32Array(SLICES),
    counts: Int32Array.of(count, 0, 0, 0),
    requests: new Map(),
    writes: new Map(),
  };
  for (let slot = 0; slot < count; slot++) {
    add(slots.open, sliceOf(slot), 1);
    append(slots, slot);
  }
  return slots;
}

export function sliceOf(slot: number): number {
  return Math.floor(slot / SLICE_CHUNK) % SLICES;
}

export function kindOf(slots: Slots, slot: number): SlotKind {
  return KINDS[at(slots.kind, slot)] ?? "wanted";
}

export function countOf(slots: Slots, kind: SlotKind): number {
  return at(slots.counts, KINDS.indexOf(kind));
}

/** Every block is on disk. */
export function allStored(slots: Slots): boolean {
  return at(slots.counts, STORED) === slots.count;
}

/** What peers are told, once the index is here: bit 15, and each slice that does not exist or is stored. */
export function maskOf(slots: Slots): number {
  let mask = MASK_WHOLE;
  for (let slice = 0; slice < SLICES; slice++) if (at(slots.open, slice) > 0) mask &= ~(1 << slice);
  return mask;
}

/** The wanted slot at the front of a slice, or null. */
export function nextWanted(slots: Slots, slice: number): number | null {
  const slot = at(slots.first, slice);
  return slot === NONE ? null : slot;
}

/** A block is asked of a holder. */
export function requested(slots: Slots, slot: number, from: Holder): void {
  assert(at(slots.kind, slot) === WANTED, "only a wanted block is requested");
  move(slots, slot, REQUESTED);
  slots.requests.set(slot, from);
}

/**
 * Bytes came, from whomever, also late: they are to be digested and written.
 *
 * @returns false, and no change, for a duplicate
 */
export function arrived(slots: Slots, slot: number, op: OpId): boolean {
  const kind = kindAt(slots, slot);
  if (kind === null || kind === WRITING || kind === STORED) return false;
  move(slots, slot, WRITING);
  slots.writes.set(slot, op);
  return true;
}

/** A holder answered with an error, late, or is gone. False, and no change, unless it was the one asked. */
export function failed(slots: Slots, slot: number, from: Holder): boolean {
  if (slots.requests.get(slot) !== from) return false;
  move(slots, slot, WANTED);
  return true;
}

/**
 * A write of this operation reached the disk.
 *
 * @returns null, and no change, when the slot is not being written by it; else whether its slice is complete now
 */
export function written(slots: Slots, slot: number, op: OpId): { readonly sliceDone: boolean } | null {
  if (slots.writes.get(slot) !== op) return null;
  move(slots, slot, STORED);
  add(slots.open, sliceOf(slot), -1);
  return { sliceDone: at(slots.open, sliceOf(slot)) === 0 };
}

/** A write of this operation failed: wanted again. False, and no change, when the slot is not being written by it. */
export function writeFailed(slots: Slots, slot: number, op: OpId): boolean {
  if (slots.writes.get(slot) !== op) return false;
  move(slots, slot, WANTED);
  return true;
}

/** The one place that changes a kind: lists, maps and counts follow. */
function move(slots: Slots, slot: number, to: number): void {
  const from = at(slots.kind, slot);
  assert(from !== STORED, "a stored block stays stored");
  assert(from !== to, "a move changes the kind");
  if (from === WANTED) unlink(slots, slot);
  slots.requests.delete(slot);
  slots.writes.delete(slot);
  slots.kind[slot] = to;
  add(slots.counts, from, -1);
  add(slots.counts, to, 1);
  if (to === WANTED) append(slots, slot);
}

function append(slots: Slots, slot: number): void {
  const slice = sliceOf(slot);
  const last = at(slots.last, slice);
  slots.before[slot] = last;
  slots.after[slot] = NONE;
  if (last === NONE) slots.first[slice] = slot;
  else slots.after[last] = slot;
  slots.last[slice] = slot;
}

function unlink(slots: Slots, slot: number): void {
  const slice = sliceOf(slot);
  const before = at(slots.before, slot);
  const after = at(slots.after, slot);
  if (before === NONE) slots.first[slice] = after;
  else slots.after[before] = after;
  if (after === NONE) slots.last[slice] = before;
  else slots.before[after] = before;
  slots.before[slot] = NONE;
  slots.after[slot] = NONE;
}

/** The kind of a slot, or null when there is no such slot. */
function kindAt(slots: Slots, slot: number): number | null {
  return slots.kind[slot] ?? null;
}

function at(array: Uint8Array | Int32Array, index: number): number {
  const value = array[index];
  assert(value !== undefined, "an index lies inside its array");
  return value;
}

function add(array: Int32Array, index: number, by: number): void {
  array[index] = at(array, index) + by;
}
