/** Equal seeds do the same whatever is around them; what makes runs differ is named with the event where they part. */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { kernelCast } from "../../sim/cast.ts";
import type { Finding } from "../../sim/check.ts";
import type { Mutant } from "../../sim/cli/mutant.ts";
import { pack } from "../../sim/cli/pack.ts";
import { runTasks } from "../../sim/cli/pool.ts";
import { createCrypto } from "../../sim/crypto.ts";
import { differenceOf } from "../../sim/difference.ts";
import { withoutChance } from "../../sim/jail.ts";
import { planScript } from "../../sim/plan.ts";
import { runScript } from "../../sim/run.ts";

const WORKER = new URL("../../sim/cli/worker.ts", import.meta.url);
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
  for (const seed of [20, 21, 22, 98]) {
    const script = planScript(seed);
    const digests = [0, 1, 2].map((shuffle) => runScript(script, kernelCast, { crypto, shuffle }).digest);
    expect(new Set(digests).size, `seed ${seed}`).toBe(1);
  }
});

test("another time zone, another language and no compiler change nothing", { timeout: 180_000 }, () => {
  const plain = digest([], {});
  expect(plain).toMatch(/^[0-9a-f]{32}$/);
  expect(digest([], { TZ: "Asia/Kathmandu", LANG: "tr_TR.UTF-8", LC_ALL: "tr_TR.UTF-8" })).toBe(plain);
  expect(digest([], { NODE_OPTIONS: "--jitless --no-warnings" })).toBe(plain);
});

describe("what makes runs differ is found", { timeout: 120_000 }, () => {
  async function found(mutant: Mutant): Promise<Finding> {
    const { program, remove } = await pack(WORKER, mutant);
    try {
      const [finding] = await runTasks({
        count: 1,
        task: () => ({ of: { seed: Number(SEED) }, twice: true, shrinkRunsMax: 0 }),
        more: () => true,
        worker: program,
        jobs: 1,
        found: () => {},
      });
      if (finding === undefined) throw new Error("a task has a finding");
      return finding;
    } finally {
      remove();
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

  test("a clock that was taken along from before the run, with the field of the state", async () => {
    const { trouble } = await found({
      file: "kernel/gossip/view.ts",
      before: "export function createView(self: MachineId, limits: Limits): View {\n  return {",
      after:
        "const clock = process.hrtime.bigint;\nexport function createView(self: MachineId, limits: Limits): View {\n  return { read: Number(clock()),",
    });
    if (trouble?.kind !== "nondeterminism") throw new Error("not found");
    expect(trouble.where).toMatch(
      /^the runs part at event 1 at 0s, in state\.view\.read \(\d+ and \d+\):\n {2}1 /,
    );
  });

  test.each([
    ["addresses", "!view.selfAt.has(at))\n    .toSorted(compareText);", "!view.selfAt.has(at));"],
    ["peers", ".peers.values()].toSorted((a, b) => compareText(a.machine, b.machine));", ".peers.values()];"],
  ])("a map that is not sorted in gossip, with the field: %s", async (_, before, after) => {
    const { trouble } = await found({ file: "kernel/gossip/view.ts", before, after });
    if (trouble?.kind !== "nondeterminism") throw new Error("not found");
    expect(trouble.where).toMatch(/^the runs part at event \d+ at \d+\w+, in effects\.\d+\.\S+:\n {2}\d+ /);
  });

  test.each([
    [
      "before the effects",
      "        for (const effect of machine.step(next, ports.clock.now())) perform(effect);",
      "        void (async () => { const all = machine.step(next, ports.clock.now()); await null; all.forEach(perform); })();",
      /effects were left for later\n\d+ [\d.]+ms n\d < /,
    ],
    [
      "after them",
      "    ports.clock.setAlarm(machine.wakeAt(), wake);",
      "    void (async () => { await null; ports.clock.setAlarm(machine.wakeAt(), wake); })();",
      /the alarm was left for later\n\d+ [\d.]+ms n\d < /,
    ],
  ])("a driver that waits, with the event: %s", async (_, before, after, where) => {
    const { trouble } = await found({ file: "adapters/driver.ts", before, after });
    if (trouble?.kind !== "violation") throw new Error("not found");
    expect(trouble.failure.detail).toMatch(where);
  });
});

test.each<[string, () => unknown]>([
  ["Date.now", () => Date.now()],
  ["new Date", () => new Date()],
  ["Math.random", () => Math.random()],
  ["performance.now", () => performance.now()],
  ["crypto.randomUUID", () => crypto.randomUUID()],
  ["setTimeout", () => setTimeout(() => {}, 0)],
  ["fs.readFileSync", () => readFileSync("/dev/null")],
  ["fs.readFileSync", () => process.getBuiltinModule("fs").readFileSync("/dev/null")],
  ["process.hrtime", () => process.hrtime()],
  ["os.hostname", () => hostname()],
  ["crypto.randomBytes", () => randomBytes(1)],
  ["Date.parse", () => Date.parse("2001-02-03")],
  ["Date.prototype.getHours", () => new Date(0).getHours()],
  ["String.prototype.localeCompare", () => "a".localeCompare("b")],
  ["Math.sin", () => Math.sin(1)],
  ["WeakRef", () => new WeakRef({})],
])("%s throws inside a run, and not after it", (name, use) => {
  expect(() => withoutChance(use)).toThrow(name);
  const timer: unknown = use();
  if (name === "setTimeout") clearTimeout(timer as NodeJS.Timeout);
});

test("a run within a run ends neither", () => {
  withoutChance(() => {
    withoutChance(() => {});
    expect(() => Math.random()).toThrow("Math.random");
  });
  expect(Math.random()).toBeLessThan(1);
});

test("dates of a given moment are values", () => {
  expect(withoutChance(() => new Date(0).getTime())).toBe(0);
});

test("the place of a difference is its path, with what stands there", () => {
  const map = (value: number) => new Map([["10.0.0.1:80", { value }]]);
  expect(differenceOf({ a: [1, { b: 2 }] }, { a: [1, { b: 3 }] })).toEqual({
    path: ["a", "1", "b"],
    left: 2,
    right: 3,
  });
  expect(differenceOf({ a: new Uint8Array([1, 2]) }, { a: new Uint8Array([1, 3]) })?.path).toEqual([
    "a",
    "1",
  ]);
  expect(differenceOf(map(1), map(2))?.path).toEqual(["10.0.0.1:80", "value"]);
  expect(differenceOf([1], [1, 2])).toEqual({ path: ["1"], left: undefined, right: 2 });
  expect(differenceOf({ a: 1 }, { a: 1 })).toBeNull();
});
