import fc from "fast-check";
import { expect, test } from "vitest";
import { arbitraryScript } from "../../sim/arbitrary.ts";
import { planScript } from "../../sim/plan.ts";
import { parseScript } from "../../sim/parse.ts";
import { deedOf, printScript } from "../../sim/script.ts";

const EXAMPLE = `seed 42
cluster 3 levels=1 append=no disk=weak
link n1>n2 loss=10/100 dup=1/100 delay=5ms..40ms
rate n1 up=1000 down=0
at 1500ms upload c1 /site/current #7 files=5 to n1 n2
at 1501ms upload c2 /site/current #8 files=5 bytes=7 mode=append skew=-1ms to n1
at 2s cut n1 n2
at 2s cut n1>*
at 3s heal
at 3500us heal n1>n2
at 4s crash n2 disk=weak
at 5s pause n1
at 6s start n2
at 7s join n4 peers=n1,n2
at 8s clock n1 step=+5s drift=-100
at 9s fail n1 sync io count=2
at 10s slow n1 factor=7
link *>n2 corrupt=2/100 mtu=600
at 11s upload c3 /site/current #1 files=3 clock=frozen key=stranger to n1
at 11s crash n3 disk=n1
at 11s save n3
at 12s crash n3 disk=old
at 12s leave n3
at 13s join n5 peers=n1 machine=n1
at 13s peers n1 peers=n2
at 14s reset n1 *
at 14s halve n1 n2
at 15s stall n1 for=2s
at 15s rot n1 images nth=3
at 15s edit n1 indexes nth=0
at 16s remove n1 /site/current
at 17s betray n2 how=blocks,slow,equivocate
link n1>n2 loss=1/100 burst=300ms tail=1/50 long=3s
at 18s flap n1 * every=300ms for=5s
at 18s split n1,n2 n3
at 19s crash * disk=kept
at 20s start *
at 20s start n1 machine=n9
at 21s hang n1 sync for=3s
config n3 append=yes levels=2 keys=second
config n2 keys=
config n4 clean=no
config n5 clean=2,0,500ms,list
at 22s keep n1 /site/a,/site/b
at 22s keep * none
at 22s keep n2 broken
at 22s when n1 committing crash n1 disk=weak
at 22s when n1 committing nth=2 call=sync:3 +5ms rot n2 images nth=3
at 22s when n2 running call=*:30 fail n2 rename no_space count=1
`;

test("every verb is printed as it is written", () => {
  const parsed = parseScript(EXAMPLE);
  expect(parsed).toMatchObject({ ok: true });
  expect(parsed.ok && printScript(parsed.script)).toBe(EXAMPLE);
  const cleaned = "seed 1\ncluster 2 levels=2 append=no disk=weak core=n1 clean=1,100,20s\n";
  const rules = parseScript(cleaned);
  expect(rules.ok && printScript(rules.script)).toBe(cleaned);
});

test("what is printed is parsed to the same script", () => {
  fc.assert(
    fc.property(arbitraryScript(), (script) => {
      expect(parseScript(printScript(script))).toEqual({ ok: true, script });
    }),
    { numRuns: 1_000 },
  );
  for (let seed = 0; seed < 500; seed++) {
    const script = planScript(seed);
    expect(parseScript(printScript(script))).toEqual({ ok: true, script });
  }
});

test("whatever is parsed is printed to something with the same meaning, and nothing else throws", () => {
  const word = fc.constantFrom(
    "at",
    "1s",
    "cut",
    "n1",
    "n2",
    "heal",
    "link",
    "*>*",
    "loss=1/2",
    "x",
    "to",
    "upload",
  );
  fc.assert(
    fc.property(fc.array(fc.array(word).map((words) => words.join(" "))), (lines) => {
      const parsed = parseScript(lines.join("\n"));
      if (parsed.ok) expect(parseScript(printScript(parsed.script))).toEqual(parsed);
    }),
  );
});

test.each([
  ["crush n1", "crush is no verb"],
  ["at 5 crash n1", "5 is no time like 5ms or 2s"],
  ["cut n1", "a second host is missing"],
  ["crash n1 disk=lost", "lost is none of weak, ordered, kept, empty, old"],
  ["crash n1 now", "now is not understood here"],
  ["upload c1 site #1 to n1", "site is no path like /site/current"],
  ["upload c1 /site/x #1 files=2", "`to` is missing"],
  ["link n1>n2 loss=3/2", "3 is no whole number from 0 to 2"],
  ["link n1>n2 delay=9ms..2ms", "9ms..2ms ends before it begins"],
  ["cluster 0", "0 is no whole number from 1 to 10000"],
  ["join n4", "peers= is missing"],
  ["slow n1", "factor= is missing"],
  [
    "when n1 sleeping crash n1",
    "sleeping is none of down, recovering, connecting, reconciling, promising, indexing, preparing, fetching, committing, cleaning, removing, collecting, serving, idle, running",
  ],
  ["when n1 committing call=sync:x crash n1", "x is no whole number from 1 to 1000000"],
  ["when n1 idle when n1 idle crash n1", "when is no verb"],
  ["when n1 idle config n1 append=yes", "config is no verb"],
  ["at 1s config n1 append=yes", "config is of the beginning"],
  ["flap n1 n2 every=1us for=1s", "1us is below 1000us"],
])("a wrong line is named: %s", (line, what) => {
  expect(parseScript(`// first\nseed 1\n\n${line}\n`)).toEqual({ ok: false, line: 4, what });
});

test("a seed is one plan, and every kind of line is planned by some seed", () => {
  expect(planScript(5)).toEqual(planScript(5));
  expect(planScript(5)).not.toEqual(planScript(6));
  const kinds = new Set<string>();
  for (let seed = 0; seed < 200; seed++)
    for (const { verb } of planScript(seed).lines) kinds.add(verb.kind).add(deedOf(verb).kind);
  const all =
    "betray clock config crash cut edit fail flap halve hang heal join keep leave link pause peers rate remove reset";
  expect([...kinds].toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
    ...all.split(" "),
    ..."restart resume rot save slow split stall start upload when".split(" "),
  ]);
});
