import fc from "fast-check";
import { expect, test } from "vitest";
import type { ConnId, MonoMs } from "../../kernel/ids.ts";
import { BLOCK_BYTES } from "../../kernel/index/packed.ts";
import {
  begin,
  type Credit,
  CREDIT_ANSWERS_MAX,
  CREDIT_BYTES_MAX,
  createCredit,
  ended,
  given,
  INDEX_CREDIT_BYTES_MAX,
  next,
  sent,
  stuck,
  TOLD_BYTES_MIN,
  UNSENT_MS_MAX,
} from "../../kernel/rpc/credit.ts";
import { cacheIndex } from "../../kernel/index-cache.ts";
import { createRig, found, hashOfNumber, imageOf, indexOf, pathOf, stateOf, WALL } from "./rig.ts";

const conn = (number: number): ConnId => number as ConnId;
const HERE = found(pathOf("x"), stateOf(imageOf(1), WALL));
const at = (ms: number): MonoMs => ms as MonoMs;

test("a connection has a window: what is asked beyond it waits until something has gone out", () => {
  const credit: Credit<number> = createCredit();
  const begun = Array.from({ length: CREDIT_ANSWERS_MAX + 2 }, (_, nth) =>
    begin(credit, conn(1), false, nth),
  );
  expect(begun.filter(Boolean)).toHaveLength(CREDIT_ANSWERS_MAX);
  expect(next(credit)).toBe(null);
  expect(begin(credit, conn(2), false, 99)).toBe(true); // another one's window is its own
  given(credit, conn(1), BLOCK_BYTES, at(0));
  expect(next(credit)).toBe(null); // read, and not out
  sent(credit, conn(1), at(1));
  expect(next(credit)).toBe(CREDIT_ANSWERS_MAX);
  given(credit, conn(1), 0, at(2)); // a short answer is not followed
  expect(next(credit)).toBe(CREDIT_ANSWERS_MAX + 1);
});

test("strangers share a pool, and leave that of peers alone", () => {
  const credit: Credit<string> = createCredit();
  let id = 1;
  for (; credit.strangers < CREDIT_BYTES_MAX; id++)
    for (let nth = 0; nth < CREDIT_ANSWERS_MAX && credit.strangers < CREDIT_BYTES_MAX; nth++)
      begin(credit, conn(id), false, "");
  expect(begin(credit, conn(id), false, "stranger")).toBe(false);
  expect(begin(credit, conn(id + 1), true, "peer")).toBe(true);
  ended(credit, conn(1));
  expect(next(credit)).toBe("stranger");
});

test("of what waits, each connection has its turn", () => {
  const credit: Credit<string> = createCredit();
  for (const each of [1, 2])
    for (let nth = 0; nth < CREDIT_ANSWERS_MAX + 2; nth++) begin(credit, conn(each), false, `${each}`);
  for (const each of [1, 1, 2, 2]) given(credit, conn(each), 0, at(0));
  expect([next(credit), next(credit), next(credit), next(credit), next(credit)]).toEqual([
    "1",
    "2",
    "1",
    "2",
    null,
  ]);
});

test("a connection of which nothing goes out is told, and one that goes on is not", () => {
  const credit: Credit<number> = createCredit();
  for (const each of [1, 2]) {
    begin(credit, conn(each), false, 0);
    begin(credit, conn(each), false, 0);
    given(credit, conn(each), BLOCK_BYTES, at(0));
    given(credit, conn(each), BLOCK_BYTES, at(0));
  }
  const block = BLOCK_BYTES / 32; // at 256 kbit/s
  sent(credit, conn(2), at(UNSENT_MS_MAX));
  expect(stuck(credit, at(UNSENT_MS_MAX + block - 1))).toEqual([]);
  expect(stuck(credit, at(UNSENT_MS_MAX + block))).toEqual([1]);
});

test("a long index may take as long as a slow line needs for it", () => {
  const credit: Credit<number> = createCredit();
  begin(credit, conn(1), false, 0);
  given(credit, conn(1), 32_000_000, at(0));
  expect(stuck(credit, at(1_000_000))).toEqual([]);
  expect(stuck(credit, at(1_000_000 + UNSENT_MS_MAX))).toEqual([1]);
});

test("whatever happens, the pools count what is read or unsent, and nothing waits where there is room", () => {
  const step = fc.record({
    what: fc.constantFrom("ask", "give", "short", "sent", "end"),
    conn: fc.integer({ min: 1, max: 4 }),
    bytes: fc.integer({ min: TOLD_BYTES_MIN, max: 20 * 1024 * 1024 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const credit: Credit<ConnId> = createCredit();
      for (const { what, conn: number, bytes } of steps) {
        const id = conn(number);
        const account = credit.accounts.get(id);
        if (what === "ask") begin(credit, id, number === 1, id);
        else if (what === "end") ended(credit, id);
        else if (what === "sent") sent(credit, id, at(0));
        else if ((account?.reading ?? 0) > 0) given(credit, id, what === "give" ? bytes : 0, at(0));
        while (next(credit) !== null);
        const used = { true: 0, false: 0 };
        for (const each of credit.accounts.values()) {
          used[`${each.isPeer}`] +=
            each.reading * BLOCK_BYTES + each.unsent.reduce((sum, frame) => sum + frame, 0);
          expect(each.reading + each.unsent.length).toBeLessThanOrEqual(CREDIT_ANSWERS_MAX);
          const isFull = (each.isPeer ? credit.peers : credit.strangers) >= CREDIT_BYTES_MAX;
          if (each.parked.length > 0)
            expect(isFull || each.reading + each.unsent.length === CREDIT_ANSWERS_MAX).toBe(true);
        }
        expect([credit.peers, credit.strangers]).toEqual([used.true, used.false]);
      }
    }),
  );
});

test("a server reads no more for a connection than it has credit for, and goes on when frames have gone out", () => {
  const rig = createRig();
  rig.start([HERE]);
  rig.open(9);
  const hint = { path: pathOf("x"), file: "/file", offset: 0 };
  cacheIndex(rig.node.indexes, indexOf(imageOf(1), 1));
  for (let nth = 0; nth < CREDIT_ANSWERS_MAX + 3; nth++)
    rig.request(9, nth + 1, { type: "GetBlock", hash: hashOfNumber(0), hint });
  const asked = () =>
    rig.all.filter((each) => each.kind === "disk" && each.request.kind === "read_block").length;
  expect(asked()).toBe(CREDIT_ANSWERS_MAX);
  rig.done("read_block", { kind: "bytes", bytes: new Uint8Array(BLOCK_BYTES) });
  expect(asked()).toBe(CREDIT_ANSWERS_MAX);
  rig.feed({ kind: "sent", conn: conn(9) });
  expect(asked()).toBe(CREDIT_ANSWERS_MAX + 1);
  rig.disk("read_block", { ok: false, code: "io", detail: "" }); // a short answer frees its place at once
  expect(asked()).toBe(CREDIT_ANSWERS_MAX + 2);
  rig.feed({ kind: "conn_closed", conn: conn(9), why: "closed" });
  while (rig.pending.some(({ request }) => request.kind === "read_block"))
    rig.disk("read_block", { ok: false, code: "io", detail: "" });
  expect(asked()).toBe(CREDIT_ANSWERS_MAX + 2); // what waited for it is not read any more
});

test("of indexes, which may be long, few are read at once", () => {
  const rig = createRig();
  rig.start([]);
  rig.open(9);
  for (let nth = 0; nth < CREDIT_ANSWERS_MAX; nth++)
    rig.request(9, nth + 1, { type: "GetIndex", image: imageOf(nth), hint: null });
  const reads = () => rig.pending.filter(({ request }) => request.kind === "read_index").length;
  expect(reads()).toBe(CREDIT_BYTES_MAX / INDEX_CREDIT_BYTES_MAX);
  rig.done("read_index", { kind: "bytes", bytes: new Uint8Array(INDEX_CREDIT_BYTES_MAX + 1) });
  expect(reads()).toBe(CREDIT_BYTES_MAX / INDEX_CREDIT_BYTES_MAX - 1);
  rig.feed({ kind: "sent", conn: conn(9) });
  expect(reads()).toBe(CREDIT_BYTES_MAX / INDEX_CREDIT_BYTES_MAX);
});

test("a connection that takes nothing for too long is ended", () => {
  const rig = createRig();
  rig.start([]);
  rig.open(9);
  rig.request(9, 1, { type: "GetIndex", image: imageOf(1), hint: null });
  rig.done("read_index", { kind: "bytes", bytes: new Uint8Array(TOLD_BYTES_MIN) });
  const closes = () => rig.all.filter(({ kind }) => kind === "close").length;
  rig.wait(UNSENT_MS_MAX - 2_000);
  expect(closes()).toBe(0);
  rig.wait(3_000);
  expect(closes()).toBe(1);
});
