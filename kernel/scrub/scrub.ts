/**
 * When which image is read against its index, so that bits that a disk has lost are found before somebody needs them.
 *
 *   resting -> comparing the names of an image -> reading its blocks, some a round -> the next image -> ... -> resting
 *                  \______________________________`-> suspect: wrong, or it could not be read
 *
 * A suspect is read again after a while, for as long as it is one: whoever mends it, or takes it away, says so here. That
 * takes at most every other image of a turn, so that a disk that goes on failing keeps no others from being read. Images
 * of one base directory may share files: where one is found wrong, all of them are read once more. After a run that did
 * not end in order the first turn begins at once.
 *
 * Source: reliability notes, section 2.6. The rate is bounded by one request a round; what is on its way is left out,
 * since a commit reads it anyway.
 */
import { type ImageId, type MonoMs, parentOf, type VPath } from "../ids.ts";
import type { PackedIndex } from "../index/packed.ts";

export type ScrubState = {
  /** Base directories that this turn has not come to, the next one last. */
  bases: VPath[];
  /** Images of the base directory that it has come to, the next one last. */
  images: VPath[];
  /** The last base directory that this turn reads twice. */
  twice: VPath | null;
  current: Reading | null;
  /** A request is on its way. */
  open: boolean;
  /** The next turn over all images. */
  nextAt: MonoMs;
  /** Suspects: images that are wrong, or could not be read. */
  readonly damaged: Map<VPath, Suspect>;
  /** The last image that was begun was a suspect. */
  wasSuspect: boolean;
};

/** `index` from the first answer on: one is held at a time, instead of being loaded for each piece. */
type Reading = {
  readonly path: VPath;
  readonly image: ImageId;
  readonly index: PackedIndex | null;
  readonly from: number;
};

/** `at`: when it is looked at again. */
type Suspect = { readonly at: MonoMs; readonly isWrong: boolean };

export type ScrubView = {
  readonly now: MonoMs;
  readonly everyMs: number;
  readonly againMs: number;
  /** Blocks of one piece. */
  readonly blocks: number;
  /** Base directories with images, sorted. */
  bases(): readonly VPath[];
  /** Images of a base directory, sorted. */
  imagesOf(base: VPath): readonly VPath[];
  /** The image that is visible at a path and not about to change; null when there is none. */
  restingAt(path: VPath): ImageId | null;
};

export type ScrubAsk =
  | { readonly kind: "shape"; readonly path: VPath; readonly image: ImageId }
  | {
      readonly kind: "blocks";
      readonly path: VPath;
      readonly index: PackedIndex;
      readonly from: number;
      readonly end: number;
    };

export type ScrubAnswer =
  | { readonly kind: "shape"; readonly wrong: string | null; readonly index: PackedIndex }
  | { readonly kind: "blocks"; readonly wrong: string | null }
  | { readonly kind: "no_index" }
  /** The disk could not say. */
  | { readonly kind: "failed" };

export type ScrubFound = {
  readonly path: VPath;
  readonly image: ImageId;
  readonly is:
    | { readonly kind: "whole" }
    | { readonly kind: "wrong"; readonly what: string /** Not known before. */; readonly isNews: boolean }
    | { readonly kind: "unread" };
};

/** Suspects that are remembered: beyond that a turn finds them again. */
const SUSPECTS_MAX = 1_000;

export function createScrub(now: MonoMs, afterMs: number): ScrubState {
  return {
    bases: [],
    images: [],
    twice: null,
    current: null,
    open: false,
    nextAt: (now + afterMs) as MonoMs,
    damaged: new Map(),
    wasSuspect: false,
  };
}

/** The last run was cut: what is here is read before anything else has its turn. */
export function scrubAtOnce(state: ScrubState, now: MonoMs): void {
  state.nextAt = now;
}

/** Once a round: what is to be read now, or null. */
export function scrubNext(state: ScrubState, view: ScrubView): ScrubAsk | null {
  if (state.open) return null;
  if (state.current !== null && view.restingAt(state.current.path) !== state.current.image)
    state.current = null;
  state.current ??= begin(state, view);
  if (state.current === null) return null;
  state.open = true;
  const { path, image, index, from } = state.current;
  if (index === null) return { kind: "shape", path, image };
  return { kind: "blocks", path, index, from, end: Math.min(from + view.blocks, index.blockCount) };
}

function begin(state: ScrubState, view: ScrubView): Reading | null {
  const first = state.wasSuspect ? nextOfTurn(state, view) : nextSuspect(state, view);
  if (first !== null) {
    state.wasSuspect = !state.wasSuspect;
    return first;
  }
  return state.wasSuspect ? nextSuspect(state, view) : nextOfTurn(state, view);
}

function nextSuspect(state: ScrubState, view: ScrubView): Reading | null {
  for (const [path, suspect] of state.damaged) {
    if (suspect.at > view.now) continue;
    state.damaged.set(path, { ...suspect, at: (view.now + view.againMs) as MonoMs });
    const reading = readingOf(path, view);
    if (reading !== null) return reading;
  }
  return null;
}

function nextOfTurn(state: ScrubState, view: ScrubView): Reading | null {
  if (state.images.length === 0 && state.bases.length === 0 && view.now >= state.nextAt) {
    state.nextAt = (view.now + view.everyMs) as MonoMs;
    state.twice = null;
    state.bases = view.bases().toReversed();
  }
  for (;;) {
    const path = state.images.pop();
    if (path === undefined) {
      const base = state.bases.pop();
      if (base === undefined) return null;
      state.images = view.imagesOf(base).toReversed();
      continue;
    }
    const reading = state.damaged.has(path) ? null : readingOf(path, view); // they have times of their own
    if (reading !== null) return reading;
  }
}

function readingOf(path: VPath, view: ScrubView): Reading | null {
  const image = view.restingAt(path);
  return image === null ? null : { path, image, index: null, from: 0 };
}

/**
 * The answer to the last request.
 *
 * @returns what is known now of the image; null when it is not read to its end, or is not the one that was asked for
 */
export function scrubbed(state: ScrubState, answer: ScrubAnswer, view: ScrubView): ScrubFound | null {
  const { current } = state;
  state.open = false;
  state.current = null;
  if (current === null || view.restingAt(current.path) !== current.image) return null;
  const { path, image } = current;
  if (answer.kind === "failed") {
    suspect(state, path, state.damaged.get(path)?.isWrong ?? false, view);
    return { path, image, is: { kind: "unread" } };
  }
  const what = answer.kind === "no_index" ? "its index is lost" : answer.wrong;
  if (what !== null) {
    const isNews = state.damaged.get(path)?.isWrong !== true;
    suspect(state, path, true, view);
    if (isNews) readOthersAgain(state, path);
    return { path, image, is: { kind: "wrong", what, isNews } };
  }
  const index = answer.kind === "shape" ? answer.index : current.index;
  const from = answer.kind === "shape" ? 0 : current.from + view.blocks;
  if (index !== null && from < index.blockCount) {
    state.current = { path, image, index, from };
    return null;
  }
  state.damaged.delete(path);
  return { path, image, is: { kind: "whole" } };
}

function suspect(state: ScrubState, path: VPath, isWrong: boolean, view: ScrubView): void {
  if (!state.damaged.has(path) && state.damaged.size >= SUSPECTS_MAX) return;
  state.damaged.set(path, { at: (view.now + view.againMs) as MonoMs, isWrong });
}

/** Those that were read in this turn before may share what is wrong. Once a turn for a base directory. */
function readOthersAgain(state: ScrubState, path: VPath): void {
  const base = parentOf(path);
  if (base === null || base === state.twice) return;
  state.twice = base;
  if (!state.bases.includes(base)) state.bases.push(base);
}

/** A wrong image whose repair has to wait is looked at sooner. */
export function scrubAgainAt(state: ScrubState, path: VPath, at: MonoMs): void {
  const known = state.damaged.get(path);
  if (known !== undefined) state.damaged.set(path, { ...known, at });
}

export function isKnownWrong(state: ScrubState, path: VPath): boolean {
  return state.damaged.get(path)?.isWrong === true;
}

/** It was fetched anew, or is not here any more. */
export function scrubForget(state: ScrubState, path: VPath): void {
  state.damaged.delete(path);
}
