/**
 * Compares base directories with peers that have another digest.
 *
 *   heard -> asking (GetBaseDir) -> digesting -> taking (a few at a time) -> contained
 *
 * A digest that we have covered is remembered for a while; a peer that still has it is behind, and is told so. What a
 * listing offers is taken newest first, as far as downloads may run; the rest waits here and is not asked for again.
 *
 * Source: specification of gossip, section 9; architecture decisions, section 6.
 */
import { type Catalog, entriesOf } from "../catalog.ts";
import type { Config, DirectoryConfig } from "../config.ts";
import {
  type Address,
  type Digest,
  type MonoMs,
  type Now,
  type VPath,
  joinVPath,
  keyOf,
  levelOf,
} from "../ids.ts";
import type { Listing } from "../wire/signed-state.ts";
import type { Version } from "../winner.ts";
import { type Decision, compareListings } from "./compare.ts";

/** A base directory with one digest, as text: what is asked for, covered, and counted. */
type Key = string;

type Asking = {
  readonly base: VPath;
  readonly digest: Digest;
  /** Who has said so, first the one that is asked. */
  readonly sources: Address[];
  /** Offers of its listing that are not decided yet; null until there is a listing. */
  open: number | null;
  /** The listing had the digest that was gossiped, so all of it is covered in the end. */
  exact: boolean;
  /** Wall clock, milliseconds since 1970, from which something of it is believed that is signed for later; Infinity. */
  heldUntil: number;
  /** It lacks something of ours. */
  isBehind: boolean;
  attempts: number;
  since: MonoMs;
};

export type Take = {
  readonly path: VPath;
  readonly version: Version;
  readonly address: Address;
  readonly key: Key;
  /** Nothing to fetch: only signatures of what is here. */
  readonly light: boolean;
};

/** A digest is covered before `until` and `heldUntil`. `isBehind`: whoever has it lacks something of ours. */
type Covered = { readonly until: MonoMs; readonly heldUntil: number; readonly isBehind: boolean };

export type ReconcileState = {
  readonly asking: Map<Key, Asking>;
  readonly contained: Map<Key, Covered>;
  /** Offers that wait for downloads to end, newest first. */
  backlog: Take[];
  /** Append-only directories with two images at one name, for the operator. */
  readonly conflicts: Map<VPath, { readonly ours: string; readonly theirs: string }>;
  /** When we last told a peer that it is behind. */
  readonly toldAt: Map<string, MonoMs>;
};

export type ReconcileOut =
  | { readonly kind: "ask_listing"; readonly base: VPath; readonly address: Address; readonly key: Key }
  /** The peer lacks what we have. */
  | { readonly kind: "tell_behind"; readonly base: VPath; readonly address: Address }
  | { readonly kind: "trace"; readonly mark: string; readonly fields: Record<string, string | number> };

export type ReconcileView = {
  readonly config: Config;
  readonly catalog: Catalog;
  readonly now: Now;
  /** Of our own base directory as it is now, or null while it is being computed. */
  ownDigest(base: VPath): Digest | null;
  /** It was removed here, or something greater was published: it does not come back. */
  isUnwelcome(path: VPath, version: Version): boolean;
  /** Of an auto-clean base directory with these images beside ours: the names that would stay. */
  keptWith(base: VPath, directory: DirectoryConfig, offered: readonly Offered[]): ReadonlySet<string>;
};

/** `since`: when it was signed first, milliseconds since 1970. */
export type Offered = { readonly name: string; readonly since: number };

const ASKING_MAX = 64;
const BACKLOG_MAX = 10_000;
const CONTAINED_MAX = 100_000;
const SOURCES_MAX = 8;
const ATTEMPTS_MAX = 3;
/** One peer is told at most so often that it is behind in one base directory. */
const TELL_MS = 1_000;
/** A question without an end is given up, so that it can be asked again. */
const ASKING_MS = 60_000;

export function createReconcile(): ReconcileState {
  return { asking: new Map(), contained: new Map(), backlog: [], conflicts: new Map(), toldAt: new Map() };
}

function keyFor(base: VPath, digest: Digest): Key {
  return `${digest} ${base}`;
}

function baseOfKey(key: Key): VPath {
  return key.slice(key.indexOf(" ") + 1) as VPath;
}

/** The configured directory that a base directory belongs to, or null. */
export function directoryOfBase(config: Config, base: VPath): DirectoryConfig | null {
  const directory = config.directories.find((each) => each.key === keyOf(base));
  return directory !== undefined && levelOf(base) === directory.numLevels - 1 ? directory : null;
}

/** A peer has said what digest its base directory has. */
export function heardDigest(
  state: ReconcileState,
  base: VPath,
  digest: Digest,
  address: Address,
  view: ReconcileView,
): readonly ReconcileOut[] {
  if (directoryOfBase(view.config, base) === null) return [];
  const own = view.ownDigest(base);
  if (own === null || own === digest) return [];
  const key = keyFor(base, digest);
  const covered = state.contained.get(key);
  if (covered !== undefined && covered.until > view.now.mono && covered.heldUntil > view.now.wall) {
    return covered.isBehind ? tellBehind(state, base, address, view.now.mono) : [];
  }
  const known = state.asking.get(key);
  if (known !== undefined) {
    if (known.sources.length < SOURCES_MAX && !known.sources.includes(address)) known.sources.push(address);
    return [];
  }
  if (state.asking.size >= ASKING_MAX || state.backlog.length >= BACKLOG_MAX) return [];
  // One question for a base directory at a time: the answer may cover other digests too.
  for (const each of state.asking.values()) if (each.base === base && each.open === null) return [];
  state.asking.set(key, {
    base,
    digest,
    sources: [address],
    open: null,
    exact: false,
    heldUntil: Infinity,
    isBehind: false,
    attempts: 1,
    since: view.now.mono,
  });
  return [{ kind: "ask_listing", base, address, key }];
}

function tellBehind(
  state: ReconcileState,
  base: VPath,
  address: Address,
  now: MonoMs,
): readonly ReconcileOut[] {
  const key = `${address} ${base}`;
  const told = state.toldAt.get(key);
  if (told !== undefined && now - told < TELL_MS) return [];
  state.toldAt.set(key, now);
  return [{ kind: "tell_behind", base, address }];
}

/** No listing came: another who has said the same is asked. */
export function listingFailed(state: ReconcileState, key: Key): readonly ReconcileOut[] {
  const asking = state.asking.get(key);
  if (asking === undefined || asking.open !== null) return [];
  const before = asking.sources.shift();
  if (asking.sources.length === 0 && before !== undefined && asking.attempts < ATTEMPTS_MAX)
    asking.sources.push(before);
  const [address] = asking.sources;
  if (address === undefined || asking.attempts >= ATTEMPTS_MAX) {
    state.asking.delete(key);
    return [];
  }
  asking.attempts += 1;
  return [{ kind: "ask_listing", base: asking.base, address, key }];
}

/** A listing came, and its digest was computed. Every entry is signed for itself, so it is used whatever its digest. */
export function listingCame(
  state: ReconcileState,
  key: Key,
  listing: Listing,
  digest: Digest,
  view: ReconcileView,
): readonly ReconcileOut[] {
  const asking = state.asking.get(key);
  const [address] = asking?.sources ?? [];
  if (asking === undefined || address === undefined || asking.open !== null) return [];
  const directory = directoryOfBase(view.config, asking.base);
  if (directory === null) {
    state.asking.delete(key);
    return [];
  }
  asking.exact = digest === asking.digest;
  const rules = { appendOnly: directory.appendOnly, futureSkewMs: view.config.limits.futureSkewMs };
  const decisions = compareListings(entriesOf(view.catalog, asking.base), listing, rules, view.now.wall);
  const takes: Take[] = [];
  const isWanted = wantedIn(asking.base, directory, decisions, listing, view);
  for (const decision of decisions) {
    const take = takeOf(state, decision, asking.base, address, key);
    if (take !== null && isWanted(decision.name, take)) takes.push(take);
    // A signature from the future is believed when its time has come, also by a clock that was set.
    if (decision.kind === "hold") asking.heldUntil = Math.min(asking.heldUntil, decision.until);
  }
  const behind = decisions.some(({ kind, name }) => kind === "yield" && !isHidden(view, asking.base, name));
  // What is covered and differs is behind, unless all that differs is held.
  asking.isBehind = behind || asking.heldUntil === Infinity;
  const room = BACKLOG_MAX - state.backlog.length;
  if (takes.length > room) asking.exact = false;
  const taken = takes.slice(0, room);
  asking.open = taken.length;
  state.backlog = [...state.backlog, ...taken].toSorted(
    (a, b) => b.version.timestamp - a.version.timestamp || (a.path < b.path ? -1 : 1),
  );
  if (asking.open === 0) finish(state, key, asking, view.now.mono, view.config.limits.containedMs);
  return behind ? tellBehind(state, asking.base, address, view.now.mono) : [];
}

/** What was removed, or would be removed as soon as it is here, is not fetched. */
function wantedIn(
  base: VPath,
  directory: DirectoryConfig,
  decisions: readonly Decision[],
  listing: Listing,
  view: ReconcileView,
): (name: string, take: Take) => boolean {
  const offers = new Set(decisions.filter(({ kind }) => kind === "take").map(({ name }) => name));
  const offered = listing
    .filter(([name]) => offers.has(name))
    .map(([name, { signatures }]) => ({
      name,
      since: signatures.reduce((least, { timestamp }) => Math.min(least, timestamp), Infinity),
    }));
  const kept = directory.autoClean && offered.length > 0 ? view.keptWith(base, directory, offered) : null;
  return (name, { path, version, light }) =>
    light || (!view.isUnwelcome(path, version) && (kept === null || kept.has(name)));
}

function isHidden({ catalog }: ReconcileView, base: VPath, name: string): boolean {
  const path = joinVPath(base, name);
  return path !== null && catalog.hidden.has(path);
}

function takeOf(
  state: ReconcileState,
  decision: Decision,
  base: VPath,
  address: Address,
  key: Key,
): Take | null {
  const path = joinVPath(base, decision.name);
  if (path === null) return null;
  switch (decision.kind) {
    case "take":
      return { path, version: decision.theirs, address, key, light: decision.present };
    case "keep":
      if (decision.conflict)
        state.conflicts.set(path, { ours: decision.ours.image, theirs: decision.theirs.image });
      if (decision.learn.length === 0) return null;
      return { path, version: { ...decision.theirs, signatures: decision.learn }, address, key, light: true };
    default:
      return null;
  }
}

/** Takes out of the backlog what may be started now: `allows` says whether another download may run in a base. */
export function nextTakes(state: ReconcileState, allows: (take: Take) => boolean): readonly Take[] {
  const out: Take[] = [];
  const rest: Take[] = [];
  for (const take of state.backlog) (allows(take) ? out : rest).push(take);
  state.backlog = rest;
  return out;
}

/** An offer could not be taken just now: the listing is not remembered, so that it is asked for again. */
export function notCovered(state: ReconcileState, key: Key): void {
  const asking = state.asking.get(key);
  if (asking !== undefined) asking.exact = false;
}

/** An offer has been decided: accepted or refused. */
export function decided(state: ReconcileState, key: Key, now: MonoMs, containedMs: number): void {
  const asking = state.asking.get(key);
  if (asking === undefined || asking.open === null) return;
  asking.open -= 1;
  if (asking.open <= 0) finish(state, key, asking, now, containedMs);
}

function finish(state: ReconcileState, key: Key, asking: Asking, now: MonoMs, containedMs: number): void {
  state.asking.delete(key);
  const { exact, heldUntil, isBehind } = asking;
  if (exact) remember(state, key, { until: (now + containedMs) as MonoMs, heldUntil, isBehind });
}

/** A digest that was ours is covered by what we have now. */
export function ownDigestChanged(
  state: ReconcileState,
  base: VPath,
  before: Digest,
  now: MonoMs,
  containedMs: number,
): void {
  const until = (now + containedMs) as MonoMs;
  remember(state, keyFor(base, before), { until, heldUntil: Infinity, isBehind: true });
}

function remember(state: ReconcileState, key: Key, covered: Covered): void {
  state.contained.delete(key);
  state.contained.set(key, covered);
  const [oldest] = state.contained.keys();
  if (state.contained.size > CONTAINED_MAX && oldest !== undefined) state.contained.delete(oldest);
}

/** A download of this base directory was given up: what was thought to be covered is not. */
export function forgetContained(state: ReconcileState, base: VPath): void {
  for (const key of state.contained.keys()) if (key.endsWith(` ${base}`)) state.contained.delete(key);
}

/** The rules of a directory have changed: what was refused from listings before may be wanted now. */
export function forgetContainedOf(state: ReconcileState, key: string): void {
  for (const each of state.contained.keys()) if (keyOf(baseOfKey(each)) === key) state.contained.delete(each);
}

/** Drops what is past, and questions that never ended. */
export function expireReconcile(state: ReconcileState, now: MonoMs): void {
  for (const [key, { until }] of state.contained) if (until <= now) state.contained.delete(key);
  for (const [key, at] of state.toldAt) if (now - at > TELL_MS) state.toldAt.delete(key);
  const waiting = new Set(state.backlog.map((take) => take.key));
  for (const [key, asking] of state.asking) {
    if (now - asking.since > ASKING_MS && !waiting.has(key)) state.asking.delete(key);
  }
}
