/**
 * Whether the wall clock can be trusted, so that the ages of images count.
 *
 *   steady --set by more than a minute--> held for ten minutes --> steady
 *   a start, behind the last run          held until it has caught up
 *   a start, a month or more after it     held for ten minutes: a clock that is wrong looks like that
 *
 * What the clock shows while it is steady is written down now and then: by that a start knows the last run.
 *
 * Source: reliability notes, 1.4 (T33) and 2.2; architecture decisions, 6.
 */
import type { MonoMs, Now, UnixMs } from "../ids.ts";

export type ClockState = {
  /** The clocks at the last look: both have to go on at one speed. */
  last: Now;
  heldUntil: MonoMs;
  /** When the last run ended, while the clock has not come there. */
  behind: UnixMs | null;
  saveAt: MonoMs;
};

/** A step of the wall clock by more than this makes every age doubtful. */
const STEP_MS_MAX = 60_000;
/** So long after such a step nothing is removed: somebody may set the clock right. */
const HOLD_MS = 600_000;
/** A server that was off for longer may as well have come up with a wrong clock. */
const AWAY_MS_MAX = 30 * 86_400_000;
const SAVE_MS = 60_000;

export function createClock(now: Now): ClockState {
  return { last: now, heldUntil: now.mono, behind: null, saveAt: now.mono };
}

/**
 * What the last run has written down is known.
 *
 * @returns what an operator has to know; null when nothing is strange
 */
export function lastRunKnown(state: ClockState, ranUntil: UnixMs | null, now: Now): string | null {
  state.last = now;
  if (ranUntil === null) return null;
  if (now.wall < ranUntil - STEP_MS_MAX) {
    state.behind = ranUntil;
    return behindWords(ranUntil, now);
  }
  if (now.wall <= ranUntil + AWAY_MS_MAX) return null;
  state.heldUntil = (now.mono + HOLD_MS) as MonoMs;
  const days = Math.floor((now.wall - ranUntil) / 86_400_000);
  return `this server last ran ${days} days ago: nothing is removed for ${HOLD_MS / 60_000} minutes; see that its clock is right`;
}

export type Judged =
  | { readonly kind: "steady" }
  /** What the operator was told before still holds. */
  | { readonly kind: "held"; readonly what: string | null }
  /** Just now: what was judged by it does not count. */
  | { readonly kind: "set"; readonly what: string };

/** At each look. */
export function judgeClock(state: ClockState, now: Now): Judged {
  const step = stepOf(state, now);
  state.last = now;
  if (state.behind !== null && now.wall >= state.behind) state.behind = null;
  if (Math.abs(step) > STEP_MS_MAX) {
    state.heldUntil = (now.mono + HOLD_MS) as MonoMs;
    const seconds = Math.round(step / 1000);
    const what = `the clock was set by ${seconds} s: nothing is removed for ${HOLD_MS / 60_000} minutes; see that it is right`;
    return { kind: "set", what };
  }
  if (now.mono < state.heldUntil) return { kind: "held", what: null };
  return state.behind === null ? { kind: "steady" } : { kind: "held", what: behindWords(state.behind, now) };
}

/** True, and counted as written, when what the clock shows is to be written down: never what nobody may trust. */
export function isTimeToSave(state: ClockState, now: Now): boolean {
  if (now.mono < state.saveAt || !isTrusted(state, now)) return false;
  state.saveAt = (now.mono + SAVE_MS) as MonoMs;
  return true;
}

/** A clock that shows a time before 1970 is wrong, and no file has room for that. */
export function isTrusted(state: ClockState, now: Now): boolean {
  return (
    now.wall >= 0 &&
    state.behind === null &&
    now.mono >= state.heldUntil &&
    Math.abs(stepOf(state, now)) <= STEP_MS_MAX
  );
}

function stepOf({ last }: ClockState, now: Now): number {
  return now.wall - last.wall - (now.mono - last.mono);
}

function behindWords(ranUntil: UnixMs, now: Now): string {
  const seconds = Math.ceil((ranUntil - now.wall) / 1000);
  return `the clock is ${seconds} s behind the last run of this server: nothing is removed until it has caught up; set it right, or, if it is right, stop the server, delete the file "time" in its database, and start it`;
}
