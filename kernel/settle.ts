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

/** Reasons that say no more than that another replace has met ours. */
const CONFLICTS = [
  "replace_doesnt_match_index",
  "older_than_present",
  "already_uploading_different_version",
  "superseded_by_newer",
];

export function isConflict(reason: string): boolean {
  return CONFLICTS.includes(reason);
}
