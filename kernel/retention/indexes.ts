/**
 * Collection of index files that no image needs any more.
 *
 *   due -> which folders there are -> one is listed -> what nothing refers to is dropped, a few at a time -> the next -> done
 *
 * What refers to an index is asked when it is to be dropped. Whoever needs it later finds it missing and fetches it,
 * since drop, store and load of one index exclude each other on the disk.
 *
 * Source: specification of storage, section 10; reliability notes, section 2.5.
 */
import type { ImageId, MonoMs } from "../ids.ts";

export type CollectState = {
  /** Folders that are still to be listed, the next one last, or null: no turn is running. */
  folders: string[] | null;
  readonly waiting: ImageId[];
  /** Answers of the disk that are still to come. */
  open: number;
  nextAt: MonoMs;
  /** Images that went since the last turn. */
  gone: number;
};

export type CollectOut =
  | { readonly kind: "list_folders" }
  | { readonly kind: "list"; readonly folder: string }
  | { readonly kind: "drop"; readonly image: ImageId };

export type CollectView = {
  readonly now: MonoMs;
  readonly downloads: number;
  readonly everyMs: number;
  isNeeded(image: ImageId): boolean;
};

const DROPS_AT_ONCE = 16;
/** 0.6.12's: so many images gone bring the next turn forward, and so many downloads hold it back. */
const GONE_MAX = 100;
const DOWNLOADS_MAX = 5;

export function createCollect(now: MonoMs, everyMs: number): CollectState {
  return { folders: null, waiting: [], open: 0, nextAt: (now + everyMs) as MonoMs, gone: 0 };
}

/** Once a round: begins a turn that is due. */
export function collect(state: CollectState, view: CollectView): readonly CollectOut[] {
  if (state.open > 0 || state.folders !== null) return [];
  const isDue = view.now >= state.nextAt || state.gone > GONE_MAX;
  if (!isDue || view.downloads >= DOWNLOADS_MAX) return [];
  state.gone = 0;
  state.nextAt = (view.now + view.everyMs) as MonoMs;
  state.folders = [];
  state.open = 1;
  return [{ kind: "list_folders" }];
}

/** The folders that there are, in the order in which they are listed, or null when they could not be read. */
export function foldersListed(
  state: CollectState,
  folders: readonly string[] | null,
  view: CollectView,
): readonly CollectOut[] {
  state.open -= 1;
  if (state.folders !== null) state.folders = folders?.toReversed() ?? [];
  return goOn(state, view);
}

/** The names of a folder, or null when it could not be read: then nothing of it goes. */
export function indexesListed(
  state: CollectState,
  images: readonly ImageId[] | null,
  view: CollectView,
): readonly CollectOut[] {
  state.open -= 1;
  for (const image of images ?? []) if (!view.isNeeded(image)) state.waiting.push(image);
  return goOn(state, view);
}

export function indexDropped(state: CollectState, view: CollectView): readonly CollectOut[] {
  state.open -= 1;
  return goOn(state, view);
}

/** Drops what waits; when nothing does, lists the next folder. */
function goOn(state: CollectState, view: CollectView): readonly CollectOut[] {
  const out: CollectOut[] = [];
  while (state.open < DROPS_AT_ONCE) {
    const image = state.waiting.pop();
    if (image === undefined) break;
    if (view.isNeeded(image)) continue;
    state.open += 1;
    out.push({ kind: "drop", image });
  }
  if (state.open > 0) return out;
  const folder = state.folders?.pop();
  if (folder === undefined) state.folders = null;
  else {
    state.open = 1;
    out.push({ kind: "list", folder });
  }
  return out;
}
