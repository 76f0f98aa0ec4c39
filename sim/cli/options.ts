/** Options that several commands know, each read to a value or refused in words. */
import { parseTime } from "../parse.ts";
import { type Given, Usage } from "./command.ts";

export type Seeds = { readonly kind: "seeds"; readonly from: number; readonly to: number };
export type What = Seeds | { readonly kind: "script"; readonly file: string };
/** Seeds `at`, `at + of`, and so on. */
export type Shard = { readonly at: number; readonly of: number };

/** Who does the work. */
export type Hunters = {
  readonly mutant: string | null;
  /** Processes side by side; null is one a processor. */
  readonly jobs: number | null;
};
export type Campaign = Hunters & { readonly shard: Shard; readonly out: string | null };

export const WHOLE: Shard = { at: 0, of: 1 };
const SEED_MAX = Number.MAX_SAFE_INTEGER;
const JOBS_MAX = 256;
const SHARDS_MAX = 1_000_000;

export function huntersOf({ options }: Given): Hunters {
  const jobs = options.get("--jobs");
  return {
    mutant: options.get("--mutant") ?? null,
    jobs: jobs === undefined ? null : wholeNumber("--jobs", jobs, 1, JOBS_MAX),
  };
}

export function campaignOf(given: Given): Campaign {
  const { options } = given;
  return {
    ...huntersOf(given),
    shard: shardOf(options.get("--shard")),
    out: options.get("--out") ?? null,
  };
}

/** A seed, seeds or a script; a command that takes no seeds does not know the option. */
export function whatOf({ options, words: [file] }: Given): What {
  const asked = ["--seed", "--seeds", "--script"].filter((name) => options.has(name));
  if (asked.length + (file === undefined ? 0 : 1) !== 1)
    throw new Usage("one of a seed and a script is needed");
  const script = options.get("--script") ?? file;
  if (script !== undefined) return { kind: "script", file: script };
  const one = options.get("--seed");
  if (one === undefined) return seedsOf("--seeds", options.get("--seeds") ?? "");
  const seed = seedOf("--seed", one);
  return { kind: "seeds", from: seed, to: seed };
}

export function seedOf(option: string, text: string): number {
  return wholeNumber(option, text, 0, SEED_MAX);
}

/** `1..300`. */
export function seedsOf(option: string, text: string): Seeds {
  const [first = "", last = "", more] = text.split("..");
  const from = whole(first, 0, SEED_MAX);
  const to = whole(last, 0, SEED_MAX);
  if (from === null || to === null || more !== undefined || to < from) {
    throw new Usage(`${option} ${text} is no range like 1..300`);
  }
  return { kind: "seeds", from, to };
}

/** `2s`, `1500ms`, `7us`, in virtual microseconds. */
export function timeOf(option: string, text: string): number {
  const micros = parseTime(text);
  if (micros === null) throw new Usage(`${option} ${text} is no time like 2s or 1500ms`);
  return micros;
}

/** `2/3`: the second of three. */
function shardOf(text: string | undefined): Shard {
  if (text === undefined) return WHOLE;
  const [at = "", of = "", more] = text.split("/");
  const count = whole(of, 1, SHARDS_MAX);
  const nth = count === null ? null : whole(at, 1, count);
  if (nth === null || count === null || more !== undefined)
    throw new Usage(`--shard ${text} is no part like 2/3`);
  return { at: nth - 1, of: count };
}

export function wholeNumber(option: string, text: string, least: number, most: number): number {
  const value = whole(text, least, most);
  if (value === null) throw new Usage(`${option} ${text} is no whole number from ${least} to ${most}`);
  return value;
}

/** `3,10,30`: whole numbers, in the order in which they stand there. */
export function numbersOf(option: string, text: string, least: number, most: number): readonly number[] {
  return text.split(",").map((each) => wholeNumber(option, each, least, most));
}

function whole(text: string, least: number, most: number): number | null {
  const value = Number(text);
  return /^\d{1,16}$/.test(text) && value >= least && value <= most ? value : null;
}
