import { expect, test } from "vitest";
import { kernelCast } from "../../sim/cast.ts";
import { check, type CheckOptions } from "../../sim/check.ts";
import { describeTrouble } from "../../sim/cli/text.ts";
import { createCrypto } from "../../sim/crypto.ts";
import type { Cast } from "../../sim/spec.ts";
import { parseScript } from "../../sim/parse.ts";
import type { Script } from "../../sim/script.ts";
import { toyCast } from "./toy-cluster.ts";

const OPTIONS: CheckOptions = { crypto: createCrypto(), twice: true, shrinkRunsMax: 50 };

function scriptOf(text: string): Script {
  const parsed = parseScript(text);
  if (!parsed.ok) throw new Error(parsed.what);
  return parsed.script;
}

const SCRIPT = scriptOf(`
seed 1
cluster 3
at 500ms upload c1 /site/current #7 files=5 to n1
at 2s pause n3
at 3s resume n3
at 4s upload c2 /site/current #8 files=5 to n2
`);

test("a run that is all well says what it was about", () => {
  const finding = check(SCRIPT, kernelCast, OPTIONS);
  expect(finding.trouble).toBeNull();
  expect(finding.marks).toMatchObject({ recovered: 3, signing: 2, download_done: 6 });
  expect(finding.digest).toMatch(/^[0-9a-f]{32}$/);
  expect(finding.digest).not.toBe(check({ ...SCRIPT, seed: 2 }, kernelCast, OPTIONS).digest);
});

test("two runs that differ are told from a promise that is broken", () => {
  let starts = 0; // remembered from one run to the next: what no machine may do
  const forgetful: Cast = {
    ...kernelCast,
    node(spec, start) {
      starts += 1;
      return kernelCast.node(spec, { ...start, seed: `${start.seed} ${starts}` });
    },
  };
  const finding = check(SCRIPT, forgetful, OPTIONS);
  expect(finding.trouble?.kind).toBe("nondeterminism");
  const text = describeTrouble("seed 1", finding, { what: "--seed 1", mutant: null });
  expect(text).toContain(finding.digest);
  expect(text).toContain("repeat: npm run sim -- --seed 1");
  expect(check(SCRIPT, forgetful, { ...OPTIONS, twice: false }).trouble).toBeNull();
});

test("a broken promise comes with its place, a smaller script, and how to see it again", () => {
  const finding = check(SCRIPT, toyCast("no_gossip"), OPTIONS);
  const { trouble } = finding;
  if (trouble?.kind !== "violation") throw new Error("the bug was not found");
  expect(trouble.failure.code).toBe("not_converged");
  expect(trouble.shrunk?.split("\n").filter((line) => line.startsWith("at "))).toHaveLength(1);
  const text = describeTrouble("seed 1", finding, { what: "--seed 1", mutant: "x" });
  expect(text).toMatch(/^seed 1: not_converged: n\d has /);
  expect(text).toMatch(/at step \d+, /);
  expect(text).toContain("repeat: npm run sim -- --seed 1 --mutant x");
  expect(text).toContain("npm run sim -- --script - --mutant x <<'END'");
});
