import fc from "fast-check";
import { expect, test } from "vitest";
import {
  allStored,
  arrived,
  countOf,
  createSlots,
  failed,
  kindOf,
  maskOf,
  nextWanted,
  requested,
  sliceOf,
  type Slots,
  SLICES,
  SLOTS_MAX,
  writeFailed,
  written,
} from "../../kernel/fetch/slots.ts";
import type { MachineId, OpId } from "../../kernel/ids.ts";
import { keyed } from "../../kernel/prng.ts";

const op = (n: number) => n as OpId;
const holder = (n: number) => String(n).padStart(32, "0") as MachineId;
const create = (count: number) => createSlots(count, keyed(1, "slots"));

test.each([
  [0, 0xffff],
  [1, 0xfffe],
  [100, 0xfffe],
  [101, 0xfffc],
  [200, 0xfffc],
  [250, 0xfff8],
  [1400, 0xc000],
  [1401, 0x8000],
  [1500, 0x8000],
  [100_000, 0x8000],
])("%i blocks to fetch start with the mask of the original", (count, mask) => {
  expect(maskOf(create(count))).toBe(mask);
  expect(allStored(create(count))).toBe(count === 0);
});

test("a slice is told only when its last block is stored, not when it has arrived", () => {
  const slots = create(1501); // slots 0 to 99 and 1500 are slice 0
  const slice = Array.from({ length: 1501 }, (_, slot) => slot).filter((slot) => sliceOf(slot) === 0);
  expect(slice).toHaveLength(101);
  for (const slot of slice) {
    requested(slots, slot, holder(1));
    expect(arrived(slots, slot, op(slot))).toBe(true);
  }
  expect(maskOf(slots)).toBe(0x8000);
  for (const slot of slice) expect(written(slots, slot, op(slot))).toEqual({ sliceDone: slot === 1500 });
  expect(maskOf(slots)).toBe(0x8001);
  expect(allStored(slots)).toBe(false);
});

test("slices are worked through in one shuffled order, the same for the same seed", () => {
  expect(create(1401).order.toSorted((a, b) => a - b)).toEqual(Array.from({ length: SLICES }, (_, n) => n));
  expect(create(1401).order).toEqual(create(1401).order);
  const orders = Array.from({ length: 20 }, (_, n) => createSlots(1401, keyed(n)).order.join());
  expect(new Set(orders).size).toBeGreaterThan(15);
  expect(create(250).order).toHaveLength(3);
});

test("a stranger, a duplicate and an early deadline leave the state equal", () => {
  const slots = create(3);
  requested(slots, 0, holder(1));
  requested(slots, 1, holder(1));
  arrived(slots, 1, op(7));
  requested(slots, 2, holder(1));
  arrived(slots, 2, op(8));
  written(slots, 2, op(8));
  const before = structuredClone(slots);
  expect(failed(slots, 0, holder(2))).toBe(false); // a stranger cancels nothing
  expect(failed(slots, 1, holder(1))).toBe(false);
  expect(arrived(slots, 1, op(9))).toBe(false);
  expect(arrived(slots, 2, op(9))).toBe(false);
  expect(arrived(slots, 3, op(9))).toBe(false);
  expect(written(slots, 0, op(7))).toBeNull();
  expect(written(slots, 1, op(8))).toBeNull();
  expect(written(slots, 2, op(8))).toBeNull();
  expect(writeFailed(slots, 1, op(8))).toBe(false);
  expect(writeFailed(slots, 9, op(8))).toBe(false);
  for (const slot of [0, 1, 2]) {
    expect(() => requested(slots, slot, holder(3))).toThrow(/only a wanted block/);
  }
  expect(slots).toEqual(before);
  for (const wrong of [-1, 0.5, SLOTS_MAX + 1]) expect(() => create(wrong)).toThrow(/slots/);
});

type Kind = ReturnType<typeof kindOf>;
type TwinSlot = { kind: Kind; from: number; op: number };
/** The slow obvious form: one object a slot and one array a slice. */
class Twin {
  readonly slots: TwinSlot[];
  readonly queues: number[][] = Array.from({ length: 15 }, () => []);
  constructor(count: number) {
    this.slots = Array.from({ length: count }, () => ({
      kind: "wanted",
      from: 0,
      op: 0,
    }));
    for (let slot = 0; slot < count; slot++) this.queueOf(slot).push(slot);
  }
  queueOf(slot: number): number[] {
    return this.queues[Math.floor((slot % 1500) / 100)] ?? [];
  }
  become(slot: number, change: Partial<TwinSlot>): void {
    const queue = this.queueOf(slot);
    if (queue.includes(slot)) queue.splice(queue.indexOf(slot), 1);
    Object.assign(this.slots[slot] as TwinSlot, change);
    if (this.slots[slot]?.kind === "wanted") queue.push(slot);
  }
}

function expectSame(slots: Slots, twin: Twin): void {
  const kinds = twin.slots.map((slot) => slot.kind);
  expect(kinds.map((_, slot) => kindOf(slots, slot))).toEqual(kinds);
  let mask = 0xffff;
  for (let slice = 0; slice < 15; slice++) {
    const listed: number[] = [];
    for (let slot = nextWanted(slots, slice); slot !== null && slot >= 0; slot = slots.after[slot] ?? null) {
      listed.push(slot);
    }
    expect(listed).toEqual(twin.queues[slice]);
    const members = twin.slots.filter((_, slot) => Math.floor(slot / 100) % 15 === slice);
    if (members.some((slot) => slot.kind !== "stored")) mask -= 2 ** slice;
  }
  expect(maskOf(slots)).toBe(mask);
  for (const kind of ["wanted", "requested", "writing", "stored"] as const) {
    expect(countOf(slots, kind)).toBe(kinds.filter((each) => each === kind).length);
  }
  expect(allStored(slots)).toBe(kinds.every((kind) => kind === "stored"));
}

test("any sequence of inputs: the arrays say what the slow twin says", () => {
  const inputs = fc.array(
    fc.tuple(
      fc.constantFrom("ask", "arrive", "arrive", "fail", "write", "write", "tear"),
      fc.nat(11),
      fc.integer({ min: 1, max: 2 }),
    ),
    { maxLength: 80, size: "max" },
  );
  const done = new Map<string, number>();
  fc.assert(
    fc.property(fc.constantFrom(1, 3, 103, 1502), inputs, (count, all) => {
      const slots = create(count);
      const twin = new Twin(count);
      let ops = 0;
      for (const [what, pick, n] of all) {
        const slot = [0, 1, 2, 3, 99, 100, 101, 102, 1499, 1500, 1501, 1][pick] ?? 0;
        const now = twin.slots[slot];
        if (now === undefined) continue;
        const was = JSON.stringify(twin.slots);
        if (what === "ask" && now.kind === "wanted") {
          requested(slots, slot, holder(n));
          twin.become(slot, { kind: "requested", from: n });
        } else if (what === "arrive") {
          ops += 1;
          const fresh = now.kind === "wanted" || now.kind === "requested";
          expect(arrived(slots, slot, op(ops))).toBe(fresh);
          if (fresh) twin.become(slot, { kind: "writing", op: ops });
        } else if (what === "fail") {
          const asked = now.kind === "requested" && now.from === n;
          expect(failed(slots, slot, holder(n))).toBe(asked);
          if (asked) twin.become(slot, { kind: "wanted" });
        } else if (what === "write" || what === "tear") {
          const mine = now.kind === "writing";
          const by = op(n === 1 ? now.op : now.op + 1);
          if (what === "write") expect(written(slots, slot, by) !== null).toBe(mine && n === 1);
          else expect(writeFailed(slots, slot, by)).toBe(mine && n === 1);
          if (mine && n === 1) twin.become(slot, { kind: what === "write" ? "stored" : "wanted" });
        }
        if (JSON.stringify(twin.slots) !== was) done.set(what, (done.get(what) ?? 0) + 1);
      }
      expectSame(slots, twin);
    }),
    { numRuns: 300 },
  );
  for (const what of ["ask", "arrive", "fail", "write", "tear"]) {
    expect([what, (done.get(what) ?? 0) > 10]).toEqual([what, true]);
  }
});

test("a whole download ends with everything stored, whatever fails on the way", () => {
  const slots = create(1234);
  let steps = 0;
  for (; !allStored(slots); steps++) {
    const slot = slots.order.map((slice) => nextWanted(slots, slice)).find((each) => each !== null) ?? null;
    expect(slot).not.toBeNull();
    if (slot === null) return;
    requested(slots, slot, holder(1));
    if (steps % 3 === 0) failed(slots, slot, holder(1));
    else {
      arrived(slots, slot, op(steps));
      if (steps % 5 === 0) writeFailed(slots, slot, op(steps));
      else written(slots, slot, op(steps));
    }
  }
  expect(steps).toBeLessThan(1234 * 3);
  expect(maskOf(slots)).toBe(0xffff);
  expect(countOf(slots, "stored")).toBe(1234);
});
