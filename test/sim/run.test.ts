import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { arbitraryScript } from "../../sim/arbitrary.ts";
import { createCrypto } from "../../sim/crypto.ts";
import { planScript as planWhole } from "../../sim/plan.ts";
import { runScript } from "../../sim/run.ts";
import { parseScript } from "../../sim/parse.ts";
import { deedOf, printScript, type Script } from "../../sim/script.ts";
import { printMoment } from "../../sim/trace.ts";
import { toyCast, type ToyBug } from "./toy-cluster.ts";

/** What a cluster of toys can be asked: it knows no keys, no clocks far off, no sums, and nobody who lies. */
function planScript(seed: number): Script {
  const script = planWhole(seed);
  const { append } = script.cluster;
  const lines = script.lines.filter((line) => {
    const verb = deedOf(line.verb);
    if (verb.kind === "upload") {
      return (
        verb.key === "known" &&
        !verb.frozen &&
        Math.abs(verb.skew) < 60_000_000 &&
        (verb.mode === "append") === append
      );
    }
    if (verb.kind === "link") return verb.corrupt === undefined;
    if (verb.kind === "join" || verb.kind === "start") return verb.machine === null;
    if (verb.kind === "crash") return ["weak", "ordered", "kept"].includes(verb.disk);
    return !["betray", "rot", "edit", "remove", "leave", "peers", "config"].includes(verb.kind);
  });
  return { ...script, lines };
}

function scriptOf(text: string): Script {
  const parsed = parseScript(text);
  if (!parsed.ok) throw new Error(`${parsed.line}: ${parsed.what}`);
  return parsed.script;
}

const QUIET = scriptOf(`
seed 1
cluster 3
at 500ms upload c1 /site/current #7 files=5 to n1
at 3s upload c2 /site/current #8 files=5 to n2
at 4s join n4 peers=n1
`);

describe("a cluster that keeps its promises", () => {
  test("holds the winner everywhere, also where a server joined", () => {
    const outcome = runScript(QUIET, toyCast("none"));
    expect(outcome.failure).toBeNull();
    expect(outcome.convergedAfter).not.toBeNull();
    expect(outcome.excused).toEqual([]);
    const trees = outcome.world
      .hosts()
      .filter(({ name }) => name.startsWith("n"))
      .map(({ disk }) => disk.tree("/srv/site" as never).get("current/number"));
    expect(trees.map((entry) => entry?.kind === "file" && Buffer.from(entry.bytes).toString())).toEqual(
      Array.from({ length: 4 }, () => "8"),
    );
  });

  test("does so for planned scripts, with one digest for one seed", () => {
    const crypto = createCrypto();
    const digests = new Set<string>();
    for (let seed = 0; seed < 40; seed++) {
      const script = planScript(seed);
      const once = runScript(script, toyCast("none"), { crypto });
      expect(once.failure, printScript(script)).toBeNull();
      if (seed % 4 === 0) expect(runScript(script, toyCast("none")).digest).toBe(once.digest);
      const again = scriptOf(printScript(script));
      if (seed % 4 === 1) expect(runScript(again, toyCast("none")).digest).toBe(once.digest);
      digests.add(once.digest);
    }
    expect(digests.size).toBe(40);
  });

  test("does so for generated scripts", () => {
    fc.assert(
      fc.property(arbitraryScript(), (script) => {
        expect(runScript(script, toyCast("none")).failure, printScript(script)).toBeNull();
      }),
      { numRuns: 60 },
    );
  });
});

describe("a cluster that breaks one", () => {
  const CODES: Record<Exclude<ToyBug, "none">, readonly string[]> = {
    no_sync: ["mixed_tree"],
    no_winner: ["went_back", "not_converged", "acked_lost"],
    in_place: ["mixed_tree", "went_back"],
    forgets: ["went_back", "not_converged", "acked_lost", "append_replaced"],
    no_gossip: ["not_converged"],
    asserts: ["machine_failed"],
  };

  test.each(Object.entries(CODES))("%s is found and named", (bug, codes) => {
    let seed = 0;
    let outcome = runScript(planScript(seed), toyCast(bug as ToyBug));
    while (outcome.failure === null && seed < 200) {
      seed += 1;
      outcome = runScript(planScript(seed), toyCast(bug as ToyBug));
    }
    expect(codes).toContain(outcome.failure?.code);
    expect(outcome.world.trace.recent().map(printMoment).join("\n")).toContain(" n");
  });
});

test("a line that is taken away changes nothing that does not depend on it", () => {
  const text = `
seed 3
cluster 3
link n1>n2 loss=30/100
at 500ms upload c1 /site/current #7 files=5 to n1
at 6s pause n3
at 7s resume n3
`;
  const firstSeconds = (script: Script) => {
    const seen: string[] = [];
    const outcome = runScript(script, toyCast("none"));
    for (const moment of outcome.world.trace.recent()) {
      if (moment.time < 6_000_000) seen.push(printMoment(moment));
    }
    return seen;
  };
  const whole = firstSeconds(scriptOf(text));
  const less = firstSeconds(scriptOf(text.replace(/at [67]s .*\n/g, "at 7s heal\n")));
  expect(whole.length).toBeGreaterThan(20);
  expect(less).toEqual(whole);
});
