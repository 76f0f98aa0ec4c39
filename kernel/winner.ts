/**
 * The winner rule. A version of a path is (timestamp, image, the signatures made at exactly that timestamp); the
 * winner is the maximum of (timestamp, image id as bytes). Merging is then associative, commutative and idempotent:
 * servers with equal keys that have heard the same uploads agree, whatever the order of arrival.
 *
 * Source: architecture decisions, section 6. Signatures of older timestamps are not kept: with them, merging would
 * depend on the order.
 */
import type { ImageId } from "./ids.ts";
import { compareBytes, compareText } from "./text.ts";
import type { SignedState } from "./wire/signed-state.ts";

export type Version = {
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly image: ImageId;
  /** 64 bytes each, sorted by bytes, without equals, 1 to `VERSION_SIGNATURES_MAX`. */
  readonly signatures: readonly Uint8Array[];
};

/** What decides between two versions. */
export type Rank = Pick<Version, "timestamp" | "image">;

/** As many as an upload may be signed with. */
export const VERSION_SIGNATURES_MAX = 16;

/**
 * The version that a state claims: its largest timestamp and the signatures made then, at most
 * `VERSION_SIGNATURES_MAX`; null without a signature. A claim until each signature was verified: only verified ones
 * may be merged, so that made-up signatures never push out real ones.
 */
export function versionOf(state: SignedState): Version | null {
  if (state.signatures.length === 0) return null;
  const timestamp = state.signatures.reduce((most, each) => Math.max(most, each.timestamp), 0);
  const made = state.signatures.filter((each) => each.timestamp === timestamp);
  return { timestamp, image: state.image, signatures: smallest(made.map((each) => each.bytes)) };
}

/** What a version looks like in a state file and in a listing. */
export function stateOf(version: Version): SignedState {
  const { timestamp, image, signatures } = version;
  return { image, signatures: signatures.map((bytes) => ({ timestamp, bytes })) };
}

/** Negative when `b` wins, 0 when both are the same version. Lowercase hex orders as its bytes do. */
export function compareVersions(a: Rank, b: Rank): number {
  return a.timestamp - b.timestamp || compareText(a.image, b.image);
}

/** The greater version; of one version, its signatures from both sides. All given signatures were verified. */
export function mergeVersions(a: Version, b: Version): Version {
  const order = compareVersions(a, b);
  if (order !== 0) return order > 0 ? a : b;
  return { ...a, signatures: smallest([...a.signatures, ...b.signatures]) };
}

/** Sorted, without equals; of too many the smallest: a choice that does not depend on who came first. */
function smallest(signatures: readonly Uint8Array[]): readonly Uint8Array[] {
  const sorted = signatures.toSorted(compareBytes);
  const distinct = sorted.filter((each, at) => at === 0 || compareBytes(each, sorted[at - 1] ?? each) !== 0);
  return distinct.slice(0, VERSION_SIGNATURES_MAX);
}
