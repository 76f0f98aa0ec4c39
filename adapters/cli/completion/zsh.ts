/** For zsh 5, as a file `_ciruela` in `$fpath`, or by `source <(ciruela completion zsh)`. */
import { unreachable } from "../../../kernel/assert.ts";
import type { OptionRow, Table, Value } from "../option-table.ts";

export function zshCompletion(programs: readonly Table[]): string {
  const names = programs.map(({ name }) => name).join(" ");
  return `#compdef ${names}
# zsh completion for ciruela and ciruela-server: \`ciruela completion zsh\` prints it.

_ciruela() {
  local context state state_descr line
  typeset -A opt_args
  case $service in
${programs.map(programCase).join("")}  esac
}

if [[ $funcstack[1] == _ciruela ]]; then
  _ciruela "$@"
else
  compdef _ciruela ${names}
fi
`;
}

function programCase(program: Table): string {
  const { name, options, commands } = program;
  if (commands.length === 0) return `    ${name})\n${argumentsOf(program, "      ", [])}      ;;\n`;
  const list = commands.map((each) => quote(`${each.name}:${each.about.replaceAll(":", "\\:")}`));
  const cases = commands.map(
    (each) =>
      `            ${each.name})\n${argumentsOf(each, "              ", wordsOf(each))}              ;;\n`,
  );
  const states = [quote("1: :->command"), quote("*:: :->rest")];
  return `    ${name})
${argumentsOf({ options }, "      ", states, "-C ")}      case $state in
        command)
          local -a commands=(${list.map((each) => `\n            ${each}`).join("")}
          )
          _describe -t commands command commands
          ;;
        rest)
          case $line[1] in
${cases.join("")}          esac
          ;;
      esac
      ;;
`;
}

function argumentsOf(
  { options }: Pick<Table, "options">,
  indent: string,
  more: readonly string[],
  flags = "",
): string {
  const specs = [...options.map(specOf), ...more];
  return `${indent}_arguments ${flags}-s${specs.map((spec) => ` \\\n${indent}  ${spec}`).join("")}\n`;
}

/** How often an option may stand is left open: the program judges. */
function specOf({ short, long, form, value, about }: OptionRow): string {
  const message = `[${about.replace(/[[\]\\:]/g, "\\$&")}]`;
  const action = form === null || value === null ? "" : `:${form.replaceAll(":", "\\:")}:${actionOf(value)}`;
  const tail = `${message}${action}`;
  const flag = value === null ? long : `${long}=`;
  if (short === null) return quote(`*${flag}${tail}`);
  return `'*'{${value === null ? short : `${short}+`},${flag}}${quote(tail)}`;
}

function wordsOf({ words }: Table): readonly string[] {
  if (words === null) return [];
  if (words.value.kind === "choices") return [quote(`1:${words.about}:${actionOf(words.value)}`)];
  return [quote(`*:server:${actionOf(words.value)}`)];
}

function actionOf(value: Value): string {
  switch (value.kind) {
    case "file":
      return "_files";
    case "directory":
      return "_files -/";
    case "host":
      return "_hosts";
    case "variable":
      return "_parameters";
    case "choices":
      return `(${value.choices.join(" ")})`;
    case "free":
      return " ";
    default:
      return unreachable(value);
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
