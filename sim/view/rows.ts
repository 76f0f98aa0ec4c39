/** What a sequence diagram shows of a run, one row below the other. Each row has one label, so that none overlap. */
import { unreachable } from "../../kernel/assert.ts";
import type { Entry, Fate, Recording } from "./recording.ts";

export type Row = {
  readonly entry: number;
  /** Virtual microseconds. */
  readonly time: number;
  /** `message` comes from `peer`, `lost` was meant for it; `fault` and `end` are for all lanes. */
  readonly kind: "message" | "lost" | "fault" | "mark" | "local" | "end";
  readonly host: string | null;
  readonly peer: string | null;
  readonly text: string;
  readonly fate: Fate | null;
};

/** `story`: what led to the failure; `messages`: without alarms and answers of the disk; `all`. */
export const LEVELS = ["story", "messages", "all"] as const;
export type Level = (typeof LEVELS)[number];

/** What a mishap means, at the end of `GetBlock of n1 ...`. */
export const FATES: Readonly<Record<Fate, string>> = {
  cut: "stopped by a cut",
  off: "nobody there",
  loss: "lost",
  burst: "lost in a burst",
  tail: "much later than others",
  dup_old: "doubled, minutes later",
  silent: "nothing for too long",
  dup: "doubled",
  corrupt: "damaged",
  mtu: "too large, lost",
  queue: "queue full, lost",
  flip: "damaged",
  held: "held up",
  retransmit: "lost, sent again",
};

/** The level that tells most in least: of a failure its story. */
export function levelOf({ failure }: Recording): Level {
  return failure === null ? "messages" : "story";
}

export function rowsOf({ entries, story }: Recording, level: Level): readonly Row[] {
  const told = level === "story" ? new Set(story.map(({ entry }) => entry)) : null;
  const rows: Row[] = [];
  for (const [place, entry] of entries.entries()) {
    if (told !== null && !told.has(place) && entry.kind !== "end") continue;
    const first = rowOf(place, entry);
    if (level === "all" || entry.kind !== "local") rows.push(first);
    if (entry.kind !== "message" && entry.kind !== "local") continue;
    for (const text of entry.marks) rows.push({ ...first, kind: "mark", peer: null, fate: null, text });
  }
  return rows;
}

function rowOf(entry: number, each: Entry): Row {
  const { time, host } = each;
  switch (each.kind) {
    case "fault":
    case "end":
      return { entry, time, host, kind: each.kind, peer: null, fate: null, text: each.text };
    case "mishap": {
      const text = `${each.word}: ${FATES[each.fate]}`;
      return { entry, time, host, kind: "lost", peer: each.to, fate: each.fate, text };
    }
    case "message": {
      const { from, fate, word } = each;
      const text = fate === null ? word : `${word}: ${FATES[fate]}`;
      return { entry, time, host, kind: "message", peer: from, fate, text };
    }
    case "local":
      return { entry, time, host, kind: "local", peer: null, fate: null, text: each.word };
    default:
      return unreachable(each);
  }
}

/**
 * At most `most` hosts, in the order of `hosts`: those that are asked for, else those of the rows, the ones next to the
 * failure first.
 *
 * @param wanted names, or beginnings of names with `*`
 */
export function lanesOf(
  { hosts, failure }: Pick<Recording, "hosts" | "failure">,
  rows: readonly Row[],
  most: number,
  wanted: readonly string[] = [],
): readonly string[] {
  if (wanted.length > 0)
    return hosts.filter((host) => wanted.some((each) => isNamed(host, each))).slice(0, most);
  if (hosts.length <= most) return hosts;
  const chosen = new Set<string>(failure?.host == null ? [] : [failure.host]);
  for (const { host, peer } of rows.toReversed()) {
    for (const each of [host, peer]) if (each !== null && chosen.size < most) chosen.add(each);
  }
  return hosts.filter((host) => chosen.has(host));
}

function isNamed(host: string, pattern: string): boolean {
  return pattern.endsWith("*") ? host.startsWith(pattern.slice(0, -1)) : host === pattern;
}
