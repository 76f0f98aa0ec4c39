/** What a command of the simulator is: its usage, the options it knows, how they are read, and what it does. */

/** A wrong command line, or one that is understood and cannot be done. */
export class Usage extends Error {}

/** Ends of the program; `docs/simulator.md` tells what they mean. */
export const EXIT = {
  ok: 0,
  violation: 1,
  nondeterminism: 2,
  usage: 64,
  failed: 70,
  interrupted: 130,
} as const;

/** What stands on the command line, by the options that the command knows. */
export type Given = {
  readonly options: ReadonlyMap<string, string>;
  readonly flags: ReadonlySet<string>;
  readonly words: readonly string[];
};

export type CommandSpec<Asked> = {
  /** The command line, and what it does, as `--help` prints them. */
  readonly usage: string;
  /** Options with a value, and options without. */
  readonly values?: readonly string[];
  readonly flags?: readonly string[];
  /** The fewest and the most words that are no options. */
  readonly words?: readonly [least: number, most: number];
  /** @throws Usage where a value is none, or two do not go together */
  parse(given: Given): Asked;
  /** @returns the exit status */
  run(asked: Asked): Promise<number>;
};

export type Command = {
  readonly usage: string;
  /** @throws Usage */
  prepare(words: readonly string[], name: string): Prepared;
};

export type Prepared = { readonly asked: unknown; run(): Promise<number> };

export function command<Asked>(spec: CommandSpec<Asked>): Command {
  return {
    usage: spec.usage,
    prepare(words, name) {
      const asked = spec.parse(given(spec, words, name));
      return { asked, run: () => spec.run(asked) };
    },
  };
}

type Known = Pick<CommandSpec<never>, "values" | "flags" | "words">;

function given(
  { values = [], flags: known = [], words = [0, 0] }: Known,
  line: readonly string[],
  name: string,
): Given {
  const options = new Map<string, string>();
  const flags = new Set<string>();
  const rest: string[] = [];
  for (let at = 0; at < line.length; at++) {
    const word = line[at] ?? "";
    const [option = "", ...joined] = word.split("=");
    if (known.includes(word)) flags.add(word);
    else if (values.includes(option)) {
      if (options.has(option)) throw new Usage(`${option} is given twice`);
      const value = joined.length > 0 ? joined.join("=") : line[++at];
      if (value === undefined || value === "") throw new Usage(`${option} needs a value`);
      options.set(option, value);
    } else if (word.startsWith("-") && word !== "-") {
      throw new Usage(`${word} is no option of ${name}`);
    } else rest.push(word);
  }
  const [least, most] = words;
  if (rest.length < least || rest.length > most) throw new Usage(`${name} takes ${least} to ${most} words`);
  return { options, flags, words: rest };
}
