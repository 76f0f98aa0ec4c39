/** The command line of the simulator, parsed to one of its commands or refused in words. */
import { USAGES } from "./usage.ts";

export type Seeds = { readonly kind: "seeds"; readonly from: number; readonly to: number };
export type What = Seeds | { readonly kind: "script"; readonly file: string };
/** Seeds `at`, `at + of`, and so on. */
export type Shard = { readonly at: number; readonly of: number };

type Common = {
  readonly mutant: string | null;
  /** Processes side by side; null is one a processor. */
  readonly jobs: number | null;
};
type Campaign = Common & { readonly shard: Shard; readonly out: string | null };

export type Command =
  | { readonly kind: "help"; readonly of: CommandName | null }
  | ({ readonly kind: "demo" } & Common)
  | ({
      readonly kind: "run";
      readonly what: What;
      /** Look for a smaller script that fails in the same way. */
      readonly shrink: boolean;
      /** Every seed twice, and the event at which two runs part. */
      readonly check: boolean;
      readonly trace: boolean;
    } & Campaign)
  | ({ readonly kind: "hunt"; readonly minutes: number; readonly from: number } & Campaign)
  | ({ readonly kind: "replay"; readonly what: What } & Common)
  | ({ readonly kind: "shrink"; readonly what: What } & Common)
  | ({ readonly kind: "why"; readonly what: What } & Common)
  | ({ readonly kind: "keep"; readonly what: What; readonly name: string } & Common)
  | { readonly kind: "merge"; readonly files: readonly string[]; readonly out: string | null }
  | ({ readonly kind: "mutants"; readonly names: readonly string[]; readonly seeds: number } & Common);

export type CommandName = Exclude<Command["kind"], "help">;

export type ParsedArguments =
  | { readonly ok: true; readonly command: Command }
  | { readonly ok: false; readonly what: string };

const SEED_MAX = Number.MAX_SAFE_INTEGER;
const JOBS_MAX = 256;
const WHOLE: Shard = { at: 0, of: 1 };

/** What each command knows: options with a value, options without, and how many words. */
const KNOWN: Readonly<
  Record<
    CommandName,
    {
      readonly values: readonly string[];
      readonly flags: readonly string[];
      readonly words: readonly [number, number];
    }
  >
> = {
  demo: { values: ["--jobs"], flags: [], words: [0, 0] },
  run: {
    values: ["--seed", "--seeds", "--script", "--mutant", "--jobs", "--shard", "--out", "--trace"],
    flags: ["--no-shrink", "--check"],
    words: [0, 1],
  },
  hunt: {
    values: ["--minutes", "--first", "--mutant", "--jobs", "--shard", "--out"],
    flags: [],
    words: [0, 0],
  },
  replay: { values: ["--script", "--mutant"], flags: [], words: [0, 1] },
  shrink: { values: ["--seed", "--script", "--mutant"], flags: [], words: [0, 1] },
  why: { values: ["--seed", "--script", "--mutant"], flags: [], words: [0, 1] },
  keep: { values: ["--seed", "--script", "--mutant", "--name"], flags: [], words: [0, 1] },
  merge: { values: ["--out"], flags: [], words: [1, 10_000] },
  mutants: { values: ["--seeds", "--jobs"], flags: [], words: [0, 1_000] },
};

class Wrong extends Error {}

export function parseArguments(words: readonly string[]): ParsedArguments {
  try {
    return { ok: true, command: parse(words) };
  } catch (error) {
    if (error instanceof Wrong) return { ok: false, what: error.message };
    throw error;
  }
}

function parse(words: readonly string[]): Command {
  const [first] = words;
  const named = first !== undefined && !first.startsWith("-");
  const name = first === undefined ? "demo" : named ? commandOf(first) : "run";
  if (words.includes("--help") || words.includes("-h")) return { kind: "help", of: named ? name : null };
  const { options, flags, rest } = split(named ? words.slice(1) : words, name);
  const common = { mutant: options.get("--mutant") ?? null, jobs: jobsOf(options.get("--jobs")) };
  const campaign = { ...common, shard: shardOf(options.get("--shard")), out: options.get("--out") ?? null };
  switch (name) {
    case "demo":
      return { kind: name, ...common };
    case "run": {
      const trace = options.get("--trace");
      if (trace !== undefined && trace !== "ndjson") throw new Wrong(`--trace ${trace} is not ndjson`);
      const what = whatOf(options, rest);
      if (trace !== undefined && what.kind === "seeds" && what.from !== what.to)
        throw new Wrong("--trace is of one seed or one script");
      const [shrink, check] = [!flags.has("--no-shrink"), flags.has("--check")];
      return { kind: name, what, shrink, check, trace: trace !== undefined, ...campaign };
    }
    case "hunt": {
      const minutes = options.get("--minutes") ?? "1";
      if (!/^\d{1,5}(\.\d+)?$/.test(minutes)) throw new Wrong(`--minutes ${minutes} is no number`);
      const from = number("--first", options.get("--first") ?? "1", 0, SEED_MAX);
      return { kind: name, minutes: Number(minutes), from, ...campaign };
    }
    case "replay":
    case "shrink":
    case "why":
      return { kind: name, what: whatOf(options, rest), ...common };
    case "keep": {
      const kept = options.get("--name") ?? "";
      if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(kept)) throw new Wrong("--name has to be words like late-join");
      return { kind: name, what: whatOf(options, rest), name: kept, ...common };
    }
    case "merge":
      return { kind: name, files: rest, out: options.get("--out") ?? null };
    case "mutants":
    default:
      return {
        kind: name,
        names: rest,
        seeds: number("--seeds", options.get("--seeds") ?? "2000", 1, 1e9),
        ...common,
      };
  }
}

function commandOf(word: string): CommandName {
  const known = Object.keys(KNOWN) as CommandName[];
  const found = known.find((each) => each === word);
  if (found === undefined)
    throw new Wrong(`${word} is none of the commands ${Object.keys(USAGES).join(", ")}`);
  return found;
}

function split(words: readonly string[], name: CommandName) {
  const known = KNOWN[name];
  const options = new Map<string, string>();
  const flags = new Set<string>();
  const rest: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    const [option = "", ...joined] = word.split("=");
    if (known.flags.includes(word)) flags.add(word);
    else if (known.values.includes(option)) {
      if (options.has(option)) throw new Wrong(`${option} is given twice`);
      const value = joined.length > 0 ? joined.join("=") : words[++at];
      if (value === undefined || value === "") throw new Wrong(`${option} needs a value`);
      options.set(option, value);
    } else if (word.startsWith("-") && word !== "-") throw new Wrong(`${word} is no option of ${name}`);
    else rest.push(word);
  }
  const [least, most] = known.words;
  if (rest.length < least || rest.length > most) throw new Wrong(`${name} takes ${least} to ${most} words`);
  return { options, flags, rest };
}

function whatOf(options: ReadonlyMap<string, string>, [file]: readonly string[]): What {
  const asked = ["--seed", "--seeds", "--script"].filter((name) => options.has(name));
  if (asked.length + (file === undefined ? 0 : 1) !== 1)
    throw new Wrong("one of a seed and a script is needed");
  const script = options.get("--script") ?? file;
  if (script !== undefined) return { kind: "script", file: script };
  const one = options.get("--seed");
  if (one !== undefined) {
    const seed = number("--seed", one, 0, SEED_MAX);
    return { kind: "seeds", from: seed, to: seed };
  }
  const many = options.get("--seeds") ?? "";
  const [first = "", last = "", more] = many.split("..");
  const from = whole(first, 0, SEED_MAX);
  const to = whole(last, 0, SEED_MAX);
  if (from === null || to === null || more !== undefined || to < from) {
    throw new Wrong(`--seeds ${many} is no range like 1..300`);
  }
  return { kind: "seeds", from, to };
}

function jobsOf(jobs: string | undefined): number | null {
  return jobs === undefined ? null : number("--jobs", jobs, 1, JOBS_MAX);
}

/** `2/3`: the second of three. */
function shardOf(text: string | undefined): Shard {
  if (text === undefined) return WHOLE;
  const [at = "", of = "", more] = text.split("/");
  const count = whole(of, 1, 1e6);
  const nth = count === null ? null : whole(at, 1, count);
  if (nth === null || count === null || more !== undefined)
    throw new Wrong(`--shard ${text} is no part like 2/3`);
  return { at: nth - 1, of: count };
}

function number(option: string, text: string, least: number, most: number): number {
  const value = whole(text, least, most);
  if (value === null) throw new Wrong(`${option} ${text} is no whole number`);
  return value;
}

function whole(text: string, least: number, most: number): number | null {
  const value = Number(text);
  return /^\d{1,16}$/.test(text) && value >= least && value <= most ? value : null;
}
