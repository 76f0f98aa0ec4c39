/**
 * `docs/limits.md` from the sources: every constant that bounds something (its name ends in MAX), and the limits that a node
 * is configured with. A reason is the comment above or behind the constant, up to its first full stop.
 */
import { readdirSync, readFileSync } from "node:fs";

export type Limit = {
  readonly name: string;
  /** As it is written. */
  readonly value: string;
  readonly unit: string;
  readonly reason: string;
  readonly file: string;
};

const ROOMS = ["kernel", "adapters"];
const CONSTANT = /^(?:export )?const ([A-Z][A-Z0-9_]*MAX) = ([^;]+);(?: \/\/ (.*))?$/;
const MEMBER = /^ {2}([a-z]\w+): ([0-9_ *]+),(?: \/\/ (.*))?$/;
const DEFAULTS = { file: "kernel/config.ts", start: "export const DEFAULT_LIMITS = {", end: "} as const;" };
const UNITS: readonly (readonly [pattern: RegExp, unit: string])[] = [
  [/_MS(_MAX)?$|Ms(Max)?$/, "ms"],
  [/BYTES|Bytes/, "bytes"],
  [/LENGTH|CHARACTERS/, "characters"],
  [/PerSecond$/, "a second"],
];

export function readLimits(): readonly Limit[] {
  const files = ROOMS.flatMap((room) =>
    readdirSync(room, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => `${room}/${name}`),
  ).toSorted((a, b) => (a < b ? -1 : 1));
  return files.flatMap((file) => limitsOf(file, readFileSync(file, "utf8")));
}

export function limitsOf(file: string, text: string): readonly Limit[] {
  const lines = text.split("\n");
  const limits: Limit[] = [];
  let inside = false;
  for (const [at, line] of lines.entries()) {
    if (line === DEFAULTS.start && file === DEFAULTS.file) inside = true;
    else if (line === DEFAULTS.end) inside = false;
    const [, name, value, behind] = (inside ? MEMBER.exec(line) : CONSTANT.exec(line)) ?? [];
    if (name === undefined || value === undefined) continue;
    const unit = UNITS.find(([pattern]) => pattern.test(name))?.[1] ?? "";
    limits.push({ name, value, unit, reason: sentenceOf(behind ?? commentAbove(lines, at)), file });
  }
  return limits;
}

/** The text of the doc comment that ends on the line before. */
function commentAbove(lines: readonly string[], at: number): string {
  const end = at - 1;
  if (!(lines[end] ?? "").endsWith("*/")) return "";
  let start = end;
  while (start > 0 && !(lines[start] ?? "").includes("/**")) start -= 1;
  return lines
    .slice(start, end + 1)
    .map((line) => line.replace(/^\s*(\/\*\*|\*\/|\*)?\s?|\s*\*\/$/g, "").trim())
    .filter((line) => line !== "")
    .join(" ");
}

function sentenceOf(comment: string): string {
  return comment
    .replace(/\. .*$/, "")
    .replace(/\.$/, "")
    .replaceAll("|", "\\|");
}

export function printLimits(limits: readonly Limit[]): string {
  const rows = limits.map(
    ({ name, value, unit, reason, file }) => `| \`${name}\` | ${value} | ${unit} | ${reason} | ${file} |`,
  );
  return `# Limits

Every bound, from the constants of the sources: written by \`npm run limits\`, and a test holds it current.
At a bound the newest request is refused with a code, or the newest entry is left out and that is told; where the
oldest goes instead, its reason says so.

| name | value | unit | reason | file |
| --- | --- | --- | --- | --- |
${rows.join("\n")}
`;
}
