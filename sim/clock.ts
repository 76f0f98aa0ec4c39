/**
 * The clocks of one host. Both run from one quartz, which may be fast or slow; the wall clock can also be set, and the
 * monotonic one begins anew with each process.
 */
import type { MonoMs, Now, UnixMs } from "../kernel/ids.ts";
import { MILLISECOND, type Timeline } from "./timeline.ts";

/** What the wall clocks of an undisturbed world show when it begins. */
export const WALL_ZERO_MS = 1_700_000_000_000;
const TIMER_MS_MIN = 1; // a timer of Node never rings sooner

export type HostClock = {
  now(): Now;
  /** A process begins: its monotonic clock is at zero, and its alarm is off. */
  boot(): void;
  /** Sets the wall clock forward or back. */
  stepWall(ms: number): void;
  /** Parts per million by which both clocks are fast, from here on; above -1,000,000. */
  setDrift(ppm: number): void;
  /** How far the wall clock is ahead of the true time. */
  errorMs(): number;
  setAlarm(at: MonoMs, ring: () => void): void;
};

export function createClock(timeline: Timeline): HostClock {
  let since = 0;
  let base = 0; // local microseconds at `since`
  let drift = 0;
  let bootAt = 0;
  let wallOffset = 0;
  let alarm: { at: number; ring: () => void } | null = null;
  let armedFor: number | null = null;

  function local(time: number): number {
    const elapsed = time - since;
    return base + elapsed + Math.floor((elapsed * drift) / 1_000_000);
  }

  function monoAt(time: number): number {
    return Math.floor((local(time) - bootAt) / MILLISECOND);
  }

  /** The first moment at which the monotonic clock shows `mono`. */
  function dueAt(mono: number): number {
    const ahead = mono * MILLISECOND + bootAt - base;
    let time = since + Math.ceil((ahead * 1_000_000) / (1_000_000 + drift));
    while (monoAt(time) < mono) time += 1;
    return time;
  }

  function arm(): void {
    if (alarm === null || !Number.isFinite(alarm.at)) return;
    const soonest = timeline.now() + TIMER_MS_MIN * MILLISECOND;
    const due = Math.max(dueAt(alarm.at), soonest);
    // An entry that is too early finds that out; one that is too late would not.
    if (armedFor !== null && armedFor <= due) return;
    armedFor = due;
    timeline.at(due, () => {
      if (armedFor !== due) return;
      armedFor = null;
      if (alarm === null) return;
      if (monoAt(due) < alarm.at) return arm();
      const { ring } = alarm;
      alarm = null;
      ring();
    });
  }

  return {
    now() {
      const time = timeline.now();
      const wall = WALL_ZERO_MS + wallOffset + Math.floor(local(time) / MILLISECOND);
      return { mono: monoAt(time) as MonoMs, wall: wall as UnixMs };
    },
    boot() {
      bootAt = local(timeline.now());
      alarm = null;
      armedFor = null;
    },
    stepWall(ms) {
      wallOffset += ms;
    },
    setDrift(ppm) {
      const time = timeline.now();
      base = local(time);
      since = time;
      drift = ppm;
      armedFor = null;
      arm();
    },
    errorMs: () => wallOffset + Math.floor((local(timeline.now()) - timeline.now()) / MILLISECOND),
    setAlarm(at, ring) {
      const isSame = alarm !== null && alarm.at === at && armedFor !== null;
      alarm = { at, ring };
      if (!isSame) arm();
    },
  };
}
