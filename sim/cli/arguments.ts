/** What the command line asks for. */
export type Command =
  | { readonly kind: "help" }
  | {
      readonly kind: "run";
      readonly what: Seeds | { readonly kind: "script"; readonly file: string };
      readonly mutant: string | null;
      /** Processes side by side; null is one a processor. */
      readonly jobs: number | null;
      /** Look for a smaller script that fails in the same way. */
      readonly shrink: boolean;
    };
export type Seeds = { readonly kind: "seeds"; readonly from: number; readonly to: number };

export type ParsedArguments =
  | { readonly ok: true; readonly command: Command }
  | { readonly ok: false; readonly what: string };

export const USAGE = `npm run sim -- --seed N | --seeds A..B | --script FILE [--mutant NAME] [--no-shrink] [--jobs N]

Runs the kernel in a simulated cluster under faults, and judges it.

  --seed N        the cluster, faults and uploads that N stands for, run twice
  --seeds A..B    each seed from A to B; one in ten is run twice
  --script FILE   what FILE says, run twice; - reads standard input
  --mutant NAME   with the bug test/mutants/NAME.mutant planted in a copy of the kernel
  --no-shrink     print a failing script as it is, without looking for a smaller one
  --jobs N        processes side by side; changes no result
  --help          this text

The last line on standard output is \`digest HEX\`: the same for the same run, on every machine.
Exit: 0 all well, 1 a promise was broken, 2 two runs of one script differed, 64 a wrong command line.
`;

const SEED_MAX = Number.MAX_SAFE_INTEGER;
const JOBS_MAX = 256;

export function parseArguments(words: readonly string[]): ParsedArguments {
  const options = new Map<string, string>();
  let shrink = true;
  for (let at = 0; at < words.length; at++) {
    const [name = "", ...joined] = (words[at] ?? "").split("=");
    if (name === "--help" || name === "-h") return { ok: true, command: { kind: "help" } };
    if (words[at] === "--no-shrink") {
      shrink = false;
      continue;
    }
    if (!NAMES.includes(name)) return wrong(`${words[at]} is no option`);
    if (options.has(name)) return wrong(`${name} is given twice`);
    const value = joined.length > 0 ? joined.join("=") : words[++at];
    if (value === undefined || value === "") return wrong(`${name} needs a value`);
    options.set(name, value);
  }
  const asked = ["--seed", "--seeds", "--script"].filter((name) => options.has(name));
  if (asked.length !== 1) return wrong("one of --seed, --seeds and --script is needed");
  const jobs = options.get("--jobs");
  if (jobs !== undefined && whole(jobs, 1, JOBS_MAX) === null) return wrong(`--jobs ${jobs} is no number`);
  const file = options.get("--script");
  const what = file === undefined ? seedsOf(options) : { kind: "script" as const, file };
  if (typeof what === "string") return wrong(what);
  const mutant = options.get("--mutant") ?? null;
  return {
    ok: true,
    command: { kind: "run", what, mutant, jobs: jobs === undefined ? null : Number(jobs), shrink },
  };
}

const NAMES = ["--seed", "--seeds", "--script", "--mutant", "--jobs"];

function seedsOf(options: ReadonlyMap<string, string>): Seeds | string {
  const one = options.get("--seed");
  if (one !== undefined) {
    const seed = whole(one, 0, SEED_MAX);
    return seed === null ? `--seed ${one} is no whole number` : { kind: "seeds", from: seed, to: seed };
  }
  const many = options.get("--seeds") ?? "";
  const [first = "", last = "", more] = many.split("..");
  const from = whole(first, 0, SEED_MAX);
  const to = whole(last, 0, SEED_MAX);
  if (from === null || to === null || more !== undefined || to < from) {
    return `--seeds ${many} is no range like 1..300`;
  }
  return { kind: "seeds", from, to };
}

function whole(text: string, least: number, most: number): number | null {
  const value = Number(text);
  return /^\d{1,16}$/.test(text) && value >= least && value <= most ? value : null;
}

function wrong(what: string): ParsedArguments {
  return { ok: false, what };
}
