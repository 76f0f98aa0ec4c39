/** Other ends of one run: what came before the moment is the same in all of them. */
import { expect, test } from "vitest";
import { kernelCast } from "../../sim/cast.ts";
import { check } from "../../sim/check.ts";
import { createCrypto } from "../../sim/crypto.ts";
import { plannedFuture, withFuture } from "../../sim/future.ts";
import { parseScript } from "../../sim/parse.ts";
import { printScript, type Script } from "../../sim/script.ts";
import { SECOND } from "../../sim/timeline.ts";

function scriptOf(text: string): Script {
  const parsed = parseScript(text);
  if (!parsed.ok) throw new Error(parsed.what);
  return parsed.script;
}

const SCRIPT = scriptOf(`
seed 1
cluster 3
at 500ms upload c1 /site/current #7 files=5 to n1
at 600ms link *>* loss=10/100
at 3s cut n1 n2
at 4s upload c2 /site/current #8 files=5 to n2
`);

test("the past stays, also what happened by chance, and the future is another one", () => {
  const crypto = createCrypto();
  const scripts = [SCRIPT, ...[1, 2, 3].map((seed) => plannedFuture(SCRIPT, 2 * SECOND, seed))];
  expect(new Set(scripts.map(printScript)).size).toBe(4);
  const findings = scripts.map((script) =>
    check(script, kernelCast, { crypto, twice: false, shrinkRunsMax: 0, past: 2 * SECOND }),
  );
  expect(new Set(findings.map(({ past }) => past)).size).toBe(1);
  expect(findings[0]?.past).toMatch(/^[0-9a-f]{32}$/);
  expect(new Set(findings.map(({ digest }) => digest)).size).toBe(4);
});

test("faults of the script end at the moment, its uploads do not, and those of the other seed do not come", () => {
  const lines = plannedFuture(SCRIPT, 2 * SECOND, 5).lines;
  expect(lines.filter(({ verb }) => verb.kind === "upload")).toHaveLength(2);
  expect(lines.filter(({ at }) => at < 2 * SECOND)).toEqual(SCRIPT.lines.slice(0, 2));
  expect(lines).not.toContainEqual(SCRIPT.lines[2]);
});

test("lines that are given stand for all that would have come", () => {
  const given = scriptOf("at 2s crash n1 disk=weak").lines;
  expect(withFuture(SCRIPT, 2 * SECOND, given).lines).toEqual([...SCRIPT.lines.slice(0, 2), ...given]);
});
