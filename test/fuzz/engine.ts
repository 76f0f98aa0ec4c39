/**
 * The loop of a fuzzer: an input of the corpus is changed, the target reads it, and what reached new code or had a new
 * outcome joins the corpus. A throw is a crash: targets throw when an invariant does not hold. An input that takes longer
 * than its length allows is a hang; the floor is for the garbage collector, and the best of several tries counts,
 * in time of the processor.
 */
import type { Coverage } from "./coverage.ts";
import { createDice, type Dice } from "./dice.ts";
import { inflate, type Mutate } from "./mutate-bytes.ts";

export type Target = {
  readonly name: string;
  /** What it reads, and what must hold of every input. */
  readonly about: string;
  /** Ends of the names of files, or parts of folders, whose code counts as covered. */
  readonly files: readonly string[];
  /** Longest time for a mebibyte; what is shorter has its share, and never less than `FLOOR_MS`. */
  readonly msPerMiB: number;
  /** Inputs that real programs have written. */
  readonly seeds: () => readonly Uint8Array[];
  readonly mutate: Mutate;
  /**
   * Reads an input. The outcome is a short text with few values, `ok` at its beginning for what is a value: inputs with a new
   * one are kept. Throws: a crash.
   */
  readonly run: (input: Uint8Array) => string;
};

export type Finding = {
  readonly kind: "crash" | "hang";
  readonly input: Uint8Array;
  readonly detail: string;
};

export type Fuzzer = {
  /** Reads so many inputs, and before the first of them the whole corpus; the first that is a finding ends it. */
  readonly batch: (inputs: number) => Finding | null;
  readonly executions: () => number;
  /** Inputs in memory: the given ones, and those that were kept. */
  readonly corpus: readonly Uint8Array[];
  /** Kept because code ran that no input before had reached. */
  readonly reached: readonly Uint8Array[];
  readonly outcomes: ReadonlyMap<string, number>;
};

export const FLOOR_MS = 100;
const TRIES = 3;
const INPUT_BYTES_MAX = 1_024; // longer ones are cut, apart from inflated ones
const INFLATED_BYTES = [16 * 1024, 64 * 1024, 256 * 1024];
const INFLATE_ONCE_IN = 5_000;
const CORPUS_MAX = 4_000;
const KEPT_OUTCOMES_MAX = 500;

/** @param announce  called with each input before it is read: who watches can tell what a target hangs on */
export function createFuzzer(
  target: Target,
  corpus: readonly Uint8Array[],
  seed: number,
  coverage: Coverage | null = null,
  announce: (input: Uint8Array) => void = () => {},
): Fuzzer {
  const dice = createDice(seed);
  const pool = corpus.length > 0 ? corpus.map((input) => Uint8Array.from(input)) : [new Uint8Array()];
  /** Of the pool, those that are values: half of the inputs are made of them, and so one change away from a value. */
  const sound: Uint8Array[] = [];
  const reached: Uint8Array[] = [];
  const outcomes = new Map<string, number>();
  let executions = 0;
  const given = pool.length;
  let untried = 0;

  function execute(input: Uint8Array, keep: boolean): Finding | null {
    announce(input);
    executions += 1;
    const start = performance.now();
    let outcome: string;
    try {
      outcome = target.run(input);
    } catch (error) {
      return {
        kind: "crash",
        input,
        detail: error instanceof Error ? (error.stack ?? error.message) : "thrown",
      };
    }
    const took = performance.now() - start;
    if (took > allowedMs(target, input.length)) {
      const best = bestOf(target, input);
      if (best > allowedMs(target, input.length))
        return { kind: "hang", input, detail: `${best.toFixed(0)} ms for ${input.length} bytes` };
    }
    const times = outcomes.get(outcome) ?? 0;
    outcomes.set(outcome, times + 1);
    if (keep && times === 0 && outcomes.size < KEPT_OUTCOMES_MAX && input.length <= INPUT_BYTES_MAX)
      add(input);
    if (isSound(outcome) && (times === 0 || !keep) && sound.length < CORPUS_MAX) sound.push(input.slice());
    return null;
  }

  function add(input: Uint8Array): void {
    if (pool.length < CORPUS_MAX) pool.push(input.slice());
  }

  /** Halves the batch until one input is left that runs code which was never run. */
  function blame(inputs: readonly Uint8Array[]): void {
    let suspects = inputs;
    while (suspects.length > 1) {
      const half = suspects.slice(0, suspects.length >> 1);
      for (const input of half) quietly(target, input);
      suspects = coverage?.wouldBeNews() ? half : suspects.slice(half.length);
    }
    const [input] = suspects;
    if (input === undefined) return;
    quietly(target, input);
    if ((coverage?.news() ?? 0) === 0 || input.length > INPUT_BYTES_MAX) return;
    add(input);
    if (isSound(quietly(target, input))) sound.push(input.slice());
    reached.push(input.slice());
  }

  return {
    corpus: pool,
    reached,
    outcomes,
    executions: () => executions,
    batch(count) {
      for (; untried < given; untried++) {
        const finding = execute(pool[untried] ?? new Uint8Array(), false);
        if (finding !== null) return finding;
        coverage?.news();
      }
      const inputs: Uint8Array[] = [];
      while (inputs.length < count) {
        const input = next(dice, target, pool, sound);
        inputs.push(input);
        const finding = execute(input, true);
        if (finding !== null) return finding;
      }
      while (coverage?.wouldBeNews()) {
        // What ran is forgotten by the question, so the batch runs again, in halves, for as long as it has news.
        const before = coverage.summary().covered;
        blame(inputs);
        if (coverage.summary().covered === before) break;
        for (const input of inputs) quietly(target, input);
      }
      return null;
    },
  };
}

function next(
  dice: Dice,
  target: Target,
  pool: readonly Uint8Array[],
  sound: readonly Uint8Array[],
): Uint8Array {
  const from = sound.length > 0 && dice.once(2) ? sound : pool;
  const [one, two, other] = [choose(dice, from), choose(dice, from), choose(dice, pool)];
  // Short inputs are quick, and what they cannot show the long ones still get their turns for.
  const input = one.length > two.length && !dice.once(4) ? two : one;
  if (dice.once(INFLATE_ONCE_IN)) {
    const large = inflate(dice, input, dice.pick(INFLATED_BYTES));
    return dice.once(2) ? large : target.mutate(dice, large, other);
  }
  return target.mutate(dice, input, other).subarray(0, INPUT_BYTES_MAX);
}

/** The newest have a better chance: they are where something is left to find. */
function choose(dice: Dice, pool: readonly Uint8Array[]): Uint8Array {
  const recent = Math.min(pool.length, 32);
  return (
    pool[dice.once(3) ? pool.length - 1 - dice.roll(recent) : dice.roll(pool.length)] ?? new Uint8Array()
  );
}

const isSound = (outcome: string): boolean => outcome.startsWith("ok");

function allowedMs(target: Target, bytes: number): number {
  return Math.max(FLOOR_MS, (bytes / (1024 * 1024)) * target.msPerMiB);
}

/** Of the processor: what else the machine does is no hang. */
function bestOf(target: Target, input: Uint8Array): number {
  const tries = Array.from({ length: TRIES }, () => {
    const start = process.cpuUsage().user;
    target.run(input);
    return (process.cpuUsage().user - start) / 1_000;
  });
  return Math.min(...tries);
}

function quietly(target: Target, input: Uint8Array): string {
  try {
    return target.run(input);
  } catch {
    return ""; // it did not throw when it counted: the next round of the loop will tell
  }
}

/** A smaller input with a finding of the same kind: parts are left out for as long as that finds any. */
export function shrink(target: Target, finding: Finding, milliseconds: number): Finding {
  const until = performance.now() + milliseconds;
  let best = finding;
  for (let run = best.input.length >> 1; run > 0; run >>= 1) {
    for (let at = 0; at + run <= best.input.length; ) {
      if (performance.now() > until) return best;
      const input = new Uint8Array([...best.input.subarray(0, at), ...best.input.subarray(at + run)]);
      const again = judge(target, input);
      if (again?.kind === best.kind) best = again;
      else at += run;
    }
  }
  return best;
}

/** What one input does, by itself. */
export function judge(target: Target, input: Uint8Array): Finding | null {
  return createFuzzer(target, [input], 0).batch(0);
}
