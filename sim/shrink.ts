/**
 * A smaller script that still goes wrong in the same way: lines are taken away, many at once and then one by one, then
 * servers, then what single lines say is made smaller or sooner, until nothing more can go.
 */
import type { Deed, Line, Script, Verb } from "./script.ts";
import { MILLISECOND } from "./timeline.ts";

/**
 * @param fails    whether a script still goes wrong in the same way; called at most `runsMax` times
 * @returns a script that fails and from which no single line can go, unless the calls were used up before
 */
export function shrinkScript(script: Script, fails: (smaller: Script) => boolean, runsMax: number): Script {
  let best = script;
  let runs = 0;
  const accept = (smaller: Script): boolean => {
    if (runs >= runsMax) return false;
    runs += 1;
    if (!fails(smaller)) return false;
    best = smaller;
    return true;
  };

  /** True when something went. */
  function pass(size: number): boolean {
    let shorter = false;
    let from = 0;
    while (from < best.lines.length) {
      const lines = best.lines.filter((_, at) => at < from || at >= from + size);
      if (accept({ ...best, lines })) shorter = true;
      else from += size;
    }
    return shorter;
  }

  function fewerServers(): boolean {
    let shorter = false;
    while (best.cluster.nodes > 1) {
      if (!accept({ ...best, cluster: { ...best.cluster, nodes: best.cluster.nodes - 1 } })) break;
      shorter = true;
    }
    return shorter;
  }

  /** Each line by itself: the first of its simpler forms that still fails. */
  function simpler(): boolean {
    let shorter = false;
    for (let at = 0; at < best.lines.length; at++) {
      const line = best.lines[at];
      if (line === undefined) break;
      for (const form of simplerForms(line)) {
        const lines = best.lines
          .map((each, place) => (place === at ? form : each))
          .toSorted((a, b) => a.at - b.at);
        if (!accept({ ...best, lines })) continue;
        shorter = true;
        break;
      }
    }
    return shorter;
  }

  for (let size = Math.ceil(best.lines.length / 2); size > 1; size = Math.ceil(size / 2)) pass(size);
  // With fewer servers or simpler lines others may have become useless.
  for (let shorter = true; shorter; ) {
    while (pass(1));
    const fewer = fewerServers();
    shorter = simpler() || fewer;
  }
  return best;
}

function simplerForms({ at, verb }: Line): readonly Line[] {
  const forms: Line[] = simplerVerbs(verb).map((each) => ({ at, verb: each }));
  const rounded = Math.floor(at / (100 * MILLISECOND)) * 100 * MILLISECOND;
  if (rounded !== at) forms.push({ at: rounded, verb });
  return forms;
}

function simplerVerbs(verb: Verb): readonly Verb[] {
  if (verb.kind === "config") return [];
  if (verb.kind !== "when") return simplerDeeds(verb);
  const { nth, call, delay, deed } = verb;
  return [
    ...(nth > 1 ? [{ ...verb, nth: nth - 1 }] : []),
    ...(call === null ? [] : [{ ...verb, call: null }]),
    ...(delay > 0 ? [{ ...verb, delay: 0 }] : []),
    ...simplerDeeds(deed).map((each) => ({ ...verb, deed: each })),
  ];
}

function simplerDeeds(verb: Deed): readonly Deed[] {
  switch (verb.kind) {
    case "upload": {
      const out: Deed[] = [];
      if (verb.to.length > 1) for (const to of verb.to) out.push({ ...verb, to: [to] });
      if (verb.skew !== 0) out.push({ ...verb, skew: 0 });
      if (verb.old !== null) out.push({ ...verb, old: null });
      if (verb.files > 0) out.push({ ...verb, files: verb.files >> 1 });
      if (verb.bytes > 200) out.push({ ...verb, bytes: 200 });
      return out;
    }
    case "fail":
      return verb.count > 1 ? [{ ...verb, count: 1 }] : [];
    case "clock":
      return verb.drift === 0 || verb.step === 0 ? [] : [{ ...verb, drift: 0 }];
    case "join":
      return verb.peers.length > 1 ? verb.peers.map((peer) => ({ ...verb, peers: [peer] })) : [];
    case "betray":
      return verb.how.length > 1 ? verb.how.map((how) => ({ ...verb, how: [how] })) : [];
    default:
      return [];
  }
}
