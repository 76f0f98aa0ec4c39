/** What the command says of a test that sees its bug, and of tests that do not. */
import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseGapMutant } from "./gap-mutant.ts";
import { tryMutants } from "./run.ts";

const SOURCE = "export const add = (a: number, b: number): number => a + b;\nexport const name = 1;\n";
const TESTS = `import { expect, test } from "vitest";
import { add } from "../kernel/add.ts";
test("sums", () => expect(add(2, 3)).toBe(5));
test("sums of nothing", () => expect(add(0, 0)).toBe(0));
test("is red", () => expect(add(1, 1)).toBe(3));
test.each([[2, 2]])("%i and %i", (a, b) => expect(add(a, b)).toBe(4));
`;

test("a bug is killed, survives, has no test, or one that is red without it", {
  timeout: 120_000,
}, async () => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "ciruela-gaps-")));
  try {
    for (const name of ["kernel", "test"]) await mkdir(join(folder, name));
    await writeFile(join(folder, "kernel/add.ts"), SOURCE);
    await writeFile(join(folder, "test/add.test.ts"), TESTS);
    await symlink(join(process.cwd(), "node_modules"), join(folder, "node_modules"));
    const mutant = (title: string, after = "a - b") =>
      parseGapMutant(
        title,
        `// why\nfile kernel/add.ts\n- a + b\n+ ${after}\ntest test/add.test.ts > ${title}\n`,
      );
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
