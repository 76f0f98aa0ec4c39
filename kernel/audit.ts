/**
 * What is wrong with what a server sends, by an index that is expected. Of an index whose last line is not the hash of
 * the rest, the entries are looked at all the same, so that a changed id is told from changed entries; they are compared
 * and used for nothing else.
 */
import type { ImageId } from "./ids.ts";
import { type Difference, differencesBetween } from "./index/difference.ts";
import type { PackedIndex } from "./index/packed.ts";
import { parseIndex } from "./index/parse.ts";
import type { Reading } from "./reader.ts";
import { byteString, fromHex } from "./text.ts";

export type Expectation = { readonly image: ImageId; readonly index: PackedIndex | null };

export type Finding =
  /** A sound index of another image. */
  | { readonly kind: "wrong_image"; readonly image: ImageId; readonly differences: readonly Difference[] }
  /** The entries that are expected, under an id that is not theirs. */
  | { readonly kind: "wrong_id"; readonly detail: string }
  /** No index, or one that its own last line denies. */
  | { readonly kind: "corrupt_index"; readonly detail: string; readonly differences: readonly Difference[] }
  /** The server lists another image than it sends. */
  | { readonly kind: "not_as_listed"; readonly detail: string }
  | { readonly kind: "not_signed" }
  | { readonly kind: "absent" }
  /** Nobody answers, or not in time: nothing is known. */
  | { readonly kind: "silent"; readonly detail: string };

/** Null when it is what is expected. */
export function findingOf(expected: Expectation, reading: Reading): Finding | null {
  if (reading.ok) {
    const { index } = reading;
    if (index.image === expected.image) return null;
    return { kind: "wrong_image", image: index.image, differences: differencesTo(expected, index) };
  }
  const { code, detail } = reading;
  switch (code) {
    case "nothing_there":
      return { kind: "absent" };
    case "not_signed":
      return { kind: "not_signed" };
    case "not_as_listed":
      return { kind: "not_as_listed", detail };
    case "index_invalid":
      return ofInvalid(expected, detail, reading.text ?? null);
    default:
      return { kind: "silent", detail: detail === "" ? code : detail };
  }
}

/**
 * What servers are compared with when nobody says: the version with the newest signature, one of a key that is known
 * here first; of equal ones the smaller id. Null when no server has sent a sound index.
 */
export function expectationOf(readings: readonly Reading[]): Expectation | null {
  const sound = readings.filter((each) => each.ok);
  const [best] = sound.toSorted(
    (a, b) =>
      Math.min(1, b.origin.signers.length) - Math.min(1, a.origin.signers.length) ||
      (b.origin.timestamp ?? 0) - (a.origin.timestamp ?? 0) ||
      (a.index.image < b.index.image ? -1 : 1),
  );
  return best === undefined ? null : { image: best.index.image, index: best.index };
}

function ofInvalid(expected: Expectation, detail: string, text: Uint8Array | null): Finding {
  const claimed = text === null ? null : claimedBy(text);
  if (claimed === null || expected.index === null) return { kind: "corrupt_index", detail, differences: [] };
  const differences = differencesTo(expected, claimed);
  return differences.length === 0
    ? { kind: "wrong_id", detail }
    : { kind: "corrupt_index", detail, differences };
}

function differencesTo({ index }: Expectation, found: PackedIndex): readonly Difference[] {
  return index === null ? [] : differencesBetween(index, found);
}

const DIGITS = /^[0-9a-f]{64}$/;

/** The entries of an index whose last line is taken for true. */
function claimedBy(text: Uint8Array): PackedIndex | null {
  const footer = byteString(text.subarray(-65, -1));
  if (!DIGITS.test(footer)) return null;
  const parsed = parseIndex(text, { image: null, anyBlockBytes: true }, () => fromHex(footer));
  return parsed.ok ? parsed.value : null;
}
