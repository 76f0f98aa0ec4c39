/**
 * Bugs on purpose: one place of one file is changed when the simulator is packed. The kernel has no hook for it.
 *
 *   // why this has to be found
 *   file kernel/winner.ts
 *   - what stands there, exactly once; several of these lines are one place
 *   + what stands there instead; nothing, when the lines are left out
 */
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export type Mutant = { readonly file: string; readonly before: string; readonly after: string };

const MUTANTS = fileURLToPath(new URL("../../test/mutants", import.meta.url));
const SUFFIX = ".mutant";

/** Names of all mutants, sorted. */
export async function mutantNames(): Promise<readonly string[]> {
  const names = (await readdir(MUTANTS)).filter((name) => name.endsWith(SUFFIX));
  return names.map((name) => name.slice(0, -SUFFIX.length)).toSorted((a, b) => (a < b ? -1 : 1));
}

export async function readMutant(name: string): Promise<Mutant> {
  return parseMutant(await readFile(join(MUTANTS, `${name}${SUFFIX}`), "utf8"));
}

export function parseMutant(text: string): Mutant {
  const lines = text.split("\n");
  const after = (mark: string): string[] =>
    lines.filter((line) => line.startsWith(mark)).map((line) => line.slice(mark.length));
  const [file, more] = after("file ");
  const before = after("- ");
  if (file === undefined || more !== undefined || before.length === 0) {
    throw new Error("a mutant has one `file` line, and `-` lines that it changes");
  }
  return { file, before: before.join("\n"), after: after("+ ").join("\n") };
}

/** The text with the bug in it. What it changes has to be there exactly once. */
export function mutate(text: string, { file, before, after }: Mutant): string {
  const parts = text.split(before);
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times: ${before}`);
  return parts.join(after);
}
