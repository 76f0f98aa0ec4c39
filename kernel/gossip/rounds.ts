/**
 * Rounds and waves: what is sent to whom, in packets of at most `packetBytesMax`.
 *
 * A round goes to listed addresses that have not answered yet, to peers that watch what is complete here, and to a
 * few random peers. A wave carries one change at once, to the next server of the ring and to random ones.
 *
 * Source: specification of gossip, section 6. Differs from 0.6.12: base directories take turns instead of being drawn
 * with replacement, and a packet has a bound.
 */
import type { Effect } from "../effect.ts";
import {
  type Address,
  type Digest,
  type ImageId,
  type MachineId,
  type MonoMs,
  type VPath,
  compareVPath,
  nameOf,
} from "../ids.ts";
import { type Prng, sample } from "../prng.ts";
import { utf8Length } from "../text.ts";
import { type BaseDirs, type GossipMessage, type Progress, encodePacket } from "../wire/packet.ts";
import { PACKET_RECEIVE_BYTES_MAX } from "../wire/limits.ts";
import { type Peer, type View, peersFor, peersOf, ringOf, strangersOf, watchersOf } from "./view.ts";

export type RoundState = {
  nextAt: MonoMs;
  /** The base directory that comes first in the next packet. */
  cursor: number;
  /** Counts rounds: of what does not fit into a packet, each begins with others. */
  turn: number;
  /** What the last round said, and its packets by what their receivers are believed to be configured for. */
  said: Said;
};

type Encoded = { readonly type: GossipMessage["type"]; readonly bytes: Uint8Array };
type Said = {
  readonly messages: readonly GossipMessage[];
  readonly packets: Map<Digest | null, readonly Encoded[]>;
};

/** What this node has to say, gathered by `node.ts`. */
export type News = {
  readonly inProgress: readonly (readonly [VPath, Progress])[];
  readonly watching: readonly VPath[];
  readonly deleted: readonly (readonly [VPath, ImageId])[];
  /** Sorted. */
  readonly baseDirs: readonly (readonly [VPath, Digest])[];
  readonly complete: readonly (readonly [VPath, ImageId])[];
};

/** Addresses that have not answered yet, of each round: no packet to all of ten thousand in one moment. */
const STRANGERS_MAX = 100;
/** As 0.6.12: a reader may take no more. */
const BASE_DIRS_MAX = 10;
/** Head, ids, names of the members and their counts. */
const PACKET_OVERHEAD_BYTES = 180;
const HASH_BYTES = 34;
const PROGRESS_BYTES = HASH_BYTES + 8;
/** Entries that do not fit before the rest is not looked at: there may be a hundred thousand, of any client's making. */
const MISSES_MAX = 8;
/** Paths of a base directory whose watchers are told with its digest: more do not fit into half a packet. */
const WATCHES_MAX = 64;
/** Configurations of receivers whose packets are kept for the next round. */
const PACKETS_KEPT_MAX = 16;

export function sendRound(view: View, rounds: RoundState, news: News, prng: Prng, out: Effect[]): void {
  const messages = messagesOf(view, rounds, news);
  if (!saysTheSame(rounds.said, messages)) rounds.said = { messages, packets: new Map() };
  const { packets } = rounds.said;
  /** All that is sent in one round is the same, but for what the receiver is believed to be configured for. */
  const send = (to: Address, yourConfig: Digest | null): void => {
    const known = packets.get(yourConfig);
    const encoded = known ?? messages.map((message) => encodeFor(view, yourConfig, message));
    if (known === undefined && packets.size < PACKETS_KEPT_MAX) packets.set(yourConfig, encoded);
    for (const each of encoded) sendEncoded(view, to, each, out);
  };
  for (const address of someStrangers(view, prng)) send(address, null);
  const known = peersOf(view);
  const complete = new Set(news.complete.map(([path]) => path));
  const watching = complete.size === 0 ? [] : known.filter((peer) => meets(peer.watching, complete));
  const chosen = new Set([
    ...sample(prng, watching, view.limits.gossipFanout),
    ...sample(prng, known, view.limits.gossipFanout),
  ]);
  for (const peer of chosen) send(peer.address, peer.configDigest);
}

/** A server at rest says the same in every round, and nothing but what its base directories are. */
function saysTheSame(
  { messages: [before, more] }: Said,
  [now, ...others]: readonly GossipMessage[],
): boolean {
  if (before?.type !== "BaseDirs" || now?.type !== "BaseDirs") return false;
  if (more !== undefined || others.length > 0 || !isAtRest(before) || !isAtRest(now)) return false;
  if (before.baseDirs.size !== now.baseDirs.size) return false;
  for (const [path, digest] of now.baseDirs) if (before.baseDirs.get(path) !== digest) return false;
  return true;
}

export function isAtRest({ inProgress, watching, deleted, complete }: BaseDirs): boolean {
  return inProgress.size === 0 && watching.length === 0 && deleted.length === 0 && complete.size === 0;
}

export function createRounds(now: MonoMs): RoundState {
  return { nextAt: now, cursor: 0, turn: 0, said: { messages: [], packets: new Map() } };
}

/** In a large cluster that starts all at once, most strangers make themselves known before it is their turn. */
function someStrangers(view: View, prng: Prng): readonly Address[] {
  const strangers = strangersOf(view);
  return strangers.length <= STRANGERS_MAX ? strangers : sample(prng, strangers, STRANGERS_MAX);
}

function meets(some: ReadonlySet<VPath>, others: ReadonlySet<VPath>): boolean {
  for (const path of some) if (others.has(path)) return true;
  return false;
}

/** One `BaseDirs` packet; downloads that do not fit follow it, because it takes the place of what was known. */
function messagesOf(view: View, rounds: RoundState, news: News): readonly GossipMessage[] {
  let left = view.limits.packetBytesMax - PACKET_OVERHEAD_BYTES;
  const fits = (bytes: number): boolean => {
    if (bytes > left) return false;
    left -= bytes;
    return true;
  };
  const baseDirs = new Map<VPath, Digest>();
  const count = news.baseDirs.length;
  for (let turn = 0; turn < Math.min(BASE_DIRS_MAX, count); turn++) {
    const entry = news.baseDirs[(rounds.cursor + turn) % count];
    // At most half of the packet, so that a long name never crowds out what a client waits for.
    if (entry === undefined || left < view.limits.packetBytesMax / 2) break;
    if (!fits(textBytes(entry[0]) + HASH_BYTES)) break;
    baseDirs.set(entry[0], entry[1]);
  }
  /** What fits of a list, beginning with another entry in each round. */
  const some = <T>(list: readonly T[], bytesOf: (entry: T) => number): readonly T[] => {
    const taken: T[] = [];
    let misses = 0;
    for (let at = 0; at < list.length && misses < MISSES_MAX; at++) {
      const entry = list[(rounds.turn * MISSES_MAX + at) % list.length];
      if (entry === undefined) break;
      if (fits(bytesOf(entry))) taken.push(entry);
      else misses += 1;
    }
    return taken;
  };
  const complete = new Map(some(news.complete, ([path]) => textBytes(path) + HASH_BYTES));
  const watching = some(news.watching, textBytes);
  const inProgress = new Map(some(news.inProgress, ([path]) => textBytes(path) + PROGRESS_BYTES));
  const deleted = some(news.deleted, ([path]) => textBytes(path) + HASH_BYTES + 1);
  const messages: GossipMessage[] = [{ type: "BaseDirs", inProgress, watching, deleted, baseDirs, complete }];
  for (const [path, { image, mask, source }] of news.inProgress) {
    if (inProgress.has(path)) continue;
    messages.push({ type: "Downloading", path, image, mask, source, watches: [] });
  }
  return messages;
}

/** The next packets begin with other base directories. */
export function advance(rounds: RoundState, news: News): void {
  rounds.turn += 1;
  rounds.cursor = news.baseDirs.length === 0 ? 0 : (rounds.cursor + BASE_DIRS_MAX) % news.baseDirs.length;
}

function textBytes(text: string): number {
  return utf8Length(text) + 3;
}

/** A change, sent at once: to whoever watches the path, to the ring's next, and to random peers up to the fan-out. */
export function sendWave(view: View, path: VPath, message: GossipMessage, prng: Prng, out: Effect[]): void {
  const chosen = new Map<MachineId, Peer>();
  for (const peer of watchersOf(view, path).slice(0, view.limits.gossipFanout))
    chosen.set(peer.machine, peer);
  const ring = ringOf(view, path);
  const successor = ring[(ring.indexOf(view.self) + 1) % ring.length];
  const next = successor === undefined ? undefined : view.peers.get(successor);
  if (next !== undefined) chosen.set(next.machine, next);
  // Of twice as many, enough are others than those that were chosen already.
  const enough = 2 * view.limits.gossipFanout;
  const others = [...sample(prng, peersFor(view, path), enough), ...sample(prng, peersOf(view), enough)];
  for (const peer of others) {
    if (chosen.size >= view.limits.gossipFanout) break;
    chosen.set(peer.machine, peer);
  }
  const packets = new Map<Digest | null, Encoded>();
  for (const { address, configDigest } of chosen.values()) {
    const packet = packets.get(configDigest) ?? encodeFor(view, configDigest, message);
    packets.set(configDigest, packet);
    sendEncoded(view, address, packet, out);
  }
}

export function sendTo(
  view: View,
  { address, configDigest }: Peer,
  message: GossipMessage,
  out: Effect[],
): void {
  sendEncoded(view, address, encodeFor(view, configDigest, message), out);
}

function encodeFor(view: View, yourConfig: Digest | null, message: GossipMessage): Encoded {
  return { type: message.type, bytes: encodePacket({ machine: view.self, yourConfig, message }) };
}

function sendEncoded(view: View, to: Address, { type, bytes }: Encoded, out: Effect[]): void {
  // A config list takes the place of the one before, so it cannot be told in parts.
  const { packetBytesMax } = view.limits;
  if (bytes.length > (type === "ConfigSync" ? PACKET_RECEIVE_BYTES_MAX : packetBytesMax)) {
    out.push({ kind: "trace", mark: "packet_too_large", fields: { bytes: bytes.length, type } });
    return;
  }
  out.push({ kind: "send_datagram", to, bytes });
}

/** Who watches what in a base directory, as much of it as a packet holds. */
export function watchesWithin(
  view: View,
  base: VPath,
  own: Iterable<VPath>,
): ReadonlyMap<VPath, readonly MachineId[]> {
  const all = new Map<VPath, MachineId[]>();
  const add = (path: VPath, machine: MachineId): void => {
    if (!path.startsWith(`${base}/`) || path.length !== base.length + 1 + nameOf(path).length) return;
    const machines = all.get(path);
    if (machines === undefined && all.size < WATCHES_MAX) all.set(path, [machine]);
    else if (machines !== undefined && machines.length < WATCHES_MAX) machines.push(machine);
  };
  for (const path of own) add(path, view.self);
  for (const peer of peersOf(view)) for (const path of peer.watching) add(path, peer.machine);
  let left = view.limits.packetBytesMax / 2;
  const kept = new Map<VPath, readonly MachineId[]>();
  for (const [path, machines] of [...all].toSorted(([a], [b]) => compareVPath(a, b))) {
    left -= textBytes(path) + machines.length * 17;
    if (left < 0) break;
    kept.set(path, machines);
  }
  return kept;
}
