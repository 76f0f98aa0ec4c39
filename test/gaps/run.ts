/** Plants the mutants in a copy of the sources, one after the other, and runs of each the one test that it names. */
import { type ChildProcess, spawn } from "node:child_process";
import { cp, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { mutate } from "../../sim/cli/mutant.ts";
import { type GapMutant, patternOf } from "./gap-mutant.ts";

const SOURCES = [
  "kernel",
  "adapters",
  "sim",
  "test",
  "package.json",
  "tsconfig.base.json",
  "vitest.config.ts",
];
/** Of one run of one test file: a bug may make it run for ever. */
const RUN_MS_MAX = 120_000;

export type Verdict =
  | "killed"
  | "SURVIVED"
  /** No test has this title. */
  | "NO TEST"
  /** It fails without the bug too. */
  | "RED WITHOUT IT"
  /** It was ended: nobody knows what it would have said. */
  | "TIMED OUT"
  /** A signal of somebody else ended it, such as that of a system without memory. */
  | "DIED";

type Ran = { readonly file: string; readonly fullName: string; readonly status: string };
type Reported = {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly Omit<Ran, "file">[];
  }[];
};

/** A copy of the sources, gone at the end, also when that comes by a signal. */
export async function inCopy<T>(work: (folder: string, stopped: AbortSignal) => Promise<T>): Promise<T> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "ciruela-gaps-")));
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.on("SIGINT", stop).on("SIGTERM", stop);
  try {
    for (const each of SOURCES) await cp(each, join(folder, each), { recursive: true });
    await symlink(join(process.cwd(), "node_modules"), join(folder, "node_modules"));
    return await work(folder, stopping.signal);
  } finally {
    process.off("SIGINT", stop).off("SIGTERM", stop);
    await rm(folder, { recursive: true });
  }
}

/**
 * All mutants, one after the other.
 *
 * @param folder   a copy of the sources; as it was when this ends
 * @param stopped  ends the test that runs, and this with an error
 * @param runMs    how long one test file may run with a bug
 */
export async function* tryMutants(
  folder: string,
  mutants: readonly GapMutant[],
  stopped?: AbortSignal,
  runMs = RUN_MS_MAX,
): AsyncGenerator<readonly [GapMutant, Verdict]> {
  const files = new Set(mutants.map(({ file }) => file));
  const healthy = await runTests(folder, mutants, RUN_MS_MAX * files.size, stopped);
  for (const each of mutants) {
    if (typeof healthy === "string") {
      yield [each, healthy];
      continue;
    }
    const before = healthy.filter((ran) => isOf(ran, each));
    if (before.length === 0) yield [each, "NO TEST"];
    else if (before.some(({ status }) => status !== "passed")) yield [each, "RED WITHOUT IT"];
    else yield [each, await tryMutant(folder, each, runMs, stopped)];
  }
}

async function tryMutant(
  folder: string,
  each: GapMutant,
  runMs: number,
  stopped?: AbortSignal,
): Promise<Verdict> {
  const at = join(folder, each.mutant.file);
  const text = await readFile(at, "utf8");
  try {
    await writeFile(at, mutate(text, each.mutant));
    const planted = await runTests(folder, [each], runMs, stopped);
    if (typeof planted === "string") return planted;
    return planted.some((ran) => isOf(ran, each) && ran.status === "failed") ? "killed" : "SURVIVED";
  } finally {
    await writeFile(at, text);
  }
}

function isOf(ran: Ran, { file, title }: GapMutant): boolean {
  return ran.file === file && new RegExp(patternOf(title)).test(ran.fullName);
}

/** Tests that ran, or why nobody knows. A file that does not load has none. */
async function runTests(
  folder: string,
  mutants: readonly GapMutant[],
  runMs: number,
  stopped?: AbortSignal,
): Promise<readonly Ran[] | "TIMED OUT" | "DIED"> {
  const out = join(folder, "result.json");
  await rm(out, { force: true });
  const files = new Set(mutants.map(({ file }) => file));
  const pattern = [...new Set(mutants.map(({ title }) => patternOf(title)))].join("|");
  const words = ["run", ...files, "-t", pattern, "--maxWorkers=1", "--reporter=json", `--outputFile=${out}`];
  const vitest = join(folder, "node_modules/vitest/vitest.mjs");
  // In a group of its own: what it has started ends with it, also what does not come back from a bug.
  const child = spawn(process.execPath, [vitest, ...words], { cwd: folder, stdio: "ignore", detached: true });
  let timedOut = false;
  const late = setTimeout(() => {
    timedOut = true;
    killGroup(child);
  }, runMs);
  const end = (): void => killGroup(child);
  stopped?.addEventListener("abort", end);
  await new Promise((resolve) => child.once("close", resolve));
  stopped?.removeEventListener("abort", end);
  clearTimeout(late);
  killGroup(child);
  stopped?.throwIfAborted();
  if (timedOut) return "TIMED OUT";
  if (child.signalCode !== null) return "DIED";
  const text = await readFile(out, "utf8").catch(() => null);
  if (text === null) return [];
  const reported = JSON.parse(text) as Reported;
  return reported.testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status === "passed" || status === "failed")
      .map(({ fullName, status }) => ({ file: relative(folder, name), fullName, status })),
  );
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    // Nobody of it is left.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}
