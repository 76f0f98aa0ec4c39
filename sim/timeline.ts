/** Virtual time: whole microseconds since the world began, moved only by what is due. */
import { assert } from "../kernel/assert.ts";
import type { Brand } from "../kernel/brand.ts";
import { createHeap } from "./heap.ts";
import { withoutChance } from "./jail.ts";

export type Micros = Brand<number, "Micros">;

export const MILLISECOND = 1_000;
export const SECOND = 1_000_000;

export type Timeline = {
  now(): Micros;
  at(time: number, run: () => void): void;
  /** `delay` in whole microseconds. */
  after(delay: number, run: () => void): void;
  /** Runs everything due up to and including `until`, and ends there. */
  runUntil(until: number): void;
  /** Runs the next entry, if it is due by `until`. */
  step(until: number): boolean;
  /**
   * Lets what is running go on at `time` as if it had been due then: true when nothing else is due before or at that
   * time. Saves an entry for each of a long row of small steps, and changes no order.
   */
  proceed(time: number): boolean;
  /** Entries run so far. */
  count(): number;
  /** The number of what is behind everything that is planned just now; an entry inherits that of who planned it. */
  cause(): number;
  setCause(cause: number): void;
};

export function createTimeline(): Timeline {
  const heap = createHeap();
  let now = 0;
  let limit = 0;
  let count = 0;
  let cause = 0;

  function step(until: number): boolean {
    if (heap.nextTime() > until) return false;
    if (!heap.pop()) return false;
    limit = until;
    now = heap.time();
    count += 1;
    cause = heap.cause();
    heap.run();
    cause = 0;
    return true;
  }

  function at(time: number, run: () => void): void {
    assert(Number.isInteger(time), "virtual time is whole microseconds");
    assert(time >= now, "nothing is planned in the past");
    heap.push(time, run, cause);
  }

  return {
    now: () => now as Micros,
    at,
    after: (delay, run) => at(now + delay, run),
    step: (until) => withoutChance(() => step(until)),
    runUntil(until) {
      withoutChance(() => {
        while (step(until));
      });
      if (now < until) now = until;
    },
    proceed(time) {
      if (time > limit || time >= heap.nextTime()) return false;
      now = time;
      return true;
    },
    count: () => count,
    cause: () => cause,
    setCause(next) {
      cause = next;
    },
  };
}
