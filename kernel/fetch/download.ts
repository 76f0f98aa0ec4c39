/**
 * Brings one image here.
 *
 *   loading -> asking -> checking -> preparing -> blocks -> committing -> done
 *      \__________________________________\_________\___________\-----> resting (the disk said no; tried again later)
 *   asking, blocks -> aborted (nobody has it)
 *   preparing, committing -> aborted (the file system cannot hold it, or not there)
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
import type { DirectoryConfig } from "../config.ts";
import type { DiskRequest } from "../effect.ts";
import type { DiskResult } from "../event.ts";
import type { MonoMs, OpId, VPath } from "../ids.ts";
import type { PackedIndex } from "../index/packed.ts";
import { hashOfBlock, pathOf, placeOfBlock } from "../index/view.ts";
import { SOURCES_FRESH_MS, commit, plan } from "./plan.ts";
import { arrived, createSlots, failed, writeFailed, written } from "./slots.ts";
import { proved, sourceFailed } from "./sources.ts";
import {
  type AskPurpose,
  type DiskPurpose,
  type Download,
  type FetchOut,
  type FetchView,
  MASK_WHOLE,
  hasStored,
  placeOf,
  slotOf,
} from "./state.ts";

/** After the first error of the disk; each further one of a download doubles it. */
const REST_MS = 1_000;
const REST_MS_MAX = 10_000;
/** A commit that says so has changed nothing. */
const LACKING: readonly string[] = ["stage_incomplete", "index_missing"];
/** Of a stage: the file system cannot hold the image under its names. */
export const UNFIT: readonly string[] = ["index_conflict", "index_name_too_long", "name_too_long"];
/** The same however often it is tried, until an operator has done something. */
const REFUSALS: { readonly [purpose in DiskPurpose["kind"]]?: readonly string[] } = {
  prepare: UNFIT,
  commit: ["exchange_unsupported", "already_exists"],
};

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

/** Whether the download ends with this answer of the disk; otherwise it is tried again. */
export function isRefusal(purpose: DiskPurpose, code: string): boolean {
  return REFUSALS[purpose.kind]?.includes(code) ?? false;
}

export function diskDone(
  download: Download,
  purpose: DiskPurpose,
  result: DiskResult,
  view: FetchView,
): readonly FetchOut[] {
  const out: FetchOut[] = [];
  if (!result.ok && isRefusal(purpose, result.code))
    return [{ kind: "aborted", download, reason: result.code }];
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
