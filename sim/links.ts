/**
 * Connections between stations: framed, ordered, slow where the line is slow. They end as adapters/websocket.ts ends
 * them: `silent` after 5 s without a byte, `broken` or `closed` when the other side went, `refused` when nobody
 * listens or the handshake takes 3 s.
 *
 *   dialling --accepted--> open --ended--> gone        each end for itself: one may be gone while the other waits
 *
 * Loss costs a retransmission and never a frame; a cut holds frames back until it is healed or an end is silent.
 */
import { assert } from "../kernel/assert.ts";
import type { CloseReason } from "../kernel/event.ts";
import type { Address, ConnId } from "../kernel/ids.ts";
import { below, chance } from "../kernel/prng.ts";
import { receive, transmit } from "./lane.ts";
import { type Mishap, type Network, type Station, withFlippedBit } from "./network.ts";
import { MILLISECOND, SECOND } from "./timeline.ts";

const HANDSHAKE = 3 * SECOND;
const SILENCE = 5 * SECOND;
const BEAT = 1 * SECOND; // pings, and the check of silence
const RETRANSMIT = 200 * MILLISECOND;
const FRAME_HEADER_BYTES = 68;

type End = {
  readonly station: Station;
  readonly conn: ConnId;
  state: "dialling" | "open" | "ended";
  /** Frames on their way here, and those that a cut keeps back. */
  lastArrival: number;
  held: Uint8Array[];
  /** When the last frame that has arrived is read. */
  readAt: number;
  /** Frames that have arrived and are not read yet. */
  unread: number;
  flushing: boolean;
  /** Since when nothing has come from the other side; null while it talks. */
  muteSince: number | null;
  /** What the other side will learn of this end. */
  goodbye: "closed" | "broken";
  parting: boolean;
  /** It went without a word, and its system answers nothing. */
  vanished: boolean;
};

type Link = { readonly dialler: End; readonly acceptor: End };

export type LinkTable = {
  dial(station: Station, conn: ConnId, address: Address): void;
  /** `sent`: called when the frame has left the line of its station, if the connection is still there. */
  send(station: Station, conn: ConnId, bytes: Uint8Array, sent?: () => void): void;
  close(station: Station, conn: ConnId): void;
  /** The process is gone: its ends are, too, and hear nothing. */
  drop(station: Station): void;
  /** Every connection between the two is broken, and both learn of it. Returns how many there were. */
  reset(a: string, b: string): number;
  /** `a` loses its connections to `b`, which is never told: it hears nothing any more. Returns how many there were. */
  halve(a: string, b: string): number;
  count(): number;
};

export function createLinkTable(network: Network): LinkTable {
  const { timeline, draws } = network;
  const links = new Set<Link>();
  /** Those of a station: also when its own end is gone and the other one is not. */
  const linksAt = new Map<Station, Set<Link>>();
  const ends = new Map<Station, Map<ConnId, { readonly link: Link; readonly end: End }>>();
  network.onChange((station) => {
    if (station === null) for (const link of links) review(link);
    else for (const link of linksAt.get(station) ?? []) review(link);
  });

  function endOf(station: Station, conn: ConnId) {
    return ends.get(station)?.get(conn);
  }

  function setEnd(link: Link, end: End): void {
    const { station, conn } = end;
    const known = ends.get(station);
    if (known === undefined) ends.set(station, new Map([[conn, { link, end }]]));
    else known.set(conn, { link, end });
  }

  function dial(station: Station, conn: ConnId, address: Address): void {
    const target = network.stationAt(address);
    const dialler = newEnd(station, conn);
    if (target === undefined) {
      const alone = { dialler, acceptor: dialler };
      setEnd(alone, dialler);
      return timeline.after(HANDSHAKE, () => fail(alone, dialler, "refused"));
    }
    const link: Link = { dialler, acceptor: newEnd(target, 0 as ConnId) };
    setEnd(link, dialler);
    const stream = draws.next("dial", station.name, target.name);
    const out = network.delay(network.ruleOf(station, target), stream);
    const back = network.delay(network.ruleOf(target, station), stream);
    const met = network.reaches(station, target);
    timeline.after(HANDSHAKE, () => fail(link, dialler, "refused"));
    timeline.after(out, () => {
      if (dialler.state !== "dialling" || !met || !network.reaches(station, target)) return;
      if (target.state === "off" || target.state === "paused") return;
      if (target.state === "closed" || !target.listens) {
        if (!network.reaches(target, station)) return;
        return timeline.after(back, () => fail(link, dialler, "refused"));
      }
      accept(link, target, back);
    });
  }

  function accept(link: Link, target: Station, back: number): void {
    const { dialler } = link;
    const { station } = dialler;
    target.accepted += 1;
    station.ports += 1;
    const acceptor: End = { ...newEnd(target, (target.accepted * 2) as ConnId), state: "open" };
    const open: Link = { dialler, acceptor };
    setEnd(open, acceptor);
    setEnd(open, dialler);
    links.add(open);
    for (const at of [station, target]) linksAt.set(at, (linksAt.get(at) ?? new Set()).add(open));
    const host = station.address.slice(0, station.address.lastIndexOf(":"));
    const port = 32_768 + (station.ports % 28_000);
    target.ear.opened(acceptor.conn, `${host}:${port}` as Address, "accepted");
    timeline.after(back, () => {
      if (dialler.state !== "dialling" || !network.reaches(target, station)) return;
      dialler.state = "open";
      station.ear.opened(dialler.conn, target.address, "dialled");
      for (const frame of dialler.held.splice(0)) station.ear.frame(dialler.conn, frame);
      review(open);
    });
    review(open);
  }

  /** A dial that is still one ends. */
  function fail(link: Link, dialler: End, why: CloseReason): void {
    if (dialler.state !== "dialling") return;
    end(endOf(dialler.station, dialler.conn)?.link ?? link, dialler, why);
  }

  /** One end goes; it hears why, unless its process went. */
  function end(link: Link, gone: End, why: CloseReason | null): void {
    if (gone.state === "ended") return;
    gone.state = "ended";
    gone.held = [];
    ends.get(gone.station)?.delete(gone.conn);
    if (link.dialler.state === "ended" && link.acceptor.state === "ended") {
      links.delete(link);
      for (const each of [link.dialler, link.acceptor]) linksAt.get(each.station)?.delete(link);
    }
    if (why !== null) {
      const { station, conn } = gone;
      const { lives } = station;
      timeline.after(0, () => {
        if (station.lives === lives) station.ear.closed(conn, why);
      });
    }
    if (links.has(link)) review(link);
  }

  function send(station: Station, conn: ConnId, bytes: Uint8Array, told?: () => void): void {
    const found = endOf(station, conn);
    if (found === undefined || found.end.state !== "open") return;
    const { link, end: from } = found;
    const to = other(link, from);
    const pair = network.pairOf(station, to.station);
    const { rule } = pair;
    pair.frames ??= draws.own("frame", station.name, to.station.name);
    const stream = pair.frames.next();
    const again = chance(stream, rule.loss.hits, rule.loss.outOf);
    const delay = network.delay(rule, stream);
    const left = transmit(station.up, timeline.now(), bytes.length + FRAME_HEADER_BYTES);
    const slow = rule.tail.hits > 0 && chance(stream, rule.tail.hits, rule.tail.outOf);
    const slowness = slow ? below(stream, rule.long + 1) : 0;
    const arrival = Math.max(to.lastArrival, left + delay + slowness + (again ? RETRANSMIT : 0));
    to.lastArrival = arrival;
    // What is sent to an end that went meets nobody.
    const heard = to.state !== "ended" && (to.station.state === "up" || to.station.state === "paused");
    const say = (kind: Mishap["kind"]): void => {
      if (heard) network.mishap({ kind, what: "frame", from: station, to: to.station, bytes });
    };
    if (again) say("retransmit");
    if (slow) say("tail");
    let sent = bytes;
    if (bytes.length > 0 && chance(stream, rule.flip.hits, rule.flip.outOf)) {
      sent = withFlippedBit(bytes, below(stream, bytes.length * 8));
      say("flip");
    }
    timeline.at(arrival, () => arrive(link, to, sent));
    if (told === undefined) return;
    timeline.at(left, () => {
      if (from.state === "open") told();
    });
  }

  function arrive(link: Link, to: End, bytes: Uint8Array): void {
    if (to.state === "ended") return;
    if (to.state === "dialling" || to.held.length > 0 || !canTravel(link, to)) {
      const from = other(link, to).station;
      if (to.state === "open") network.mishap({ kind: "held", what: "frame", from, to: to.station, bytes });
      to.held.push(bytes);
      return;
    }
    const { up } = other(link, to).station;
    const taken = receive(to.station.down, up, timeline.now(), bytes.length + FRAME_HEADER_BYTES);
    // A process that reads late gets everything in its order, later.
    to.readAt = Math.max(to.readAt, taken, to.station.readsAt);
    if (to.unread === 0 && to.readAt === timeline.now()) return to.station.ear.frame(to.conn, bytes);
    to.unread += 1;
    timeline.at(to.readAt, () => {
      to.unread -= 1;
      if (to.state === "open") to.station.ear.frame(to.conn, bytes);
    });
  }

  function canTravel(link: Link, to: End): boolean {
    return network.reaches(other(link, to).station, to.station);
  }

  /** After a change: who is mute, who learns of an end, and what was held back travels again. */
  function review(link: Link): void {
    for (const each of [link.dialler, link.acceptor]) {
      if (each.state !== "open") continue;
      const peer = other(link, each);
      const { state } = peer.station;
      const reached = network.reaches(peer.station, each.station);
      if (peer.state === "ended" && reached && state !== "off" && !peer.vanished) part(link, each, peer);
      if (peer.state === "ended" || state === "off" || state === "paused" || !reached) {
        watchSilence(link, each);
      } else {
        each.muteSince = null;
        if (each.held.length > 0) flush(link, each);
      }
    }
  }

  /** The other side has ended and can say so: at once by FIN or RST, or by an RST to our next ping. */
  function part(link: Link, each: End, peer: End): void {
    if (each.parting) return;
    each.parting = true;
    const stream = draws.next("part", peer.station.name, each.station.name);
    const delay = network.delay(network.ruleOf(peer.station, each.station), stream);
    const late = each.muteSince === null ? 0 : below(stream, BEAT);
    timeline.at(Math.max(each.lastArrival, timeline.now() + delay + late), () => {
      each.parting = false;
      if (each.state !== "open" || peer.station.state === "off") return;
      if (network.reaches(peer.station, each.station)) end(link, each, peer.goodbye);
    });
  }

  function watchSilence(link: Link, each: End): void {
    if (each.muteSince !== null) return;
    const since = timeline.now();
    each.muteSince = since;
    const stream = draws.next("silence", each.station.name, other(link, each).station.name);
    const check = (): void => {
      if (each.state !== "open" || each.muteSince !== since) return;
      if (each.station.state === "paused") return timeline.after(BEAT, check); // its timers stand still
      const { station: from } = other(link, each);
      network.mishap({ kind: "silent", what: "frame", from, to: each.station, bytes: new Uint8Array(0) });
      end(link, each, "silent");
    };
    timeline.after(SILENCE + below(stream, BEAT), check);
  }

  function flush(link: Link, each: End): void {
    if (each.flushing) return;
    each.flushing = true;
    const stream = draws.next("flush", each.station.name, other(link, each).station.name);
    timeline.after(RETRANSMIT + below(stream, SECOND), () => {
      each.flushing = false;
      if (each.state !== "open" || !canTravel(link, each)) return;
      for (const bytes of each.held.splice(0)) each.station.ear.frame(each.conn, bytes);
    });
  }

  /** The ends at `a` of open connections between the two; `*` is every host. */
  function between(a: string, b: string, use: (link: Link, each: End) => void): number {
    const found = [...links].flatMap((link) =>
      [link.dialler, link.acceptor]
        .filter((each) => isAt(each, a) && isAt(other(link, each), b) && each.state === "open")
        .map((each) => ({ link, each })),
    );
    for (const { link, each } of found) use(link, each);
    return found.length;
  }

  return {
    dial(station, conn, address) {
      assert(endOf(station, conn) === undefined, "a connection id is used once");
      dial(station, conn, address);
    },
    send,
    close(station, conn) {
      const found = endOf(station, conn);
      if (found !== undefined) end(found.link, found.end, "asked");
    },
    drop(station) {
      for (const { link, end: each } of ends.get(station)?.values() ?? []) {
        const stream = draws.next("goodbye", station.name, other(link, each).station.name);
        each.goodbye = chance(stream, 1, 2) ? "closed" : "broken";
        end(link, each, null);
      }
      station.accepted = 0;
      station.lives += 1;
    },
    reset: (a, b) =>
      between(a, b, (link, each) => {
        end(link, other(link, each), "broken");
        end(link, each, "broken");
      }),
    halve: (a, b) =>
      between(a, b, (link, each) => {
        each.vanished = true;
        end(link, each, "broken");
      }),
    count: () => [...ends.values()].reduce((sum, each) => sum + each.size, 0),
  };
}

function other(link: Link, end: End): End {
  return link.dialler === end ? link.acceptor : link.dialler;
}

function isAt({ station }: End, pattern: string): boolean {
  return pattern === "*" || pattern === station.name;
}

function newEnd(station: Station, conn: ConnId): End {
  return {
    station,
    conn,
    state: "dialling",
    lastArrival: 0,
    held: [],
    readAt: 0,
    unread: 0,
    flushing: false,
    muteSince: null,
    goodbye: "closed",
    parting: false,
    vanished: false,
  };
}
