/**
 * Removal of images that an auto-clean directory does not keep.
 *
 *   kept -> not kept (hidden from listings) -> not kept at the next look too -> removing -> removed, a floor is left
 *
 * A look judges base directories one after the other. Nothing is removed while the wall clock cannot be trusted, nor
 * while the keep list of a directory cannot be read. What was removed is known as long as its floor: the same version,
 * and all smaller ones, are not taken again from anybody, unless the keep list names exactly that. What was published
 * here keeps out what is smaller, also when its state is lost.
 *
 * Source: specification of the configuration, section 5; reliability notes, section 2.4; architecture decisions, 6.
 */
import type { About } from "../about.ts";
import { type Catalog, basesOf, entriesOf, getEntry, sinceOf } from "../catalog.ts";
import type { Config, DirectoryConfig } from "../config.ts";
import { type MonoMs, type Now, type VPath, joinVPath, keyOf, levelOf } from "../ids.ts";
import { type Rank, type Version, compareVersions } from "../winner.ts";
import type { Floor } from "../wire/floor-file.ts";
import { type ClockState, createClock, judgeClock } from "./clock.ts";
import { type Aged, selectKept } from "./keep.ts";

export type Removal = {
  readonly path: VPath;
  readonly directory: DirectoryConfig;
  readonly version: Version;
};

export type RetentionState = {
  readonly floors: Map<VPath, Floor>;
  /** What a start knows to have been published, where what is here says less: its state is lost, or an older one came. */
  readonly published: Map<VPath, Floor>;
  /** By directory; null when its file cannot be read. A directory without a file has none. */
  readonly keepLists: Map<string, ReadonlySet<VPath> | null>;
  /** What was not kept at the last look at its base directory. */
  readonly condemned: Map<VPath, Version>;
  /** Removals in progress, and those that wait for their turn. */
  readonly running: Map<VPath, Removal>;
  waiting: Removal[];
  /** Base directories that this turn has not looked at yet. */
  queue: VPath[];
  nextAt: MonoMs;
  readonly clock: ClockState;
};

export type RetentionOut =
  | { readonly kind: "hide"; readonly path: VPath; readonly hidden: boolean }
  | { readonly kind: "remove"; readonly removal: Removal }
  /** For the operator; null when it is over. */
  | { readonly kind: "problem"; readonly about: About; readonly what: string | null };

export type RetentionView = {
  readonly config: Config;
  readonly catalog: Catalog;
  readonly now: Now;
  /** An upload or a download of this path is on its way. */
  isBusy(path: VPath): boolean;
};

/** 0.6.12's pause between two base directories; ours between two looks. */
const LOOK_MS = 10_000;
/** Images that one look goes through, but for a base directory that has more. */
const LOOK_IMAGES_MAX = 10_000;
const REMOVALS_RUNNING_MAX = 4;
/** Floors of one server: as many as images, about 200 bytes each. At the bound nothing more is removed. */
export const FLOORS_MAX = 1_000_000;

export function createRetention(now: Now): RetentionState {
  return {
    floors: new Map(),
    published: new Map(),
    keepLists: new Map(),
    condemned: new Map(),
    running: new Map(),
    waiting: [],
    queue: [],
    nextAt: (now.mono + LOOK_MS) as MonoMs,
    clock: createClock(now),
  };
}

/** Whether this version was removed here, so that it does not come back. */
export function isRemoved(state: RetentionState, path: VPath, version: Rank): boolean {
  const floor = state.floors.get(path);
  if (floor === undefined) return false;
  const order = compareVersions(version, floor);
  return order < 0 || (order === 0 && !isListed(state, path));
}

/** Whether something greater was published here, so that this version would turn its path back. */
export function isPast(state: RetentionState, path: VPath, version: Rank): boolean {
  const floor = state.published.get(path);
  return floor !== undefined && floor.image !== version.image && compareVersions(version, floor) < 0;
}

/** From here on what is committed says as much. */
export function committedAt(state: RetentionState, path: VPath, version: Rank): void {
  const floor = state.published.get(path);
  if (floor !== undefined && compareVersions(version, floor) >= 0) state.published.delete(path);
}

export function isListed(state: RetentionState, path: VPath): boolean {
  return state.keepLists.get(keyOf(path))?.has(path) === true;
}

/** What a keep list names has to be judged anew before it goes, even when it is named for a moment only. */
export function keepListRead(state: RetentionState, key: string, paths: readonly VPath[] | null): void {
  state.keepLists.set(key, paths === null ? null : new Set(paths));
  const named = new Set(paths ?? []);
  for (const path of named) state.condemned.delete(path);
  state.waiting = state.waiting.filter(({ path }) => !named.has(path));
}

/** Names of the keep list that lie directly in a base directory. */
export function listedNames(state: RetentionState, base: VPath): readonly string[] {
  const prefix = `${base}/`;
  const paths = [...(state.keepLists.get(keyOf(base)) ?? [])];
  return paths
    .filter((path) => path.startsWith(prefix) && levelOf(path) === levelOf(base) + 1)
    .map((path) => path.slice(prefix.length));
}

/** What was judged of a directory by rules that have changed is judged again. */
export function rulesChanged(state: RetentionState, key: string): void {
  for (const path of state.condemned.keys()) if (keyOf(path) === key) state.condemned.delete(path);
  state.waiting = state.waiting.filter(({ path }) => keyOf(path) !== key);
}

/** A directory is not configured any more. What was removed from it is known by the disk. */
export function directoryGone(state: RetentionState, key: string): void {
  rulesChanged(state, key);
  state.keepLists.delete(key);
  for (const floors of [state.floors, state.published])
    for (const path of floors.keys()) if (keyOf(path) === key) floors.delete(path);
}

/** Looks at some base directories, if it is time. */
export function look(state: RetentionState, view: RetentionView): readonly RetentionOut[] {
  const { now } = view;
  if (now.mono < state.nextAt) return [];
  state.nextAt = (now.mono + LOOK_MS) as MonoMs;
  const out: RetentionOut[] = [];
  if (!isClockSteady(state, now, out) || state.waiting.length > 0) return out;
  if (state.queue.length === 0) state.queue = basesToClean(view);
  let images = 0;
  while (images < LOOK_IMAGES_MAX) {
    const base = state.queue.shift();
    if (base === undefined) break;
    images += view.catalog.bases.get(base)?.entries.size ?? 0;
    judgeBase(state, base, view, out);
  }
  startRemovals(state, view, out);
  return out;
}

function basesToClean({ config, catalog }: RetentionView): VPath[] {
  const cleaned = new Set(config.directories.filter(({ autoClean }) => autoClean).map(({ key }) => key));
  return cleaned.size === 0 ? [] : basesOf(catalog).filter((base) => cleaned.has(keyOf(base)));
}

function isClockSteady(state: RetentionState, now: Now, out: RetentionOut[]): boolean {
  const judged = judgeClock(state.clock, now);
  if (judged.kind === "set") {
    state.condemned.clear();
    state.waiting = [];
  }
  const what = judged.kind === "steady" ? null : judged.what;
  if (judged.kind === "steady" || what !== null) out.push({ kind: "problem", about: "clock", what });
  return judged.kind === "steady";
}

function judgeBase(state: RetentionState, base: VPath, view: RetentionView, out: RetentionOut[]): void {
  const directory = view.config.directories.find(({ key }) => key === keyOf(base));
  if (directory === undefined || levelOf(base) !== directory.numLevels - 1) return;
  const readable = isReadable(state, directory);
  const about = `keep list of ${directory.key}` as const;
  const what = `${directory.keepListFile} cannot be read: nothing is removed from ${directory.key}; make it, or make it readable`;
  if (directory.keepListFile !== null) out.push({ kind: "problem", about, what: readable ? null : what });
  // What cannot go for now is shown to others again, and what was seen of it does not count.
  const kept = readable ? keptHere(state, base, directory, view) : null;
  for (const [name, { committed }] of entriesOf(view.catalog, base)) {
    const path = joinVPath(base, name);
    if (path === null || committed === null) continue;
    const goes = kept !== null && !kept.has(name);
    if (view.catalog.hidden.has(path) !== goes) out.push({ kind: "hide", path, hidden: goes });
    const before = state.condemned.get(path);
    if (goes && before !== undefined && compareVersions(before, committed) === 0)
      state.waiting.push({ path, directory, version: committed });
    if (goes) state.condemned.set(path, committed);
    else state.condemned.delete(path);
  }
}

function isReadable(state: RetentionState, { key, keepListFile }: DirectoryConfig): boolean {
  return keepListFile === null || (state.keepLists.get(key) ?? null) !== null;
}

/** Names that stay of what is here. */
function keptHere(
  state: RetentionState,
  base: VPath,
  directory: DirectoryConfig,
  { catalog, now }: RetentionView,
): ReadonlySet<string> {
  return selectFrom(state, base, imagesHere(catalog, base), directory, now);
}

/** An image that is still on its way takes no other one's place. */
function imagesHere(catalog: Catalog, base: VPath): readonly Aged[] {
  return entriesOf(catalog, base).flatMap(([name, { committed }]) => {
    const path = joinVPath(base, name);
    return path === null || committed === null ? [] : [{ name, since: sinceOf(catalog, path) }];
  });
}

function selectFrom(
  state: RetentionState,
  base: VPath,
  images: readonly Aged[],
  directory: DirectoryConfig,
  now: Now,
): ReadonlySet<string> {
  const listed = new Set(listedNames(state, base));
  return selectKept(images, (name) => listed.has(name), directory, now.wall);
}

/**
 * Names that would stay in a base directory, with `offered` ones beside what is here. What is on its way from others
 * takes no place: perhaps nobody has its blocks any more, and it would keep out what can be had, for ever.
 */
export function keptIn(
  state: RetentionState,
  base: VPath,
  directory: DirectoryConfig,
  { catalog, now }: Pick<RetentionView, "catalog" | "now">,
  offered: readonly Aged[],
): ReadonlySet<string> {
  const images = new Map(offered.map((each) => [each.name, each]));
  for (const each of imagesHere(catalog, base)) if (!images.has(each.name)) images.set(each.name, each);
  return selectFrom(state, base, [...images.values()], directory, now);
}

/** A removal has ended, one way or the other. */
export function removalEnded(
  state: RetentionState,
  path: VPath,
  done: boolean,
  view: RetentionView,
): readonly RetentionOut[] {
  const removal = state.running.get(path);
  state.running.delete(path);
  state.condemned.delete(path);
  if (removal !== undefined && done) {
    const { timestamp, image } = removal.version;
    state.floors.set(path, { timestamp, image });
  }
  const out: RetentionOut[] = [];
  startRemovals(state, view, out);
  return out;
}

function startRemovals(state: RetentionState, view: RetentionView, out: RetentionOut[]): void {
  while (state.running.size < REMOVALS_RUNNING_MAX) {
    const removal = state.waiting.shift();
    if (removal === undefined) return;
    const { path } = removal;
    if (state.running.has(path) || view.isBusy(path) || !isStill(state, removal, view.catalog)) continue;
    if (state.floors.size >= FLOORS_MAX && !state.floors.has(path)) continue;
    state.running.set(path, removal);
    out.push({ kind: "remove", removal });
  }
}

/** It is what was judged, nothing else is promised at its path, and nobody has listed it meanwhile. */
function isStill(state: RetentionState, { path, directory, version }: Removal, catalog: Catalog): boolean {
  const { committed, intent } = getEntry(catalog, path);
  if (intent !== null || committed === null || compareVersions(committed, version) !== 0) return false;
  return isReadable(state, directory) && !isListed(state, path);
}
