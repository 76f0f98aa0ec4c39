/** What the command says of a test that sees its bug, and of tests that do not. */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { until } from "../e2e/rig.ts";
import { parseGapMutant } from "./gap-mutant.ts";
import { tryMutants } from "./run.ts";

const SOURCE =
  'import { writeFileSync } from "node:fs";\n' +
  "export const add = (a: number, b: number): number => a + b;\nexport const name = writeFileSync.name;\n";
const TESTS = `import { expect, test } from "vitest";
import { add } from "../kernel/add.ts";
test("sums", () => expect(add(2, 3)).toBe(5));
test("sums of nothing", () => expect(add(0, 0)).toBe(0));
test("is red", () => expect(add(1, 1)).toBe(3));
test.each([[2, 2]])("%i and %i", (a, b) => expect(add(a, b)).toBe(4));
`;

const LOOP = `(writeFileSync("pid", String(process.pid)), (() => { for (;;); })())`;

async function makeFolder(): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "ciruela-gaps-")));
  for (const name of ["kernel", "test"]) await mkdir(join(folder, name));
  await writeFile(join(folder, "kernel/add.ts"), SOURCE);
  await writeFile(join(folder, "test/add.test.ts"), TESTS);
  await symlink(join(process.cwd(), "node_modules"), join(folder, "node_modules"));
  return folder;
}

const mutant = (title: string, after = "a - b") =>
  parseGapMutant(
    title,
    `// why\nfile kernel/add.ts\n- a + b\n+ ${after}\ntest test/add.test.ts > ${title}\n`,
  );

test("a bug is killed, survives, has no test, or one that is red without it", {
  timeout: 120_000,
}, async () => {
  const folder = await makeFolder();
  try {
    const verdicts: (readonly [string, string])[] = [];
    const mutants = ["sums", "sums of nothing", "is red", "sum", "%i and %i"].map((title) => mutant(title));
    for await (const [{ title }, verdict] of tryMutants(folder, [...mutants, mutant("sums", "a +")]))
      verdicts.push([title, verdict]);
    expect(verdicts).toEqual([
      ["sums", "killed"],
      ["sums of nothing", "SURVIVED"],
      ["is red", "RED WITHOUT IT"],
      ["sum", "NO TEST"],
      ["%i and %i", "killed"],
      ["sums", "SURVIVED"], // it does not compile: that is no test that sees it
    ]);
    expect(await readFile(join(folder, "kernel/add.ts"), "utf8")).toBe(SOURCE);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.each([
  ["TIMED OUT", LOOP, 1_000],
  ["DIED", `(process.kill(process.ppid, "SIGKILL"), a + b)`, undefined],
])(
  "a test that has no end of its own is %s, and not killed",
  { timeout: 120_000 },
  async (says, after, ms) => {
    const folder = await makeFolder();
    try {
      const verdicts: string[] = [];
      for await (const [, verdict] of tryMutants(folder, [mutant("sums", after)], undefined, ms))
        verdicts.push(verdict);
      expect(verdicts).toEqual([says]);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);

test("who stops it leaves no process behind, also none that does not come back", {
  timeout: 120_000,
}, async () => {
  const folder = await makeFolder();
  try {
    const stopping = new AbortController();
    const trying = tryMutants(folder, [mutant("sums", LOOP)], stopping.signal).next();
    const pid = async () => Number(await readFile(join(folder, "pid"), "utf8").catch(() => 0));
    await until("the bug runs", async () => (await pid()) > 0, 60_000);
    stopping.abort();
    await expect(trying).rejects.toThrow("aborted");
    await until("its process is gone", async () => !existsSync(`/proc/${await pid()}`));
    expect(await readFile(join(folder, "kernel/add.ts"), "utf8")).toBe(SOURCE);
  } finally {
    await rm(folder, { recursive: true });
  }
});
