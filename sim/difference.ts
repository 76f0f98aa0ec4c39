/** Where two runs of one script part: the first event that is not the same in both, and the field of it. */
import type { Crypto } from "./crypto.ts";
import { runScript } from "./run.ts";
import { printTime, type Script } from "./script.ts";
import type { Cast } from "./spec.ts";
import { type Moment, printMoment } from "./trace.ts";

type Step = { readonly moment: Moment; readonly hash: number };

/**
 * Runs it twice, the second time with its servers made and listed in another order, which must change nothing.
 *
 * @returns the place in words, or null when the runs were the same
 */
export function firstDifference(script: Script, cast: Cast, crypto: Crypto): string | null {
  const first = stepsOf(script, cast, crypto, 0);
  const second = stepsOf(script, cast, crypto, 1);
  for (let at = 0; at < Math.max(first.length, second.length); at++) {
    const [a, b] = [first[at], second[at]];
    if (a === undefined || b === undefined) return `one run ends after ${at} events:\n${printed(a ?? b)}`;
    if (a.hash === b.hash) continue;
    const field = pathOfDifference(a.moment, b.moment) ?? "something before it that no event shows";
    const where = `event ${a.moment.step} at ${printTime(a.moment.time)}`;
    return `the runs part at ${where}, in ${field}:\n${printed(a)}\nand\n${printed(b)}`;
  }
  return null;
}

function stepsOf(script: Script, cast: Cast, crypto: Crypto, shuffle: number): readonly Step[] {
  const steps: Step[] = [];
  const reader = { moment: (moment: Moment, hash: number) => void steps.push({ moment, hash }) };
  runScript(script, cast, { crypto, reader, ...(shuffle === 0 ? {} : { shuffle }) });
  return steps;
}

function printed(step: Step | undefined): string {
  return step === undefined ? "" : printMoment(step.moment).replace(/^/gm, "  ");
}

/** As `effects.2.bytes.17`; null when both are equal. */
export function pathOfDifference(a: unknown, b: unknown): string | null {
  if (Object.is(a, b)) return null;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return "";
  const [left, right] = [entriesOf(a), entriesOf(b)];
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const [mine, theirs] = [left[at], right[at]];
    if (mine === undefined || theirs === undefined || mine[0] !== theirs[0]) {
      return mine?.[0] ?? theirs?.[0] ?? "";
    }
    if (IGNORED.includes(mine[0])) continue;
    const inner = pathOfDifference(mine[1], theirs[1]);
    if (inner !== null) return inner === "" ? mine[0] : `${mine[0]}.${inner}`;
  }
  return null;
}

const IGNORED = ["cause", "id"]; // numbers of this run, not of what happened

function entriesOf(value: object): readonly (readonly [name: string, value: unknown])[] {
  if (value instanceof Map) return Array.from(value.entries(), ([key, each]) => [String(key), each]);
  if (value instanceof Set) return Array.from(value, (each, at) => [String(at), each]);
  return Object.entries(value);
}
