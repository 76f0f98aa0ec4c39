/**
 * What a program's `--help` shows, as data: one table from which completions and manual pages are made, so that they
 * cannot say anything else.
 */
import type { Command, Option } from "commander";

/** What stands behind an option or a command, as far as a shell can offer something for it. */
export type Value =
  | { readonly kind: "file" | "directory" | "host" | "variable" | "free" }
  | { readonly kind: "choices"; readonly choices: readonly string[] };

export type OptionRow = {
  /** `-i`. */
  readonly short: string | null;
  /** `--identity`. */
  readonly long: string;
  /** `FILE`; null for an option without a value. */
  readonly form: string | null;
  readonly value: Value | null;
  readonly about: string;
  /** As `--help` shows it. */
  readonly defaultText: string | null;
};

export type Table = {
  /** Without that of the program. */
  readonly name: string;
  readonly about: string;
  /** What stands behind the name in a line of usage. */
  readonly usage: string;
  /** What stands there that is no option; null where nothing may. */
  readonly words: { readonly value: Value; readonly about: string } | null;
  readonly options: readonly OptionRow[];
  readonly commands: readonly Table[];
  /** Below the options: remarks, examples, statuses. */
  readonly after: string;
};

/** By what an option's form begins with; what is not here is free. */
const VALUES: readonly (readonly [form: RegExp, value: Value])[] = [
  [/^(FILE|LOCAL:PATH)$/, { kind: "file" }],
  [/^(DIR|SRC:DEST.*)$/i, { kind: "directory" }],
  [/^HOST$/, { kind: "host" }],
  [/^all\|N$/, { kind: "choices", choices: ["all"] }],
  [/^VAR$/, { kind: "variable" }],
];

/** @param describe  makes the program; what it shows goes to `write` */
export function tableOf(describe: (write: (text: string) => void) => Command): Table {
  let shown = "";
  const program = describe((text) => {
    shown += text;
  });
  const tabled = (command: Command): Table => {
    shown = "";
    command.outputHelp();
    const after = shown.slice(command.helpInformation().length).trim();
    const [argument] = command.registeredArguments;
    return {
      name: command.name(),
      about: command.description(),
      usage: command.usage(),
      words:
        argument === undefined
          ? null
          : {
              value:
                argument.argChoices === undefined
                  ? { kind: "host" }
                  : { kind: "choices", choices: argument.argChoices },
              about: argument.description,
            },
      options: command.createHelp().visibleOptions(command).map(rowOf),
      commands: command.commands.map(tabled),
      after,
    };
  };
  return tabled(program);
}

function rowOf(option: Option): OptionRow {
  const form = /<(.*)>$/.exec(option.flags)?.[1] ?? null;
  const { defaultValue, defaultValueDescription } = option;
  const plain = defaultValue === undefined || defaultValue === false ? null : String(defaultValue);
  return {
    short: option.short ?? null,
    long: option.long ?? "",
    form,
    value: form === null ? null : valueOf(option, form),
    about: option.description,
    defaultText: defaultValueDescription ?? plain,
  };
}

function valueOf({ argChoices }: Option, form: string): Value {
  if (argChoices !== undefined) return { kind: "choices", choices: argChoices };
  return VALUES.find(([pattern]) => pattern.test(form))?.[1] ?? { kind: "free" };
}
