/**
 * A rolling hash of everything that happened, in order. Two runs with equal digests did the same; the last moments are
 * kept to be shown.
 */
import type { Effect } from "../kernel/effect.ts";
import type { Event } from "../kernel/event.ts";
import { createRollingHash } from "./rolling-hash.ts";
import { type Known, stateDigest } from "./state-digest.ts";
import type { Timeline } from "./timeline.ts";

export type Moment = {
  /** Counts from 1. */
  readonly step: number;
  /** Virtual microseconds. */
  readonly time: number;
  readonly host: string;
  readonly event: Event;
  readonly effects: readonly Effect[];
  /** Number of the event or the fault that is behind it, and its own; events and notes are counted together. */
  readonly cause: number;
  readonly id: number;
};

/** Something that is no event of a machine: a fault, a start, a power cut. */
export type Note = {
  readonly id: number;
  readonly cause: number;
  readonly time: number;
  readonly text: string;
  readonly host: string | null;
};

/** Told of everything that is hashed, in order; it must not change anything. */
export type TraceReader = {
  readonly moment?: (moment: Moment, hash: number) => void;
  /** Told before its moment, after each event, of what the machine knows then, where it says so. */
  readonly state?: (digest: number, known: Known) => void;
  readonly note?: (note: Note) => void;
};

export type Trace = {
  /** `known`: what the machine knows after it; a part of the digest where it is `due`. */
  record(host: string, event: Event, effects: readonly Effect[], known?: Known | null, due?: boolean): Moment;
  /** Something that is no event of a machine, at a host where it has one; returns its number. */
  note(text: string, host?: string): number;
  /** A plain value that belongs to what happened, like the state of a machine now and then. */
  absorb(value: unknown): void;
  /** 32 hex digits of everything so far. */
  digest(): string;
  steps(): number;
  /** The last moments, oldest first. */
  recent(): readonly Moment[];
};

const RECENT_MAX = 200;

export function createTrace(timeline: Timeline, reader: TraceReader = {}): Trace {
  const hash = createRollingHash();
  let steps = 0;
  let ids = 0;
  let recent: Moment[] = [];

  return {
    record(host, event, effects, known = null, due = false) {
      steps += 1;
      ids += 1;
      const time = timeline.now();
      const moment: Moment = { step: steps, time, host, event, effects, cause: timeline.cause(), id: ids };
      timeline.setCause(ids);
      hash.number(time);
      hash.text(host);
      hash.plain(canonical(event));
      hash.plain(effects);
      if (known !== null && (due || reader.state !== undefined)) {
        const state = stateDigest(known);
        if (due) hash.number(state);
        reader.state?.(state, known);
      }
      reader.moment?.(moment, hash.short());
      recent.push(moment);
      if (recent.length >= 2 * RECENT_MAX) recent = recent.slice(-RECENT_MAX);
      return moment;
    },
    note(about, host) {
      ids += 1;
      const time = timeline.now();
      reader.note?.({ id: ids, cause: timeline.cause(), time, text: about, host: host ?? null });
      timeline.setCause(ids);
      hash.number(time);
      hash.text(about);
      return ids;
    },
    absorb: (value) => hash.plain(value),
    digest: () => hash.digest(),
    steps: () => steps,
    recent: () => recent.slice(-RECENT_MAX),
  };
}

/** A peer file is a set: the order of its lines is no part of what happened. */
function canonical(event: Event): Event {
  if (event.kind !== "peers_resolved") return event;
  return { ...event, peers: event.peers.toSorted((a, b) => (a.address < b.address ? -1 : 1)) };
}

/** One line for people: values in short, bytes by their number. */
export function printMoment({ step, time, host, event, effects }: Moment): string {
  const lines = [`${step} ${(time / 1000).toFixed(3)}ms ${host} < ${brief(event)}`];
  for (const effect of effects) lines.push(`    > ${brief(effect)}`);
  return lines.join("\n");
}

function brief(value: { readonly kind: string }): string {
  const fields = Object.entries(value).filter(([key]) => key !== "kind");
  return [value.kind, ...fields.map(([key, each]) => `${key}=${briefValue(each)}`)].join(" ");
}

function briefValue(value: unknown): string {
  if (value instanceof Uint8Array) return `<${value.length} bytes>`;
  if (typeof value === "string") return value.length > 40 ? `${value.slice(0, 40)}...` : value;
  if (typeof value !== "object" || value === null) return String(value);
  const text = JSON.stringify(value, (_key, each: unknown) =>
    each instanceof Uint8Array ? `<${each.length} bytes>` : each,
  );
  return text.length > 160 ? `${text.slice(0, 160)}...` : text;
}
