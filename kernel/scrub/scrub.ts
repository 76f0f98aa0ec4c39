/**
 * When which image is read against its index, so that bits that a disk has lost are found before somebody needs them.
 *
 *   resting -> reading an image, some blocks a round -> the next image -> ... -> resting for a week
 *                 `-> damaged: it is fetched again, and read again after a while
 *
 * Source: reliability notes, section 2.6. The rate is bounded by one request a round; what is on its way is left out,
 * since a commit reads it anyway.
 */
import { compareVPath, type ImageId, type MonoMs, type VPath } from "../ids.ts";

export type ScrubState = {
  /** What is still to be read in this turn, the next one last. */
  queue: VPath[];
  current: { readonly path: VPath; readonly image: ImageId; readonly from: number } | null;
  /** A request is on its way. */
  open: boolean;
  /** The next turn over all images. */
  nextAt: MonoMs;
  /** Damaged images, and when they are looked at again. */
  readonly damaged: Map<VPath, MonoMs>;
};

export type ScrubView = {
  readonly now: MonoMs;
  readonly everyMs: number;
  readonly againMs: number;
  /** All images that are here, in any order. */
  images(): readonly VPath[];
  /** The image that is visible at a path and not about to change; null when there is none. */
  restingAt(path: VPath): ImageId | null;
};

export type ScrubAsk = { readonly path: VPath; readonly image: ImageId; readonly from: number };

/** Paths that are remembered as damaged: beyond that a turn finds them again. */
const DAMAGED_MAX = 1_000;

export function createScrub(now: MonoMs, afterMs: number): ScrubState {
  return {
    queue: [],
    current: null,
    open: false,
    nextAt: (now + afterMs) as MonoMs,
    damaged: new Map(),
  };
}

/** Once a round: what is to be read now, or null. */
export function scrubNext(state: ScrubState, view: ScrubView): ScrubAsk | null {
  if (state.open) return null;
  if (state.current !== null && view.restingAt(state.current.path) !== state.current.image)
    state.current = null;
  state.current ??= begin(state, view);
  if (state.current === null) return null;
  state.open = true;
  return state.current;
}

function begin(state: ScrubState, view: ScrubView): ScrubState["current"] {
  for (const [path, at] of state.damaged) {
    if (at > view.now) continue;
    state.damaged.set(path, (view.now + view.againMs) as MonoMs);
    const image = view.restingAt(path);
    if (image !== null) return { path, image, from: 0 };
  }
  if (state.queue.length === 0 && view.now >= state.nextAt) {
    state.nextAt = (view.now + view.everyMs) as MonoMs;
    state.queue = view.images().toSorted((a, b) => compareVPath(b, a));
  }
  for (;;) {
    const path = state.queue.pop();
    if (path === undefined) return null;
    const image = view.restingAt(path);
    if (image !== null) return { path, image, from: 0 };
  }
}

/**
 * The answer to the last request: `next` is the block to go on with.
 *
 * @returns what was read and is whole, or damaged; null when it is not read to its end
 */
export function scrubbed(
  state: ScrubState,
  answer: { readonly wrong: string | null; readonly next: number | null } | null,
  view: ScrubView,
): { readonly path: VPath; readonly image: ImageId; readonly wrong: string | null } | null {
  const { current } = state;
  state.open = false;
  if (current === null) return null;
  const { path, image } = current;
  if (answer !== null && answer.wrong === null && answer.next !== null) {
    state.current = { path, image, from: answer.next };
    return null;
  }
  state.current = null;
  if (answer === null) return null; // the disk could not say: the next turn asks again
  if (answer.wrong === null) state.damaged.delete(path);
  else if (state.damaged.size < DAMAGED_MAX) state.damaged.set(path, (view.now + view.againMs) as MonoMs);
  return { path, image, wrong: answer.wrong };
}

/** It was fetched anew, or is not here any more. */
export function scrubForget(state: ScrubState, path: VPath): void {
  state.damaged.delete(path);
}
