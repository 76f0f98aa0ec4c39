/**
 * Brings one image here.
 *
 *   loading -> asking -> checking -> preparing -> blocks -> committing -> done
 *      \__________________________________\_________\___________\-----> resting (the disk said no; tried again later)
 *   asking, blocks -> aborted (nobody has it)
 *
 * loading: is the index on our disk? asking: of one holder, and of another when no answer comes. checking: the disk
 * digests and parses it. preparing: the stage is made or resumed, and what is reusable is linked. Then every block that
 * is not there is asked of somebody who may have it, several at once, and written when its digest is right. Decisions
 * are made by `plan` from the state alone: a lost or doubled answer costs time.
 *
 * Source: specification of behaviour, sections 1 to 6; reliability notes, U4 to U14; algorithm notes, 3.6.
 */
import { assert } from "../assert.ts";
import type { Intent } from "../catalog.ts";
import type { DirectoryConfig, Limits } from "../config.ts";
import type { DiskRequest, Place, Transfer } from "../effect.ts";
import type { DiskResult } from "../event.ts";
import type { MonoMs, OpId, VPath } from "../ids.ts";
import type { PackedIndex } from "../index/packed.ts";
import { hashOfBlock, pathOf, placeOfBlock } from "../index/view.ts";
import { type Prng, below } from "../prng.ts";
import type { Request } from "../wire/message.ts";
import { printHintPath } from "./hint.ts";
import {
  type Candidate,
  type Sources,
  bestSource,
  hasHolder,
  proved,
  sourceFailed,
  takeCandidates,
} from "./sources.ts";
import {
  type Holder,
  type Slots,
  allStored,
  arrived,
  countOf,
  createSlots,
  failed,
  maskOf,
  nextWanted,
  requested,
  writeFailed,
  written,
} from "./slots.ts";

type Phase =
  | { readonly kind: "loading" }
  /** The answer of whoever is first is taken; after `until` another is asked too. */
  | { readonly kind: "asking"; readonly holder: Holder | null; readonly until: MonoMs }
  | { readonly kind: "checking"; readonly holder: Holder }
  | { readonly kind: "preparing" }
  | { readonly kind: "blocks" }
  | { readonly kind: "committing" }
  /** `again`: what is tried then. */
  | { readonly kind: "resting"; readonly until: MonoMs; readonly again: "load" | "commit" };

export type Download = {
  readonly path: VPath;
  readonly directory: DirectoryConfig;
  intent: Intent;
  /** Committed images of the same base directory whose files may be linked, best first. */
  readonly reuse: readonly { readonly path: VPath; readonly image: PackedIndex["image"] }[];
  phase: Phase;
  index: PackedIndex | null;
  slots: Slots | null;
  /** Block number of each slot, ascending. */
  blocks: Uint32Array;
  /** One bit a block: in the stage, verified and written. */
  stored: Uint8Array;
  /** Nothing was linked or reused, so that slices mean the same here as at any other server that began with nothing. */
  fromNothing: boolean;
  readonly sources: Sources;
  sourcesAt: MonoMs;
  lastGoodAt: MonoMs;
  stalled: boolean;
  writes: number;
  fetchedBytes: number;
  linkedBytes: number;
  failures: number;
  /** Holders of the index that did not answer in time. */
  silences: number;
};

/** What is asked of the disk, so that the answer finds its way. */
export type DiskPurpose =
  | { readonly kind: "load" | "check" | "prepare" | "commit" }
  | {
      readonly kind: "write";
      readonly slot: number;
      readonly op: OpId;
      readonly holder: Holder;
      readonly bytes: number;
    };

export type AskPurpose =
  | { readonly kind: "index"; readonly holder: Holder }
  /** `block` by its number in the index: slots are numbered anew when the disk has said no. */
  | { readonly kind: "block"; readonly holder: Holder; readonly block: number };

export type FetchOut =
  | {
      readonly kind: "disk";
      readonly download: Download;
      readonly purpose: DiskPurpose;
      readonly request: DiskRequest;
    }
  | {
      readonly kind: "ask";
      readonly download: Download;
      readonly purpose: AskPurpose;
      readonly request: Request;
    }
  /** Its mask or its need has changed. */
  | { readonly kind: "progress"; readonly download: Download }
  | { readonly kind: "moved"; readonly amount: Partial<Transfer> }
  | { readonly kind: "trace"; readonly mark: string; readonly fields: Record<string, string | number> }
  | { readonly kind: "done"; readonly download: Download }
  | { readonly kind: "aborted"; readonly download: Download; readonly reason: string };

export type FetchView = {
  readonly limits: Limits;
  readonly now: MonoMs;
  readonly prng: Prng;
  candidates(download: Download): readonly Candidate[];
};

const MASK_INDEX = 0x8000;
const MASK_WHOLE = 0xffff;
/** A list of holders this old is made anew, even when nothing was heard. */
const SOURCES_FRESH_MS = 1_000;
/** After the first error of the disk; each further one of a download doubles it. */
const REST_MS = 1_000;
const REST_MS_MAX = 10_000;
/** A commit that says so has changed nothing. */
const LACKING: readonly string[] = ["stage_incomplete", "index_missing"];
/** Of a commit: the same however often it is tried, until an operator has done something. */
const REFUSALS: readonly string[] = ["exchange_unsupported", "already_exists"];

export function startDownload(
  path: VPath,
  directory: DirectoryConfig,
  intent: Intent,
  reuse: Download["reuse"],
  view: FetchView,
): { readonly download: Download; readonly out: readonly FetchOut[] } {
  const download: Download = {
    path,
    directory,
    intent,
    reuse,
    phase: { kind: "loading" },
    index: null,
    slots: null,
    blocks: new Uint32Array(0),
    stored: new Uint8Array(0),
    fromNothing: false,
    sources: new Map(),
    sourcesAt: -SOURCES_FRESH_MS as MonoMs,
    lastGoodAt: view.now,
    stalled: false,
    writes: 0,
    fetchedBytes: 0,
    linkedBytes: 0,
    failures: 0,
    silences: 0,
  };
  const out: FetchOut[] = [
    {
      kind: "trace",
      mark: "download_started",
      fields: { path, image: intent.image, timestamp: intent.timestamp },
    },
    { kind: "progress", download },
  ];
  load(download, out);
  return { download, out };
}

export function placeOf(download: Download): Place {
  return { path: download.path, root: download.directory.root };
}

/** What peers are told: 0 until the index is here, and slices only where they mean the same to everybody. */
export function progressMask(download: Download): number {
  const { slots } = download;
  if (slots === null || download.phase.kind === "resting") return 0;
  if (allStored(slots)) return MASK_WHOLE;
  return download.fromNothing ? maskOf(slots) : 0;
}

/** Whether its image may stand at its name: a commit runs, or failed somewhere and is done again. */
export function commitOf(download: Download | undefined): "running" | "failed" | null {
  if (download?.phase.kind === "committing") return "running";
  return download?.phase.kind === "resting" && download.phase.again === "commit" ? "failed" : null;
}

export function hasStored(download: Download, block: number): boolean {
  return ((download.stored[block >> 3] ?? 0) & (1 << (block & 7))) !== 0;
}

function load(download: Download, out: FetchOut[]): void {
  download.phase = { kind: "loading" };
  const request: DiskRequest = { kind: "load_index", image: download.intent.image };
  out.push({ kind: "disk", download, purpose: { kind: "load" }, request });
}

function prepare(download: Download, out: FetchOut[]): void {
  const { intent } = download;
  download.phase = { kind: "preparing" };
  const request: DiskRequest = {
    kind: "prepare_stage",
    place: placeOf(download),
    image: intent.image,
    stage: intent.stage,
    sources: download.reuse,
  };
  out.push({ kind: "disk", download, purpose: { kind: "prepare" }, request });
}

export function diskDone(
  download: Download,
  purpose: DiskPurpose,
  result: DiskResult,
  view: FetchView,
): readonly FetchOut[] {
  const out: FetchOut[] = [];
  switch (purpose.kind) {
    case "load":
      if (result.ok && result.value.kind === "index") takeIndex(download, result.value.index, out);
      else if (!result.ok && result.code !== "index_missing") rest(download, result, view, out);
      else download.phase = { kind: "asking", holder: null, until: view.now };
      break;
    case "check":
      if (result.ok && result.value.kind === "index") takeIndex(download, result.value.index, out);
      else if (!result.ok && result.code !== "index_invalid") rest(download, result, view, out);
      else blame(download, result, view, out);
      break;
    case "prepare":
      if (result.ok && result.value.kind === "stage") takeStage(download, result.value, view, out);
      else rest(download, result, view, out);
      break;
    case "write":
      blockWritten(download, purpose, result, view, out);
      break;
    default:
      if (result.ok) out.push({ kind: "done", download });
      else if (REFUSALS.includes(result.code)) out.push({ kind: "aborted", download, reason: result.code });
      // Of a commit that failed at its end the image may be visible already: it is done again, not fetched again. What
      // the disk has lost since, a commit alone would never find.
      else rest(download, result, view, out, LACKING.includes(result.code) ? "load" : "commit");
  }
  plan(download, view, out);
  return out;
}

function takeIndex(download: Download, index: PackedIndex, out: FetchOut[]): void {
  download.index = index;
  prepare(download, out);
}

/** The index that a holder sent is not the one that was asked for. */
function blame(download: Download, result: DiskResult, view: FetchView, out: FetchOut[]): void {
  if (download.phase.kind !== "checking") return;
  const { holder } = download.phase;
  const detail = result.ok ? "" : result.detail;
  out.push({ kind: "trace", mark: "index_refused", fields: { path: download.path, holder, detail } });
  sourceFailed(download.sources, holder, view, "lie");
  download.phase = { kind: "asking", holder: null, until: view.now };
}

function takeStage(
  download: Download,
  stage: {
    readonly stored: Uint8Array;
    readonly linkedBlocks: number;
    readonly linkedBytes: number;
    readonly reusedBlocks: number;
    readonly reusedBytes: number;
  },
  view: FetchView,
  out: FetchOut[],
): void {
  const { index } = download;
  assert(index !== null, "a stage is prepared for an index");
  download.stored = stage.stored.slice();
  const missing: number[] = [];
  for (let block = 0; block < index.blockCount; block++) if (!hasStored(download, block)) missing.push(block);
  download.blocks = Uint32Array.from(missing);
  download.slots = createSlots(missing.length, view.prng);
  download.fromNothing = missing.length === index.blockCount;
  download.linkedBytes += stage.linkedBytes;
  download.lastGoodAt = view.now;
  download.phase = { kind: "blocks" };
  out.push({
    kind: "moved",
    amount: {
      linked: { bytes: stage.linkedBytes, blocks: stage.linkedBlocks },
      reused: { bytes: stage.reusedBytes, blocks: stage.reusedBlocks },
    },
  });
  out.push({ kind: "progress", download });
}

function blockWritten(
  download: Download,
  purpose: Extract<DiskPurpose, { kind: "write" }>,
  result: DiskResult,
  view: FetchView,
  out: FetchOut[],
): void {
  const { slots } = download;
  if (slots === null || download.phase.kind !== "blocks") return;
  if (!result.ok) {
    if (!writeFailed(slots, purpose.slot, purpose.op)) return;
    if (result.code !== "block_hash_mismatch") return rest(download, result, view, out);
    out.push({
      kind: "trace",
      mark: "block_refused",
      fields: { path: download.path, holder: purpose.holder },
    });
    return sourceFailed(download.sources, purpose.holder, view, "lie");
  }
  const done = written(slots, purpose.slot, purpose.op);
  if (done === null) return;
  const block = download.blocks[purpose.slot] ?? 0;
  download.stored[block >> 3] = (download.stored[block >> 3] ?? 0) | (1 << (block & 7));
  download.fetchedBytes += purpose.bytes;
  download.lastGoodAt = view.now;
  download.stalled = false;
  proved(download.sources, purpose.holder, view.limits);
  out.push({ kind: "moved", amount: { fetched: { bytes: purpose.bytes, blocks: 1 } } });
  if (done.sliceDone) out.push({ kind: "progress", download });
}

/** An answer with data came for what was asked. */
export function answeredWith(
  download: Download,
  purpose: AskPurpose,
  data: Uint8Array,
  view: FetchView,
): readonly FetchOut[] {
  const out: FetchOut[] = [];
  const source = download.sources.get(purpose.holder);
  if (purpose.kind === "index") {
    if (download.phase.kind === "asking") {
      download.phase = { kind: "checking", holder: purpose.holder };
      const request: DiskRequest = { kind: "store_index", image: download.intent.image, text: data };
      out.push({ kind: "disk", download, purpose: { kind: "check" }, request });
    }
  } else {
    if (source !== undefined) source.inflight = Math.max(0, source.inflight - 1);
    writeBlock(download, purpose, data, out);
  }
  plan(download, view, out);
  return out;
}

function writeBlock(
  download: Download,
  { holder, block }: Extract<AskPurpose, { kind: "block" }>,
  data: Uint8Array,
  out: FetchOut[],
): void {
  const { index, slots } = download;
  if (index === null || slots === null || download.phase.kind !== "blocks") return;
  const slot = slotOf(download, block);
  if (slot === null) return; // it was here already when the stage was taken up again
  const op = (download.writes + 1) as OpId;
  const place = placeOfBlock(index, block);
  if (!arrived(slots, slot, op)) return;
  download.writes += 1;
  out.push({
    kind: "disk",
    download,
    purpose: { kind: "write", slot, op, holder, bytes: place.length },
    request: {
      kind: "write_block",
      place: placeOf(download),
      image: download.intent.image,
      stage: download.intent.stage,
      file: pathOf(index, place.entry),
      offset: place.offset,
      hash: hashOfBlock(index, block),
      bytes: data,
    },
  });
}

/** No answer: refused, late, or the connection is gone. `not_yet` is a peer that has other blocks. */
export function askFailed(
  download: Download,
  purpose: AskPurpose,
  why: "refused" | "lost",
  view: FetchView,
): readonly FetchOut[] {
  const out: FetchOut[] = [];
  const source = download.sources.get(purpose.holder);
  if (source !== undefined && purpose.kind === "block") source.inflight = Math.max(0, source.inflight - 1);
  const partial = source !== undefined && !source.client && source.mask !== MASK_WHOLE;
  if (purpose.kind === "block" && download.slots !== null) {
    const slot = slotOf(download, purpose.block);
    if (slot !== null && failed(download.slots, slot, purpose.holder)) {
      out.push({
        kind: "trace",
        mark: "block_retried",
        fields: { path: download.path, holder: purpose.holder },
      });
    }
  }
  if (
    purpose.kind === "index" &&
    download.phase.kind === "asking" &&
    download.phase.holder === purpose.holder
  ) {
    download.phase = { kind: "asking", holder: null, until: view.now };
  }
  sourceFailed(download.sources, purpose.holder, view, why === "refused" && partial ? "not_yet" : "failure");
  plan(download, view, out);
  return out;
}

/** The disk said no: the stage stays, its blocks are verified again, and the download goes on later. */
function rest(
  download: Download,
  result: DiskResult,
  view: FetchView,
  out: FetchOut[],
  again: "load" | "commit" = "load",
): void {
  const code = result.ok ? "unexpected" : result.code;
  const detail = result.ok ? result.value.kind : result.detail;
  download.failures += 1;
  out.push({ kind: "trace", mark: "download_resting", fields: { path: download.path, code, detail } });
  if (again === "load") download.slots = null;
  const ms = Math.min(REST_MS_MAX, REST_MS * 2 ** (download.failures - 1));
  download.phase = { kind: "resting", until: (view.now + ms) as MonoMs, again };
  for (const source of download.sources.values()) source.inflight = 0;
}

/** A holder appeared or went. */
export function sourcesChanged(download: Download, view: FetchView): readonly FetchOut[] {
  download.sourcesAt = (view.now - SOURCES_FRESH_MS) as MonoMs;
  const out: FetchOut[] = [];
  plan(download, view, out);
  return out;
}

/** Time has passed. */
export function tick(download: Download, view: FetchView): readonly FetchOut[] {
  const out: FetchOut[] = [];
  if (download.phase.kind === "resting" && view.now >= download.phase.until) {
    if (download.phase.again === "commit") commit(download, out);
    else load(download, out);
  }
  plan(download, view, out);
  return out;
}

/** Looks at all of the state and asks for what can be asked. */
function plan(download: Download, view: FetchView, out: FetchOut[]): void {
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

/** The slot of a block, or null when it is not one of those to fetch. */
function slotOf({ blocks }: Download, block: number): number | null {
  let low = 0;
  let high = blocks.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = blocks[middle] ?? 0;
    if (found === block) return middle;
    if (found < block) low = middle + 1;
    else high = middle - 1;
  }
  return null;
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

function commit(download: Download, out: FetchOut[]): void {
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
