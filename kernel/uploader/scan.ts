/**
 * From a directory to a signed image: listed, digested a run of entries at a time, printed, signed.
 *
 *   walking -> digesting -> sealing -> sealed (until it is known what is there) -> ready
 */
import { assert } from "../assert.ts";
import type { Effect } from "../effect.ts";
import type { Now } from "../ids.ts";
import type { IndexBody } from "../index/builder.ts";
import { KIND_DIRECTORY, KIND_LINK, type PackedIndex } from "../index/packed.ts";
import { overlay } from "../index/overlay.ts";
import { sliceOf } from "../index/slice.ts";
import { findFile, firstBlockOf, hashOfBlock, kindOf, pathOf, sizeOf } from "../index/view.ts";
import { uploadPayload } from "../signature/payload.ts";
import type { DiskValue } from "../storage/request.ts";
import { textOfByteString } from "../text.ts";
import { isLooking, newestOf } from "./newest.ts";
import { report, type Source, type UploaderState, type Waiting } from "./state.ts";
import { operation } from "../operations.ts";

/** Bytes of files that are digested as one request. */
const DIGEST_CHUNK_BYTES = 8 * 1024 * 1024;
const DIGESTS_AT_ONCE = 8;
const SKIPPED_MAX = 100;
/** The last moment that has a year of four digits: a page with a later one ends a server of 0.6.12. */
const SIGNED_MS_MAX = 253_402_300_799_999;

type Scanning = Extract<Waiting, { kind: "walk" | "seal" | "digest" }>;

export function beginScan(state: UploaderState, source: Source, out: Effect[]): void {
  out.push({
    kind: "disk",
    op: operation(state, { kind: "walk", source }),
    request: { kind: "walk", root: source.root },
  });
}

/** What the disk has found out about a source. */
export function scanned(state: UploaderState, waiting: Scanning, value: DiskValue, out: Effect[]): void {
  const { source } = waiting;
  if (waiting.kind === "walk" && value.kind === "tree") {
    source.tree = value.tree;
    source.skipped = value.skipped.slice(0, SKIPPED_MAX).map((name) => textOfByteString(name) ?? name);
    source.phase = "digesting";
    source.dealt = 0;
  } else if (waiting.kind === "digest" && value.kind === "digests") {
    const { tree } = source;
    assert(tree !== null, "digests are of a tree");
    tree.hashes.set(value.hashes, firstBlockOf(tree, waiting.from) * 32);
    source.running -= 1;
    source.digestedBytes += bytesBetween(tree, waiting.from, waiting.to);
  } else if (waiting.kind === "seal" && value.kind === "sealed") {
    sealed(state, source, value.index, value.text, out);
  }
}

/** Deals out ranges of files to digest, then has the index printed. */
export function planScan(state: UploaderState, source: Source, out: Effect[]): void {
  const { tree } = source;
  if (source.phase !== "digesting" || tree === null) return;
  while (source.dealt < tree.entryCount && source.running < DIGESTS_AT_ONCE) {
    const from = source.dealt;
    let to = from;
    for (let bytes = 0; to < tree.entryCount && bytes < DIGEST_CHUNK_BYTES; to++)
      bytes += sizeOf(tree, to) + 1024;
    source.dealt = to;
    source.running += 1;
    const op = operation(state, { kind: "digest", source, from, to });
    const slice = sliceOf(tree, from, to); // the request travels to another thread, and a tree may be large
    out.push({
      kind: "disk",
      op,
      request: { kind: "digest_files", root: source.root, tree: slice, from: 0, to: slice.entryCount },
    });
  }
  if (source.dealt < tree.entryCount || source.running > 0) return;
  source.phase = "sealing";
  out.push({
    kind: "disk",
    op: operation(state, { kind: "seal", source }),
    request: { kind: "seal_index", tree: source.base === null ? tree : overlay(source.base, tree) },
  });
}

export function reportScan(source: Source, out: Effect[]): void {
  const { tree } = source;
  if (tree === null) return;
  report(out, {
    type: "scan",
    source: source.root,
    bytes: source.digestedBytes,
    bytesTotal: tree.totalBytes,
    files: tree.entryCount,
  });
}

function bytesBetween(tree: IndexBody, from: number, to: number): number {
  let bytes = 0;
  for (let entry = from; entry < to; entry++) bytes += sizeOf(tree, entry);
  return bytes;
}

function sealed(
  state: UploaderState,
  source: Source,
  index: PackedIndex,
  text: Uint8Array,
  out: Effect[],
): void {
  source.phase = "sealed";
  source.index = index;
  source.text = text;
  source.blocks = blocksIn(index, source.base === null ? index : source.tree);
  source.tree = null;
  const counts = { directories: 0, links: 0, files: 0 };
  for (let entry = 0; entry < index.entryCount; entry++) {
    const kind = kindOf(index, entry);
    if (kind === KIND_DIRECTORY) counts.directories += 1;
    else if (kind === KIND_LINK) counts.links += 1;
    else counts.files += 1;
  }
  const transfers = state.transfers.filter((transfer) => transfer.source === source);
  for (const path of new Set(transfers.map(({ job }) => job.path))) {
    const { image, totalBytes: bytes } = index;
    report(out, {
      type: "scanned",
      source: source.root,
      path,
      image,
      bytes,
      skipped: source.skipped,
      ...counts,
    });
  }
}

/** Signs what is sealed, later than what was seen of its paths, once nothing more is to be learnt of these. */
export function planSign(state: UploaderState, source: Source, now: Now, out: Effect[]): void {
  const { index } = source;
  if (source.phase !== "sealed" || index === null) return;
  const transfers = state.transfers.filter((transfer) => transfer.source === source);
  if (transfers.some((transfer) => isLooking(state, transfer, now))) return;
  source.phase = "ready";
  const seen = transfers.map((each) => newestOf(each, now)).filter((newest) => newest < SIGNED_MS_MAX);
  const timestamp = Math.max(now.wall, ...seen.map((newest) => newest + 1));
  if (timestamp > now.wall) report(out, { type: "slow_clock", behindMs: timestamp - now.wall });
  out.push({
    kind: "sign",
    op: operation(state, { kind: "sign", transfers }),
    timestamp,
    payloads: transfers.map(({ job }) => uploadPayload(job.path, index.image, timestamp)),
  });
}

/** Block numbers by hash, of the files that are in `own`: of the others there is nothing here to read. */
function blocksIn(index: PackedIndex, own: IndexBody | null): ReadonlyMap<string, number> {
  const blocks = new Map<string, number>();
  for (let at = 0; at < (own?.entryCount ?? 0); at++) {
    const entry = own === index || own === null ? at : findFile(index, pathOf(own, at));
    if (entry < 0) continue;
    for (let block = firstBlockOf(index, entry); block < firstBlockOf(index, entry + 1); block++)
      blocks.set(hashOfBlock(index, block), block);
  }
  return blocks;
}
