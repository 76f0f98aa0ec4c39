/** Where two runs of one script part: the first event that is not the same in both, and the field of it. */
import type { Crypto } from "./crypto.ts";
import { runScript } from "./run.ts";
import { printTime } from "./print-time.ts";
import type { Script } from "./script.ts";
import type { Cast } from "./spec.ts";
import { type Known, stateCopy } from "./state-digest.ts";
import { type Moment, printMoment } from "./trace.ts";

/** Any number above 0; the runs of a check differ by it alone. */
export const SHUFFLE = 1;

type Step = { readonly moment: Moment; readonly hash: number; readonly state: number };
type Parting = { readonly at: number; readonly moment: Moment; readonly knows: unknown };

/**
 * Runs it twice, the second time with its servers made and listed in another order, which must change nothing, and
 * compares each event, what it brought about, and what the machine then knows.
 *
 * @returns the place in words, or null when the runs were the same
 */
export function firstDifference(script: Script, cast: Cast, crypto: Crypto): string | null {
  const first = stepsOf(script, cast, crypto);
  const { parting, steps } = partingFrom(first, script, cast, crypto);
  if (parting === null) {
    const last = first[steps];
    return last === undefined ? null : `one run ends after ${steps} events:\n${printed(last.moment)}`;
  }
  const { at, moment } = parting;
  const before = first[at]?.moment;
  if (before === undefined) return `one run ends after ${at} events:\n${printed(moment)}`;
  const seen = differenceOf(before, moment);
  const field = seen === null ? fieldOfState(parting, script, cast, crypto) : seen.path.join(".");
  const where = `event ${moment.step} at ${printTime(moment.time)}`;
  return `the runs part at ${where}, in ${field}:\n${printed(before)}\nand\n${printed(moment)}`;
}

function stepsOf(script: Script, cast: Cast, crypto: Crypto): readonly Step[] {
  const steps: Step[] = [];
  let state = 0;
  runScript(script, cast, {
    crypto,
    reader: {
      state: (digest) => void (state = digest),
      moment: (moment, hash) => void steps.push({ moment, hash, state }),
    },
  });
  return steps;
}

/** The second run, up to the first event that the first run did not have in the same way. */
function partingFrom(first: readonly Step[], script: Script, cast: Cast, crypto: Crypto) {
  let parting: Parting | null = null;
  let steps = 0;
  let state = 0;
  let known: Known | null = null;
  runScript(script, cast, {
    crypto,
    shuffle: SHUFFLE,
    reader: {
      state(digest, now) {
        [state, known] = [digest, now];
      },
      moment(moment, hash) {
        const at = steps++;
        const other = first[at];
        if (parting !== null || (other !== undefined && other.hash === hash && other.state === state)) return;
        parting = { at, moment, knows: known === null ? null : stateCopy(known) };
      },
    },
  });
  return { parting: parting as Parting | null, steps };
}

/** The first run once more, to look at what was known when the runs parted. */
function fieldOfState({ at, knows }: Parting, script: Script, cast: Cast, crypto: Crypto): string {
  let steps = 0;
  let field = "something before it that no event shows";
  let known: Known | null = null;
  runScript(script, cast, {
    crypto,
    reader: {
      state: (_, now) => void (known = now),
      moment() {
        if (steps++ !== at || known === null) return;
        const found = differenceOf(stateCopy(known), knows);
        if (found === null) return;
        field = `${["state", ...found.path].join(".")} (${shown(found.left)} and ${shown(found.right)})`;
      },
    },
  });
  return field;
}

function shown(value: unknown): string {
  return JSON.stringify(value) ?? "nothing";
}

function printed(moment: Moment): string {
  return printMoment(moment).replace(/^/gm, "  ");
}

export type Difference = {
  readonly path: readonly string[];
  /** What stands there. */
  readonly left: unknown;
  readonly right: unknown;
};

/** The first place at which two values are not the same; null when they are. */
export function differenceOf(left: unknown, right: unknown): Difference | null {
  if (Object.is(left, right)) return null;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) {
    return { path: [], left, right };
  }
  const [mine, theirs] = [entriesOf(left), entriesOf(right)];
  for (let at = 0; at < Math.max(mine.length, theirs.length); at++) {
    const [a, b] = [mine[at], theirs[at]];
    const name = a?.[0] ?? b?.[0] ?? "";
    if (a === undefined || b === undefined || a[0] !== b[0]) {
      return {
        path: [name],
        left: a?.[0] === name ? a[1] : undefined,
        right: b?.[0] === name ? b[1] : undefined,
      };
    }
    if (IGNORED.includes(name)) continue;
    const inner = differenceOf(a[1], b[1]);
    if (inner !== null) return { ...inner, path: [name, ...inner.path] };
  }
  return null;
}

const IGNORED = ["cause", "id"]; // numbers of this run, not of what happened

function entriesOf(value: object): readonly (readonly [name: string, value: unknown])[] {
  if (value instanceof Map) return Array.from(value.entries(), ([key, each]) => [String(key), each]);
  if (value instanceof Set) return Array.from(value, (each, at) => [String(at), each]);
  return Object.entries(value);
}
