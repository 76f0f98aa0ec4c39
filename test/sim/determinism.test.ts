/** Equal seeds do the same whatever is around them; what makes runs differ is named with the event where they part. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { kernelCast } from "../../sim/cast.ts";
import type { Finding } from "../../sim/check.ts";
import { type Mutant, plantMutant } from "../../sim/cli/mutant.ts";
import { runTasks } from "../../sim/cli/pool.ts";
import { createCrypto } from "../../sim/crypto.ts";
import { pathOfDifference } from "../../sim/difference.ts";
import { withoutChance } from "../../sim/jail.ts";
import { planScript } from "../../sim/plan.ts";
import { runScript } from "../../sim/run.ts";

const MAIN = fileURLToPath(new URL("../../sim/main.ts", import.meta.url));
const SEED = "3";

function digest(flags: readonly string[], env: Readonly<Record<string, string>>): string {
  const words = [...flags, "--import", "tsx", MAIN, "--seed", SEED];
  const { stdout } = spawnSync(process.execPath, words, {
    env: { ...process.env, ...env },
    encoding: "utf8",
  });
  return /^digest ([0-9a-f]{32})$/m.exec(stdout)?.[1] ?? stdout;
}

test("servers that are made and listed in another order do the same", () => {
  const crypto = createCrypto();
  for (let seed = 20; seed < 28; seed++) {
    const script = planScript(seed);
    const digests = [0, 1, 2].map((shuffle) => runScript(script, kernelCast, { crypto, shuffle }).digest);
    expect(new Set(digests).size, `seed ${seed}`).toBe(1);
  }
});

test("another time zone, another language and no compiler change nothing", () => {
  const plain = digest([], {});
  expect(plain).toMatch(/^[0-9a-f]{32}$/);
  expect(digest([], { TZ: "Asia/Kathmandu", LANG: "tr_TR.UTF-8", LC_ALL: "tr_TR.UTF-8" })).toBe(plain);
  expect(digest([], { NODE_OPTIONS: "--jitless --no-warnings" })).toBe(plain);
});

describe("what makes runs differ is found", { timeout: 120_000 }, () => {
  async function found(mutant: Mutant): Promise<Finding> {
    const planted = await plantMutant(mutant);
    try {
      const [finding] = await runTasks({
        count: 1,
        task: () => ({ of: { seed: Number(SEED) }, twice: true, shrinkRunsMax: 0 }),
        more: () => true,
        worker: planted.worker,
        jobs: 1,
        found: () => {},
      });
      if (finding === undefined) throw new Error("a task has a finding");
      return finding;
    } finally {
      await planted.remove();
    }
  }

  test("a clock that is read in the kernel, with the event", async () => {
    const { trouble } = await found({
      file: "kernel/gossip/view.ts",
      before: "  view.lastHeardAt = now;",
      after: "  view.lastHeardAt = Date.now();",
    });
    if (trouble?.kind !== "violation") throw new Error("not found");
    expect(trouble.failure.code).toBe("machine_failed");
    expect(trouble.failure.detail).toMatch(/Date\.now inside a simulated run\n\d+ [\d.]+ms n\d < datagram/);
  });

  test("a map that is not sorted in gossip, with the field", async () => {
    const { trouble } = await found({
      file: "kernel/gossip/view.ts",
      before: "  return unknown.toSorted(compareText);",
      after: "  return unknown;",
    });
    if (trouble?.kind !== "nondeterminism") throw new Error("not found");
    expect(trouble.where).toMatch(/^the runs part at event \d+ at \d+\w+, in effects\.\d+\.to:\n {2}\d+ /);
  });

  test("a driver that waits, with the event", async () => {
    const { trouble } = await found({
      file: "adapters/driver.ts",
      before: "        for (const effect of machine.step(next, ports.clock.now())) perform(effect);",
      after:
        "        void (async () => { const all = machine.step(next, ports.clock.now()); await null; all.forEach(perform); })();",
    });
    if (trouble?.kind !== "violation") throw new Error("not found");
    expect(trouble.failure.detail).toMatch(/effects were left for later\n\d+ [\d.]+ms n\d < /);
  });
});

test.each<[string, () => unknown]>([
  ["Date.now", () => Date.now()],
  ["new Date", () => new Date()],
  ["Math.random", () => Math.random()],
  ["performance.now", () => performance.now()],
  ["crypto.randomUUID", () => crypto.randomUUID()],
  ["setTimeout", () => setTimeout(() => {}, 0)],
  ["fs.readFileSync", () => process.getBuiltinModule("fs").readFileSync("/dev/null")],
])("%s throws inside a run, and not after it", (name, use) => {
  expect(() => withoutChance(use)).toThrow(name);
  const timer: unknown = use();
  if (name === "setTimeout") clearTimeout(timer as NodeJS.Timeout);
});

test("dates of a given moment are values", () => {
  expect(withoutChance(() => new Date(0).getTime())).toBe(0);
});

test("the place of a difference is its path", () => {
  expect(pathOfDifference({ a: [1, { b: 2 }] }, { a: [1, { b: 3 }] })).toBe("a.1.b");
  expect(pathOfDifference({ a: new Uint8Array([1, 2]) }, { a: new Uint8Array([1, 3]) })).toBe("a.1");
  expect(pathOfDifference({ a: 1 }, { a: 1 })).toBeNull();
});
