/** The blocks of a file or of a whole tree, a window at a time from the server that is asked now. */
import type { Effect } from "../effect.ts";
import type { ConnId, Digest, MonoMs, Now, OpId } from "../ids.ts";
import { escapeBytes } from "../index/escape.ts";
import { obstacleAt } from "../index/overlay.ts";
import { KIND_EXECUTABLE } from "../index/packed.ts";
import { findFile, firstBlockOf, hashOfBlock, kindOf, pathOf, placeOfBlock, sizeOf } from "../index/view.ts";
import { ask } from "../rpc/links.ts";
import type { DiskResult } from "../storage/request.ts";
import { textOfByteString } from "../text.ts";
import {
  BLOCK_ASKED,
  BLOCK_HERE,
  BLOCK_WANTED,
  end,
  type Fetching,
  type Found,
  giveUp,
  type ReaderState,
  type Waiting,
} from "./state.ts";
import { operation } from "../operations.ts";

const WINDOW = 32; // blocks that are asked for at once: 1 MiB

/** The index is known: what follows from it alone, and which blocks are to come. */
export function begin(state: ReaderState, found: Found, out: Effect[]): void {
  const { wanted } = state.config;
  const { index } = found;
  const same = state.found?.index.image === index.image;
  if (state.fetching !== null && !same && wanted.kind === "tree")
    return giveUp(state, "gone", "has another version meanwhile", out);
  state.found = found;
  state.current = true;
  if (state.fetching !== null && same) return;
  if (wanted.kind === "index") return succeed(state, found, null, out);
  if (wanted.kind === "tree") {
    state.fetching = newFetching(0, index.blockCount);
    return;
  }
  const name = textOfByteString(wanted.file) ?? wanted.file;
  if (index.hashName !== "blake2b/256")
    return end(state, { ok: false, code: "unsupported", detail: index.hashName }, out);
  const obstacle = obstacleAt(index, wanted.file);
  if (obstacle !== null) return end(state, { ok: false, code: obstacle, detail: name }, out);
  const entry = findFile(index, wanted.file);
  if (entry < 0 && wanted.mustExist)
    return end(state, { ok: false, code: "no_such_file", detail: name }, out);
  if (entry < 0) return succeed(state, found, null, out);
  const first = firstBlockOf(index, entry);
  state.fetching = newFetching(first, wanted.mustExist ? firstBlockOf(index, entry + 1) - first : 0);
}

function newFetching(first: number, count: number): Fetching {
  const blocks = Array.from({ length: count }, () => null);
  return {
    first,
    state: new Uint8Array(count),
    blocks,
    next: 0,
    running: 0,
    left: count,
    bytes: 0,
    told: -1,
  };
}

/** Tells how much of a tree is here, when that is news. */
export function tellProgress({ config, found, fetching, ending }: ReaderState, out: Effect[]): void {
  if (found === null || fetching === null || ending !== null || config.wanted.kind !== "tree") return;
  if (fetching.told === fetching.bytes) return;
  fetching.told = fetching.bytes;
  const { path } = config;
  const { bytes } = fetching;
  out.push({
    kind: "report",
    report: { type: "fetching", path, bytes, bytesTotal: found.index.totalBytes },
  });
}

/** Asks for the blocks that follow; ends when all are here. */
export function planBlocks(state: ReaderState, now: Now, out: Effect[]): void {
  const { conn, found, fetching } = state;
  if (found === null || fetching === null || state.ending !== null) return;
  if (fetching.left === 0) return finish(state, found, out);
  if (conn === null || !state.current) return;
  for (; fetching.running < WINDOW && fetching.next < fetching.state.length; fetching.next++) {
    if (fetching.state[fetching.next] !== BLOCK_WANTED) continue;
    if (!askBlock(state, conn, found, fetching.first + fetching.next, now, out)) return;
    fetching.state[fetching.next] = BLOCK_ASKED;
    fetching.running += 1;
  }
}

function askBlock(
  state: ReaderState,
  conn: ConnId,
  { index }: Found,
  block: number,
  now: Now,
  out: Effect[],
): boolean {
  const { entry, offset } = placeOfBlock(index, block);
  const file = pathOf(index, entry);
  // A name that is no text goes as the index spells it, which our servers know.
  const hint = { path: state.config.path, file: textOfByteString(file) ?? escapeBytes(file), offset };
  const until = (now.mono + state.limits.requestMs) as MonoMs;
  const message = { type: "GetBlock", hash: hashOfBlock(index, block), hint } as const;
  return ask(state.links, conn, message, until, { conn, what: block }, out);
}

/** A block has come: of a file it is digested here, of a tree where it is written. */
export function received(
  state: ReaderState,
  conn: ConnId,
  block: number,
  bytes: Uint8Array,
  out: Effect[],
): void {
  const { found, config } = state;
  if (found === null) return;
  const { index } = found;
  const { entry, offset, length } = placeOfBlock(index, block);
  if (bytes.length !== length)
    return giveUp(state, "index_invalid", "sent a block that is none of the image", out);
  const op = operation(state, { kind: "block", conn, block, bytes });
  if (config.wanted.kind !== "tree") return void out.push({ kind: "digest", op, bytes });
  const { root, name, stage } = config.wanted;
  const place = { root, name, stage, file: pathOf(index, entry), offset };
  const request = { kind: "copy_block", ...place, hash: hashOfBlock(index, block), bytes } as const;
  out.push({ kind: "disk", op, request });
}

/** Null: it is what the index says, and on the disk if it is to be there. */
export function blockDone(
  state: ReaderState,
  waiting: Extract<Waiting, { kind: "block" }>,
  wrong: { readonly code: "forged" | "disk"; readonly detail: string } | null,
  out: Effect[],
): void {
  const { fetching } = state;
  if (fetching === null) return;
  if (wrong?.code === "disk") return end(state, { ok: false, code: "local_disk", detail: wrong.detail }, out);
  const at = waiting.block - fetching.first;
  if (fetching.state[at] === BLOCK_HERE) return;
  if (wrong !== null) {
    if (waiting.conn === state.conn)
      giveUp(state, "index_invalid", "sent a block that is none of the image", out);
    return;
  }
  if (waiting.conn === state.conn) fetching.running -= 1;
  fetching.state[at] = BLOCK_HERE;
  fetching.left -= 1;
  fetching.bytes += waiting.bytes.length;
  if (state.config.wanted.kind === "file") fetching.blocks[at] = waiting.bytes;
}

export function digestedBlock(
  state: ReaderState,
  waiting: Extract<Waiting, { kind: "block" }>,
  digest: Digest,
  out: Effect[],
): void {
  const wanted = state.found === null ? "" : hashOfBlock(state.found.index, waiting.block);
  const forged = { code: "forged", detail: "" } as const;
  blockDone(state, waiting, String(digest) === String(wanted) ? null : forged, out);
}

export function writtenBlock(
  state: ReaderState,
  waiting: Extract<Waiting, { kind: "block" }>,
  result: DiskResult,
  out: Effect[],
): void {
  const code = !result.ok && result.code === "block_hash_mismatch" ? "forged" : "disk";
  blockDone(state, waiting, result.ok ? null : { code, detail: result.detail }, out);
}

/** All blocks are here. */
function finish(state: ReaderState, found: Found, out: Effect[]): void {
  const { wanted } = state.config;
  const { index } = found;
  if (wanted.kind === "tree") {
    if (state.finishing) return;
    state.finishing = true;
    tellProgress(state, out);
    const { root, name, stage } = wanted;
    const op: OpId = operation(state, { kind: "finish" });
    return void out.push({ kind: "disk", op, request: { kind: "finish_copy", root, name, stage, index } });
  }
  if (wanted.kind !== "file") return;
  const entry = findFile(index, wanted.file);
  const bytes = new Uint8Array(wanted.mustExist ? sizeOf(index, entry) : 0);
  for (const [at, block] of (state.fetching?.blocks ?? []).entries())
    if (block !== null) bytes.set(block, at * index.blockBytes);
  succeed(state, found, { bytes, executable: kindOf(index, entry) === KIND_EXECUTABLE }, out);
}

export function succeed(
  state: ReaderState,
  { index, text, origin }: Found,
  file: { readonly bytes: Uint8Array; readonly executable: boolean } | null,
  out: Effect[],
): void {
  end(state, { ok: true, index, text, file, origin }, out);
}
