/**
 * Why a run failed: what happened before the failure at the host that broke the promise, and everything that this was
 * caused by, as sentences. An event's causes are what sent it and what its host had heard before; what nothing led from
 * to the failure is left out.
 */
import type { Effect } from "../kernel/effect.ts";
import type { Crypto } from "./crypto.ts";
import type { Mishap } from "./network.ts";
import { PROMISES } from "./oracle/violation.ts";
import { type Failure, runScript } from "./run.ts";
import { printAt, type Script } from "./script.ts";
import type { Cast } from "./spec.ts";
import type { Moment, Note, TraceReader } from "./trace.ts";
import { wordOf } from "./words.ts";

type Happening =
  | { readonly kind: "moment"; readonly moment: Moment }
  | { readonly kind: "note"; readonly note: Note };

/** One thing that led to a failure. */
export type Sentence = {
  /** Virtual microseconds. */
  readonly time: number;
  /** The number of the event or the fault that it tells of; of what a fault met, of the event that sent it. */
  readonly id: number;
  /** It tells of a message that a fault met. */
  readonly hit: boolean;
  readonly text: string;
};

export type Story = {
  /** In the order in which they happened. */
  readonly sentences: readonly Sentence[];
  /** The promise that was broken, by its name and in words. */
  readonly verdict: string;
  /** Numbers of all events and faults that led to it, told or not. */
  readonly past: ReadonlySet<number>;
};

/** Listens to a run, and tells why it failed. */
export type Teller = {
  readonly reader: TraceReader;
  readonly mishap: (mishap: Mishap, cause: number) => void;
  tell(failure: Failure): Story;
};

const SAID: Readonly<Record<string, string>> = {
  upload_accepted: "accepts the upload of",
  upload_refused: "refuses the upload of",
  download_started: "promises to fetch",
  download_done: "has committed",
  download_aborted: "gives up",
  download_superseded: "stops, for a newer version, fetching",
  download_resting: "was refused by its disk, and rests while fetching",
  download_stalled: "finds nobody to ask for",
  block_refused: "gets a wrong block of",
  block_retried: "asks again for a block of",
  index_refused: "gets a wrong index for",
  listing_asked: "asks for the listing of",
  image_missing: "has lost",
  image_damaged: "has read, and found damaged,",
  disk_failed: "is told by its disk that it cannot store",
  signing: "signs",
  recovered: "has looked through its disk",
  last_run_cut: "was not stopped in order, and reads its images again,",
  looks_again: "could not look at all of its disk, and will look again",
  start_failed: "cannot start",
};

/** Runs a script and tells why it failed, a line a sentence; nothing when it did not. */
export function storyOf(script: Script, cast: Cast, crypto: Crypto): readonly string[] {
  const teller = createTeller();
  const { failure } = runScript(script, cast, { crypto, reader: teller.reader, mishap: teller.mishap });
  return failure === null ? [] : printStory(teller.tell(failure), failure);
}

/** A line a sentence; equal ones one after the other are one. */
export function printStory({ sentences, verdict }: Story, { time }: Failure): readonly string[] {
  return [...merged(sentences), `${printAt(time).padStart(8)}  ${verdict}`];
}

export function createTeller(): Teller {
  const happened = new Map<number, Happening>();
  const before = new Map<number, number>(); // what the same host did last
  const lastAt = new Map<string, number>();
  const mishaps: { readonly mishap: Mishap; readonly time: number; readonly cause: number }[] = [];
  let now = 0;
  const add = (id: number, host: string | null, each: Happening): void => {
    happened.set(id, each);
    if (host === null) return;
    const last = lastAt.get(host);
    if (last !== undefined) before.set(id, last);
    lastAt.set(host, id);
  };
  return {
    reader: {
      moment(moment) {
        now = moment.time;
        add(moment.id, moment.host, { kind: "moment", moment });
      },
      note(note) {
        now = note.time;
        add(note.id, note.host, { kind: "note", note });
      },
    },
    mishap: (mishap, cause) => void mishaps.push({ mishap, time: now, cause }),
    tell(failure) {
      const past = pastOf(failure.host, lastAt, happened, before);
      const images = imagesOf(happened);
      const done = [...past].flatMap((id) => sentencesOf(id, happened.get(id), images));
      const talk = talkOf(past, happened);
      const damage = damageOf(mishaps, failure.host);
      const sentences = [...done.toSorted((a, b) => a.id - b.id), ...talk, ...damage];
      const inOrder = sentences.toSorted((a, b) => a.time - b.time || a.id - b.id);
      return { sentences: inOrder, verdict: verdictOf(failure), past };
    },
  };
}

/** Everything that led to what the host was in the end; of a failure of nobody in particular, everything. */
function pastOf(
  host: string | null,
  lastAt: ReadonlyMap<string, number>,
  happened: ReadonlyMap<number, Happening>,
  before: ReadonlyMap<number, number>,
): ReadonlySet<number> {
  const end = host === null ? undefined : lastAt.get(host);
  const open = end === undefined ? [...lastAt.values()] : [end];
  const past = new Set<number>();
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (past.has(id)) continue;
    past.add(id);
    const each = happened.get(id);
    const cause = each?.kind === "note" ? each.note.cause : (each?.moment.cause ?? 0);
    const own = before.get(id);
    if (cause > 0) open.push(cause);
    if (own !== undefined) open.push(own);
  }
  return past;
}

/** `#1` for the image of the first upload, and so on. */
function imagesOf(happened: ReadonlyMap<number, Happening>): ReadonlyMap<string, string> {
  const images = new Map<string, string>();
  for (const each of happened.values()) {
    if (each.kind !== "moment") continue;
    for (const effect of each.moment.effects) {
      if (effect.kind !== "trace" || effect.mark !== "signing") continue;
      const image = String(effect.fields["image"]);
      if (!images.has(image)) images.set(image, `the image of ${each.moment.host}`);
    }
  }
  return images;
}

function sentencesOf(
  id: number,
  each: Happening | undefined,
  images: ReadonlyMap<string, string>,
): readonly Sentence[] {
  if (each === undefined) return [];
  if (each.kind === "note") return [{ id, time: each.note.time, hit: false, text: `* ${each.note.text}` }];
  const { host, effects, time } = each.moment;
  return effects
    .flatMap((effect) => saidOf(host, effect, images))
    .map((text) => ({ id, time, hit: false, text }));
}

function saidOf(host: string, effect: Effect, images: ReadonlyMap<string, string>): readonly string[] {
  if (effect.kind === "report") {
    const { report } = effect;
    if (report.type === "received") return [`${host} is told that ${report.host} has it`];
    return report.type === "rejected" ? [`${host} is refused by ${report.host}: ${report.reason}`] : [];
  }
  if (effect.kind !== "trace") return [];
  const said = SAID[effect.mark];
  if (said === undefined) return [];
  const { path, image, reason, base, code } = effect.fields;
  const about = image === undefined ? (path ?? base ?? "") : (images.get(String(image)) ?? String(image));
  const why = reason ?? code;
  return [
    `${host} ${said} ${String(about)}${why === undefined ? "" : ` (${String(why)})`}`.replace(/ +$/, ""),
  ];
}

/** Who sent what to whom, where it led to the failure: the first of a kind, and how many. */
function talkOf(past: ReadonlySet<number>, happened: ReadonlyMap<number, Happening>): readonly Sentence[] {
  const talks = new Map<string, { time: number; id: number; count: number }>();
  for (const id of past) {
    const each = happened.get(id);
    if (each?.kind !== "moment") continue;
    const { event, host, cause, time } = each.moment;
    if (event.kind !== "datagram" && event.kind !== "frame") continue;
    const sender = happened.get(cause);
    if (sender?.kind !== "moment" || sender.moment.host === host) continue;
    const name = `${sender.moment.host} sends ${wordOf(event.kind, event.bytes)} to ${host}`;
    const known = talks.get(name);
    if (known === undefined) talks.set(name, { time, id, count: 1 });
    else {
      known.count += 1;
      if (id < known.id) Object.assign(known, { time, id });
    }
  }
  return Array.from(talks, ([name, { time, id, count }]) => ({
    text: count === 1 ? name : `${name}, ${count} times from here on`,
    time,
    id,
    hit: false,
  }));
}

const MISHAPS: Readonly<Record<Mishap["kind"], string>> = {
  cut: "is stopped by the cut",
  off: "finds nobody there",
  loss: "is lost",
  burst: "is lost in a burst",
  tail: "is much later than the others",
  dup_old: "comes a second time, minutes later",
  silent: "has not been heard for too long",
  dup: "arrives twice",
  corrupt: "arrives damaged",
  mtu: "is too large for the way and vanishes",
  queue: "is dropped by a full line",
  flip: "arrives damaged",
  held: "is held up by the cut",
  retransmit: "is lost and sent again",
};

/** What faults did to what was meant for the host that failed, or came from it. */
function damageOf(
  mishaps: readonly { readonly mishap: Mishap; readonly time: number; readonly cause: number }[],
  host: string | null,
): readonly Sentence[] {
  const found = new Map<string, { time: number; id: number; count: number }>();
  for (const { mishap, time, cause } of mishaps) {
    const { kind, what, from, to, bytes } = mishap;
    if (host !== null && from.name !== host && to.name !== host) continue;
    const name = `${wordOf(what, bytes)} of ${from.name} to ${to.name} ${MISHAPS[kind]}`;
    const known = found.get(name);
    if (known === undefined) found.set(name, { time, id: cause, count: 1 });
    else known.count += 1;
  }
  return Array.from(found, ([name, { time, id, count }]) => ({
    text: count === 1 ? `! ${name}` : `! ${name}, ${count} times from here on`,
    time,
    id,
    hit: true,
  }));
}

function merged(sentences: readonly Sentence[]): readonly string[] {
  const out: string[] = [];
  let count = 1;
  for (const [place, { time, text }] of sentences.entries()) {
    if (sentences[place - 1]?.text === text) {
      count += 1;
      out[out.length - 1] = `${(out.at(-1) ?? "").replace(/ \(\d+ times\)$/, "")} (${count} times)`;
      continue;
    }
    count = 1;
    out.push(`${printAt(time).padStart(8)}  ${text}`);
  }
  return out;
}

function verdictOf({ code, detail }: Failure): string {
  return `${code}: broken is the promise that ${PROMISES[code]}: ${detail.replace(/^\w+: /, "")}`;
}
