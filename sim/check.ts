/** One script judged: run, run again where that is asked, and made smaller when it goes wrong. Plain data comes out. */
import { createCrypto, type Crypto } from "./crypto.ts";
import { firstDifference, SHUFFLE } from "./difference.ts";
import { type Failure, type Outcome, runScript } from "./run.ts";
import type { Cast } from "./spec.ts";
import type { Counts } from "./tally.ts";
import { printScript, type Script } from "./script.ts";
import { shrinkScript } from "./shrink.ts";
import type { Traffic } from "./traffic.ts";
import { printMoment, type TraceReader } from "./trace.ts";
import type { Recording } from "./view/recording.ts";

export type Finding = {
  readonly digest: string;
  readonly steps: number;
  /** Virtual microseconds. */
  readonly time: number;
  /** Paths whose winner nobody could have any more. */
  readonly excused: number;
  /** How often for which reason. */
  readonly excuses: Counts;
  /** Virtual microseconds from the healing until all was well; null when it never was. */
  readonly convergedAfter: number | null;
  /** How often each trace mark and each sight was seen: what the run was about. */
  readonly marks: Readonly<Record<string, number>>;
  /** How often each kind of fault hit, and each in each phase of a server. */
  readonly faults: Counts;
  readonly cells: Counts;
  /** What was sent, and how near its uploads came to the least time, where a line has a bound. */
  readonly traffic: Traffic;
  readonly efficiencies: readonly number[];
  /** Enough was said before the first fault hit. */
  readonly isValid: boolean;
  /** Lines that met nothing they could change. */
  readonly idle: readonly string[];
  /** Virtual microseconds of all servers together. */
  readonly serverTime: number;
  readonly script: string;
  /** Where they were asked for. */
  readonly sent?: Sent;
  /** The digest of what happened before a moment. */
  readonly past?: string;
  readonly trace?: readonly string[];
  readonly story?: readonly string[];
  readonly recording?: Recording;
  readonly trouble: Trouble | null;
};

/** What machines sent, whatever arrived of it: datagrams, and bytes of datagrams and frames. */
export type Sent = { readonly datagrams: number; readonly bytes: number };

export type Trouble =
  | {
      readonly kind: "violation";
      readonly failure: Failure;
      /** What happened last, a few lines an event. */
      readonly events: readonly string[];
      /** A script with fewer lines and the same violation; null when there is none. */
      readonly shrunk: string | null;
    }
  /** `where`: the event at which the two runs part, when they do so again. */
  | { readonly kind: "nondeterminism"; readonly again: string; readonly where: string | null };

export type CheckOptions = {
  readonly crypto: Crypto;
  /** Runs it twice and compares what was done, and what the machines knew after each event. */
  readonly twice: boolean;
  /** Runs that may be spent on a smaller script. */
  readonly shrinkRunsMax: number;
  readonly sent?: boolean;
  /** Virtual microseconds: the digest of what happens before is wanted. */
  readonly past?: number;
};

function countOf(words: readonly string[]): Counts {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

const EVENTS_SHOWN = 12;

export function check(script: Script, cast: Cast, options: CheckOptions): Finding {
  const { crypto, twice, shrinkRunsMax } = options;
  const marks: Record<string, number> = {};
  const states = createStates();
  const meter = createMeter();
  let past: string | null = null;
  const outcome = runScript(script, cast, {
    crypto,
    reader: {
      ...(twice ? states.reader : {}),
      ...(options.sent === true ? meter.reader : {}),
    },
    built(world) {
      if (options.past !== undefined) world.timeline.at(options.past, () => (past = world.digest()));
    },
    marked: (_, mark) => {
      marks[mark] = (marks[mark] ?? 0) + 1;
    },
  });
  const { digest, steps, time, convergedAfter } = outcome;
  return {
    digest,
    steps,
    time,
    convergedAfter,
    excused: outcome.excused.length,
    excuses: countOf(outcome.excused.map(({ why }) => why)),
    faults: outcome.faults,
    cells: outcome.cells,
    traffic: outcome.traffic,
    efficiencies: outcome.efficiencies,
    isValid: outcome.isValid,
    idle: outcome.idle,
    serverTime: time * outcome.servers,
    marks: { ...marks, ...outcome.sights },
    script: printScript(script),
    ...(options.sent === true ? { sent: meter.sent() } : {}),
    ...(past === null ? {} : { past }),
    trouble: (twice ? difference(script, cast, digest, states.sum()) : null) ?? violation(outcome),
  };

  function violation({ failure, world }: Outcome): Trouble | null {
    if (failure === null) return null;
    const events = world.trace.recent().slice(-EVENTS_SHOWN).map(printMoment);
    const fails = (smaller: Script): boolean =>
      runScript(smaller, cast, { crypto }).failure?.code === failure.code;
    const smaller = shrinkScript(script, fails, shrinkRunsMax);
    const shrunk = smaller === script ? null : printScript(smaller);
    return { kind: "violation", failure, events, shrunk };
  }
}

/**
 * The second run shares nothing with the first, so that a memory between runs shows as well, and takes its servers in
 * another order.
 */
function difference(script: Script, cast: Cast, digest: string, sum: number): Trouble | null {
  const crypto = createCrypto();
  const states = createStates();
  const again = runScript(script, cast, { crypto, shuffle: SHUFFLE, reader: states.reader }).digest;
  if (again === digest && states.sum() === sum) return null;
  return { kind: "nondeterminism", again, where: firstDifference(script, cast, crypto) };
}

/** What all machines knew after each event, as a number. */
function createStates(): { readonly reader: TraceReader; sum(): number } {
  let sum = 0;
  return {
    reader: {
      state(digest) {
        sum = (Math.imul(sum, 31) + digest) >>> 0;
      },
    },
    sum: () => sum,
  };
}

function createMeter(): { readonly reader: TraceReader; sent(): Sent } {
  let datagrams = 0;
  let bytes = 0;
  return {
    reader: {
      moment({ effects }) {
        for (const effect of effects) {
          if (effect.kind !== "send_datagram" && effect.kind !== "send_frame") continue;
          if (effect.kind === "send_datagram") datagrams += 1;
          bytes += effect.bytes.length;
        }
      },
    },
    sent: () => ({ datagrams, bytes }),
  };
}
