/** Runs a script and writes down everything that a view shows of it. */
import type { Effect } from "../../kernel/effect.ts";
import type { Address } from "../../kernel/ids.ts";
import { type BlockNames, blockNamesOf } from "./block-names.ts";
import type { Crypto } from "../crypto.ts";
import { flatten, shortened } from "./flatten.ts";
import type { Host } from "../computer.ts";
import type { Mishap } from "../network.ts";
import type { BlockFlow, Entry, Fate, Recording } from "./recording.ts";
import { createChanges, diskOf, printable } from "./tables.ts";
import { runScript } from "../run.ts";
import { printScript, type Script } from "../script.ts";
import type { Cast } from "../spec.ts";
import { PROMISES } from "../oracle/violation.ts";
import { createTeller } from "../story.ts";
import type { Moment, Note } from "../trace.ts";
import { blockOf, isAnswer, wordOf } from "../words.ts";
import type { World } from "../world.ts";

/** Of everybody, or of these hosts. */
export type States = "all" | readonly string[];

export type RecordOptions = {
  readonly crypto: Crypto;
  /** Whose knowledge and whose disk is written down, too: most of the time and of the memory. */
  readonly states: States;
  /** Told after each event how many there were. */
  readonly progress?: (steps: number) => void;
};

export function recordRun(script: Script, cast: Cast, options: RecordOptions): Recording {
  const teller = createTeller();
  const recorder = createRecorder(blockNamesOf(script), options);
  const { failure, digest, steps, time } = runScript(script, cast, {
    crypto: options.crypto,
    built: (world) => recorder.built(world),
    reader: {
      moment(moment, hash) {
        teller.reader.moment?.(moment, hash);
        recorder.moment(moment);
        options.progress?.(moment.step);
      },
      note(note) {
        teller.reader.note?.(note);
        recorder.note(note);
      },
    },
    mishap(mishap, cause) {
      teller.mishap(mishap, cause);
      recorder.mishap(mishap, cause);
    },
  });
  const story = failure === null ? null : teller.tell(failure);
  const verdict = story?.verdict ?? "all promises were kept";
  recorder.end(time, failure?.host ?? null, verdict);
  return {
    script: printScript(script),
    digest,
    steps,
    time,
    failure,
    verdict,
    promise: failure === null ? null : PROMISES[failure.code],
    failing: failure === null ? null : recorder.lastOf(failure.host),
    story: (story?.sentences ?? []).map(({ id, time: at, hit, text }) => ({
      entry: recorder.placeOf(id, hit),
      time: at,
      hit,
      text,
    })),
    past: [...(story?.past ?? [])].map((id) => recorder.placeOf(id, false)).toSorted((a, b) => a - b),
    ...recorder.found(),
  };
}

type Found = Pick<Recording, "hosts" | "entries" | "blocks" | "states" | "disks" | "whole">;

function createRecorder(names: BlockNames, { states: wanted }: RecordOptions) {
  const entries: Entry[] = [];
  const blocks: BlockFlow[] = [];
  const hosts: string[] = [];
  /** Places of events and faults, and of the first mishap of what an event sent, by number. */
  const places = new Map<number, number>();
  const mishapPlaces = new Map<number, number>();
  const fates = new Map<string, Fate[]>();
  /** Doubled messages whose first copy has come. */
  const halves = new Set<string>();
  const peers = new Map<string, string>();
  const requests = new Map<string, string>();
  const states = createChanges();
  const disks = createChanges();
  const calls = new Map<string, number>();
  const processes = new Map<string, string>();
  let world: World | null = null;
  let byIp = new Map<string, string>();
  let now = 0;

  function hostAt(address: Address | string): string | null {
    const known = world?.hosts() ?? [];
    if (byIp.size !== known.length)
      byIp = new Map(known.map(({ name, station }) => [ipOf(station.address), name]));
    return byIp.get(ipOf(address)) ?? null;
  }

  function meet(host: string | null): void {
    if (host !== null && !seen.has(host)) {
      seen.add(host);
      hosts.push(host);
    }
  }
  const seen = new Set<string>();

  function observe(host: Host): void {
    processes.set(host.name, host.state());
    if (wanted !== "all" && !wanted.includes(host.name)) return;
    const place = entries.length - 1;
    const state = host.inspect();
    const process = new Map([["process", host.state()]]);
    states.set(host.name, place, state === null ? process : new Map([...process, ...flatten(state)]));
    const count = host.disk.callCount();
    if (calls.get(host.name) === count) return;
    calls.set(host.name, count);
    disks.set(host.name, place, diskOf(host));
  }

  /** The host at which something happened, and those whose process has begun or ended since they were looked at. */
  function look(name: string | null): void {
    for (const host of world?.hosts() ?? []) {
      if (host.name === name || processes.get(host.name) !== host.state()) observe(host);
    }
  }

  /** What the message of a moment is, from whom, and what happened to it. */
  function heard({
    host,
    event,
    cause,
  }: Moment): Omit<MessageEntry, "time" | "host" | "marks" | "effects"> | null {
    if (event.kind !== "datagram" && event.kind !== "frame") return null;
    const { bytes } = event;
    const sent = places.get(cause) ?? -1;
    const sender = entries[sent];
    const known =
      event.kind === "datagram" ? hostAt(event.from) : (peers.get(`${host} ${event.conn}`) ?? null);
    const from = known ?? (sender?.kind === "fault" ? null : (sender?.host ?? null));
    const key = fateKey(cause, from ?? "", host, event.kind, bytes.length);
    const waiting = fates.get(key) ?? [];
    const word = titleOf(event.kind, bytes);
    const first = waiting[0] === "dup" && !halves.has(key);
    if (first) halves.add(key);
    const fate = first ? null : (waiting.shift() ?? null);
    return { kind: "message", what: event.kind, word, bytes: bytes.length, from, sent, fate };
  }

  function effectText(host: string, effect: Effect): readonly string[] {
    switch (effect.kind) {
      case "send_datagram":
        return [`sends ${titleOf("datagram", effect.bytes)} to ${hostAt(effect.to) ?? effect.to}`];
      case "send_frame": {
        const to = peers.get(`${host} ${effect.conn}`) ?? "?";
        return [`sends ${titleOf("frame", effect.bytes)} to ${to}`];
      }
      case "dial":
        peers.set(`${host} ${effect.conn}`, hostAt(effect.address) ?? effect.address);
        return [`dials ${hostAt(effect.address) ?? effect.address}`];
      case "close":
        return [`closes the connection to ${peers.get(`${host} ${effect.conn}`) ?? "?"}`];
      case "disk":
        requests.set(`${host} ${effect.op}`, effect.request.kind);
        return [`asks its disk to ${effect.request.kind}`];
      case "trace":
      case "report":
        return [];
      default:
        return [`asks to ${effect.kind}`];
    }
  }

  function localWord({ host, event }: Moment): string {
    switch (event.kind) {
      case "conn_open": {
        const peer = hostAt(event.address) ?? event.address;
        peers.set(`${host} ${event.conn}`, peer);
        return event.side === "dialled" ? `connection to ${peer}` : `connection of ${peer}`;
      }
      case "conn_closed":
        return `connection to ${peers.get(`${host} ${event.conn}`) ?? "?"} ends: ${event.why}`;
      case "disk_done": {
        const what = requests.get(`${host} ${event.op}`) ?? "disk";
        requests.delete(`${host} ${event.op}`);
        return event.result.ok ? `${what} is done` : `${what} fails: ${event.result.code}`;
      }
      default:
        return event.kind;
    }
  }

  return {
    built(built: World): void {
      world = built;
    },
    moment(moment: Moment): void {
      const { host, time, id, effects, event } = moment;
      now = time;
      meet(host);
      places.set(id, entries.length);
      const message = heard(moment);
      const what = message ?? { kind: "local" as const, word: localWord(moment) };
      const marks = effects.flatMap(markOf);
      entries.push({
        ...what,
        time,
        host,
        marks,
        effects: effects.flatMap((each) => effectText(host, each)),
      });
      if (message?.from != null && event.kind === "frame") flow(event.bytes, message.from, host);
      look(host);
    },
    note({ id, time, text, host: named }: Note): void {
      now = time;
      const host = named === "*" ? null : named; // of a line that is about all of them
      meet(host);
      places.set(id, entries.length);
      entries.push({ kind: "fault", time, host, text });
      look(host);
      if (host === null)
        calls.clear(); // something happens to everybody
      else calls.delete(host);
    },
    mishap({ kind, what, from, to, bytes }: Mishap, cause: number): void {
      const place = entries.length;
      if (!mishapPlaces.has(cause)) mishapPlaces.set(cause, place);
      const word = titleOf(what, bytes);
      const sent = places.get(cause) ?? -1;
      entries.push({
        kind: "mishap",
        time: now,
        host: from.name,
        to: to.name,
        what,
        word,
        bytes: bytes.length,
        sent,
        fate: kind,
      });
      if (ARRIVES.has(kind)) {
        const key = fateKey(cause, from.name, to.name, what, bytes.length);
        fates.set(key, [...(fates.get(key) ?? []), kind]);
      }
    },
    end(time: number, host: string | null, text: string): void {
      entries.push({ kind: "end", time, host, text });
      for (const each of world?.hosts() ?? []) observe(each);
    },
    /** `hit`: of the first mishap that was caused by it, as far as there is one. */
    placeOf(id: number, hit: boolean): number {
      return (hit ? mishapPlaces.get(id) : undefined) ?? places.get(id) ?? 0;
    },
    /** The last entry of a host before the end; of nobody in particular, the last one. */
    lastOf: (host: string | null): number =>
      entries.findLastIndex((entry) => entry.kind !== "end" && (host === null || entry.host === host)),
    found: (): Found => ({
      hosts,
      entries,
      blocks,
      // Who was asked for and did nothing is known to have known nothing.
      states: {
        ...Object.fromEntries((wanted === "all" ? hosts : wanted).map((host) => [host, []])),
        ...states.all(),
      },
      disks: disks.all(),
      whole: wanted === "all",
    }),
  };

  function flow(bytes: Uint8Array, from: string, to: string): void {
    const block = blockOf(bytes);
    if (block === null) return;
    const name = names.of(block);
    blocks.push({
      entry: entries.length - 1,
      from,
      to,
      image: name?.image ?? null,
      block: name === null ? null : printable(name.block),
      bytes: block.length,
    });
  }
}

type MessageEntry = Extract<Entry, { kind: "message" }>;

/** What a fault did to a message that arrives nevertheless. */
const ARRIVES: ReadonlySet<Fate> = new Set([
  "corrupt",
  "flip",
  "dup",
  "dup_old",
  "tail",
  "retransmit",
  "held",
]);

function fateKey(cause: number, from: string, to: string, what: string, bytes: number): string {
  return `${cause} ${from} ${to} ${what} ${bytes}`;
}

function ipOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":"));
}

function titleOf(what: "datagram" | "frame", bytes: Uint8Array): string {
  if (bytes.length === 0) return "connection"; // it ended, and no message is to blame
  const word = wordOf(what, bytes);
  return what === "frame" && isAnswer(bytes) ? `${word} answer` : word;
}

function markOf(effect: Effect): readonly string[] {
  if (effect.kind === "trace") {
    const values = Object.values(effect.fields).map((value) => shortened(String(value)));
    return [[effect.mark, ...values].join(" ")];
  }
  if (effect.kind !== "report") return [];
  const { report } = effect;
  if (report.type === "received") return [`hears that ${report.host} has it`];
  if (report.type === "rejected") return [`is refused: ${report.reason}`];
  return report.type === "finished" ? [`finishes: ${report.ok ? "ok" : report.why}`] : [];
}
