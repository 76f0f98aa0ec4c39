/**
 * Connections and the requests that are open on them.
 *
 *   dialling -> open -> gone        a request: sent (or waiting for the opening) -> answered | expired | failed
 *
 * One outgoing connection an address, used for everything. Who asks hands in a tag and gets it back once, with an
 * answer or a failure. Addresses that fail are left alone for a time that grows with the failures.
 *
 * Source: specification of the wire protocol, section 8; of behaviour, sections 4 and 5.
 */
import { assert } from "../assert.ts";
import type { Limits } from "../config.ts";
import type { Effect } from "../effect.ts";
import type { ConnSide } from "../event.ts";
import type { Address, ConnId, MonoMs } from "../ids.ts";
import { encodeFrame } from "../wire/frame.ts";
import type { Message, Request, RequestId } from "../wire/message.ts";
import { TOLD_BYTES_MIN } from "./credit.ts";

type Call<Tag> = { readonly tag: Tag; readonly until: MonoMs };

type Conn<Tag> = {
  readonly address: Address;
  readonly side: ConnSide;
  open: boolean;
  /** Frames for a connection that is being dialled. */
  readonly waiting: Uint8Array[];
  readonly calls: Map<RequestId, Call<Tag>>;
  nextRequest: RequestId;
  /** Requests of the other side that have no answer yet. */
  answering: number;
  /** Frames that were no message; a few are a mistake, many are an attack. */
  refusals: number;
};

type Failure = { count: number; until: MonoMs };

export type Links<Tag> = {
  readonly limits: Limits;
  readonly conns: Map<ConnId, Conn<Tag>>;
  readonly dialled: Map<Address, ConnId>;
  readonly failures: Map<Address, Failure>;
  nextConn: number;
  /** Of all connections together. */
  calls: number;
  dialsInSecond: number;
  dialSecond: number;
};

/** Addresses with a failure that are remembered; the oldest goes first. */
const FAILURES_MAX = 4_096;
/** Refused frames after which a connection is closed. */
export const REFUSALS_MAX = 8;

export function createLinks<Tag>(limits: Limits): Links<Tag> {
  return {
    limits,
    conns: new Map(),
    dialled: new Map(),
    failures: new Map(),
    nextConn: 1,
    calls: 0,
    dialsInSecond: 0,
    dialSecond: 0,
  };
}

/** The connection to an address, dialled when there is none; null while the address is to be left alone. */
export function connectionTo<Tag>(
  links: Links<Tag>,
  address: Address,
  now: MonoMs,
  out: Effect[],
): ConnId | null {
  const known = links.dialled.get(address);
  if (known !== undefined) return known;
  if (!mayDial(links, address, now)) return null;
  const second = Math.floor(now / 1000);
  if (second !== links.dialSecond) {
    links.dialSecond = second;
    links.dialsInSecond = 0;
  }
  if (links.dialsInSecond >= links.limits.dialsPerSecond) return null;
  links.dialsInSecond += 1;
  const conn = links.nextConn as ConnId;
  links.nextConn += 2; // odd numbers are ours
  links.conns.set(conn, newConn(address, "dialled", false));
  links.dialled.set(address, conn);
  out.push({ kind: "dial", conn, address });
  return conn;
}

export function mayDial<Tag>(links: Links<Tag>, address: Address, now: MonoMs): boolean {
  return now >= (links.failures.get(address)?.until ?? 0);
}

export function opened<Tag>(
  links: Links<Tag>,
  id: ConnId,
  address: Address,
  side: ConnSide,
  out: Effect[],
): void {
  if (side === "accepted") {
    links.conns.set(id, newConn(address, side, true));
    return;
  }
  const conn = links.conns.get(id);
  if (conn === undefined) {
    out.push({ kind: "close", conn: id });
    return;
  }
  conn.open = true;
  links.failures.delete(conn.address);
  for (const bytes of conn.waiting.splice(0)) out.push(frameOf(id, bytes));
}

/** The tags of the requests that will have no answer. */
export function closed<Tag>(links: Links<Tag>, id: ConnId, now: MonoMs): readonly Tag[] {
  const conn = links.conns.get(id);
  if (conn === undefined) return [];
  links.conns.delete(id);
  links.calls -= conn.calls.size;
  if (links.dialled.get(conn.address) === id) links.dialled.delete(conn.address);
  if (conn.side === "dialled" && (!conn.open || conn.calls.size > 0)) countFailure(links, conn.address, now);
  return Array.from(conn.calls.values(), (call) => call.tag);
}

/** Sends a request; false when the connection is gone or has as many open as it may. */
export function ask<Tag>(
  links: Links<Tag>,
  id: ConnId,
  request: Request,
  until: MonoMs,
  tag: Tag,
  out: Effect[],
): boolean {
  const conn = links.conns.get(id);
  if (conn === undefined || conn.calls.size >= links.limits.requestsPerConnMax) return false;
  const number = conn.nextRequest;
  conn.nextRequest += 1;
  conn.calls.set(number, { tag, until });
  links.calls += 1;
  send(links, id, { kind: "request", id: number, request }, out);
  return true;
}

/** Returns how many bytes of it are followed until they are sent: none of a short one. */
export function send<Tag>(links: Links<Tag>, id: ConnId, message: Message, out: Effect[]): number {
  const conn = links.conns.get(id);
  if (conn === undefined) return 0;
  const bytes = encodeFrame(message);
  if (conn.open) out.push(frameOf(id, bytes));
  else conn.waiting.push(bytes);
  return isTold(bytes) ? bytes.length : 0;
}

function frameOf(conn: ConnId, bytes: Uint8Array): Effect {
  return { kind: "send_frame", conn, bytes, told: isTold(bytes) };
}

function isTold(bytes: Uint8Array): boolean {
  return bytes.length >= TOLD_BYTES_MIN;
}

/** The tag of the request that this answers, or null for an answer that nobody waits for. */
export function answered<Tag>(links: Links<Tag>, id: ConnId, request: RequestId): Tag | null {
  const conn = links.conns.get(id);
  const call = conn?.calls.get(request);
  if (conn === undefined || call === undefined) return null;
  conn.calls.delete(request);
  links.calls -= 1;
  return call.tag;
}

/** Takes away the requests whose deadline has come. A late answer is then one that nobody waits for. */
export function expire<Tag>(links: Links<Tag>, now: MonoMs): readonly Tag[] {
  const tags: Tag[] = [];
  if (links.calls === 0) return tags;
  for (const conn of links.conns.values()) {
    for (const [request, call] of conn.calls) {
      if (now < call.until) continue;
      conn.calls.delete(request);
      links.calls -= 1;
      tags.push(call.tag);
    }
  }
  return tags;
}

export function hasCalls<Tag>(links: Links<Tag>): boolean {
  return links.calls > 0;
}

/** Counts a request of the other side; false when it has too many open. */
export function beginAnswer<Tag>(links: Links<Tag>, id: ConnId): boolean {
  const conn = links.conns.get(id);
  if (conn === undefined || conn.answering >= links.limits.requestsPerConnMax) return false;
  conn.answering += 1;
  return true;
}

export function endAnswer<Tag>(links: Links<Tag>, id: ConnId): void {
  const conn = links.conns.get(id);
  if (conn === undefined) return;
  assert(conn.answering > 0, "an answer ends once");
  conn.answering -= 1;
}

/** Counts a frame that was no message; closes the connection when there were too many. */
export function countRefusal<Tag>(links: Links<Tag>, id: ConnId, out: Effect[]): void {
  const conn = links.conns.get(id);
  if (conn === undefined) return;
  conn.refusals += 1;
  if (conn.refusals === REFUSALS_MAX) out.push({ kind: "close", conn: id });
}

export function isOpen<Tag>(links: Links<Tag>, id: ConnId): boolean {
  return links.conns.get(id)?.open === true;
}

function countFailure<Tag>(links: Links<Tag>, address: Address, now: MonoMs): void {
  const count = (links.failures.get(address)?.count ?? 0) + 1;
  const { retryMs, retryMsMax } = links.limits;
  links.failures.delete(address); // so that the map is in the order of the last failure
  links.failures.set(address, { count, until: (now + Math.min(retryMsMax, retryMs * count)) as MonoMs });
  const [oldest] = links.failures.keys();
  if (links.failures.size > FAILURES_MAX && oldest !== undefined) links.failures.delete(oldest);
}

function newConn<Tag>(address: Address, side: ConnSide, open: boolean): Conn<Tag> {
  return { address, side, open, waiting: [], calls: new Map(), nextRequest: 1, answering: 0, refusals: 0 };
}
