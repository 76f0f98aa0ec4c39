/**
 * How a conditional replace ends when another one meets it. Servers take whichever comes first and then agree on the
 * greater version, so a refusal is no loss, nor an acceptance a gain: what counts is what all of them have in the end.
 */
import type { ImageId } from "./ids.ts";
import type { Surveyed } from "./survey.ts";

export type Settled =
  | { readonly kind: "open" } // they do not agree yet, or nothing has begun
  | { readonly kind: "ours" }
  | { readonly kind: "superseded"; readonly by: ImageId };

/** @param before  what was there when the replace was made */
export function settled(servers: readonly Surveyed[], before: ImageId, ours: ImageId): Settled {
  const holdings = servers.flatMap((each) => each.holdings);
  const [first] = holdings;
  if (first === undefined || first.image === before) return { kind: "open" };
  if (!holdings.every(({ image, state }) => image === first.image && state === "complete"))
    return { kind: "open" };
  return first.image === ours ? { kind: "ours" } : { kind: "superseded", by: first.image };
}

/** Reasons that say no more than that another replace has met ours; true where ours may win there all the same. */
const CONFLICTS: ReadonlyMap<string, boolean> = new Map([
  ["replace_doesnt_match_index", true],
  ["already_uploading_different_version", true],
  ["older_than_present", false],
  ["superseded_by_newer", false],
]);

export function isConflict(reason: string): boolean {
  return CONFLICTS.has(reason);
}

/** Whether a server that has refused ours may come to hold it, when servers agree on it. */
export function isUndecided(reason: string): boolean {
  return CONFLICTS.get(reason) === true;
}

/** Whether servers may yet agree on something: each that refused ours or gave it up did so because of another one. */
export function isContested(refusals: readonly string[]): boolean {
  return refusals.length > 0 && refusals.every(isConflict);
}

/** What becomes of a change whose upload has ended. */
export type Outcome =
  | { readonly kind: "made" }
  | { readonly kind: "redo" | "superseded"; readonly by: ImageId }
  | { readonly kind: "failed" };

/**
 * @param succeeded  by the rules of the upload, which ask each server where that is demanded
 * @param seen       what servers have, as far as it was looked at
 * @param mustSay    nothing counts but what servers say when they are asked themselves
 * @param left       how often the change may be made again
 */
export function outcomeOf(succeeded: boolean, seen: Settled, mustSay: boolean, left: number): Outcome {
  if (succeeded) return { kind: "made" };
  if (seen.kind === "superseded") return { kind: left > 0 ? "redo" : "superseded", by: seen.by };
  return { kind: seen.kind === "ours" && !mustSay ? "made" : "failed" };
}
