/**
 * Compares what is here with a peer's listing and decides, name by name: keep, take, yield or hold. Everything in a
 * listing is a claim: whoever takes or learns verifies the signatures first.
 *
 * Source: architecture decisions, section 6; specification of gossip, section 9.
 */
import { unreachable } from "../assert.ts";
import { type Entry, headOf } from "../catalog.ts";
import { compareBytes, compareText } from "../text.ts";
import { compareVersions, VERSION_SIGNATURES_MAX, type Version, versionOf } from "../winner.ts";
import type { Listing } from "../wire/signed-state.ts";

export type CompareRules = { readonly appendOnly: boolean; readonly futureSkewMs: number };

export type Decision =
  /**
   * Nothing to fetch. `learn`: of the same image, the peer's signatures that belong into our list when they verify,
   * made at `theirs.timestamp`. `conflict`: two images in an append-only directory, for the operator.
   */
  | {
      readonly kind: "keep";
      readonly name: string;
      readonly ours: Version;
      readonly theirs: Version;
      readonly learn: readonly Uint8Array[];
      readonly conflict: boolean;
    }
  /** The peer is ahead. `present`: this image is committed here, only a running download has to go. */
  | {
      readonly kind: "take";
      readonly name: string;
      readonly ours: Version | null;
      readonly theirs: Version;
      readonly present: boolean;
    }
  /** We are ahead, or the peer has nothing of this name: tell it. */
  | { readonly kind: "yield"; readonly name: string; readonly ours: Version; readonly theirs: Version | null }
  /** Signed further in the future than allowed: believed when its time has come, `until` milliseconds since 1970. */
  | { readonly kind: "hold"; readonly name: string; readonly theirs: Version; readonly until: number };

/**
 * Decisions for every name that either side has, newest first, then by name. A state without a signature claims
 * nothing and counts as absent.
 *
 * @param here     names and entries of our base directory, in any order, each name once
 * @param listing  the peer's, each name once
 * @param nowWall  milliseconds since 1970
 */
export function compareListings(
  here: readonly (readonly [name: string, entry: Entry])[],
  listing: Listing,
  rules: CompareRules,
  nowWall: number,
): readonly Decision[] {
  const entries = new Map(here);
  const seen = new Set<string>();
  const out: Decision[] = [];
  for (const [name, state] of listing) {
    const theirs = versionOf(state);
    if (theirs === null) continue;
    seen.add(name);
    out.push(decide(name, entries.get(name) ?? { committed: null, intent: null }, theirs, rules, nowWall));
  }
  for (const [name, entry] of here) {
    const ours = headOf(entry);
    if (ours !== null && !seen.has(name)) out.push({ kind: "yield", name, ours, theirs: null });
  }
  return out.toSorted(newestFirst);
}

function decide(name: string, entry: Entry, theirs: Version, rules: CompareRules, nowWall: number): Decision {
  const ours = headOf(entry);
  const order = ours === null ? -1 : compareVersions(ours, theirs);
  if (ours !== null && order === 0) {
    return { kind: "keep", name, ours, theirs, learn: learnOf(ours, theirs), conflict: false };
  }
  if (theirs.timestamp > nowWall + rules.futureSkewMs) {
    return { kind: "hold", name, theirs, until: theirs.timestamp - rules.futureSkewMs };
  }
  if (ours === null) return { kind: "take", name, ours, theirs, present: false };
  const same = ours.image === theirs.image;
  if (!same && rules.appendOnly) return { kind: "keep", name, ours, theirs, learn: [], conflict: true };
  if (order > 0) return { kind: "yield", name, ours, theirs };
  if (same) return { kind: "keep", name, ours, theirs, learn: theirs.signatures, conflict: false };
  return { kind: "take", name, ours, theirs, present: entry.committed?.image === theirs.image };
}

/** Only what would stay after merging: a full list of smaller ones is not worth a verification. */
function learnOf(ours: Version, theirs: Version): readonly Uint8Array[] {
  const last = ours.signatures[VERSION_SIGNATURES_MAX - 1];
  return theirs.signatures.filter(
    (each) =>
      (last === undefined || compareBytes(each, last) < 0) &&
      ours.signatures.every((known) => compareBytes(each, known) !== 0),
  );
}

function newestFirst(a: Decision, b: Decision): number {
  return compareVersions(greatestOf(b), greatestOf(a)) || compareText(a.name, b.name);
}

function greatestOf(decision: Decision): Version {
  switch (decision.kind) {
    case "take":
    case "hold":
      return decision.theirs;
    case "yield":
      return decision.ours;
    case "keep":
      return compareVersions(decision.ours, decision.theirs) > 0 ? decision.ours : decision.theirs;
    default:
      return unreachable(decision);
  }
}
