/**
 * What this server has and what it is fetching, by base directory. `committed` is on disk and visible; `intent` is a
 * download whose state is written; the head of a path is its intent, else what is committed.
 *
 * An entry: nothing -> intent -> committed (commit) or back (abort); committed -> gone (remove). Each change makes its
 * base directory dirty and gives it a new revision, so that a digest computed meanwhile is known to be old.
 *
 * Source: specification of gossip, section 5 (a download in progress wins over what is committed).
 */
import { assert } from "./assert.ts";
import { compareVPath, type ImageId, joinVPath, keyOf, nameOf, parentOf, type VPath } from "./ids.ts";
import { accepted, type Result, refused } from "./result.ts";
import { compareText } from "./text.ts";
import { compareVersions, stateOf, type Version } from "./winner.ts";
import type { Listing } from "./wire/signed-state.ts";

export type Mode = "append" | "replace";
/** A running download: where it is written aside, and how it becomes visible. */
export type Intent = Version & { readonly stage: string; readonly mode: Mode };
export type Entry = { readonly committed: Version | null; readonly intent: Intent | null };

/** Base directories: what one round of packets can name in an hour. */
export const BASES_MAX = 100_000;
/** Images of one base directory: its listing is one message, and this is the bound on a map there. */
export const BASE_ENTRIES_MAX = 100_000;
/** Images of one server: the design target, about 400 bytes each. */
export const IMAGES_MAX = 1_000_000;

type BaseDir = { readonly entries: Map<string, Entry>; revision: number };
export type Catalog = {
  readonly bases: Map<VPath, BaseDir>;
  readonly dirty: Set<VPath>;
  /** Base directories that offer less than they did, since `takeReceded`. */
  readonly receded: Set<VPath>;
  /** Of the last change anywhere, so that no base directory has the same one twice. */
  revision: number;
  images: number;
  intents: number;
  /** When the oldest signature of a committed image was made, where its version is a later signing. */
  readonly since: Map<VPath, number>;
  /** Committed images that are about to be removed: not offered to others any more. */
  readonly hidden: Set<VPath>;
  /** How many entries an image is committed or promised in. */
  readonly uses: Map<ImageId, number>;
};

const NOTHING: Entry = { committed: null, intent: null };

export function createCatalog(): Catalog {
  return {
    bases: new Map(),
    dirty: new Set(),
    receded: new Set(),
    revision: 0,
    images: 0,
    intents: 0,
    since: new Map(),
    hidden: new Set(),
    uses: new Map(),
  };
}

export function headOf(entry: Entry): Version | null {
  return entry.intent ?? entry.committed;
}

/** The entry of a path; of an unknown path, one with nothing in it. */
export function getEntry(catalog: Catalog, path: VPath): Entry {
  return catalog.bases.get(baseOf(path))?.entries.get(nameOf(path)) ?? NOTHING;
}

/**
 * Sets what is on disk: found at the start, or with a better list of signatures.
 *
 * Refuses: `catalog_full`. The catalog is then as it was.
 */
export function putCommitted(
  catalog: Catalog,
  path: VPath,
  committed: Version,
): Result<Entry, "catalog_full"> {
  return put(catalog, path, { ...getEntry(catalog, path), committed });
}

/**
 * Sets the running download of a path, in place of one that it supersedes.
 *
 * Refuses: `catalog_full`. The catalog is then as it was.
 */
export function putIntent(catalog: Catalog, path: VPath, intent: Intent): Result<Entry, "catalog_full"> {
  return put(catalog, path, { ...getEntry(catalog, path), intent });
}

/** The download of this stage is visible now. False, and no change, when another one has taken its place. */
export function commitIntent(catalog: Catalog, path: VPath, stage: string): boolean {
  const { intent } = getEntry(catalog, path);
  if (intent === null || intent.stage !== stage) return false;
  const { timestamp, image, signatures } = intent;
  store(catalog, path, { committed: { timestamp, image, signatures }, intent: null });
  return true;
}

/** The download of this stage is given up. False, and no change, when another one has taken its place. */
export function abortIntent(catalog: Catalog, path: VPath, stage: string): boolean {
  const entry = getEntry(catalog, path);
  if (entry.intent === null || entry.intent.stage !== stage) return false;
  store(catalog, path, { committed: entry.committed, intent: null });
  return true;
}

/** The committed version is deleted. False, and no change, when it is not this one any more. */
export function removeCommitted(catalog: Catalog, path: VPath, version: Version): boolean {
  const entry = getEntry(catalog, path);
  if (entry.committed === null || compareVersions(entry.committed, version) !== 0) return false;
  store(catalog, path, { committed: null, intent: entry.intent });
  return true;
}

/** Forgets everything of a directory: what is on the disk stays there. True when there was something. */
export function forgetKey(catalog: Catalog, key: string): boolean {
  let some = false;
  for (const base of basesOf(catalog)) {
    if (keyOf(base) !== key) continue;
    some = true;
    for (const [name] of entriesOf(catalog, base)) {
      const path = joinVPath(base, name);
      assert(path !== null, "an entry has a name");
      store(catalog, path, NOTHING);
    }
  }
  // Nobody looks at their digests any more.
  for (const base of catalog.receded) if (keyOf(base) === key) catalog.receded.delete(base);
  return some;
}

/** The committed image was signed before its version was, at `since`: milliseconds since 1970. */
export function putSince(catalog: Catalog, path: VPath, since: number): void {
  if (since < sinceOf(catalog, path)) catalog.since.set(path, since);
}

/** When the committed image was signed first, as far as is known here; infinite when there is none. */
export function sinceOf(catalog: Catalog, path: VPath): number {
  const { committed } = getEntry(catalog, path);
  return catalog.since.get(path) ?? committed?.timestamp ?? Infinity;
}

/** From now on a committed image is part of its base directory's listing, or is not. */
export function setHidden(catalog: Catalog, path: VPath, hidden: boolean): void {
  if (catalog.hidden.has(path) === hidden || getEntry(catalog, path).committed === null) return;
  if (hidden) catalog.hidden.add(path);
  else catalog.hidden.delete(path);
  touch(catalog, baseOf(path));
}

/** Heads of a base directory, sorted by name: what its digest is computed of. */
export function listingOf(catalog: Catalog, base: VPath): Listing {
  const out: (readonly [name: string, state: ReturnType<typeof stateOf>])[] = [];
  for (const [name, entry] of catalog.bases.get(base)?.entries ?? []) {
    const head = headOf(entry);
    if (head === null || (entry.intent === null && isHidden(catalog, base, name))) continue;
    out.push([name, stateOf(head)]);
  }
  return out.toSorted((a, b) => compareText(a[0], b[0]));
}

function isHidden(catalog: Catalog, base: VPath, name: string): boolean {
  if (catalog.hidden.size === 0) return false;
  const path = joinVPath(base, name);
  return path !== null && catalog.hidden.has(path);
}

/** Paths and entries of a base directory, sorted by name. */
export function entriesOf(catalog: Catalog, base: VPath): readonly (readonly [name: string, entry: Entry])[] {
  return [...(catalog.bases.get(base)?.entries ?? [])].toSorted((a, b) => compareText(a[0], b[0]));
}

/** Base directories with at least one entry, sorted. */
export function basesOf(catalog: Catalog): readonly VPath[] {
  return [...catalog.bases.keys()].toSorted(compareVPath);
}

/** Changes with every change in the base directory; 0 when nothing is there. */
export function revisionOf(catalog: Catalog, base: VPath): number {
  return catalog.bases.get(base)?.revision ?? 0;
}

/** Base directories changed since the last call, sorted; also those that are empty now. */
export function takeDirty(catalog: Catalog): readonly VPath[] {
  if (catalog.dirty.size === 0) return [];
  const out = [...catalog.dirty].toSorted(compareVPath);
  catalog.dirty.clear();
  return out;
}

/** Whether something was given up, lost or removed in this base directory since the last call: its older digests say more. */
export function takeReceded(catalog: Catalog, base: VPath): boolean {
  return catalog.receded.delete(base);
}

/** Whether a path could be put here, and `more` other new ones before it: so many are on their way to the disk. */
export function roomFor(catalog: Catalog, path: VPath, more: number): Result<true, "catalog_full"> {
  const base = baseOf(path);
  const found = catalog.bases.get(base);
  if (found === undefined && catalog.bases.size + more >= BASES_MAX)
    return refused("catalog_full", "base directories");
  if (found?.entries.has(nameOf(path)) !== true) {
    if (catalog.images + more >= IMAGES_MAX) return refused("catalog_full", "images");
    if ((found?.entries.size ?? 0) + more >= BASE_ENTRIES_MAX) return refused("catalog_full", base);
  }
  return accepted(true);
}

function put(catalog: Catalog, path: VPath, entry: Entry): Result<Entry, "catalog_full"> {
  const room = roomFor(catalog, path, 0);
  if (!room.ok) return room;
  store(catalog, path, entry);
  return accepted(entry);
}

function store(catalog: Catalog, path: VPath, entry: Entry): void {
  const base = baseOf(path);
  const name = nameOf(path);
  assert(joinVPath(base, name) === path, "an image's path is its base directory and its name");
  const found = catalog.bases.get(base) ?? { entries: new Map<string, Entry>(), revision: 0 };
  const before = found.entries.get(name);
  if (!catalog.hidden.has(path) && isLess(headOf(entry), headOf(before ?? NOTHING)))
    catalog.receded.add(base);
  keepSince(catalog, path, before?.committed ?? null, entry.committed);
  for (const version of [entry.committed, entry.intent]) use(catalog, version, 1);
  for (const version of [before?.committed, before?.intent]) use(catalog, version ?? null, -1);
  const gone = entry.committed === null && entry.intent === null;
  if (gone) found.entries.delete(name);
  else found.entries.set(name, entry);
  catalog.images += (gone ? 0 : 1) - (before === undefined ? 0 : 1);
  catalog.intents += (entry.intent === null ? 0 : 1) - ((before?.intent ?? null) === null ? 0 : 1);
  if (found.entries.size === 0) catalog.bases.delete(base);
  else catalog.bases.set(base, found);
  touch(catalog, base);
}

function isLess(after: Version | null, before: Version | null): boolean {
  return before !== null && (after === null || compareVersions(after, before) < 0);
}

/** Signing an image again makes it no younger; another image at the same path has an age of its own. */
function keepSince(catalog: Catalog, path: VPath, before: Version | null, after: Version | null): void {
  if (before !== null && before.image === after?.image) {
    const since = Math.min(catalog.since.get(path) ?? before.timestamp, before.timestamp);
    if (since < after.timestamp) catalog.since.set(path, since);
    return;
  }
  catalog.since.delete(path);
  catalog.hidden.delete(path);
}

function use(catalog: Catalog, version: Version | null, more: 1 | -1): void {
  if (version === null) return;
  const uses = (catalog.uses.get(version.image) ?? 0) + more;
  if (uses > 0) catalog.uses.set(version.image, uses);
  else catalog.uses.delete(version.image);
}

function touch(catalog: Catalog, base: VPath): void {
  catalog.revision += 1;
  const found = catalog.bases.get(base);
  if (found !== undefined) found.revision = catalog.revision;
  catalog.dirty.add(base);
}

function baseOf(path: VPath): VPath {
  const base = parentOf(path);
  assert(base !== null, "an image's path has at least two components");
  return base;
}
