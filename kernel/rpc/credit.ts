/**
 * How much is read for others and on its way to them: whoever asks and does not read the answers costs little memory.
 *
 *   asked -> within the credit -> reading -> unsent (given to the connection) -> sent
 *        \-> parked, in the order of asking, until there is credit again
 *
 * Each connection has a window, and all of them share a pool; peers have one of their own, so that strangers cannot part
 * a cluster. A connection of which nothing goes out for a while is ended.
 *
 * Source: issue of limits; reliability notes, T27; ecosystem notes on back-pressure.
 */
import { assert } from "../assert.ts";
import type { ConnId, MonoMs } from "../ids.ts";
import { BLOCK_BYTES } from "../index/packed.ts";

/** Answers of a connection that are read or unsent at once; 0.6.12 asks for ten blocks at a time. */
export const CREDIT_ANSWERS_MAX = 10;
/** Bytes that are read or unsent, of all strangers together and of all peers: then the next one waits. */
export const CREDIT_BYTES_MAX = 32 * 1024 * 1024;
/** What an index counts while it is read: how long it is is known only then, and a few may be large. */
export const INDEX_CREDIT_BYTES_MAX = 8 * 1024 * 1024;
/** A frame of so many bytes is followed until it is sent; smaller ones are the connection's own business. */
export const TOLD_BYTES_MIN = 4_096;
/** So long a connection may take for one frame, and longer the longer it is: an index of 100 MB may go over a slow line. */
export const UNSENT_MS_MAX = 20_000;
/** Bytes a millisecond of the slowest line: 256 kbit/s. */
const UNSENT_RATE_MIN = 32;

type Account<Parked> = {
  readonly isPeer: boolean;
  reading: number;
  /** What they count until their length is known. */
  readingBytes: number;
  /** Bytes of each frame that is not sent yet, the oldest first. */
  readonly unsent: number[];
  /** When the oldest of them became that. */
  since: MonoMs;
  readonly parked: { readonly question: Parked; readonly bytes: number }[];
};

export type Credit<Parked> = {
  readonly accounts: Map<ConnId, Account<Parked>>;
  /** Connections with something parked, in the order in which it is their turn. */
  readonly waiting: Set<ConnId>;
  strangers: number;
  peers: number;
};

export function createCredit<Parked>(): Credit<Parked> {
  return { accounts: new Map(), waiting: new Set(), strangers: 0, peers: 0 };
}

/** Takes credit for one answer of about so many bytes. False: none is left, and the question is parked. */
export function begin<Parked>(
  credit: Credit<Parked>,
  conn: ConnId,
  isPeer: boolean,
  question: Parked,
  bytes = BLOCK_BYTES,
): boolean {
  const account = accountOf(credit, conn, isPeer);
  if (account.parked.length === 0 && hasRoom(credit, account)) {
    take(credit, account, bytes);
    return true;
  }
  account.parked.push({ question, bytes });
  credit.waiting.add(conn);
  return false;
}

/** What was read is given to the connection: so many bytes that are followed, or 0; `taken` as for `begin`. */
export function given<Parked>(
  credit: Credit<Parked>,
  conn: ConnId,
  bytes: number,
  now: MonoMs,
  taken = BLOCK_BYTES,
): void {
  const account = credit.accounts.get(conn);
  if (account === undefined) return; // it has ended meanwhile
  assert(account.reading > 0, "what is given was read");
  account.reading -= 1;
  account.readingBytes -= taken;
  count(credit, account, bytes - taken);
  if (bytes === 0) return;
  if (account.unsent.length === 0) account.since = now;
  account.unsent.push(bytes);
}

/** The oldest frame that is followed has gone out. */
export function sent<Parked>(credit: Credit<Parked>, conn: ConnId, now: MonoMs): void {
  const account = credit.accounts.get(conn);
  const bytes = account?.unsent.shift();
  if (account === undefined || bytes === undefined) return;
  account.since = now;
  count(credit, account, -bytes);
}

/** The connection has ended, and with it what it waited for. */
export function ended<Parked>(credit: Credit<Parked>, conn: ConnId): void {
  const account = credit.accounts.get(conn);
  if (account === undefined) return;
  const unsent = account.unsent.reduce((sum, bytes) => sum + bytes, 0);
  count(credit, account, -unsent - account.readingBytes);
  credit.accounts.delete(conn);
  credit.waiting.delete(conn);
}

/** The next question for which there is credit again, taken. Each connection in its turn. */
export function next<Parked>(credit: Credit<Parked>): Parked | null {
  for (const conn of credit.waiting) {
    const account = credit.accounts.get(conn);
    assert(account !== undefined, "who waits has an account");
    if (!hasRoom(credit, account)) continue;
    const first = account.parked.shift();
    assert(first !== undefined, "who waits has parked something");
    credit.waiting.delete(conn);
    if (account.parked.length > 0) credit.waiting.add(conn);
    take(credit, account, first.bytes);
    return first.question;
  }
  return null;
}

/** Connections of which nothing has gone out for too long. */
export function stuck<Parked>(credit: Credit<Parked>, now: MonoMs): readonly ConnId[] {
  const found: ConnId[] = [];
  for (const [conn, { unsent, since }] of credit.accounts) {
    const [oldest] = unsent;
    if (oldest !== undefined && now - since >= UNSENT_MS_MAX + oldest / UNSENT_RATE_MIN) found.push(conn);
  }
  return found;
}

function accountOf<Parked>(credit: Credit<Parked>, conn: ConnId, isPeer: boolean): Account<Parked> {
  let account = credit.accounts.get(conn);
  if (account === undefined) {
    account = { isPeer, reading: 0, readingBytes: 0, unsent: [], since: 0 as MonoMs, parked: [] };
    credit.accounts.set(conn, account);
  }
  return account;
}

function hasRoom<Parked>(credit: Credit<Parked>, { isPeer, reading, unsent }: Account<Parked>): boolean {
  if (reading + unsent.length >= CREDIT_ANSWERS_MAX) return false;
  return (isPeer ? credit.peers : credit.strangers) < CREDIT_BYTES_MAX;
}

function take<Parked>(credit: Credit<Parked>, account: Account<Parked>, bytes: number): void {
  account.reading += 1;
  account.readingBytes += bytes;
  count(credit, account, bytes);
}

function count<Parked>(credit: Credit<Parked>, { isPeer }: Account<Parked>, bytes: number): void {
  if (isPeer) credit.peers += bytes;
  else credit.strangers += bytes;
}
