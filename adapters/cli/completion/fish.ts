/** For fish 3, as `completions/ciruela.fish`. */
import { unreachable } from "../../../kernel/assert.ts";
import type { OptionRow, Table, Value } from "../option-table.ts";

export function fishCompletion(programs: readonly Table[]): string {
  const lines = programs.flatMap((program) => {
    const { name, options, commands } = program;
    const seen = commands.map((each) => each.name).join(" ");
    const top = commands.length === 0 ? "" : `-n 'not __fish_seen_subcommand_from ${seen}' `;
    return [
      `complete -c ${name} -f`,
      ...options.map((row) => `complete -c ${name} ${top}${optionOf(row)}`),
      ...commands.map((each) => `complete -c ${name} ${top}-a ${each.name} -d ${quote(each.about)}`),
      ...commands.flatMap((each) => commandLines(name, each)),
    ];
  });
  return `# fish completion for ciruela and ciruela-server: \`ciruela completion fish\` prints it.
${lines.join("\n")}
`;
}

function commandLines(program: string, { name, options, words }: Table): readonly string[] {
  const start = `complete -c ${program} -n '__fish_seen_subcommand_from ${name}' `;
  return [
    ...options.map((row) => `${start}${optionOf(row)}`),
    ...(words === null ? [] : [`${start}-a ${quote(candidatesOf(words.value))}`]),
  ];
}

function optionOf({ short, long, value, about }: OptionRow): string {
  const names = `${short === null ? "" : `-s ${short.slice(1)} `}-l ${long.slice(2)}`;
  return `${names}${value === null ? "" : argumentOf(value)} -d ${quote(about)}`;
}

function argumentOf(value: Value): string {
  if (value.kind === "file") return " -r -F";
  const candidates = candidatesOf(value);
  return candidates === "" ? " -x" : ` -x -a ${quote(candidates)}`;
}

function candidatesOf(value: Value): string {
  switch (value.kind) {
    case "directory":
      return "(__fish_complete_directories)";
    case "host":
      return "(__fish_print_hostnames)";
    case "variable":
      return "(set -n)";
    case "choices":
      return value.choices.join(" ");
    case "file":
    case "free":
      return "";
    default:
      return unreachable(value);
  }
}

function quote(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
