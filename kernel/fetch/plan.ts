/**
 * What a download asks for next, from its state alone: the index of one holder, blocks of those who may have them, or the
 * end, of one kind or the other. Whatever event came, it is called last, so that a lost or doubled answer costs only time.
 *
 * Source: specification of behaviour, sections 3 to 6; algorithm notes, 3.6.
 */
import { assert } from "../assert.ts";
import type { DiskRequest } from "../effect.ts";
import type { MonoMs } from "../ids.ts";
import { hashOfBlock, pathOf, placeOfBlock } from "../index/view.ts";
import { below } from "../prng.ts";
import type { Request } from "../wire/message.ts";
import { printHintPath } from "./hint.ts";
import { type Holder, allStored, countOf, maskOf, nextWanted, requested } from "./slots.ts";
import { bestSource, hasHolder, takeCandidates } from "./sources.ts";
import { type Download, type FetchOut, type FetchView, MASK_WHOLE, placeOf } from "./state.ts";

const MASK_INDEX = 0x8000;

/** A list of holders this old is made anew, even when nothing was heard. */
export const SOURCES_FRESH_MS = 1_000;

/** Looks at all of the state and asks for what can be asked. */
export function plan(download: Download, view: FetchView, out: FetchOut[]): void {
  if (download.phase.kind === "asking" && view.now >= download.phase.until) {
    planIndex(download, download.phase.holder, view, out);
  }
  if (download.phase.kind === "blocks") planBlocks(download, view, out);
}

/** Who is `silent` is asked again only when there is nobody else, each time with more patience: indexes can be large. */
function planIndex(download: Download, silent: Holder | null, view: FetchView, out: FetchOut[]): void {
  refreshSources(download, view);
  const ready = [...download.sources.values()].filter((source) => view.now >= source.notBefore);
  const known = ready.filter((source) => source.client || ((source.mask ?? 0) & MASK_INDEX) !== 0);
  const able = known.length > 0 ? known : ready;
  const others = able.filter((source) => source.holder !== silent);
  const from = others.length > 0 ? others : able;
  const source = from.length === 0 ? undefined : from[below(view.prng, from.length)];
  if (source !== undefined) {
    const { holder } = source;
    if (silent !== null) download.silences += 1;
    const patience = Math.min(view.limits.requestMs * 2 ** download.silences, view.limits.indexFetchMs);
    download.phase = { kind: "asking", holder, until: (view.now + patience) as MonoMs };
    const request: Request = { type: "GetIndex", image: download.intent.image, hint: download.path };
    out.push({ kind: "ask", download, purpose: { kind: "index", holder }, request });
    return;
  }
  if (
    view.now - download.lastGoodAt >= view.limits.indexFetchMs &&
    !hasHolder(download.sources, MASK_WHOLE)
  ) {
    out.push({ kind: "aborted", download, reason: "cant_fetch_index" });
  }
}

function planBlocks(download: Download, view: FetchView, out: FetchOut[]): void {
  const { slots } = download;
  assert(slots !== null, "blocks are fetched into slots");
  if (allStored(slots)) return commit(download, out);
  refreshSources(download, view);
  const { blocksInflightMax, blocksTogether } = view.limits;
  const busy = (): number => countOf(slots, "requested") + countOf(slots, "writing");
  if (busy() > 0 && blocksInflightMax - busy() < blocksTogether) return;
  for (const slice of slots.order) {
    for (;;) {
      if (busy() >= blocksInflightMax) return;
      const slot = nextWanted(slots, slice);
      if (slot === null) break;
      const source = bestSource(download.sources, slice, download.fromNothing, view);
      if (source === null) break;
      source.inflight += 1;
      requested(slots, slot, source.holder);
      out.push(askForBlock(download, slot, source.holder));
    }
  }
  if (busy() > 0) return;
  if (!download.stalled) {
    download.stalled = true;
    out.push({ kind: "trace", mark: "download_stalled", fields: { path: download.path } });
  }
  if (
    view.now - download.lastGoodAt >= view.limits.abandonMs &&
    !hasHolder(download.sources, lackOf(download))
  ) {
    out.push({ kind: "aborted", download, reason: "cluster_abort_no_file_source" });
  }
}

function askForBlock(download: Download, slot: number, holder: Holder): FetchOut {
  const { index, path } = download;
  assert(index !== null, "blocks are asked for by an index");
  const block = download.blocks[slot] ?? 0;
  const place = placeOfBlock(index, block);
  const hint = { path, file: printHintPath(pathOf(index, place.entry)), offset: place.offset };
  const request: Request = { type: "GetBlock", hash: hashOfBlock(index, block), hint };
  return { kind: "ask", download, purpose: { kind: "block", holder, block }, request };
}

/**
 * Slices that are not whole here. Servers that all have the same part of an image hold nothing for each other; where
 * something was linked, the slices of others mean other blocks, and any of them may be of use.
 */
function lackOf({ slots, fromNothing }: Download): number {
  return slots === null || !fromNothing ? MASK_WHOLE : MASK_WHOLE & ~maskOf(slots);
}

function refreshSources(download: Download, view: FetchView): void {
  if (view.now - download.sourcesAt < SOURCES_FRESH_MS) return;
  download.sourcesAt = view.now;
  takeCandidates(download.sources, view.candidates(download), view.now);
}

export function commit(download: Download, out: FetchOut[]): void {
  const { intent } = download;
  download.phase = { kind: "committing" };
  const request: DiskRequest = {
    kind: "commit",
    place: placeOf(download),
    image: intent.image,
    stage: intent.stage,
    mode: intent.mode,
    again: download.failures > 0,
  };
  out.push({ kind: "disk", download, purpose: { kind: "commit" }, request });
}
