/**
 * One direction of a host's line, shared by all that it sends or receives: first come, first served. What is on its way
 * is cut into packets, so that the receiver's line takes the first of them while the sender's still sends the last.
 */
import { SECOND } from "./timeline.ts";

export type Lane = {
  /** Infinity: takes no time. */
  bitsPerSecond: number;
  /** Virtual microseconds at which it has taken all that it was given. */
  freeAt: number;
  /** All that it was ever given. */
  bytes: number;
};

export function createLane(): Lane {
  return { bitsPerSecond: Infinity, freeAt: 0, bytes: 0 };
}

/** @returns the whole microsecond at which the last byte is out */
export function transmit(lane: Lane, now: number, bytes: number): number {
  lane.bytes += bytes;
  if (lane.bitsPerSecond === Infinity) return now;
  lane.freeAt = Math.max(now, lane.freeAt) + microsOf(lane, bytes);
  return Math.ceil(lane.freeAt);
}

/**
 * `now` is when the last byte could be there at the earliest, as sent by `from`.
 *
 * @returns the whole microsecond at which it is
 */
export function receive(lane: Lane, from: Lane, now: number, bytes: number): number {
  lane.bytes += bytes;
  if (lane.bitsPerSecond === Infinity) return now;
  const first = now - microsOf(from, bytes);
  lane.freeAt = Math.max(first, lane.freeAt) + microsOf(lane, bytes);
  return Math.max(now, Math.ceil(lane.freeAt));
}

function microsOf({ bitsPerSecond }: Lane, bytes: number): number {
  return (bytes * 8 * SECOND) / bitsPerSecond;
}
