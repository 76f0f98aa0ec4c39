/** For bash 4 and newer, with or without the package bash-completion. */
import type { OptionRow, Table, Value } from "../option-table.ts";

export function bashCompletion(programs: readonly Table[]): string {
  return `# bash completion for ciruela and ciruela-server: \`ciruela completion bash\` prints it.
${programs.map(tablesOf).join("")}
# What is typed stands in $word; the option that it is a value of, in $option.
__ciruela_complete() {
  local tables=$1 command= options_end= word=\${COMP_WORDS[COMP_CWORD]} option=\${COMP_WORDS[COMP_CWORD - 1]} at kind
  COMPREPLY=()
  # Bash takes "=" and ":" for words. Behind a colon is the name of something on a server, which nobody here knows.
  [[ $word == : || $option == : ]] && return
  if [[ $word == = ]]; then word=
  elif [[ $option == = ]]; then option=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for ((at = 1; at < COMP_CWORD; at++)); do
    if [[ \${COMP_WORDS[at]} == -- ]]; then options_end=1
    elif [[ -n $("\${tables}_value" "$command" "\${COMP_WORDS[at]}") ]]; then
      [[ \${COMP_WORDS[at + 1]} == = ]] && ((at++))
      ((at++))
    elif [[ -z $command && \${COMP_WORDS[at]} != -* ]]; then command=\${COMP_WORDS[at]}
    fi
  done
  kind=
  [[ -z $options_end ]] && kind=$("\${tables}_value" "$command" "$option")
  if [[ -z $kind && -z $options_end && $word == -* ]]; then kind="words $("\${tables}_options" "$command")"
  elif [[ -z $kind ]]; then kind=$("\${tables}_words" "$command")
  fi
  case $kind in
    words*) mapfile -t COMPREPLY < <(compgen -W "\${kind#words }" -- "$word") ;;
    file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    directory) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
    host) mapfile -t COMPREPLY < <(compgen -A hostname -- "$word") ;;
    variable) mapfile -t COMPREPLY < <(compgen -v -- "$word") ;;
  esac
}

${programs.map(({ name }) => `complete -F ${functionOf(name)} ${name}\n`).join("")}`;
}

function functionOf(program: string): string {
  return `_${program.replaceAll("-", "_")}`;
}

/** Three questions about a command, of which the program itself has the empty name. */
function tablesOf(program: Table): string {
  const own = `_${functionOf(program.name)}`;
  const tables = [{ ...program, name: "" }, ...program.commands];
  const options = tables.map(
    ({ name, options }) => `    '${name}') echo '${options.flatMap(namesOf).join(" ")}' ;;\n`,
  );
  const values = tables.flatMap(({ name, options }) =>
    options.flatMap((row) =>
      row.value === null
        ? []
        : [
            `    ${namesOf(row)
              .map((flag) => `'${name} ${flag}'`)
              .join("|")}) echo '${kindOf(row.value)}' ;;\n`,
          ],
    ),
  );
  const words = tables.flatMap(({ name, words, commands }) => {
    if (commands.length > 0)
      return [`    '${name}') echo 'words ${commands.map((each) => each.name).join(" ")}' ;;\n`];
    return words === null ? [] : [`    '${name}') echo '${kindOf(words.value)}' ;;\n`];
  });
  return `
${own}_options() {
  case $1 in
${options.join("")}  esac
}
${own}_value() {
  case "$1 $2" in
${values.join("")}  esac
}
${own}_words() {
  case $1 in
${words.join("")}    *) ;;
  esac
}
${functionOf(program.name)}() { __ciruela_complete ${own}; }
`;
}

function namesOf({ short, long }: OptionRow): readonly string[] {
  return short === null ? [long] : [short, long];
}

function kindOf(value: Value): string {
  return value.kind === "choices" ? `words ${value.choices.join(" ")}` : value.kind;
}
