import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Aged, selectKept } from "../../kernel/retention/keep.ts";
import { compareText } from "../../kernel/text.ts";

type Case = {
  readonly note: string;
  readonly config: {
    readonly keep_min_directories: number;
    readonly keep_max_directories: number;
    readonly keep_recent_s: number;
  };
  readonly items: readonly { readonly name: string; readonly signature_ages_s: readonly number[] }[];
  readonly keep_list: readonly string[];
  readonly used: readonly string[];
  readonly unused: readonly string[];
};

const NOW = 1_700_000_000_000;
const { cases } = JSON.parse(readFileSync(new URL("../vectors/cleanup.json", import.meta.url), "utf8")) as {
  readonly cases: readonly Case[];
};

describe("the vectors of the specification", () => {
  test.each(cases.map((each, at) => [`${at + 1}: ${each.note}`, each] as const))("%s", (_, each) => {
    const images = each.items.map(({ name, signature_ages_s }) => ({
      name,
      since: Math.min(...signature_ages_s.map((age) => NOW - age * 1000)),
    }));
    const rules = {
      keepMin: each.config.keep_min_directories,
      keepMax: each.config.keep_max_directories,
      keepRecentMs: each.config.keep_recent_s * 1000,
    };
    const kept = selectKept(images, (name) => each.keep_list.includes(name), rules, NOW);
    expect([...kept].toSorted()).toEqual(each.used.toSorted());
    expect(
      images
        .map(({ name }) => name)
        .filter((name) => !kept.has(name))
        .toSorted(),
    ).toEqual(each.unused.toSorted());
  });
});

const arbitraryImages: fc.Arbitrary<readonly Aged[]> = fc.uniqueArray(
  fc.record({
    name: fc.string({ minLength: 1, maxLength: 3 }),
    since: fc.integer({ min: NOW - 50, max: NOW + 5 }),
  }),
  { selector: ({ name }) => name, maxLength: 20 },
);
const arbitraryRules = fc.record({
  keepMin: fc.integer({ min: 1, max: 6 }),
  keepMax: fc.integer({ min: 1, max: 8 }),
  keepRecentMs: fc.integer({ min: 0, max: 60 }),
});

test("what stays does not depend on the order, has the newest, the listed and enough of them", () => {
  const given = fc.tuple(arbitraryImages, fc.func(fc.boolean()), arbitraryRules);
  fc.assert(
    fc.property(given, ([images, listed, rules]) => {
      const kept = selectKept(images, listed, rules, NOW);
      expect([...selectKept(images.toReversed(), listed, rules, NOW)].toSorted()).toEqual(
        [...kept].toSorted(),
      );
      expect(kept.size).toBeGreaterThanOrEqual(Math.min(images.length, rules.keepMin));
      const [newest] = images.toSorted((a, b) => b.since - a.since || compareText(a.name, b.name));
      if (newest !== undefined && rules.keepMin > 0 && !images.some(({ name }) => listed(name)))
        expect(kept.has(newest.name)).toBe(true);
      for (const { name } of images) if (listed(name)) expect(kept.has(name)).toBe(true);
      const unlisted = [...kept].filter((name) => !listed(name)).length;
      expect(unlisted <= Math.max(rules.keepMin, rules.keepMax) || images.length <= rules.keepMin).toBe(true);
    }),
  );
});

test("of images of one age every server keeps the same, whichever it has met first", () => {
  const images = ["c", "a", "e", "b", "d"].map((name) => ({ name, since: NOW - 1_000 }));
  const kept = (some: readonly Aged[]) =>
    [...selectKept(some, () => false, { keepMin: 2, keepMax: 2, keepRecentMs: 2_000 }, NOW)].toSorted();
  for (let turn = 0; turn < images.length; turn++) {
    const turned = [...images.slice(turn), ...images.slice(0, turn)];
    expect([kept(turned), kept(turned.toReversed())]).toEqual([kept(images), kept(images)]);
  }
});
