import fc from "fast-check";
import { expect, test } from "vitest";
import {
  abortIntent,
  BASE_ENTRIES_MAX,
  basesOf,
  commitIntent,
  createCatalog,
  type Entry,
  entriesOf,
  forgetKey,
  getEntry,
  IMAGES_MAX,
  type Intent,
  listingOf,
  putCommitted,
  putIntent,
  removeCommitted,
  revisionOf,
  setHidden,
  takeDirty,
  takeReceded,
} from "../../kernel/catalog.ts";
import { type ImageId, nameOf, parentOf, type VPath } from "../../kernel/ids.ts";
import { compareBytes, utf8Encode } from "../../kernel/text.ts";
import { stateOf, type Version } from "../../kernel/winner.ts";

const path = (text: string) => text as VPath;
const version = (timestamp: number, image: string): Version => ({
  timestamp,
  image: image.repeat(32) as ImageId,
  signatures: [new Uint8Array(64).fill(timestamp)],
});
const intent = (timestamp: number, image: string, stage: string): Intent => ({
  ...version(timestamp, image),
  stage,
  mode: "replace",
});

test("a download goes through intent to committed, and a listing shows the intent", () => {
  const catalog = createCatalog();
  putCommitted(catalog, path("/k/a"), version(1, "aa"));
  putIntent(catalog, path("/k/a"), intent(2, "bb", "s1"));
  expect(listingOf(catalog, path("/k"))).toEqual([["a", stateOf(version(2, "bb"))]]);
  expect(commitIntent(catalog, path("/k/a"), "s1")).toBe(true);
  expect(getEntry(catalog, path("/k/a"))).toEqual({ committed: version(2, "bb"), intent: null });
  putIntent(catalog, path("/k/a"), intent(3, "cc", "s2"));
  expect(abortIntent(catalog, path("/k/a"), "s2")).toBe(true);
  expect(listingOf(catalog, path("/k"))).toEqual([["a", stateOf(version(2, "bb"))]]);
  expect(removeCommitted(catalog, path("/k/a"), version(2, "bb"))).toBe(true);
  expect(basesOf(catalog)).toEqual([]);
  expect({ ...catalog, revision: 0, dirty: [...catalog.dirty] }).toEqual({
    bases: new Map(),
    dirty: ["/k"],
    receded: new Set(["/k"]),
    revision: 0,
    images: 0,
    intents: 0,
    since: new Map(),
    hidden: new Set(),
    uses: new Map(),
  });
});

test("a base directory has receded when a head got smaller that was offered", () => {
  const catalog = createCatalog();
  const receded = (change: () => void): boolean => {
    change();
    return takeReceded(catalog, path("/k"));
  };
  expect(receded(() => putCommitted(catalog, path("/k/a"), version(1, "aa")))).toBe(false);
  expect(receded(() => putIntent(catalog, path("/k/a"), intent(2, "bb", "s1")))).toBe(false);
  expect(receded(() => abortIntent(catalog, path("/k/a"), "s1"))).toBe(true);
  expect(receded(() => {})).toBe(false);
  setHidden(catalog, path("/k/a"), true);
  expect(receded(() => removeCommitted(catalog, path("/k/a"), version(1, "aa")))).toBe(false);
  putCommitted(catalog, path("/k/a"), version(3, "aa"));
  expect(receded(() => removeCommitted(catalog, path("/k/a"), version(3, "aa")))).toBe(true);
  expect(receded(() => putCommitted(catalog, path("/k/b"), version(1, "aa")))).toBe(false);
  expect(receded(() => forgetKey(catalog, "k"))).toBe(false);
});

test("what ends a download that is not the running one changes nothing", () => {
  const catalog = createCatalog();
  putCommitted(catalog, path("/k/a"), version(1, "aa"));
  putIntent(catalog, path("/k/a"), intent(2, "bb", "s2"));
  const before = structuredClone(catalog);
  expect(commitIntent(catalog, path("/k/a"), "s1")).toBe(false);
  expect(abortIntent(catalog, path("/k/a"), "s1")).toBe(false);
  expect(commitIntent(catalog, path("/k/b"), "s2")).toBe(false);
  expect(removeCommitted(catalog, path("/k/a"), version(2, "bb"))).toBe(false);
  expect(removeCommitted(catalog, path("/k/b"), version(1, "aa"))).toBe(false);
  expect(catalog).toEqual(before);
});

test("at a bound the newest is refused and nothing changes", () => {
  const catalog = createCatalog();
  putCommitted(catalog, path("/k/a"), version(1, "aa"));
  catalog.images = IMAGES_MAX;
  const before = structuredClone(catalog);
  expect(putIntent(catalog, path("/k/b"), intent(1, "bb", "s"))).toMatchObject({ code: "catalog_full" });
  expect(catalog).toEqual(before);
  expect(putIntent(catalog, path("/k/a"), intent(2, "bb", "s"))).toMatchObject({ ok: true }); // no new image
  const wide = createCatalog();
  for (let n = 0; n < BASE_ENTRIES_MAX; n++) putCommitted(wide, path(`/k/${n}`), version(1, "aa"));
  expect(putCommitted(wide, path("/k/one-more"), version(1, "aa"))).toMatchObject({ code: "catalog_full" });
  expect(wide.images).toBe(BASE_ENTRIES_MAX);
});

test("base directories are sorted by components", () => {
  const catalog = createCatalog();
  for (const each of ["/k-1/a", "/k/b/x", "/k/a-b/x", "/k/a/z/x", "/k/a/x"]) {
    putCommitted(catalog, path(each), version(1, "aa"));
  }
  expect(basesOf(catalog)).toEqual(["/k/a", "/k/a/z", "/k/a-b", "/k/b", "/k-1"]);
});

/** The same in one list of paths. */
function twinListing(entries: ReadonlyMap<string, Entry>, base: string) {
  return [...entries]
    .filter(([each]) => parentOf(each as VPath) === base)
    .map(
      ([each, entry]) =>
        [nameOf(each as VPath), stateOf(entry.intent ?? (entry.committed as Version))] as const,
    )
    .toSorted((a, b) => compareBytes(utf8Encode(a[0]), utf8Encode(b[0])));
}

test("any sequence of changes: listings, counts, revisions and dirty bases follow", () => {
  const paths = ["/k/a", "/k/b", "/k/é", "/k/\u{1f600}", "/k/\uffee", "/k/d/a", "/m/a"];
  const steps = fc.array(
    fc.tuple(
      fc.constantFrom("put", "intent", "commit", "abort", "remove"),
      fc.constantFrom(...paths),
      fc.integer({ min: 1, max: 3 }),
    ),
    { maxLength: 40, size: "max" },
  );
  let commits = 0;
  fc.assert(
    fc.property(steps, (all) => {
      const catalog = createCatalog();
      const twin = new Map<string, Entry>();
      const revisions = new Set<string>();
      for (const [what, where, n] of all) {
        const at = path(where);
        const entry = twin.get(where) ?? { committed: null, intent: null };
        const before = structuredClone(catalog);
        let after: Entry | null = null; // null: nothing may happen
        let changed = true;
        if (what === "put") {
          putCommitted(catalog, at, version(n, "aa"));
          after = { ...entry, committed: version(n, "aa") };
        } else if (what === "intent") {
          putIntent(catalog, at, intent(n, "bb", `s${n}`));
          after = { ...entry, intent: intent(n, "bb", `s${n}`) };
        } else if (what === "commit") {
          changed = commitIntent(catalog, at, `s${n}`);
          if (entry.intent?.stage === `s${n}`) after = { committed: version(n, "bb"), intent: null };
          if (changed) commits += 1;
        } else if (what === "abort") {
          changed = abortIntent(catalog, at, `s${n}`);
          if (entry.intent?.stage === `s${n}`) after = { ...entry, intent: null };
        } else {
          changed = removeCommitted(catalog, at, version(n, "aa"));
          const is = entry.committed;
          if (is?.timestamp === n && is.image.startsWith("aa")) after = { ...entry, committed: null };
        }
        expect(changed).toBe(after !== null);
        if (after === null) {
          expect(catalog).toEqual(before);
          continue;
        }
        if (after.committed === null && after.intent === null) twin.delete(where);
        else twin.set(where, after);
        const base = parentOf(at) as VPath;
        expect(takeDirty(catalog)).toEqual([base]);
        const revision = revisionOf(catalog, base);
        if (revision > 0) {
          expect(revisions.has(`${base} ${revision}`)).toBe(false);
          revisions.add(`${base} ${revision}`);
        }
      }
      for (const base of ["/k", "/k/d", "/m"]) {
        expect(listingOf(catalog, path(base))).toEqual(twinListing(twin, base));
        expect(entriesOf(catalog, path(base)).map(([name]) => name)).toEqual(
          twinListing(twin, base).map(([name]) => name),
        );
      }
      expect(catalog.images).toBe(twin.size);
      expect(catalog.intents).toBe([...twin.values()].filter((entry) => entry.intent !== null).length);
      expect(new Set(basesOf(catalog))).toEqual(
        new Set([...twin.keys()].map((each) => parentOf(each as VPath))),
      );
    }),
  );
  expect(commits).toBeGreaterThan(5); // it did run
});
