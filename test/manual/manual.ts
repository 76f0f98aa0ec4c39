/**
 * Manual pages from the tables of `--help`: one for each program and for each command of the client. No text of theirs
 * is written by hand, so that they cannot say anything else.
 */
import { describeClient } from "../../adapters/cli/command-line.ts";
import { type OptionRow, type Table, tableOf } from "../../adapters/cli/option-table.ts";
import { describeServer } from "../../adapters/config/server-options.ts";

export type Page = { readonly file: string; readonly text: string };

/** `docs/exit-codes.md` has what a page of the server cannot take from its options. */
const SECTIONS = { ciruela: 1, "ciruela-server": 8 } as const;

export function manualPages(version: string): readonly Page[] {
  const client = tableOf((write) => describeClient(version, write));
  const server = tableOf((write) => describeServer(version, write));
  const names = client.commands.map(({ name }) => `ciruela-${name}`);
  return [
    page("ciruela", SECTIONS.ciruela, client, [...names, "ciruela-server"], version),
    ...client.commands.map((command) =>
      page(`ciruela-${command.name}`, SECTIONS.ciruela, command, ["ciruela", "ciruela-server"], version),
    ),
    page("ciruela-server", SECTIONS["ciruela-server"], server, ["ciruela"], version),
  ];
}

function page(name: string, section: number, table: Table, others: readonly string[], version: string): Page {
  const called = section === SECTIONS.ciruela ? name.replace("-", " ") : name;
  const { remarks, examples, status } = partsOf(table.after);
  const lines = [
    '.\\" From the tables of --help, written by npm run manual.',
    `.TH ${name.toUpperCase()} ${section} "" "ciruela ${version}" ""`,
    ".SH NAME",
    `${escape(name)} \\- ${escape(lowered(table.about))}`,
    ".SH SYNOPSIS",
    `.B ${escape(called)}`,
    escape(table.usage),
    ...(remarks.length === 0 ? [] : [".SH DESCRIPTION", ...remarks.flatMap((text) => [".PP", escape(text)])]),
    ...(table.commands.length === 0 ? [] : [".SH COMMANDS", ...table.commands.flatMap(commandLines)]),
    ...(table.words === null ? [] : [".SH ARGUMENTS", escape(`${capital(table.words.about)}.`)]),
    ".SH OPTIONS",
    ...table.options.flatMap(optionLines),
    ...(status === null ? [] : [".SH EXIT STATUS", escape(capital(status))]),
    ...(examples.length === 0 ? [] : [".SH EXAMPLES", ".nf", ...examples.map(escape), ".fi"]),
    ".SH SEE ALSO",
    others.map((other) => `\\fB${escape(other)}\\fR(${sectionOf(other)})`).join(", "),
  ];
  return { file: `${name}.${section}`, text: `${lines.join("\n")}\n` };
}

function sectionOf(name: string): number {
  return name === "ciruela-server" ? SECTIONS["ciruela-server"] : SECTIONS.ciruela;
}

/** What stands below the options of `--help`: paragraphs, of which some begin with what they are. */
function partsOf(after: string): {
  readonly remarks: readonly string[];
  readonly examples: readonly string[];
  readonly status: string | null;
} {
  const remarks: string[] = [];
  const examples: string[] = [];
  let status: string | null = null;
  for (const paragraph of after.split("\n\n").filter((text) => text !== "")) {
    const [first = "", ...rest] = paragraph.split("\n");
    const whole = [first, ...rest].map((line) => line.trim()).join(" ");
    if (/^Examples?:$/.test(first)) examples.push(...rest.map((line) => line.trim()));
    else if (whole.startsWith("Exit status: ")) status = whole.slice("Exit status: ".length);
    else remarks.push(whole);
  }
  return { remarks, examples, status };
}

function commandLines({ name, about }: Table): readonly string[] {
  return [".TP", `\\fB${escape(name)}\\fR`, escape(about)];
}

function optionLines({ short, long, form, about, defaultText }: OptionRow): readonly string[] {
  const flags = [short, long].flatMap((flag) => (flag === null ? [] : [`\\fB${escape(flag)}\\fR`]));
  const value = form === null ? "" : ` \\fI${escape(form)}\\fR`;
  const otherwise = defaultText === null ? "" : ` (default: ${defaultText})`;
  return [".TP", `${flags.join(", ")}${value}`, escape(`${capital(about)}${otherwise}.`)];
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function lowered(text: string): string {
  return (text.charAt(0).toLowerCase() + text.slice(1)).replace(/\.$/, "");
}

/** A line of text as roff takes it: no request at its start, and a dash that can be copied as one. */
function escape(line: string): string {
  return line.replaceAll("\\", "\\e").replaceAll("-", "\\-").replace(/^[.']/, "\\&$&");
}
