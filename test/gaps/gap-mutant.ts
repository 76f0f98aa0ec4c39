/** The files of this folder: bugs as in `test/mutants/`, each with a line `test FILE > title` that says what kills it. */
import { readdirSync, readFileSync } from "node:fs";
import { type Mutant, parseMutant } from "../../sim/cli/mutant.ts";

const FOLDER = "test/gaps";
const SUFFIX = ".mutant";

export type GapMutant = {
  readonly name: string;
  readonly mutant: Mutant;
  readonly why: string;
  readonly file: string;
  readonly title: string;
};

export function gapMutants(): readonly GapMutant[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith(SUFFIX))
    .toSorted((a, b) => (a < b ? -1 : 1))
    .map((name) => parseGapMutant(name.slice(0, -SUFFIX.length), readFileSync(`${FOLDER}/${name}`, "utf8")));
}

export function parseGapMutant(name: string, text: string): GapMutant {
  const lines = text.split("\n");
  const why = lines.filter((line) => line.startsWith("// ")).map((line) => line.slice(3));
  const [test, more] = lines.filter((line) => line.startsWith("test "));
  const [, file, title] = /^test (\S+) > (.+)$/.exec(test ?? "") ?? [];
  if (why.length === 0 || more !== undefined || file === undefined || title === undefined)
    throw new Error(`${name}: a mutant of a gap says why, and has one line: test FILE > title`);
  return { name, mutant: parseMutant(text), why: why.join(" "), file, title };
}

/** Titles as they are printed: a placeholder, of `test.each` or of a template, is any text. */
export function patternOf(title: string): string {
  const parts = title.split(/%[sdijf]|\$\{[^}]*\}|\$[a-z_]+/);
  return `(^| )${parts.map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join(".*")}$`;
}
