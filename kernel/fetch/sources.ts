/** Who may have blocks of an image, how much is asked of each, and how they behaved. */
import type { Limits } from "../config.ts";
import type { MonoMs } from "../ids.ts";
import { type Prng, below } from "../prng.ts";
import type { Holder } from "./slots.ts";

/** Somebody who may have the image, as `node.ts` knows him. */
export type Candidate = {
  readonly holder: Holder;
  /** A client serves what nobody else has; peers are asked first. */
  readonly client: boolean;
  /** 0xffff has all of it; null is not known to have anything. */
  readonly mask: number | null;
};

export type Source = Candidate & {
  inflight: number;
  /** As many requests at once: one more for each right block, half as many for each that does not come. */
  window: number;
  failures: number;
  /** Its last answer was a block: whoever is not known to have anything is asked for more only then. */
  proven: boolean;
  /** Blocks whose bytes were wrong. */
  lies: number;
  notBefore: MonoMs;
};

export type Sources = Map<Holder, Source>;
export type SourceView = { readonly limits: Limits; readonly now: MonoMs; readonly prng: Prng };

const MASK_WHOLE = 0xffff;
const MASK_SLICES = 0x7fff;
/** A peer that is still downloading may have a block a little later. */
const NOT_YET_MS = 300;
/** After so many wrong blocks a holder is left alone for as long as any back-off lasts. */
const LIES_MAX = 3;
/** Half a megabyte: four seconds of a line of a megabit, which is within one request's deadline. */
const WINDOW_START = 16;
/** Requests to somebody who is not known to have anything. */
const PROBES_MAX = 1;

/** `not_yet` is a peer that has other blocks; a `lie` is bytes that are not what was asked for. */
export function sourceFailed(
  sources: Sources,
  holder: Holder,
  view: SourceView,
  how: "not_yet" | "failure" | "lie",
): void {
  const source = sources.get(holder);
  if (source === undefined) return;
  const { retryMs, retryMsMax } = view.limits;
  source.proven = false;
  if (how === "not_yet") {
    source.notBefore = (view.now + NOT_YET_MS + below(view.prng, NOT_YET_MS)) as MonoMs;
    return;
  }
  source.failures += 1;
  source.window = Math.max(1, source.window >> 1);
  if (how === "lie") source.lies += 1;
  const wait = source.lies >= LIES_MAX ? retryMsMax : Math.min(retryMsMax, retryMs * source.failures);
  source.notBefore = (view.now + wait) as MonoMs;
}

/** Its block was right. */
export function proved(sources: Sources, holder: Holder, limits: Limits): void {
  const source = sources.get(holder);
  if (source === undefined) return;
  source.window = Math.min(source.window + 1, limits.blocksPerSourceMax);
  source.failures = 0;
  source.proven = true;
}

/**
 * The least busy holder that may have a block of this slice; of equals one at random, peers before clients.
 * `aligned`: slices mean the same to it as here.
 */
export function bestSource(
  sources: Sources,
  slice: number,
  aligned: boolean,
  view: SourceView,
): Source | null {
  let best: Source | null = null;
  let bestScore = Number.POSITIVE_INFINITY;
  let equals = 0;
  for (const source of sources.values()) {
    if (view.now < source.notBefore || source.inflight >= source.window) continue;
    const has = mayHave(source, slice, aligned);
    if (!has && (source.client || source.inflight >= PROBES_MAX)) continue;
    const score =
      source.inflight * 2 + (source.client ? 1 : 0) + (has ? 0 : view.limits.blocksPerSourceMax * 4);
    equals = score === bestScore ? equals + 1 : 1;
    if (score < bestScore || (score === bestScore && below(view.prng, equals) === 0)) {
      best = source;
      bestScore = score;
    }
  }
  return best;
}

function mayHave(source: Source, slice: number, aligned: boolean): boolean {
  if (source.client || source.proven || source.mask === MASK_WHOLE) return true;
  return aligned && ((source.mask ?? 0) & (1 << slice)) !== 0;
}

/** Somebody may have what is lacking: `lack` is a mask of slices. Who has lied so often only says so. */
export function hasHolder(sources: Sources, lack: number): boolean {
  for (const source of sources.values()) {
    if (source.lies >= LIES_MAX) continue;
    if (source.client || source.proven || ((source.mask ?? 0) & MASK_SLICES & lack) !== 0) return true;
  }
  return false;
}

/** Takes over who is there now; what is known of those who stay (failures, requests) stays. */
export function takeCandidates(sources: Sources, candidates: readonly Candidate[], now: MonoMs): void {
  const there = new Set(candidates.map((candidate) => candidate.holder));
  for (const [holder, source] of sources) {
    if (!there.has(holder) && source.inflight === 0) sources.delete(holder);
  }
  for (const candidate of candidates) {
    const known = sources.get(candidate.holder);
    const source = known ?? newcomer();
    // News of a holder is a reason to ask it again at once.
    const news = known !== undefined && known.mask !== candidate.mask && known.lies < LIES_MAX;
    sources.set(candidate.holder, {
      ...source,
      ...candidate,
      notBefore: news ? now : source.notBefore,
    });
  }
}

function newcomer(): Omit<Source, keyof Candidate> {
  return {
    inflight: 0,
    window: WINDOW_START,
    failures: 0,
    proven: false,
    lies: 0,
    notBefore: 0 as MonoMs,
  };
}
