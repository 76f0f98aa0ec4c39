/**
 * A client that reads: the index of what stands at a virtual path, and the bytes of one of its files. Same boundary as
 * a node. All that servers send is verified before it is used: the index against its own id, each block against the
 * index. Whether that id is the one of the cluster is decided by the conditional replace that follows.
 *
 *   resolving -> asking (index) -> checking -> fetching (blocks) -> done | failed
 *
 * One server after the other is asked; who fails, lies or has nothing is left for the next.
 *
 * Source: specification of the client, section 7. Differs from 0.6.12, which verifies nothing and waits for ever.
 */
import { DEFAULT_LIMITS, type Limits } from "./config.ts";
import type { Effect } from "./effect.ts";
import type { Event } from "./event.ts";
import type { Address, ConnId, Digest, MonoMs, Now, OpId, VPath } from "./ids.ts";
import { obstacleAt } from "./index/overlay.ts";
import { KIND_EXECUTABLE, type PackedIndex } from "./index/packed.ts";
import { findFile, firstBlockOf, hashOfBlock, kindOf, placeOfBlock, sizeOf } from "./index/view.ts";
import { type Prng, keyed, shuffle } from "./prng.ts";
import { answered, ask, closed, connectionTo, createLinks, expire, type Links, opened } from "./rpc/links.ts";
import type { DiskResult } from "./storage/request.ts";
import { type ByteString, textOfByteString } from "./text.ts";
import { decodeFrame } from "./wire/frame.ts";
import type { Request, Response } from "./wire/message.ts";

export type ReaderConfig = {
  readonly path: VPath;
  readonly file: ByteString;
  /** Must the file be there, and are its bytes wanted? Else only the index is, and a place for the file. */
  readonly mustExist: boolean;
  readonly entryPoints: readonly string[];
  readonly deadlineMs: number;
};

/** What was read, or why nothing could be. */
export type Reading =
  | {
      readonly ok: true;
      readonly index: PackedIndex;
      /** Null when the file is not there. */
      readonly file: { readonly bytes: Uint8Array; readonly executable: boolean } | null;
    }
  | { readonly ok: false; readonly code: ReadingCode; readonly detail: string };

export type ReadingCode =
  | "unreachable" // no server answered
  | "nothing_there" // no server has an image at the path
  | "no_such_file"
  | "is_a_directory"
  | "not_a_directory" // a part of the file's path is a file or a link
  | "is_a_link"
  | "unsupported" // an index by another algorithm than uploads are made with
  | "deadline";

type Tag = { readonly conn: ConnId; readonly block: number | null };
type Waiting =
  | { readonly kind: "resolve" }
  | { readonly kind: "check"; readonly conn: ConnId }
  | { readonly kind: "digest"; readonly conn: ConnId; readonly block: number; readonly bytes: Uint8Array };

export type ReaderState = {
  readonly config: ReaderConfig;
  readonly limits: Limits;
  readonly prng: Prng;
  readonly links: Links<Tag>;
  readonly waiting: Map<OpId, Waiting>;
  readonly untried: Address[];
  resolving: number;
  /** Who is being asked now. */
  conn: ConnId | null;
  index: PackedIndex | null;
  /** First block of the file, and how many. */
  first: number;
  readonly blocks: (Uint8Array | null)[];
  asked: number;
  readonly failures: string[];
  deadline: MonoMs;
  tickAt: MonoMs;
  nextOp: number;
  started: boolean;
  reading: Reading | null;
};

const TICK_MS = 250;
const WINDOW = 16; // blocks that are asked for at once

export function createReader(config: ReaderConfig, seed: string, now: Now): ReaderState {
  return {
    config,
    limits: DEFAULT_LIMITS,
    prng: keyed(seed, "reader"),
    links: createLinks(DEFAULT_LIMITS),
    waiting: new Map(),
    untried: [],
    resolving: 0,
    conn: null,
    index: null,
    first: 0,
    blocks: [],
    asked: 0,
    failures: [],
    deadline: (now.mono + config.deadlineMs) as MonoMs,
    tickAt: now.mono,
    nextOp: 1,
    started: false,
    reading: null,
  };
}

/** Null until `stopped`. */
export function readingOf(state: ReaderState): Reading | null {
  return state.reading;
}

export function wakeAt(state: ReaderState): MonoMs {
  return state.tickAt;
}

export function step(state: ReaderState, event: Event, now: Now): readonly Effect[] {
  const out: Effect[] = [];
  if (state.reading !== null) return out;
  handle(state, event, now, out);
  if (state.reading === null) plan(state, now, out);
  return out;
}

function handle(state: ReaderState, event: Event, now: Now, out: Effect[]): void {
  switch (event.kind) {
    case "wake":
      return wake(state, now, out);
    case "resolved":
      if (take(state, event.op)?.kind !== "resolve") return;
      state.resolving -= 1;
      state.untried.push(...shuffle(state.prng, event.addresses));
      if (event.addresses.length === 0) state.failures.push("a name does not resolve");
      return;
    case "conn_open":
      opened(state.links, event.conn, event.address, event.side, out);
      return askIndex(state, event.conn, now, out);
    case "conn_closed":
      closed(state.links, event.conn, now.mono);
      if (event.conn === state.conn) giveUp(state, `the connection has ended (${event.why})`, out);
      return;
    case "frame":
      return frame(state, event.conn, event.bytes, out);
    case "disk_done":
      return checked(state, event.op, event.result, out);
    case "digested":
      return digested(state, event.op, event.digest, out);
    case "stop":
      return end(state, { ok: false, code: "deadline", detail: "stopped" }, out);
    default:
      return;
  }
}

function wake(state: ReaderState, now: Now, out: Effect[]): void {
  if (!state.started) {
    state.started = true;
    for (const name of state.config.entryPoints) {
      state.resolving += 1;
      out.push({ kind: "resolve", op: operation(state, { kind: "resolve" }), name });
    }
  }
  state.tickAt = (now.mono + TICK_MS) as MonoMs;
  if (now.mono >= state.deadline) {
    const detail = state.failures.at(-1) ?? "no answer";
    return end(state, { ok: false, code: "deadline", detail }, out);
  }
  for (const { conn } of expire(state.links, now.mono)) {
    out.push({ kind: "close", conn });
    if (conn === state.conn) giveUp(state, "no answer", out);
  }
}

/** Takes the next server when there is none at work; asks for blocks when there is one with an index. */
function plan(state: ReaderState, now: Now, out: Effect[]): void {
  while (state.conn === null) {
    const address = state.untried.shift();
    if (address === undefined) {
      if (state.resolving === 0) end(state, failureOf(state), out);
      return;
    }
    state.conn = connectionTo(state.links, address, now.mono, out);
  }
  if (state.index === null) return;
  const { index, conn, blocks } = state;
  const running = blocks.slice(0, state.asked).filter((each) => each === null).length;
  for (let more = WINDOW - running; more > 0 && state.asked < blocks.length; more--) {
    const block = state.first + state.asked;
    state.asked += 1;
    const { path } = state.config;
    const file = textOfByteString(state.config.file) ?? "";
    const hint = { path, file, offset: placeOfBlock(index, block).offset };
    request(state, conn, { type: "GetBlock", hash: hashOfBlock(index, block), hint }, block, now, out);
  }
  if (blocks.every((each) => each !== null)) finish(state, index, out);
}

function askIndex(state: ReaderState, conn: ConnId, now: Now, out: Effect[]): void {
  if (conn !== state.conn) return;
  request(state, conn, { type: "GetIndexAt", path: state.config.path }, null, now, out);
}

function request(
  state: ReaderState,
  conn: ConnId,
  message: Request,
  block: number | null,
  now: Now,
  out: Effect[],
): void {
  const until = (now.mono + state.limits.requestMs) as MonoMs;
  ask(state.links, conn, message, until, { conn, block }, out);
}

function frame(state: ReaderState, conn: ConnId, bytes: Uint8Array, out: Effect[]): void {
  const decoded = decodeFrame(bytes);
  if (!decoded.ok || decoded.message.kind !== "response") return;
  const tag = answered(state.links, conn, decoded.message.id);
  if (tag !== null && conn === state.conn) answer(state, tag, decoded.message.response, out);
}

function answer(state: ReaderState, { conn, block }: Tag, response: Response, out: Effect[]): void {
  if (response.type === "Error") return giveUp(state, response.text, out);
  if (block === null && response.type === "GetIndexAt") {
    if (response.data === null) return giveUp(state, NOTHING, out);
    const op = operation(state, { kind: "check", conn });
    out.push({ kind: "disk", op, request: { kind: "check_index", text: response.data } });
  } else if (block !== null && response.type === "GetBlock") {
    const op = operation(state, { kind: "digest", conn, block, bytes: response.data });
    out.push({ kind: "digest", op, bytes: response.data });
  }
}

const NOTHING = "nothing is at the path";

function checked(state: ReaderState, op: OpId, result: DiskResult, out: Effect[]): void {
  const waiting = take(state, op);
  if (waiting?.kind !== "check" || waiting.conn !== state.conn) return;
  if (!result.ok || result.value.kind !== "index") {
    return giveUp(state, `sent an index that is none: ${result.ok ? "" : result.detail}`, out);
  }
  const { index } = result.value;
  const { file, mustExist } = state.config;
  const name = textOfByteString(file) ?? file;
  if (index.hashName !== "blake2b/256") {
    return end(state, { ok: false, code: "unsupported", detail: index.hashName }, out);
  }
  const obstacle = obstacleAt(index, file);
  if (obstacle !== null) return end(state, { ok: false, code: obstacle, detail: name }, out);
  const entry = findFile(index, file);
  if (entry < 0 && mustExist) return end(state, { ok: false, code: "no_such_file", detail: name }, out);
  state.index = index;
  if (entry < 0) return end(state, { ok: true, index, file: null }, out);
  state.first = firstBlockOf(index, entry);
  state.asked = 0;
  const count = mustExist ? firstBlockOf(index, entry + 1) - state.first : 0;
  state.blocks.splice(0, state.blocks.length, ...Array.from({ length: count }, () => null));
}

function digested(state: ReaderState, op: OpId, digest: Digest, out: Effect[]): void {
  const waiting = take(state, op);
  const { index } = state;
  if (waiting?.kind !== "digest" || waiting.conn !== state.conn || index === null) return;
  const { block, bytes } = waiting;
  const wanted = hashOfBlock(index, block);
  if (String(digest) !== String(wanted) || bytes.length !== placeOfBlock(index, block).length) {
    return giveUp(state, "sent a block that is none of the image", out);
  }
  state.blocks[block - state.first] = bytes;
}

/** All blocks are there. */
function finish(state: ReaderState, index: PackedIndex, out: Effect[]): void {
  const entry = findFile(index, state.config.file);
  const executable = kindOf(index, entry) === KIND_EXECUTABLE;
  const bytes = new Uint8Array(state.config.mustExist ? sizeOf(index, entry) : 0);
  for (const [at, block] of state.blocks.entries())
    if (block !== null) bytes.set(block, at * index.blockBytes);
  end(state, { ok: true, index, file: { bytes, executable } }, out);
}

/** Who is asked now is left; what it sent is forgotten, because another may have another image. */
function giveUp(state: ReaderState, why: string, out: Effect[]): void {
  if (state.conn === null) return;
  const address = state.links.conns.get(state.conn)?.address;
  state.failures.push(address === undefined || why === NOTHING ? why : `${address}: ${why}`);
  out.push({ kind: "close", conn: state.conn });
  state.conn = null;
  state.index = null;
  state.blocks.length = 0;
}

function failureOf(state: ReaderState): Reading {
  const { failures } = state;
  const code = failures.includes(NOTHING) ? "nothing_there" : "unreachable";
  const detail = failures.filter((each) => code === "unreachable" || each !== NOTHING).at(-1) ?? "";
  return { ok: false, code, detail };
}

function end(state: ReaderState, reading: Reading, out: Effect[]): void {
  state.reading = reading;
  for (const conn of state.links.conns.keys()) out.push({ kind: "close", conn });
  out.push({ kind: "stopped" });
}

function operation(state: ReaderState, waiting: Waiting): OpId {
  const op = state.nextOp as OpId;
  state.nextOp += 1;
  state.waiting.set(op, waiting);
  return op;
}

function take(state: ReaderState, op: OpId): Waiting | null {
  const waiting = state.waiting.get(op) ?? null;
  state.waiting.delete(op);
  return waiting;
}
