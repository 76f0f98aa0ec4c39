/** The two clocks of the system, and one alarm. */
import type { MonoMs, Now, UnixMs } from "../kernel/ids.ts";
import type { Clock } from "./port.ts";

const TIMER_MS_MAX = 2 ** 31 - 1; // above it Node's timers ring at once; a far alarm rings early and is set again

export type SystemClock = Clock & { close(): void };

/** @param wall  milliseconds since 1970 */
export function createClock(wall: () => number = Date.now): SystemClock {
  let timer: NodeJS.Timeout | null = null;
  let timerAt = -1;
  let ringing: (() => void) | null = null;

  function cancel(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
  }

  return {
    now: () => now(wall),
    setAlarm(at, ring) {
      ringing = ring;
      if (timer !== null && timerAt === at) return; // most events leave the alarm where it is
      cancel();
      timerAt = at;
      const wait = Math.min(Math.max(at - performance.now(), 0), TIMER_MS_MAX);
      timer = setTimeout(() => {
        timer = null;
        ringing?.();
      }, Math.ceil(wait));
    },
    close: cancel,
  };
}

export function now(wall: () => number = Date.now): Now {
  return { mono: Math.floor(performance.now()) as MonoMs, wall: wall() as UnixMs };
}
