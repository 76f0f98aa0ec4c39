/** Plants the mutants in a copy of the sources, one after the other, and runs of each the one test that it names. */
import { spawn } from "node:child_process";
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
const RUN_MS = 120_000;

export type Verdict =
  | "killed"
  | "SURVIVED"
  /** No test has this title. */
  | "NO TEST"
  /** It fails without the bug too. */
  | "RED WITHOUT IT";

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
 */
export async function* tryMutants(
  folder: string,
  mutants: readonly GapMutant[],
  stopped?: AbortSignal,
): AsyncGenerator<readonly [GapMutant, Verdict]> {
  const healthy = await runTests(folder, mutants, stopped);
  for (const each of mutants) {
    const before = (healthy ?? []).filter((ran) => isOf(ran, each));
    if (before.length === 0) yield [each, "NO TEST"];
    else if (before.some(({ status }) => status !== "passed")) yield [each, "RED WITHOUT IT"];
    else yield [each, await tryMutant(folder, each, stopped)];
  }
}

async function tryMutant(folder: string, each: GapMutant, stopped?: AbortSignal): Promise<Verdict> {
  const at = join(folder, each.mutant.file);
  const text = await readFile(at, "utf8");
  try {
    await writeFile(at, mutate(text, each.mutant));
    const planted = await runTests(folder, [each], stopped);
    // Null is a test that was ended: without the bug it came to its end.
    const killed = planted === null || planted.some((ran) => isOf(ran, each) && ran.status === "failed");
    return killed ? "killed" : "SURVIVED";
  } finally {
    await writeFile(at, text);
  }
}

function isOf(ran: Ran, { file, title }: GapMutant): boolean {
  return ran.file === file && new RegExp(patternOf(title)).test(ran.fullName);
}

/** Tests that ran, null when they had to be ended. A file that does not load has none. */
async function runTests(
  folder: string,
  mutants: readonly GapMutant[],
  stopped?: AbortSignal,
): Promise<readonly Ran[] | null> {
  const out = join(folder, "result.json");
  await rm(out, { force: true });
  const files = new Set(mutants.map(({ file }) => file));
  const pattern = [...new Set(mutants.map(({ title }) => patternOf(title)))].join("|");
  const words = ["run", ...files, "-t", pattern, "--maxWorkers=1", "--reporter=json", `--outputFile=${out}`];
  const vitest = join(folder, "node_modules/vitest/vitest.mjs");
  const timeout = RUN_MS * files.size;
  const child = spawn(process.execPath, [vitest, ...words], { cwd: folder, stdio: "ignore", timeout });
  const end = (): void => void child.kill();
  stopped?.addEventListener("abort", end);
  await new Promise((resolve) => child.once("close", resolve));
  stopped?.removeEventListener("abort", end);
  stopped?.throwIfAborted();
  const text = await readFile(out, "utf8").catch(() => null);
  if (text === null) return child.signalCode === null ? [] : null;
  const reported = JSON.parse(text) as Reported;
  return reported.testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status === "passed" || status === "failed")
      .map(({ fullName, status }) => ({ file: relative(folder, name), fullName, status })),
  );
}
