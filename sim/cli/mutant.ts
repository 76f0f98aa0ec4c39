/**
 * Bugs on purpose: a copy of the kernel and the simulator in a folder of its own, with one place of one file changed.
 * The kernel has no hook for it, and the copy is deleted afterwards.
 *
 *   // why this has to be found
 *   file kernel/winner.ts
 *   - what stands there, exactly once; several of these lines are one place
 *   + what stands there instead; nothing, when the lines are left out
 */
import { cp, mkdtemp, readFile, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export type Mutant = { readonly file: string; readonly before: string; readonly after: string };
export type Planted = { readonly worker: URL; remove(): Promise<void> };

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
const MUTANTS = join(PROJECT, "test", "mutants");
const SUFFIX = ".mutant";
/** All that a run needs. */
const COPIED = ["kernel", "sim", "adapters/port.ts", "adapters/driver.ts", "package.json"];

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

export async function plantMutant(mutant: Mutant): Promise<Planted> {
  const folder = await mkdtemp(join(tmpdir(), "ciruela-mutant-"));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    for (const name of COPIED) await cp(join(PROJECT, name), join(folder, name), { recursive: true });
    await symlink(join(PROJECT, "node_modules"), join(folder, "node_modules"), "dir");
    const file = join(folder, mutant.file);
    await writeFile(file, mutate(await readFile(file, "utf8"), mutant));
  } catch (error) {
    await remove();
    throw error;
  }
  return { worker: pathToFileURL(join(folder, "sim", "cli", "worker.ts")), remove };
}
