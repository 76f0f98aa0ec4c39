/** The kernel under scenarios that fast-check makes, and makes smaller when one goes wrong. */
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { arbitraryScript } from "../../sim/arbitrary.ts";
import { kernelCast } from "../../sim/cast.ts";
import { createCrypto } from "../../sim/crypto.ts";
import { planScript } from "../../sim/plan.ts";
import { runScript } from "../../sim/run.ts";
import { parseScript } from "../../sim/parse.ts";
import { standardMix } from "../../sim/standard-mix.ts";
import { printScript, type Cluster, type Script } from "../../sim/script.ts";

const crypto = createCrypto();
const marks = new Map<string, number>();

function judge(script: Script): void {
  const marked = (_: string, mark: string): void => void marks.set(mark, (marks.get(mark) ?? 0) + 1);
  const { failure } = runScript(script, kernelCast, { crypto, marked });
  expect(failure, printScript(script)).toBeNull();
}

function scriptOf(cluster: Cluster, lines: readonly string[]): Script {
  const parsed = parseScript(lines.join("\n"));
  if (!parsed.ok) throw new Error(`${lines[parsed.line - 1]}: ${parsed.what}`);
  return { seed: 1, cluster, lines: parsed.script.lines.toSorted((a, b) => a.at - b.at) };
}

const disk = fc.constantFrom("weak" as const, "ordered" as const);
const node = fc.integer({ min: 1, max: 3 }).map((number) => `n${number}`);
/** Milliseconds from the start of an upload: most of it happens in the first hundreds. */
const soon = fc.oneof({ weight: 3, arbitrary: fc.nat(400) }, fc.nat(3_000));

afterAll(() => {
  // The scenarios were about something.
  const seen = ["download_done", "download_superseded", "listing_asked", "block_retried"];
  expect([...marks.keys()]).toEqual(expect.arrayContaining(seen));
});

describe("promises are kept", () => {
  /** In clusters of 12 and 20 it takes more rounds than anybody looks at until all know that no client waits. */
  test.each([
    [125, 12],
    [5, 20],
  ])("in plan %i of %i servers, at rest too", (seed, servers) => judge(standardMix(seed, servers, 25)));

  test("in any script", () => {
    fc.assert(fc.property(arbitraryScript(), judge), { numRuns: 25 });
  });

  test("when the cluster falls apart during an upload", () => {
    const sides = fc.uniqueArray(node, { minLength: 1, maxLength: 2 });
    const scenario = fc.record({ disk, sides, after: soon, lasting: fc.nat(8_000), to: node, other: node });
    fc.assert(
      fc.property(scenario, ({ disk, sides, after, lasting, to, other }) => {
        const rest = ["n1", "n2", "n3"].filter((name) => !sides.includes(name));
        const cuts = sides.flatMap((a) => rest.map((b) => `at ${500 + after}ms cut ${a} ${b}`));
        const script = scriptOf({ nodes: 3, levels: 1, append: false, disk }, [
          `at 500ms upload c1 /site/current #1 files=6 to ${to}`,
          ...cuts,
          `at ${600 + after}ms upload c2 /site/current #2 files=6 to ${other}`,
          `at ${700 + after + lasting}ms heal`,
        ]);
        judge(script);
      }),
      { numRuns: 25 },
    );
  });

  test("when a server joins during a replace", () => {
    const scenario = fc.record({
      disk,
      join: soon,
      crash: soon,
      how: fc.constantFrom("weak", "ordered", "kept"),
    });
    fc.assert(
      fc.property(scenario, ({ disk, join, crash, how }) => {
        const script = scriptOf({ nodes: 2, levels: 1, append: false, disk }, [
          "at 500ms upload c1 /site/current #1 files=6 to n1",
          "at 4s upload c2 /site/current #2 files=6 to n2",
          `at ${4_000 + join}ms join n3 peers=n1`,
          `at ${4_000 + join + crash}ms crash n3 disk=${how}`,
          `at ${5_000 + join + crash}ms start n3`,
        ]);
        judge(script);
      }),
      { numRuns: 25 },
    );
  });

  test("when the power is cut during a commit", () => {
    const scenario = fc.record({
      disk,
      cut: fc.integer({ min: 20_000, max: 250_000 }),
      slow: fc.integer({ min: 1, max: 50 }),
      how: disk,
      again: fc.boolean(),
    });
    fc.assert(
      fc.property(scenario, ({ disk, cut, slow, how, again }) => {
        const at = 4_000_000 + cut; // microseconds
        const script = scriptOf({ nodes: 2, levels: 1, append: false, disk }, [
          "at 500ms upload c1 /site/current #1 files=6 to n1",
          `at 4s slow n2 factor=${slow}`,
          "at 4s upload c2 /site/current #2 files=6 to n1 n2",
          `at ${at}us crash n2 disk=${how}`,
          `at ${at + 500_000}us start n2`,
          ...(again ? [`at ${at + 520_000 + cut}us crash n2 disk=${how}`] : []),
        ]);
        judge(script);
      }),
      { numRuns: 40 },
    );
  });

  test("for the first seeds of a campaign, each with one digest", () => {
    for (let seed = 1; seed <= 8; seed++) {
      const script = planScript(seed);
      judge(script);
      const digests = [crypto, createCrypto()].map(
        (each) => runScript(script, kernelCast, { crypto: each }).digest,
      );
      expect(digests[1]).toBe(digests[0]);
    }
  });
});
