import fc from "fast-check";
import { expect, test } from "vitest";
import { arbitraryScript } from "../../sim/arbitrary.ts";
import { printVerb, type Script } from "../../sim/script.ts";
import { shrinkScript } from "../../sim/shrink.ts";

const crashes = ({ lines }: Script): number => lines.filter(({ verb }) => verb.kind === "crash").length;

test("what is left fails, and no line can go", () => {
  let shrunk = 0;
  fc.assert(
    fc.property(arbitraryScript(), (script) => {
      // Stands for a bug that needs two crashes and two servers.
      const fails = (each: Script): boolean => crashes(each) >= 2 && each.cluster.nodes >= 2;
      if (!fails(script)) return;
      shrunk += 1;
      const smaller = shrinkScript(script, fails, 1_000);
      expect(smaller.lines.map(({ verb }) => verb.kind)).toEqual(["crash", "crash"]);
      expect(smaller.cluster.nodes).toBe(2);
      const verbs = script.lines.map(({ verb }) => printVerb(verb));
      for (const { verb } of smaller.lines) expect(verbs).toContain(printVerb(verb));
    }),
    { numRuns: 1_500 },
  );
  expect(shrunk).toBeGreaterThan(10);
});

test("a line that became useless with fewer servers goes, too", () => {
  const lines = Array.from({ length: 5 }, () => ({ at: 0, verb: { kind: "pause" as const, host: "n1" } }));
  const script: Script = { seed: 1, cluster: { nodes: 4, levels: 1, append: false, disk: "weak" }, lines };
  const fails = (each: Script): boolean => each.lines.length >= Math.min(each.cluster.nodes, 3);
  const smaller = shrinkScript(script, fails, 1_000);
  expect(smaller.cluster.nodes).toBe(1);
  expect(smaller.lines).toHaveLength(1);
});

test("it tries no more often than it may", () => {
  let runs = 0;
  const lines = Array.from({ length: 50 }, (_, at) => ({ at, verb: { kind: "pause" as const, host: "n1" } }));
  const script: Script = { seed: 1, cluster: { nodes: 3, levels: 1, append: false, disk: "weak" }, lines };
  const fails = (): boolean => {
    runs += 1;
    return false;
  };
  expect(shrinkScript(script, fails, 7)).toBe(script);
  expect(runs).toBe(7);
});
