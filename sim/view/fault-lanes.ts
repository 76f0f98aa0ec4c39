/** When which kind of fault was in force: a lane for each kind, with spans from one entry to another. */
import type { Entry } from "./recording.ts";

export type Span = {
  /** Entries. A fault of a moment ends where it began. */
  readonly from: number;
  readonly to: number;
  readonly text: string;
};
export type FaultLane = { readonly name: string; readonly spans: readonly Span[] };

type Open = { readonly lane: string; readonly from: number; readonly text: string };

/** In this order; what has another name comes after them. */
const ORDER = [
  "uploads",
  "partitions",
  "down",
  "paused",
  "links",
  "clocks",
  "disks",
  "members",
  "lies",
  "lost messages",
];

/** Verbs that hold until everything is healed. */
const LASTING: Readonly<Record<string, string>> = {
  link: "links",
  flap: "partitions",
  split: "partitions",
  rate: "links",
  slow: "disks",
  betray: "lies",
};
const AT_ONCE: Readonly<Record<string, string>> = {
  upload: "uploads",
  reset: "links",
  halve: "links",
  stall: "links",
  clock: "clocks",
  fail: "disks",
  hang: "disks",
  rot: "disks",
  edit: "disks",
  remove: "disks",
  save: "disks",
  config: "members",
  join: "members",
  leave: "members",
  peers: "members",
};

export function faultLanesOf(entries: readonly Entry[]): readonly FaultLane[] {
  const lanes = new Map<string, Span[]>();
  const open = new Map<string, Open>();
  const last = Math.max(0, entries.length - 1);
  const add = (lane: string, span: Span): void => {
    const spans = lanes.get(lane) ?? [];
    lanes.set(lane, spans);
    spans.push(span);
  };
  const begin = (key: string, lane: string, from: number, text: string): void => {
    if (!open.has(key)) open.set(key, { lane, from, text });
  };
  const end = (key: string, to: number): void => {
    const found = open.get(key);
    if (found === undefined) return;
    open.delete(key);
    add(found.lane, { from: found.from, to, text: found.text });
  };
  const endAll = (to: number, which: (key: string) => boolean): void => {
    for (const key of open.keys()) if (which(key)) end(key, to);
  };

  for (const [at, entry] of entries.entries()) {
    if (entry.kind === "mishap") {
      add("lost messages", { from: at, to: at, text: `${entry.word} of ${entry.host} to ${entry.to}` });
    }
    if (entry.kind !== "fault") continue;
    const { text } = entry;
    const [verb = "", first = "", second = ""] = text.split(" ");
    const pair = first.includes(">") ? first : `${first} ${second}`;
    if (verb === "cut") begin(`cut ${pair}`, "partitions", at, text);
    else if (verb === "heal") {
      endAll(at, (key) => (first === "" || first === "all" ? isHealed(key) : key === `cut ${pair}`));
    } else if (verb === "crash") begin(`down ${first}`, "down", at, text);
    else if (verb === "start") end(`down ${first}`, at);
    else if (verb === "pause") begin(`paused ${first}`, "paused", at, text);
    else if (verb === "resume") end(`paused ${first}`, at);
    else if (LASTING[verb] !== undefined) begin(text, LASTING[verb], at, text);
    else add(AT_ONCE[verb] ?? verb, { from: at, to: at, text });
  }
  endAll(last, () => true);
  const rank = (name: string): number => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
  return Array.from(lanes, ([name, spans]) => ({
    name,
    spans: spans.toSorted((a, b) => a.from - b.from),
  })).toSorted((a, b) => rank(a.name) - rank(b.name) || (a.name < b.name ? -1 : 1));
}

/** What `heal all` ends: not who is down, paused, or lies, which ends by a line of its own or never. */
function isHealed(key: string): boolean {
  return !/^(down|paused|betray) /.test(key);
}
