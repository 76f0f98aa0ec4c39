/**
 * Whether an upload is taken. The key, the level and the signatures were judged before; here it meets what is at its
 * path. The head of a path is its running download, else what is committed.
 *
 * Differs from 0.6.12 on purpose: timestamps are compared, a greater version supersedes a running download, and
 * `old_image` is a condition also when nothing is here.
 *
 * Source: architecture decisions, section 6; specification of the wire, sections 9.1 and 9.2.
 */
import { type Entry, headOf, type Intent, type Mode } from "../catalog.ts";
import type { ImageId } from "../ids.ts";
import { compareBytes } from "../text.ts";
import { compareVersions, mergeVersions, type Version } from "../winner.ts";

/** What a client asks for; its signatures were verified. */
export type Offer = {
  readonly version: Version;
  readonly mode: Mode;
  /** Of a replace: the image that must be the head. */
  readonly oldImage: ImageId | null;
};
export type Rules = { readonly appendOnly: boolean; readonly futureSkewMs: number };

export type JudgeRefusal =
  | "already_exists" // append: another image is committed
  | "already_uploading_different_version" // append: another image is being downloaded
  | "dir_is_append_only" // replace: never in this base directory
  | "replace_doesnt_match_index" // replace: the head is not `old_image`
  | "older_than_present" // replace: the head is another image and not smaller
  | "timestamp_in_future"; // further ahead than the allowed skew

export type Verdict =
  /** The image is here or on its way: `version` is what its state says from now on, `changed` when that is news. */
  | {
      readonly kind: "already_here";
      readonly at: "committed" | "intent";
      readonly version: Version;
      readonly changed: boolean;
      /** A running download of another image that loses to what is committed. */
      readonly supersedes: Intent | null;
    }
  | { readonly kind: "start"; readonly mode: Mode; readonly supersedes: Intent | null }
  | { readonly kind: "refuse"; readonly code: JudgeRefusal; readonly detail: string };

/** Decides; changes nothing. `nowWall` in milliseconds since 1970. */
export function judge(entry: Entry, offer: Offer, rules: Rules, nowWall: number): Verdict {
  if (offer.mode === "replace" && rules.appendOnly) return refuse("dir_is_append_only", "");
  const latest = nowWall + rules.futureSkewMs;
  if (offer.version.timestamp > latest) {
    return refuse("timestamp_in_future", `${offer.version.timestamp} > ${latest}`);
  }
  const head = headOf(entry);
  if (head !== null && head.image === offer.version.image) {
    return alreadyHere(entry.intent === null ? "committed" : "intent", head, offer.version, null);
  }
  return offer.mode === "append" ? judgeAppend(entry) : judgeReplace(entry, head, offer);
}

function judgeAppend(entry: Entry): Verdict {
  if (entry.intent !== null) return refuse("already_uploading_different_version", entry.intent.image);
  if (entry.committed !== null) return refuse("already_exists", entry.committed.image);
  return { kind: "start", mode: "append", supersedes: null };
}

function judgeReplace(entry: Entry, head: Version | null, offer: Offer): Verdict {
  const { version, oldImage } = offer;
  if (oldImage !== null && head?.image !== oldImage) {
    return refuse("replace_doesnt_match_index", `${head?.image ?? "nothing"} is here`);
  }
  if (head !== null && compareVersions(version, head) < 0) {
    return refuse("older_than_present", `${version.timestamp} <= ${head.timestamp}`);
  }
  // Back to what is committed while another image was on its way: nothing to fetch, only to stop.
  if (entry.committed !== null && entry.committed.image === version.image) {
    return alreadyHere("committed", entry.committed, version, entry.intent);
  }
  return { kind: "start", mode: "replace", supersedes: entry.intent };
}

function alreadyHere(
  at: "committed" | "intent",
  here: Version,
  offered: Version,
  supersedes: Intent | null,
): Verdict {
  const { timestamp, image, signatures } = mergeVersions(here, offered);
  const changed =
    timestamp !== here.timestamp ||
    signatures.length !== here.signatures.length ||
    signatures.some((each, place) => compareBytes(each, here.signatures[place] ?? each) !== 0);
  return { kind: "already_here", at, version: { timestamp, image, signatures }, changed, supersedes };
}

function refuse(code: JudgeRefusal, detail: string): Verdict {
  return { kind: "refuse", code, detail };
}
