/**
 * Runs with auto-clean: rules that let images become old within a run, several images of one base directory, keep lists
 * that are written and break, servers that keep everything, and old signatures that come again.
 */
import { below, chance, type Prng, sample } from "../kernel/prng.ts";
import type { CleanRules } from "./clean.ts";
import type { UploadVerb, Verb } from "./script.ts";
import { BEGIN } from "./plan-uploads.ts";
import { MILLISECOND, SECOND } from "./timeline.ts";

export const CLEAN = 8; // one in so many runs removes images

export type CleanOptions = {
  readonly draw: (...identity: readonly string[]) => Prng;
  readonly rules: CleanRules;
  readonly servers: readonly string[];
  readonly calm: boolean;
  /** What is uploaded, and when. */
  readonly uploads: readonly { readonly at: number; readonly verb: UploadVerb }[];
  readonly moment: (stream: Prng) => number;
  readonly add: (at: number, verb: Verb) => void;
};

export function drawRules(stream: Prng): CleanRules {
  const min = 1 + below(stream, 2);
  return {
    min,
    max: one(stream, [min, 2, 100]),
    recent: one(stream, [1, 1, 2, 5, 30]) * SECOND,
    list: chance(stream, 2, 3),
  };
}

export function addClean({ draw, rules, servers, calm, uploads, moment, add }: CleanOptions): void {
  const stream = draw("clean", "more");
  const paths = [...new Set(uploads.map(({ verb }) => verb.path))];
  // Signed at the time of one that may be gone by now, or before: sent again, and it has to stay away.
  for (let nth = 1 + below(stream, 2); nth > 0; nth--) {
    const { at, verb } = one(stream, uploads);
    const later = at + (8 + below(stream, 22)) * SECOND;
    const skew = verb.skew - (later - at) - below(stream, 2) * SECOND;
    add(later, {
      ...verb,
      client: `c${70 + nth}`,
      skew,
      old: null,
      key: "known",
      to: [one(stream, servers)],
    });
  }
  // An image of a time when the others are old.
  if (chance(stream, 1, 2)) {
    const { verb } = one(stream, uploads);
    add((15 + below(stream, 12)) * SECOND, { ...verb, client: "c79", old: null, key: "known" });
  }
  if (rules.list) {
    for (let nth = 1 + below(stream, 3); nth > 0; nth--)
      add(moment(stream), drawKeep(stream, servers, paths));
  }
  if (calm) return;
  if (chance(stream, 1, 4)) {
    const host = one(stream, servers);
    const clean = chance(stream, 1, 2) ? "no" : drawRules(stream);
    add(0, { kind: "config", host, append: null, levels: null, keys: null, clean });
  }
  // Around the second look at what has become old, and the one after it.
  if (chance(stream, 1, 2)) {
    const host = one(stream, servers);
    const at = (19 + 10 * below(stream, 2)) * SECOND + below(stream, 2_500) * MILLISECOND;
    add(at, { kind: "crash", host, disk: one(stream, CRASHES) });
    add(at + below(stream, 2_000) * MILLISECOND, { kind: "start", host, machine: null });
    // Who was started again may have removed it before: it has to know.
    const { at: signed, verb } = one(stream, uploads);
    const again = at + (2_000 + below(stream, 3_000)) * MILLISECOND;
    const old = { ...verb, skew: verb.skew - (again - signed), old: null, key: "known" as const };
    if (chance(stream, 1, 2)) add(again, { ...old, client: "c75", to: [host] });
  }
  // Between the steps of a removal, which are calls of the disk about there.
  if (chance(stream, 1, 3)) {
    const host = one(stream, servers);
    const call = { name: "*", nth: 12 + below(stream, 14) } as const;
    const when = { kind: "when", host, phase: "removing", nth: 1 + below(stream, 2), call } as const;
    add(BEGIN, { ...when, delay: 0, deed: { kind: "crash", host, disk: one(stream, CRASHES) } });
    add(BEGIN, { ...when, delay: SECOND, deed: { kind: "start", host, machine: null } });
  }
}

/** So late that old copies of packets come meanwhile: what the rules have kept goes, since there is something newer. */
export function addLate({
  draw,
  servers,
  uploads,
  at,
  add,
}: Pick<CleanOptions, "draw" | "servers" | "uploads" | "add"> & { readonly at: number }): void {
  const stream = draw("clean", "late");
  const host = one(stream, servers);
  for (const nth of [1, 2]) {
    const { verb } = one(stream, uploads);
    const path = `${verb.path.slice(0, verb.path.lastIndexOf("/"))}/late${nth}`;
    const client = `c${75 + nth}`;
    add(at, { ...verb, client, path, content: 75 + nth, mode: "append", skew: 0, old: null, key: "known" });
  }
  const deed = { kind: "hang", host, call: "*", lasting: 3 * SECOND } as const;
  add(at, { kind: "when", host, phase: "removing", nth: 1, call: null, delay: 0, deed });
}

const CRASHES = ["weak", "ordered", "kept"] as const;

export function drawKeep(
  stream: Prng,
  servers: readonly string[],
  paths: readonly string[],
): Verb & { kind: "keep" } {
  const host = chance(stream, 1, 3) ? "*" : one(stream, servers);
  const some = sample(stream, paths, below(stream, Math.min(3, paths.length) + 1));
  return { kind: "keep", host, paths: chance(stream, 1, 3) ? null : some };
}

function one<T>(stream: Prng, items: readonly T[]): T {
  return items[below(stream, items.length)] as T;
}
