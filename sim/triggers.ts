/**
 * What waits for a server to come to a phase of the protocol: the short ones are rarely met by what happens at a time.
 *
 *   armed --the nth entry--> in it --the kth call there, where one is asked for--> due --delay--> done
 *
 * Whoever is in the phase when it is armed has entered it. What is due happens between two calls of the disk, and never
 * after the healing.
 */
import type { FsCall } from "../kernel/storage/call.ts";
import type { DiskRequest } from "../kernel/storage/request.ts";
import { type Phase, phaseOfRequest } from "./phases.ts";
import type { WhenVerb } from "./script.ts";
import type { Timeline } from "./timeline.ts";

export type Triggers = {
  /** `text` names it among those that never came. */
  arm(verb: WhenVerb, text: string, act: () => void): void;
  /** What a host is about may be something else now. */
  changed(host: string): void;
  /** A call was performed at a host, for a request of this kind. */
  performed(host: string, call: FsCall["call"], request: DiskRequest["kind"]): void;
  /** How many have not happened yet. */
  waiting(): number;
  /** None of them happens any more: their texts, in the order in which they were armed. */
  disarm(): readonly string[];
};

type Armed = {
  readonly verb: WhenVerb;
  readonly text: string;
  readonly act: () => void;
  inside: boolean;
  entries: number;
  calls: number;
};

export function createTriggers(timeline: Timeline, phasesAt: (host: string) => ReadonlySet<Phase>): Triggers {
  let waiting: Armed[] = [];
  const armed = new Map<string, Armed[]>();

  function isInside({ verb }: Armed): boolean {
    const phases = phasesAt(verb.host);
    return verb.phase === "running" ? phases.size > 0 && !phases.has("down") : phases.has(verb.phase);
  }

  function review(each: Armed): void {
    const inside = isInside(each);
    if (inside && !each.inside) {
      each.entries += 1;
      if (each.verb.call === null && each.entries === each.verb.nth) fire(each);
    }
    each.inside = inside;
  }

  function fire(each: Armed): void {
    const { host, delay } = each.verb;
    armed.set(
      host,
      (armed.get(host) ?? []).filter((other) => other !== each),
    );
    timeline.after(delay, () => {
      if (!waiting.includes(each)) return;
      waiting = waiting.filter((other) => other !== each);
      each.act();
    });
  }

  return {
    arm(verb, text, act) {
      const each: Armed = { verb, text, act, inside: false, entries: 0, calls: 0 };
      waiting.push(each);
      armed.set(verb.host, [...(armed.get(verb.host) ?? []), each]);
      review(each);
    },
    changed(host) {
      for (const each of armed.get(host) ?? []) review(each);
    },
    performed(host, call, request) {
      for (const each of armed.get(host) ?? []) {
        const { call: wanted, nth, phase } = each.verb;
        if (wanted === null || !each.inside || each.entries < nth) continue;
        if (wanted.name !== "*" && wanted.name !== call) continue;
        if (HAVE_REQUESTS.has(phase) && phaseOfRequest(request) !== phase) continue;
        each.calls += 1;
        if (each.calls === wanted.nth) fire(each);
      }
    },
    waiting: () => waiting.length,
    disarm() {
      const never = waiting.map(({ text }) => text);
      waiting = [];
      armed.clear();
      return never;
    },
  };
}

/** Phases whose calls are those of their own requests; in the others every call counts. */
const HAVE_REQUESTS: ReadonlySet<string> = new Set<Phase>([
  "recovering",
  "promising",
  "indexing",
  "preparing",
  "committing",
  "cleaning",
  "removing",
  "collecting",
  "serving",
]);
