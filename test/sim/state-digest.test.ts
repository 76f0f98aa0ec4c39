/** What a machine knows, as a number: every value of it counts, and the order of what is in an order. */
import { expect, test } from "vitest";
import { keyed } from "../../kernel/prng.ts";
import { disorder, type Known, stateCopy, stateDigest } from "../../sim/state-digest.ts";

function known(state: object, bags: Known["bags"] = new Set(["bag"])): Known {
  return { inspect: () => state, bags };
}
const digest = (state: object, bags?: Known["bags"]): number => stateDigest(known(state, bags));
const entries = [1, 2, 3, 4, 5, 6].map((each) => [`k${each}`, { bytes: new Uint8Array([each]) }] as const);

test("a bag is the same in every order, a queue is not", () => {
  const [there, back] = [new Map(entries), new Map(entries.toReversed())];
  expect(digest({ bag: there })).toBe(digest({ bag: back }));
  expect(digest({ queue: there })).not.toBe(digest({ queue: back }));
  expect(digest({ bag: there }, new Set())).not.toBe(digest({ bag: back }, new Set()));
  expect(digest({ bag: new Set([1, 2]) })).toBe(digest({ bag: new Set([2, 1]) }));
  expect(digest({ list: [1, 2] })).not.toBe(digest({ list: [2, 1] }));
});

test.each<[string, object, object]>([
  ["a number", { a: 1 }, { a: 2 }],
  ["a large number", { a: 2 ** 40 }, { a: 2 ** 41 }],
  ["a fraction", { a: 0.25 }, { a: 0.5 }],
  ["a text", { a: "x" }, { a: "y" }],
  ["nothing", { a: null }, { a: undefined }],
  ["a boolean", { a: true }, { a: false }],
  ["a bigint", { a: 1n }, { a: 2n }],
  ["a byte", { a: new Uint8Array(9) }, { a: new Uint8Array(9).fill(1, 8) }],
  ["a word", { a: new Int32Array([1]) }, { a: new Int32Array([2]) }],
  ["a name", { a: 1 }, { b: 1 }],
  ["what stands under a key", { a: new Map([["k", 1]]) }, { a: new Map([["k", 2]]) }],
  ["which key it stands under", { a: new Map([["k", 1]]) }, { a: new Map([["l", 1]]) }],
])("%s counts", (_, one, other) => {
  expect(digest(one)).not.toBe(digest(other));
  expect(stateCopy(known(one))).not.toEqual(stateCopy(known(other)));
});

test("another order changes no digest, and no queue", () => {
  const state = { bag: new Map(entries), deep: [{ bag: new Set([1, 2, 3, 4, 5]) }], queue: new Map(entries) };
  const before = digest(state);
  disorder(known(state), keyed("order"));
  expect([...state.bag.keys()]).not.toEqual(entries.map(([key]) => key));
  expect([...state.queue.keys()]).toEqual(entries.map(([key]) => key));
  expect(state.deep[0]?.bag.size).toBe(5);
  expect(digest(state)).toBe(before);
});
