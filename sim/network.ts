/**
 * The network between hosts: who reaches whom, how long it takes, and what gets lost. Datagrams are lost, doubled,
 * late and overtaken; connections (`links.ts`) are slow, refused, cut or half open.
 *
 * A host is a station with an address. Its machine is
 *   off     power is cut: nothing answers
 *   closed  the machine runs and our process does not: connections are refused, resets are sent
 *   up      our process hears
 *   paused  the process stands still: the system takes datagrams and frames for it, and nothing answers
 */
import { assert } from "../kernel/assert.ts";
import type { CloseReason, ConnSide } from "../kernel/event.ts";
import type { Address, ConnId } from "../kernel/ids.ts";
import { below, chance, type Prng } from "../kernel/prng.ts";
import type { Draws, Source } from "./draw.ts";
import { createLane, type Lane, receive, transmit } from "./lane.ts";
import { MILLISECOND, SECOND, type Timeline } from "./timeline.ts";

export type StationState = "off" | "closed" | "up" | "paused";

/** What a process hears. Called only while the station is up or paused; a paused process hears later. */
export type Ear = {
  datagram(from: Address, bytes: Uint8Array): void;
  opened(conn: ConnId, address: Address, side: ConnSide): void;
  frame(conn: ConnId, bytes: Uint8Array): void;
  closed(conn: ConnId, why: CloseReason): void;
  page(path: string): Uint8Array | null;
};

export type Station = {
  readonly name: string;
  readonly address: Address;
  /** False for a client: nobody can connect to it. */
  readonly listens: boolean;
  readonly ear: Ear;
  state: StationState;
  readonly up: Lane;
  readonly down: Lane;
  /** Local ports given to outgoing connections. */
  ports: number;
  accepted: number;
  /** Counts the processes that ended here. */
  lives: number;
  /** Until when its process reads no connection. */
  readsAt: number;
  /** Counts stations from 0. */
  readonly index: number;
  /** Its traffic to others, by their index; a gap where there was none. */
  readonly pairs: (Pair | undefined)[];
};

/** All traffic from one host to another. */
export type Pair = {
  readonly from: Station;
  readonly to: Station;
  readonly datagrams: Source;
  /** Null until there are frames. */
  frames: Source | null;
  /** As the rules are now. */
  rule: Rule;
  /** No cut is in between. */
  reached: boolean;
  /** How many rules and changes of cuts there were then. */
  rulesSeen: number;
  cutsSeen: number;
  /** When a burst of losses ends. */
  burstEnd: number;
};

/** N of `outOf`. */
export type Share = { readonly hits: number; readonly outOf: number };

/** How one host's traffic reaches another. Times in microseconds. */
export type Rule = {
  readonly loss: Share;
  /** For so long after the first loss everything between the two is lost. */
  readonly burst: number;
  readonly dup: Share;
  /** Frames in which one bit is another one: what the checksums below let through. */
  readonly flip: Share;
  /** Datagrams in which one bit is another one. */
  readonly corrupt: Share;
  /** Datagrams of more bytes vanish, and nobody is told. */
  readonly mtu: number;
  /** How late the second copy may be, at most. */
  readonly late: number;
  readonly delayMin: number;
  readonly delayMax: number;
  /** What takes up to `long` more. */
  readonly tail: Share;
  readonly long: number;
};

export const CALM: Rule = {
  loss: { hits: 0, outOf: 1 },
  burst: 0,
  dup: { hits: 0, outOf: 1 },
  flip: { hits: 0, outOf: 1 },
  corrupt: { hits: 0, outOf: 1 },
  mtu: 65_535,
  late: 50 * MILLISECOND,
  delayMin: 200,
  delayMax: 2 * MILLISECOND,
  tail: { hits: 0, outOf: 1 },
  long: 2 * SECOND,
};

export const DATAGRAM_BYTES_MAX = 65_507;
const HEADER_BYTES = 42; // Ethernet, IP and UDP around a datagram
const OLD = 60 * SECOND; // a second copy that comes so late is one of another time
const SEND_QUEUE_MICROS = 200 * MILLISECOND; // a line's queue: what would wait longer is dropped

/** What became of something that was sent, other than that it arrived. */
export type Mishap = {
  readonly kind:
    | "cut"
    | "off"
    | "loss"
    | "burst"
    | "tail"
    | "dup"
    | "dup_old"
    | "corrupt"
    | "mtu"
    | "queue"
    | "flip"
    | "held"
    | "silent"
    | "retransmit";
  readonly what: "datagram" | "frame";
  readonly from: Station;
  readonly to: Station;
  readonly bytes: Uint8Array;
};

export type NetworkCounts = {
  sent: number;
  delivered: number;
  lost: number;
  doubled: number;
  tooLong: number;
  dropped: number;
  bytes: number;
};

/** Names of hosts; `*` is every host. */
export type Ways = readonly (readonly [from: string, to: string])[];

export type Network = {
  readonly timeline: Timeline;
  readonly draws: Draws;
  attach(name: string, address: Address, listens: boolean, ear: Ear): Station;
  stationAt(address: Address): Station | undefined;
  /** How many stations there are. */
  size(): number;
  setState(station: Station, state: StationState): void;
  send(from: Station, to: Address, bytes: Uint8Array): void;
  resolve(station: Station, name: string, done: (addresses: readonly Address[]) => void): void;
  /** What a name means from now on; a host's own name means its address. */
  setName(name: string, addresses: readonly Address[]): void;
  getPage(station: Station, address: Address, path: string, done: (body: Uint8Array | null) => void): void;
  /** Nothing travels these ways until they are healed. Returns how many were open before. */
  cut(ways: Ways): number;
  /** Returns how many were cut. */
  heal(ways: Ways): number;
  reaches(a: Station, b: Station): boolean;
  /** Later rules go before earlier ones, field by field. `*` is every host. */
  addRule(from: string, to: string, rule: Partial<Rule>): void;
  ruleOf(from: Station, to: Station): Rule;
  pairOf(from: Station, to: Station): Pair;
  delay(rule: Rule, stream: Prng): number;
  /** Told of a station after its state, or who it reaches, has changed; with null of all of them. */
  onChange(heard: (station: Station | null) => void): void;
  /** Told of each fault as it hits. */
  onMishap(heard: (mishap: Mishap) => void): void;
  mishap(mishap: Mishap): void;
  readonly counts: NetworkCounts;
};

export function createNetwork(timeline: Timeline, draws: Draws): Network {
  const byAddress = new Map<Address, Station>();
  const byName = new Map<string, Station>();
  const names = new Map<string, readonly Address[]>();
  const cuts = new Map<string, Set<string>>();
  const rules: { readonly from: string; readonly to: string; readonly rule: Partial<Rule> }[] = [];
  let cutChanges = 0;
  const listeners: ((station: Station | null) => void)[] = [];
  const watchers: ((mishap: Mishap) => void)[] = [];
  const counts = { sent: 0, delivered: 0, lost: 0, doubled: 0, tooLong: 0, dropped: 0, bytes: 0 };

  function changed(station: Station | null): void {
    for (const heard of listeners) heard(station);
  }

  /** Of a way between one host and all others only that host's connections are looked at. */
  function cutsChanged(ways: Ways): void {
    cutChanges += 1;
    const ends = new Set<Station | null>();
    for (const [a, b] of ways) ends.add(byName.get(a) ?? byName.get(b) ?? null);
    if (ends.has(null)) return changed(null);
    for (const end of ends) changed(end);
  }

  function mishap(each: Mishap): void {
    for (const heard of watchers) heard(each);
  }

  function reaches(a: Station, b: Station): boolean {
    return a === b || cuts.size === 0 || pairOf(a, b).reached;
  }

  function ruleOf(from: Station, to: Station): Rule {
    return pairOf(from, to).rule;
  }

  function pairOf(from: Station, to: Station): Pair {
    let pair = from.pairs[to.index];
    if (pair === undefined) {
      const datagrams = draws.own("datagram", from.name, to.name);
      const unseen = { rule: CALM, reached: true, rulesSeen: 0, cutsSeen: 0 };
      pair = { from, to, datagrams, frames: null, ...unseen, burstEnd: 0 };
      from.pairs[to.index] = pair;
    }
    if (pair.rulesSeen !== rules.length) {
      pair.rule = findRule(from, to);
      pair.rulesSeen = rules.length;
    }
    if (pair.cutsSeen !== cutChanges) {
      pair.reached = cuts.size === 0 || !isCut(from.name, to.name);
      pair.cutsSeen = cutChanges;
    }
    return pair;
  }

  function findRule(from: Station, to: Station): Rule {
    let found = CALM;
    for (const each of rules) {
      if (matches(each.from, from) && matches(each.to, to)) found = { ...found, ...each.rule };
    }
    return found;
  }

  function isCut(from: string, to: string): boolean {
    const [own, all] = [cuts.get(from), cuts.get("*")];
    return own?.has(to) === true || own?.has("*") === true || all?.has(to) === true || all?.has("*") === true;
  }

  function delay(rule: Rule, stream: Prng): number {
    return rule.delayMin + below(stream, rule.delayMax - rule.delayMin + 1);
  }

  /** A loss outside a burst begins one. */
  function isInBurst(pair: Pair, length: number, lost: boolean): boolean {
    if (timeline.now() < pair.burstEnd) return true;
    if (lost) pair.burstEnd = timeline.now() + length;
    return false;
  }

  function arrive(from: Station, to: Station, bytes: Uint8Array): void {
    const reached = reaches(from, to);
    if (!reached || (to.state !== "up" && to.state !== "paused")) {
      mishap({ kind: reached ? "off" : "cut", what: "datagram", from, to, bytes });
      counts.dropped += 1;
      return;
    }
    const taken = receive(to.down, from.up, timeline.now(), bytes.length + HEADER_BYTES);
    if (taken === timeline.now()) hear(from, to, bytes);
    else timeline.at(taken, () => hear(from, to, bytes));
  }

  function hear(from: Station, to: Station, bytes: Uint8Array): void {
    if (to.state !== "up" && to.state !== "paused") return;
    counts.delivered += 1;
    to.ear.datagram(from.address, bytes);
  }

  return {
    timeline,
    draws,
    counts,
    attach(name, address, listens, ear) {
      assert(!byAddress.has(address), "an address belongs to one host");
      const station: Station = {
        name,
        address,
        listens,
        ear,
        state: "closed",
        up: createLane(),
        down: createLane(),
        ports: 0,
        accepted: 0,
        lives: 0,
        readsAt: 0,
        index: byAddress.size,
        pairs: [],
      };
      byAddress.set(address, station);
      byName.set(name, station);
      if (!names.has(name)) names.set(name, [address]);
      return station;
    },
    stationAt: (address) => byAddress.get(address),
    size: () => byAddress.size,
    setState(station, state) {
      station.state = state;
      changed(station);
    },
    send(from, to, bytes) {
      if (bytes.length > DATAGRAM_BYTES_MAX) {
        counts.tooLong += 1; // EMSGSIZE: counted by the sender, as adapters/udp.ts does
        return;
      }
      counts.sent += 1;
      counts.bytes += bytes.length;
      const target = byAddress.get(to);
      if (target === undefined) {
        counts.dropped += 1;
        return;
      }
      const pair = pairOf(from, target);
      const stream = pair.datagrams.next();
      const say = (kind: Mishap["kind"]): void => mishap({ kind, what: "datagram", from, to: target, bytes });
      if (!pair.reached && from !== target) {
        say("cut");
        counts.dropped += 1;
        return;
      }
      // Each draw is made whatever the rule says: changing one chance leaves the others as they were.
      const { rule } = pair;
      const lost = chance(stream, rule.loss.hits, rule.loss.outOf);
      const doubled = chance(stream, rule.dup.hits, rule.dup.outOf);
      const first = delay(rule, stream);
      const second = delay(rule, stream) + below(stream, rule.late + 1);
      const damaged = chance(stream, rule.corrupt.hits, rule.corrupt.outOf);
      const bit = below(stream, Math.max(1, bytes.length * 8));
      const slow = rule.tail.hits > 0 && chance(stream, rule.tail.hits, rule.tail.outOf);
      const slowness = slow ? below(stream, rule.long + 1) : 0;
      if (bytes.length > rule.mtu || from.up.freeAt - timeline.now() > SEND_QUEUE_MICROS) {
        say(bytes.length > rule.mtu ? "mtu" : "queue");
        counts.dropped += 1;
        return;
      }
      const left = transmit(from.up, timeline.now(), bytes.length + HEADER_BYTES);
      const corrupt = damaged && !lost && bytes.length > 0;
      const sent = corrupt ? withFlippedBit(bytes, bit) : bytes;
      if (corrupt) say("corrupt");
      const inBurst = rule.burst > 0 && isInBurst(pair, rule.burst, lost);
      if (lost || inBurst) say(inBurst ? "burst" : "loss");
      if (doubled) say("dup");
      if (slow) say("tail");
      if (lost || inBurst) counts.lost += 1;
      else timeline.at(left + first + slowness, () => arrive(from, target, sent));
      if (!doubled) return;
      counts.doubled += 1;
      timeline.at(left + second, () => {
        if (second >= OLD) say("dup_old");
        arrive(from, target, sent);
      });
    },
    resolve(station, name, done) {
      const stream = draws.next("resolve", station.name, name);
      timeline.after(MILLISECOND + below(stream, 20 * MILLISECOND), () => done(names.get(name) ?? []));
    },
    setName(name, addresses) {
      names.set(name, addresses);
    },
    getPage(station, address, path, done) {
      const target = byAddress.get(address);
      const stream = draws.next("page", station.name, target?.name ?? address);
      if (target === undefined) return timeline.after(3 * SECOND, () => done(null));
      const out = delay(ruleOf(station, target), stream);
      const back = delay(ruleOf(target, station), stream);
      timeline.after(out, () => {
        const met = reaches(station, target) && reaches(target, station);
        if (!met || target.state === "off" || target.state === "paused") {
          return timeline.after(3 * SECOND, () => done(null));
        }
        const body = target.state === "up" && target.listens ? target.ear.page(path) : null;
        timeline.after(back, () => done(body === null ? null : body.slice()));
      });
    },
    cut(ways) {
      const done = ways.filter(([a, b]) => {
        const known = cuts.get(a) ?? new Set<string>();
        cuts.set(a, known);
        return !known.has(b) && known.add(b);
      });
      cutsChanged(ways);
      return done.length;
    },
    heal(ways) {
      let healed = 0;
      for (const [a, b] of ways) {
        for (const [from, to] of a === "*" ? [...cuts] : [[a, cuts.get(a)] as const]) {
          healed += b === "*" ? (to?.size ?? 0) : Number(to?.delete(b) ?? false);
          if (b === "*" || to?.size === 0) cuts.delete(from);
        }
      }
      cutsChanged(ways);
      return healed;
    },
    reaches,
    addRule(from, to, rule) {
      rules.push({ from, to, rule });
    },
    ruleOf,
    pairOf,
    delay,
    onMishap(heard) {
      watchers.push(heard);
    },
    mishap,
    onChange(heard) {
      listeners.push(heard);
    },
  };
}

/** A copy: what was sent is never changed, because others may hold it, too. */
export function withFlippedBit(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

function matches(pattern: string, station: Station): boolean {
  return pattern === "*" || pattern === station.name;
}
