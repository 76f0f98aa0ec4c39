import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { histogramOf } from "../../sim/histogram.ts";
import { createLane, type Lane, receive, transmit } from "../../sim/lane.ts";
import { leastSeconds } from "../../sim/lower-bound.ts";
import { kernelCast } from "../../sim/cast.ts";
import { createCrypto } from "../../sim/crypto.ts";
import { runSpread } from "../../sim/spread.ts";
import { runSwarm } from "../../sim/swarm.ts";

/** A million bits a second: a byte takes eight microseconds. */
const lane = (megabits = 1): Lane => ({ ...createLane(), bitsPerSecond: megabits * 1e6 });
const DELAY = 1_000;

describe("a host's line", () => {
  test("two links share one line up: each has half of it", () => {
    const up = lane();
    const [one, two] = [lane(), lane()];
    const ends = [1, 2, 3, 4].map((nth) => {
      const left = transmit(up, 0, 100);
      return receive(nth % 2 === 1 ? one : two, up, left + DELAY, 100);
    });
    expect(ends).toEqual([800, 1_600, 2_400, 3_200].map((time) => time + DELAY)); // alone, one would end at 1600
    expect([up.bytes, one.bytes, two.bytes]).toEqual([400, 200, 200]);
  });

  test("two senders share one line down, and the second waits", () => {
    const down = lane();
    const ends = [lane(), lane()].map((up) => receive(down, up, transmit(up, 0, 100) + DELAY, 100));
    expect(ends).toEqual([800 + DELAY, 1_600 + DELAY]);
  });

  test("the slower line of two decides, and the faster one is waited for once", () => {
    const [fast, slow] = [lane(10), lane(1)];
    expect(receive(slow, fast, transmit(fast, 0, 100) + DELAY, 100)).toBe(800 + DELAY);
    const [up, down] = [lane(1), lane(10)];
    expect(receive(down, up, transmit(up, 0, 100) + DELAY, 100)).toBe(800 + DELAY);
  });

  test("nothing arrives sooner than it was sent, or faster than its line carries it", () => {
    const sends = fc.array(fc.record({ gap: fc.nat(2_000), bytes: fc.integer({ min: 1, max: 999 }) }));
    fc.assert(
      fc.property(sends, fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 }), (all, a, b) => {
        const [up, down] = [lane(a), lane(b)];
        let [now, last, total] = [0, 0, 0];
        for (const { gap, bytes } of all) {
          now += gap;
          total += bytes;
          const left = transmit(up, now, bytes);
          const there = receive(down, up, left, bytes);
          expect(there).toBeGreaterThanOrEqual(left);
          expect(there).toBeGreaterThanOrEqual(last);
          last = there;
        }
        expect(last).toBeGreaterThanOrEqual(Math.floor((total * 8) / Math.min(a, b)));
      }),
    );
  });
});

describe("the least time", () => {
  const equal = (servers: number, blocks: number, client: number) =>
    leastSeconds({
      blocks,
      client,
      servers: Array.from({ length: servers }, () => ({ up: 100, down: 100 })),
    });

  test("of equal lines is that of the image and one block for each doubling", () => {
    for (const [servers, blocks] of [
      [1, 50],
      [2, 50],
      [8, 306],
      [150, 3052],
      [1000, 3052],
    ] as const) {
      expect(equal(servers, blocks, 100)).toBeCloseTo((blocks + Math.floor(Math.log2(servers))) / 100, 1);
      expect(equal(servers, blocks, 100)).toBeGreaterThanOrEqual(blocks / 100);
    }
  });

  test("is bound by a slow client, a slow receiver, or by all lines together", () => {
    expect(equal(8, 100, 10)).toBeCloseTo(10.03, 5);
    const uneven = [
      { up: 100, down: 20 },
      { up: 100, down: 100 },
    ];
    expect(leastSeconds({ blocks: 100, client: 100, servers: uneven })).toBeCloseTo(5.01, 5);
    const silent = Array.from({ length: 10 }, () => ({ up: 0, down: 1_000 }));
    expect(leastSeconds({ blocks: 100, client: 100, servers: silent })).toBeCloseTo(10, 5); // the client sends it all
    const free = [{ up: Infinity, down: Infinity }];
    expect(leastSeconds({ blocks: 5, client: Infinity, servers: free })).toBe(0);
  });

  test("is never above what one after the other takes", () => {
    const up = fc.integer({ min: 1, max: 50 });
    const servers = fc.array(fc.record({ up, down: up }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), up, servers, (blocks, client, some) => {
        const least = leastSeconds({ blocks, client, servers: some });
        const inTurn = some.reduce((sum, { down }) => sum + blocks / Math.min(client, down), 0);
        expect(least).toBeLessThanOrEqual(inTurn + some.length / client + 1e-9);
        expect(least).toBeGreaterThanOrEqual(blocks / client);
      }),
    );
  });
});

test("quantiles are values that were measured, and every value is between two bounds", () => {
  const ten = histogramOf([10, 1, 9, 2, 8, 3, 7, 4, 6, 5]);
  expect([0, 0.5, 0.9, 0.99, 1].map((share) => ten.quantile(share))).toEqual([1, 5, 9, 10, 10]);
  expect(ten.max).toBe(10);
  expect(ten.between([1, 4.5, 9])).toEqual([1, 3, 5, 1]);
  expect(histogramOf([]).quantile(0.5)).toBeNull();
  expect(histogramOf([]).between([1])).toEqual([0, 0]);
});

test("what is measured of a small cluster is within its bounds", () => {
  const crypto = createCrypto();
  const swarm = runSwarm({ seed: 1, servers: 3, bytes: 300_000, bitsPerSecond: 1e8 }, kernelCast, crypto);
  expect(swarm.blocks).toBe(10);
  expect(swarm.seconds).toBeGreaterThan(swarm.leastSeconds);
  expect(swarm.traffic.total).toBeGreaterThan(3 * 300_000);
  expect(swarm.traffic.clients).toBeGreaterThan(300_000);
  const spread = runSpread({ seed: 1, servers: 3, lossPercent: 5, images: 2 }, kernelCast, crypto);
  expect(spread.missing).toBe(0);
  expect([spread.knows.length, spread.has.length, spread.allHave.length]).toEqual([6, 6, 2]);
  expect(Math.min(...spread.knows)).toBe(0);
  expect(Math.max(...spread.has)).toBe(Math.max(...spread.allHave));
});
