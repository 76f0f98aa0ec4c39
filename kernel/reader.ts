/**
 * A client that reads: the index of what stands at a virtual path, and the bytes of one of its files or of all. Same
 * boundary as a node. All that servers send is verified before it is used: the index against its own id, that against
 * the server's listing, the listing's signature against the keys that are known here, each block against the index.
 *
 *   resolving -> asking (index, then listing) -> fetching (blocks) -> finishing (of a tree) -> done | failed
 *
 * One server after the other is asked; who fails, lies or has nothing is left for the next.
 *
 * Source: specification of the client, section 7. Differs from 0.6.12, which verifies nothing and waits for ever.
 */
import type { Effect } from "./effect.ts";
import type { Event } from "./event.ts";
import { type ConnId, type MonoMs, type Now, type OpId, nameOf, parentOf } from "./ids.ts";
import { shuffle } from "./prng.ts";
import {
  begin,
  digestedBlock,
  planBlocks,
  received,
  succeed,
  tellProgress,
  writtenBlock,
} from "./reader/fetching.ts";
import { end, giveUp, type Reading, type ReaderState, stopped, type Tag } from "./reader/state.ts";
import { answered, ask, closed, connectionTo, expire, opened } from "./rpc/links.ts";
import { uploadPayload } from "./signature/payload.ts";
import type { DiskResult } from "./storage/request.ts";
import { fromHex } from "./text.ts";
import { versionOf } from "./winner.ts";
import { decodeFrame } from "./wire/frame.ts";
import type { Request, Response } from "./wire/message.ts";
import type { Listing } from "./wire/signed-state.ts";
import { operation, takeWaiting } from "./operations.ts";

export {
  createReader,
  type Origin,
  type Reading,
  type ReaderConfig,
  type ReaderState,
  type ReadingCode,
  type Wanted,
} from "./reader/state.ts";

const TICK_MS = 250;
/** After all servers list another image than they send. */
const AGAIN_MS = 500;

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
  if (state.ending === null) plan(state, now, out);
  return out;
}

function handle(state: ReaderState, event: Event, now: Now, out: Effect[]): void {
  switch (event.kind) {
    case "wake":
      return wake(state, now, out);
    case "resolved":
      if (takeWaiting(state, event.op)?.kind !== "resolve") return;
      state.resolving -= 1;
      state.untried.push(...shuffle(state.prng, event.addresses));
      if (event.addresses.length === 0)
        state.failures.push({ code: "unreachable", detail: "a name does not resolve" });
      return;
    case "conn_open":
      opened(state.links, event.conn, event.address, event.side, out);
      if (event.conn === state.conn)
        request(state, event.conn, { type: "GetIndexAt", path: state.config.path }, "index", now, out);
      return;
    case "conn_closed":
      if (event.conn === state.conn)
        giveUp(state, "unreachable", `the connection has ended (${event.why})`, out);
      closed(state.links, event.conn, now.mono);
      return;
    case "frame":
      return frame(state, event.conn, event.bytes, out);
    case "disk_done":
      return diskDone(state, event.op, event.result, now, out);
    case "digested": {
      const waiting = takeWaiting(state, event.op);
      if (waiting?.kind === "block") digestedBlock(state, waiting, event.digest, out);
      return;
    }
    case "verified": {
      const waiting = takeWaiting(state, event.op);
      if (waiting?.kind !== "verify" || waiting.conn !== state.conn) return;
      return listed(state, waiting.conn, waiting.timestamp, event.holds, out);
    }
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
  tellProgress(state, out);
  if (state.ending !== null) return;
  if (now.mono >= state.deadline && !state.finishing) return end(state, failureOf(state, "deadline"), out);
  if (now.mono >= state.againAt) state.untried.push(...state.again.splice(0));
  for (const { conn } of expire(state.links, now.mono)) {
    if (conn === state.conn) giveUp(state, "unreachable", "no answer", out);
  }
}

/** Takes the next server when there is none at work; asks for blocks when there is one with the index. */
function plan(state: ReaderState, now: Now, out: Effect[]): void {
  planBlocks(state, now, out);
  if (state.ending !== null || state.finishing) return;
  while (state.conn === null) {
    const [address] = state.untried;
    if (address === undefined) {
      if (state.resolving > 0) return;
      if (state.again.length === 0) return end(state, failureOf(state, null), out);
      if (now.mono >= state.againAt) state.againAt = (now.mono + AGAIN_MS) as MonoMs;
      return;
    }
    state.conn = connectionTo(state.links, address, now.mono, out);
    if (state.conn === null) return; // too many were dialled, or this one only just: in a moment
    state.untried.shift();
  }
}

function request(
  state: ReaderState,
  conn: ConnId,
  message: Request,
  what: Tag["what"],
  now: Now,
  out: Effect[],
): void {
  const until = (now.mono + state.limits.requestMs) as MonoMs;
  ask(state.links, conn, message, until, { conn, what }, out);
}

function frame(state: ReaderState, conn: ConnId, bytes: Uint8Array, out: Effect[]): void {
  const decoded = decodeFrame(bytes);
  if (!decoded.ok || decoded.message.kind !== "response") return;
  const tag = answered(state.links, conn, decoded.message.id);
  if (tag !== null && conn === state.conn) answer(state, tag, decoded.message.response, out);
}

function answer(state: ReaderState, { conn, what }: Tag, response: Response, out: Effect[]): void {
  if (what === "listing") {
    // Who cannot list may send all the same.
    if (response.type === "GetBaseDir") return listing(state, conn, response.listing, out);
    return listed(state, conn, null, [], out);
  }
  if (response.type === "Error") {
    const code = what === "index" ? "unreachable" : "gone";
    return giveUp(state, code, response.text, out);
  }
  if (what === "index" && response.type === "GetIndexAt") {
    if (response.data === null) return giveUp(state, "nothing_there", "", out);
    const op = operation(state, { kind: "check", conn, text: response.data, hosts: response.hosts });
    out.push({ kind: "disk", op, request: { kind: "check_index", text: response.data } });
  } else if (typeof what === "number" && response.type === "GetBlock") {
    received(state, conn, what, response.data, out);
  }
}

function diskDone(state: ReaderState, op: OpId, result: DiskResult, now: Now, out: Effect[]): void {
  const waiting = takeWaiting(state, op);
  if (waiting?.kind === "drop") return stopped(state, out);
  if (waiting?.kind === "block") return writtenBlock(state, waiting, result, out);
  if (waiting?.kind === "finish") {
    if (!result.ok) end(state, { ok: false, code: "local_disk", detail: result.detail }, out);
    else if (state.found !== null) succeed(state, state.found, null, out);
    return;
  }
  if (waiting?.kind !== "check" || waiting.conn !== state.conn) return;
  if (!result.ok || result.value.kind !== "index")
    return giveUp(state, "index_invalid", result.ok ? "" : result.detail, out, waiting.text);
  const { text, hosts } = waiting;
  state.candidate = { index: result.value.index, text, hosts };
  const parent = parentOf(state.config.path);
  if (parent === null) return listed(state, waiting.conn, null, [], out);
  // The path has an image, so its parent is a base directory: another question would kill a server of 0.6.12.
  request(state, waiting.conn, { type: "GetBaseDir", path: parent }, "listing", now, out);
}

/** What the server says of the image that it has sent: another one is a reason to leave it. */
function listing(state: ReaderState, conn: ConnId, list: Listing, out: Effect[]): void {
  const { path, keys } = state.config;
  const image = state.candidate?.index.image;
  const signed = list.find(([name]) => name === nameOf(path))?.[1];
  if (signed === undefined || image === undefined) return listed(state, conn, null, [], out);
  if (signed.image !== image) return giveUp(state, "not_as_listed", `lists ${signed.image}`, out);
  const version = versionOf(signed);
  if (version === null) return listed(state, conn, null, [], out);
  const payload = uploadPayload(path, image, version.timestamp);
  const checks = keys.flatMap((key) =>
    version.signatures.map((signature) => ({ payload, signature, publicKey: fromHex(key) })),
  );
  const op = operation(state, { kind: "verify", conn, timestamp: version.timestamp });
  out.push({ kind: "verify", op, checks });
}

/** @param holds  of each key as many as there are signatures */
function listed(
  state: ReaderState,
  conn: ConnId,
  timestamp: number | null,
  holds: readonly boolean[],
  out: Effect[],
): void {
  const { candidate, config } = state;
  const address = state.links.conns.get(conn)?.address;
  if (candidate === null || address === undefined) return;
  const width = config.keys.length === 0 ? 0 : holds.length / config.keys.length;
  const signers = config.keys.filter((_, at) => holds.slice(at * width, (at + 1) * width).includes(true));
  if (config.mustBeSigned && signers.length === 0)
    return giveUp(state, "not_signed", "sends what no trusted key has signed", out);
  begin(state, { ...candidate, origin: { address, timestamp, signers, hosts: candidate.hosts } }, out);
}

/** The failure that says most: who was reached and had nothing says less than who sent something wrong. */
const TELLING = ["gone", "not_signed", "not_as_listed", "index_invalid", "nothing_there"] as const;

function failureOf(state: ReaderState, late: "deadline" | null): Reading {
  const { failures } = state;
  const telling = TELLING.find((code) => failures.some((each) => each.code === code)) ?? "unreachable";
  const code = late !== null && telling !== "not_as_listed" ? late : telling;
  const last = failures.findLast((each) => each.code === telling);
  const text = code === "index_invalid" ? last?.text : undefined;
  return { ok: false, code, detail: last?.detail ?? "no answer", ...(text === undefined ? {} : { text }) };
}
