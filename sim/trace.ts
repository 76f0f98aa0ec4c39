/**
 * A rolling hash of everything that happened, in order. Two runs with equal digests did the same; the last moments are
 * kept to be shown. Not for secrets: four 32-bit lanes of multiply and rotate.
 */
import type { Effect } from "../kernel/effect.ts";
import type { Event } from "../kernel/event.ts";
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
  readonly note?: (note: Note) => void;
};

export type Trace = {
  record(host: string, event: Event, effects: readonly Effect[]): Moment;
  /** Something that is no event of a machine, at a host where it has one; returns its number. */
  note(text: string, host?: string): number;
  /** 32 hex digits of everything so far. */
  digest(): string;
  steps(): number;
  /** The last moments, oldest first. */
  recent(): readonly Moment[];
};

const RECENT_MAX = 200;

export function createTrace(timeline: Timeline, reader: TraceReader = {}): Trace {
  const lanes = new Uint32Array([0x9e3779b9, 0x243f6a88, 0xb7e15162, 0x6a09e667]);
  let at = 0;
  let steps = 0;
  let ids = 0;
  let recent: Moment[] = [];

  function word(value: number): void {
    const mixed = Math.imul((lanes[at & 3] as number) ^ value, 0x85ebca6b);
    const turned = ((mixed << 13) | (mixed >>> 19)) ^ (mixed >>> 16);
    at += 1;
    lanes[at & 3] = ((lanes[at & 3] as number) + Math.imul(turned, 5) + 0xe6546b64) >>> 0;
  }

  function number(value: number): void {
    word(1);
    if (Number.isSafeInteger(value)) {
      word(value | 0);
      word(Math.floor(value / 2 ** 32) | 0);
    } else {
      text(String(value));
    }
  }

  function text(value: string): void {
    word(2);
    word(value.length);
    for (let index = 0; index < value.length; index++) word(value.charCodeAt(index));
  }

  function bytes(value: Uint8Array): void {
    word(3);
    word(value.length);
    let index = 0;
    for (; index + 4 <= value.length; index += 4) {
      const low = (value[index] as number) | ((value[index + 1] as number) << 8);
      word(low | ((value[index + 2] as number) << 16) | ((value[index + 3] as number) << 24));
    }
    for (; index < value.length; index++) word(value[index] as number);
  }

  /** Any plain value, by its kind, content and order. */
  function plain(value: unknown): void {
    if (typeof value === "string") return text(value);
    if (typeof value === "number") return number(value);
    if (typeof value === "bigint" || typeof value === "boolean") return text(String(value));
    if (value === null || value === undefined) return word(value === null ? 4 : 5);
    if (value instanceof Uint8Array) return bytes(value);
    if (value instanceof Map || value instanceof Set || Array.isArray(value)) {
      word(6);
      for (const each of value as Iterable<unknown>) plain(each);
      return word(7);
    }
    if (ArrayBuffer.isView(value)) {
      return bytes(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    }
    word(8);
    for (const [key, each] of Object.entries(value)) {
      if (typeof each === "function") continue;
      text(key);
      plain(each);
    }
    word(9);
  }

  return {
    record(host, event, effects) {
      steps += 1;
      ids += 1;
      const time = timeline.now();
      const moment: Moment = { step: steps, time, host, event, effects, cause: timeline.cause(), id: ids };
      timeline.setCause(ids);
      number(time);
      text(host);
      plain(canonical(event));
      plain(effects);
      reader.moment?.(moment, lanes[at & 3] as number);
      recent.push(moment);
      if (recent.length >= 2 * RECENT_MAX) recent = recent.slice(-RECENT_MAX);
      return moment;
    },
    note(about, host) {
      ids += 1;
      const time = timeline.now();
      reader.note?.({ id: ids, cause: timeline.cause(), time, text: about, host: host ?? null });
      timeline.setCause(ids);
      number(time);
      text(about);
      return ids;
    },
    digest: () => Array.from(lanes, (lane) => lane.toString(16).padStart(8, "0")).join(""),
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
