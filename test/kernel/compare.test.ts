import fc from "fast-check";
import { expect, test } from "vitest";
import type { Entry, Intent } from "../../kernel/catalog.ts";
import type { ImageId } from "../../kernel/ids.ts";
import { compareListings, type CompareRules } from "../../kernel/reconcile/compare.ts";
import { compareBytes } from "../../kernel/text.ts";
import {
  compareVersions,
  mergeVersions,
  stateOf,
  type Version,
  VERSION_SIGNATURES_MAX,
} from "../../kernel/winner.ts";

const NOW = 1000;
const OPEN: CompareRules = { appendOnly: false, futureSkewMs: 10 };
const APPEND: CompareRules = { appendOnly: true, futureSkewMs: 10 };
const version = (timestamp: number, image: string, ...seeds: number[]): Version => ({
  timestamp,
  image: image.repeat(32) as ImageId,
  signatures: (seeds.length === 0 ? [1] : seeds).map((seed) => new Uint8Array(64).fill(seed)),
});
const committed = (of: Version): Entry => ({ committed: of, intent: null });
const intentOf = (of: Version): Intent => ({ ...of, stage: "s", mode: "append" });
const decide = (ours: Entry | null, theirs: Version | null, rules = OPEN) =>
  compareListings(
    ours === null ? [] : [["a", ours]],
    theirs === null ? [] : [["a", stateOf(theirs)]],
    rules,
    NOW,
  );

test.each([
  ["missing here", null, version(1, "aa"), { kind: "take", ours: null, present: false }],
  ["missing there", committed(version(1, "aa")), null, { kind: "yield", theirs: null }],
  ["newer there", committed(version(1, "ff")), version(2, "aa"), { kind: "take", present: false }],
  ["newer here", committed(version(2, "aa")), version(1, "ff"), { kind: "yield" }],
  ["a tie, greater there", committed(version(1, "9f")), version(1, "a0"), { kind: "take" }],
  ["a tie, greater here", committed(version(1, "a0")), version(1, "9f"), { kind: "yield" }],
  ["the same", committed(version(1, "aa")), version(1, "aa"), { kind: "keep", learn: [], conflict: false }],
  [
    "signed again there",
    committed(version(1, "aa")),
    version(2, "aa"),
    { kind: "keep", learn: version(2, "aa").signatures },
  ],
  ["signed again here", committed(version(2, "aa")), version(1, "aa"), { kind: "yield" }],
  ["of the future", committed(version(1, "aa")), version(NOW + 11, "bb"), { kind: "hold", until: NOW + 1 }],
  ["at the edge", committed(version(1, "aa")), version(NOW + 10, "bb"), { kind: "take" }],
  ["of the future, here too", committed(version(NOW + 11, "aa")), version(NOW + 11, "aa"), { kind: "keep" }],
  [
    "what is committed, while another is fetched",
    { committed: version(1, "aa"), intent: intentOf(version(2, "bb")) },
    version(3, "aa"),
    { kind: "take", present: true },
  ],
])("%s", (_, ours, theirs, want) => {
  const decisions = decide(ours, theirs);
  expect(decisions).toHaveLength(1);
  expect(decisions[0]).toMatchObject({ name: "a", ...want });
});

test("in an append-only directory what is here stays, whichever is greater, and the conflict is told", () => {
  for (const theirs of [version(1, "bb"), version(3, "bb")]) {
    for (const ours of [
      committed(version(2, "aa")),
      { committed: null, intent: intentOf(version(2, "aa")) },
    ]) {
      expect(decide(ours, theirs, APPEND)).toMatchObject([{ kind: "keep", learn: [], conflict: true }]);
    }
  }
  expect(decide(null, version(1, "bb"), APPEND)).toMatchObject([{ kind: "take" }]);
  expect(decide(committed(version(1, "aa")), version(2, "aa"), APPEND)).toMatchObject([
    { kind: "keep", conflict: false },
  ]);
});

test("a state without a signature claims nothing", () => {
  const bare = { image: "aa".repeat(32) as ImageId, signatures: [] };
  expect(compareListings([], [["a", bare]], OPEN, NOW)).toEqual([]);
  expect(compareListings([["a", committed(version(1, "aa"))]], [["a", bare]], OPEN, NOW)).toMatchObject([
    { kind: "yield", theirs: null },
  ]);
});

test("newest first, then by name", () => {
  const here: [string, Entry][] = [
    ["b", committed(version(5, "aa"))],
    ["a", committed(version(5, "aa"))],
    ["old", committed(version(1, "aa"))],
  ];
  const listing = [
    ["new", stateOf(version(9, "aa"))],
    ["old", stateOf(version(7, "aa"))],
  ] as const;
  const names = compareListings(here, listing, OPEN, NOW).map((each) => each.name);
  expect(names).toEqual(["new", "old", "a", "b"]);
});

test("a full list of signatures learns only what is smaller than its last", () => {
  const full = version(1, "aa", ...Array.from({ length: VERSION_SIGNATURES_MAX }, (_, n) => 10 + n));
  const [small, large] = [version(1, "aa", 3, 15, 90), version(1, "aa", 15, 90)];
  expect(decide(committed(full), small)).toMatchObject([
    { kind: "keep", learn: [new Uint8Array(64).fill(3)] },
  ]);
  expect(decide(committed(full), large)).toMatchObject([{ kind: "keep", learn: [] }]);
});

const some = fc
  .tuple(
    fc.integer({ min: 0, max: 2 }),
    fc.constantFrom("0a", "a0", "ff"),
    fc.uniqueArray(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: VERSION_SIGNATURES_MAX }),
  )
  .map(([timestamp, image, seeds]) => version(timestamp, image, ...seeds.toSorted((a, b) => a - b)));

test("what is learnt, once verified, makes the merged list: no more is asked for than changes it", () => {
  let learnt = 0;
  fc.assert(
    fc.property(some, some, (ours, theirs) => {
      const [decision] = decide(committed(ours), theirs);
      if (decision?.kind !== "keep") return;
      const merged = mergeVersions(ours, theirs);
      if (decision.learn.length > 0) {
        learnt += 1;
        const signatures = decision.learn.toSorted(compareBytes);
        expect(mergeVersions(ours, { ...theirs, signatures })).toEqual(merged);
      } else expect(merged).toEqual(ours);
    }),
    { numRuns: 3000 },
  );
  expect(learnt).toBeGreaterThan(100);
});

/** One side, after it has done what it decided about the other. */
function follow(ours: Version, theirs: Version): Version {
  const [decision] = decide(committed(ours), theirs);
  if (decision?.kind === "take") return decision.theirs;
  if (decision?.kind !== "keep" || decision.learn.length === 0) return ours;
  return mergeVersions(ours, { ...theirs, signatures: decision.learn });
}

test("two sides that follow each other's decisions agree after one exchange, and then rest", () => {
  fc.assert(
    fc.property(some, some, (a, b) => {
      const left = follow(a, b);
      const right = follow(b, a);
      expect(left).toEqual(right);
      expect(compareVersions(left, mergeVersions(a, b))).toBe(0);
      expect(decide(committed(left), right)).toMatchObject([{ kind: "keep", learn: [] }]);
    }),
    { numRuns: 1000 },
  );
});
