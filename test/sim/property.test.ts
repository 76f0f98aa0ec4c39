/** A property of fast-check that fails ends in a script, which fails in the same way when it is replayed. */
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { expect, test } from "vitest";
import { counterexampleOf, scriptProperty } from "../../sim/property.ts";
import { parseScript } from "../../sim/parse.ts";
import { printScript } from "../../sim/script.ts";
import { runScript } from "../../sim/run.ts";
import { toyCast } from "./toy-cluster.ts";

const MAIN = fileURLToPath(new URL("../../sim/main.ts", import.meta.url));
const BOUNDS = { nodesMax: 3, linesMax: 4, lengthMs: 5_000 };

test("the message of a counterexample has its script, which fails as the property did", () => {
  const cast = toyCast("no_gossip");
  const found = counterexampleOf(cast, { runs: 100, seed: 1, bounds: BOUNDS });
  if (found === null) throw new Error("the bug was not found");
  const parsed = parseScript(found.message.slice(found.message.indexOf("\n\n")));
  if (!parsed.ok) throw new Error(parsed.what);
  expect(parsed.script).toEqual(found.script);
  expect(runScript(parsed.script, cast).failure?.code).toBe(found.failure.code);
  // As it is printed by an assertion of fast-check itself, too.
  expect(() => fc.assert(scriptProperty(cast, { bounds: BOUNDS }), { numRuns: 100, seed: 1 })).toThrow(
    `Counterexample: [\n${printScript(found.script)}]`,
  );
});

test("without a bug there is none", () => {
  expect(counterexampleOf(toyCast("none"), { runs: 20, seed: 1, bounds: BOUNDS })).toBeNull();
});

async function sim(
  input: string,
  ...words: readonly string[]
): Promise<{ code: number | null; out: string }> {
  const child = spawn(process.execPath, ["--import", "tsx", MAIN, ...words], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  let out = "";
  child.stdout.on("data", (bytes: Buffer) => (out += bytes.toString()));
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, out };
}

test("a counterexample of a planted bug is replayed from a file and from standard input", {
  timeout: 120_000,
}, async () => {
  const planted = ["--mutant", "reported_early"];
  const found = await sim("", "property", ...planted);
  expect(found.code).toBe(1);
  expect(found.out).toMatch(/^\/\/ (\w+): [^]*\n\/\/ fails: \1\nseed \d+\ncluster /);
  const folder = await mkdtemp(join(tmpdir(), "ciruela-found-"));
  try {
    const file = join(folder, "found.sim");
    await writeFile(file, found.out);
    for (const again of [
      await sim("", "replay", file, ...planted),
      await sim(found.out, "replay", "-", ...planted),
    ]) {
      expect(again.code).toBe(1);
      const [, code] = /^\/\/ fails: (\w+)$/m.exec(found.out) ?? [];
      expect(again.out).toContain(`it failed with ${code} when it was written, and still does`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
