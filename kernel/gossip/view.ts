/**
 * What is believed of peers. An address is listed by the operator; who answers there is learnt from packets that come
 * from it, never from inside them. What a silent peer said is forgotten after a while.
 *
 * Source: specification of gossip, sections 3, 4, 7 and 8.
 */
import type { Limits } from "../config.ts";
import type { ListedPeer } from "../event.ts";
import {
  type Address,
  type Digest,
  type ImageId,
  type MachineId,
  type MonoMs,
  type VPath,
  compareVPath,
  hostOf,
  keyOf,
  levelOf,
} from "../ids.ts";
import { compareText } from "../text.ts";
import type { BaseDirs, Packet, Progress } from "../wire/packet.ts";

export type Peer = {
  readonly machine: MachineId;
  address: Address;
  /** The text of the operator's list. */
  name: string;
  heardAt: MonoMs;
  /** Of the config list that it sent us; goes back to it in every packet. */
  configDigest: Digest | null;
  /** Virtual paths `/key` that it is configured for. */
  configs: ReadonlySet<VPath>;
  /** These are `NOTHING_SAID`'s, and not to be changed, or its own: only functions of this file change them. */
  inProgress: Map<VPath, Progress>;
  watching: Set<VPath>;
  complete: Map<VPath, ImageId>;
  deleted: readonly (readonly [VPath, ImageId])[];
};

export type View = {
  readonly self: MachineId;
  readonly limits: Limits;
  listed: ReadonlyMap<Address, string>;
  /** The same without ports: where connections of peers come from. */
  hosts: ReadonlySet<string>;
  /** Addresses of the list at which we found ourselves, and when: believed for a while, because anybody can say so. */
  readonly selfAt: Map<Address, MonoMs>;
  /** Those of which that was told: it is tried again and again whether they are still our own. */
  readonly selfTold: Set<Address>;
  /** When our config list was last sent to an address, whatever machine was heard there. */
  readonly toldConfigAt: Map<Address, MonoMs>;
  /** Changed by `heard` and `setListed` only. */
  readonly peers: Map<MachineId, Peer>;
  /** The peers by machine id, and the addresses at which nobody has answered; null when they have to be found again. */
  sorted: readonly Peer[] | null;
  strangers: readonly Address[] | null;
  readonly byAddress: Map<Address, MachineId>;
  /** When somebody was last asked at an address who is there, because a packet named another machine. */
  readonly identityAskedAt: Map<Address, MonoMs>;
  /** Of these questions, how many have no answer yet. */
  identityAsks: number;
  /** Peers that may have said something that is not forgotten yet: of a thousand peers at rest none is walked. */
  readonly talking: Set<Peer>;
  /** The last packets of some addresses, to be recognised. */
  readonly packets: Map<Address, { readonly bytes: Uint8Array; readonly packet: Packet }>;
  lastHeardAt: MonoMs | null;
  /** Datagrams that were not listened to: from nobody's address, or undecodable. */
  unlisted: number;
  undecodable: number;
};

/** Of a peer at rest: a thousand of them need no maps of their own. */
const NOTHING_SAID = {
  inProgress: new Map<VPath, Progress>(),
  watching: new Set<VPath>(),
  complete: new Map<VPath, ImageId>(),
  deleted: [] as Peer["deleted"],
};

export function createView(self: MachineId, limits: Limits): View {
  return {
    self,
    limits,
    listed: new Map(),
    hosts: new Set(),
    selfAt: new Map(),
    selfTold: new Set(),
    toldConfigAt: new Map(),
    peers: new Map(),
    sorted: null,
    strangers: null,
    byAddress: new Map(),
    identityAskedAt: new Map(),
    identityAsks: 0,
    talking: new Set(),
    packets: new Map(),
    lastHeardAt: null,
    unlisted: 0,
    undecodable: 0,
  };
}

/** Takes a new peer list; peers that are not on it any more are forgotten. */
export function setListed(view: View, listed: readonly ListedPeer[]): void {
  const map = new Map(listed.slice(0, view.limits.peersMax).map(({ address, name }) => [address, name]));
  view.listed = map;
  view.hosts = new Set(Array.from(map.keys(), hostOf));
  view.strangers = null;
  for (const peer of view.peers.values()) {
    const name = map.get(peer.address);
    if (name === undefined) forget(view, peer);
    else peer.name = name;
  }
  for (const address of view.selfAt.keys()) if (!map.has(address)) view.selfAt.delete(address);
  for (const address of view.selfTold) if (!map.has(address)) view.selfTold.delete(address);
}

/** Our own packet came back, or another machine has our id. True when that is news. */
export function heardSelf(view: View, from: Address, now: MonoMs): boolean {
  if (!view.listed.has(from) || view.selfAt.has(from)) return false;
  view.selfAt.set(from, now);
  view.strangers = null;
  if (view.selfTold.has(from)) return false;
  view.selfTold.add(from);
  return true;
}

/** True, and counted as told, when our config list was not sent there a moment ago. */
export function mayTellConfig(view: View, to: Address, now: MonoMs): boolean {
  const told = view.toldConfigAt.get(to);
  if (told !== undefined && now - told < view.limits.configSyncIntervalMs) return false;
  view.toldConfigAt.set(to, now);
  return true;
}

/** Whether an address is known to be another machine's: one packet, whose sender may be made up, changes nothing of that. */
export function isAnothers(view: View, from: Address, machine: MachineId): boolean {
  return (view.byAddress.get(from) ?? machine) !== machine;
}

/** True, and counted as asked, when it is time to ask at an address who is there; `identityAnswered` follows. */
export function mayAskIdentity(view: View, from: Address, now: MonoMs): boolean {
  const { identityAskMs, identityAsksMax } = view.limits;
  const asked = view.identityAskedAt.get(from);
  if (view.identityAsks >= identityAsksMax || (asked !== undefined && now - asked < identityAskMs))
    return false;
  view.identityAskedAt.set(from, now);
  view.identityAsks += 1;
  return true;
}

/**
 * Who is at an address by what was asked there, or null without an answer. The machine that is forgotten for it, or null
 * when nothing changes: packets of the other one are listened to from now on.
 */
export function identityAnswered(view: View, at: Address, machine: MachineId | null): MachineId | null {
  view.identityAsks -= 1;
  if (machine === null || machine === view.self || !isAnothers(view, at, machine)) return null;
  const before = view.byAddress.get(at);
  const peer = before === undefined ? undefined : view.peers.get(before);
  if (peer === undefined) return null;
  forget(view, peer);
  view.identityAskedAt.delete(at);
  return peer.machine;
}

/** The peer that a packet came from: known, new at a listed address, or moved to another one. Not from `isAnothers`. */
export function heard(view: View, machine: MachineId, from: Address, now: MonoMs): Peer | null {
  const name = view.listed.get(from);
  if (name === undefined) return null;
  view.selfTold.delete(from);
  view.lastHeardAt = now;
  const known = view.peers.get(machine);
  if (known !== undefined) {
    if (known.address !== from) {
      view.strangers = null;
      view.byAddress.delete(known.address);
      known.address = from;
      known.name = name;
      view.byAddress.set(from, machine);
    }
    known.heardAt = now;
    return known;
  }
  const peer: Peer = {
    machine,
    address: from,
    name,
    heardAt: now,
    configDigest: null,
    configs: new Set(),
    ...NOTHING_SAID,
  };
  view.peers.set(machine, peer);
  view.byAddress.set(from, machine);
  view.sorted = null;
  view.strangers = null;
  return peer;
}

function forget(view: View, peer: Peer): void {
  view.peers.delete(peer.machine);
  view.talking.delete(peer);
  view.sorted = null;
  view.strangers = null;
  if (view.byAddress.get(peer.address) === peer.machine) view.byAddress.delete(peer.address);
}

/** A `BaseDirs` packet is all that its sender has to say: it takes the place of what was known. */
export function replaceRecord(view: View, peer: Peer, message: BaseDirs): void {
  const max = view.limits.recordPathsMax;
  const entries = <T>(map: ReadonlyMap<VPath, T>): Iterable<readonly [VPath, T]> =>
    [...map].filter(([path]) => levelOf(path) > 0).slice(0, max);
  const { inProgress, watching, complete, deleted } = message;
  peer.inProgress = inProgress.size === 0 ? NOTHING_SAID.inProgress : new Map(entries(inProgress));
  peer.complete = complete.size === 0 ? NOTHING_SAID.complete : new Map(entries(complete));
  peer.watching =
    watching.length === 0
      ? NOTHING_SAID.watching
      : new Set(watching.filter((path) => levelOf(path) > 0).slice(0, max));
  peer.deleted = deleted.slice(0, max);
  if (isSilent(peer)) view.talking.delete(peer);
  else view.talking.add(peer);
}

export function downloadHeard(view: View, peer: Peer, path: VPath, progress: Progress): void {
  if (peer.inProgress.size >= view.limits.recordPathsMax) return;
  if (peer.inProgress === NOTHING_SAID.inProgress) peer.inProgress = new Map();
  peer.inProgress.set(path, progress);
  view.talking.add(peer);
}

export function completeHeard(view: View, peer: Peer, path: VPath, image: ImageId): void {
  peer.inProgress.delete(path);
  if (peer.complete.size >= view.limits.recordPathsMax) return;
  if (peer.complete === NOTHING_SAID.complete) peer.complete = new Map();
  peer.complete.set(path, image);
  view.talking.add(peer);
}

export function watchHeard(view: View, machine: MachineId, path: VPath): void {
  const peer = view.peers.get(machine);
  if (peer === undefined || peer.watching.size >= view.limits.recordPathsMax) return;
  if (peer.watching === NOTHING_SAID.watching) peer.watching = new Set();
  peer.watching.add(path);
  view.talking.add(peer);
}

/** It knows now what it waited for. */
export function watchEnded(peer: Peer, path: VPath): void {
  peer.watching.delete(path);
}

/** Nothing that it said is remembered. */
export function isSilent({ inProgress, watching, complete, deleted }: Peer): boolean {
  return inProgress.size === 0 && watching.size === 0 && complete.size === 0 && deleted.length === 0;
}

/** Drops what peers said that have been silent for long; they stay known as peers. */
export function expireRecords(view: View, now: MonoMs): void {
  for (const [address, at] of view.selfAt) {
    if (now - at >= view.limits.recordExpiryMs) {
      view.selfAt.delete(address);
      view.strangers = null;
    }
  }
  for (const [address, at] of view.toldConfigAt)
    if (now - at >= view.limits.configSyncIntervalMs) view.toldConfigAt.delete(address);
  for (const [address, at] of view.identityAskedAt)
    if (now - at >= view.limits.identityAskMs) view.identityAskedAt.delete(address);
  for (const peer of view.talking) {
    if (now - peer.heardAt < view.limits.recordExpiryMs) continue;
    view.talking.delete(peer);
    Object.assign(peer, NOTHING_SAID);
  }
}

/** Known peers, by machine id. */
export function peersOf(view: View): readonly Peer[] {
  view.sorted ??= [...view.peers.values()].toSorted((a, b) => compareText(a.machine, b.machine));
  return view.sorted;
}

/** Known peers that are configured for the key of a path. */
export function peersFor(view: View, path: VPath): readonly Peer[] {
  const key = `/${keyOf(path)}` as VPath;
  return peersOf(view).filter((peer) => peer.configs.has(key));
}

/** Listed addresses at which nobody has answered yet. */
export function strangersOf(view: View): readonly Address[] {
  view.strangers ??= [...view.listed.keys()]
    .filter((at) => !view.byAddress.has(at) && !view.selfAt.has(at))
    .toSorted(compareText);
  return view.strangers;
}

/** Machines of the key of a path, us among them: the ring that a change is sent along. */
export function ringOf(view: View, path: VPath): readonly MachineId[] {
  return [...peersFor(view, path).map((peer) => peer.machine), view.self].toSorted(compareText);
}

/** Machines known to watch a path. */
export function watchersOf(view: View, path: VPath): readonly Peer[] {
  return peersOf(view).filter((peer) => peer.watching.has(path));
}

/** Paths that somebody else watches or downloads, in their order, whoever was heard of first. */
export function wantedElsewhere(view: View): readonly VPath[] {
  const paths = new Set<VPath>();
  for (const { watching, inProgress } of view.talking) {
    for (const path of watching) paths.add(path);
    for (const path of inProgress.keys()) paths.add(path);
  }
  return [...paths].toSorted(compareVPath);
}
