/**
 * What each server answers to uploads, and which it begins to fetch, against what stands at the path just then: a
 * greater version never gives way to a smaller one, a condition holds or the upload is refused, and no refusal is made
 * up. The head of a path is what is being fetched there, else what it shows.
 */
import { isLess, type Ledger, levelOf, placeOf, printIds, type Signed, type Upload } from "./ledger.ts";
import type { Site, Trees } from "./trees.ts";
import { Violation } from "./violation.ts";

export type Verdicts = {
  /** A process begins: what was fetched before it is not any more. */
  started(host: string): void;
  /** What was at a path was removed, and so is what was fetched to it. */
  vanished(host: string, path: string): void;
  /** `latest`: milliseconds since 1970 that a signature may have just now. `doubt`: messages may have been damaged. */
  said(site: Site, mark: string, about: About): void;
  /** Whether a server fetches something to a path, and what. */
  fetchedAt(host: string, path: string): string | null;
};

export type About = {
  readonly path: string;
  readonly image: string;
  readonly reason: string;
  /** Virtual microseconds. */
  readonly time: number;
  readonly latest: number;
  readonly doubt: boolean;
};

type Fetch = { readonly image: string; readonly endedAt: number | null };
type Question = About & {
  readonly site: Site;
  /** What was signed with this image, by who may. */
  readonly offers: readonly Upload[];
  readonly heads: readonly string[];
};

/** An upload is judged, and then stored before it is answered: so long ago what was fetched may have been the head. */
const STORING = 30_000_000;

export function createVerdicts(
  ledger: Ledger,
  trees: Trees,
  wasRemoved: (path: string, version: Signed) => boolean,
): Verdicts {
  const fetches = new Map<string, Fetch>();

  /** Images of which one is the head, as far as can be seen from outside. */
  function headsOf(host: string, path: string, time: number): readonly string[] {
    const fetch = fetches.get(placeOf(host, path));
    if (fetch !== undefined && fetch.endedAt === null) return [fetch.image];
    const { ids } = trees.shownAt(host, path);
    const shown = ids.flatMap((id) => ledger.signed.get(id)?.image ?? []);
    const before = fetch?.endedAt ?? null;
    const past = fetch !== undefined && before !== null && time - before < STORING ? [fetch.image] : [];
    return [...new Set([...shown, ...past])];
  }

  function versions(uploads: readonly Upload[]): readonly Signed[] {
    return uploads.flatMap(({ id }) => ledger.signed.get(id) ?? []);
  }

  /** Whether an offer is smaller than every head, whichever of the signatures of both were meant. */
  function isOlder({ site, path, offers, heads, image }: Question): boolean {
    if (heads.length === 0 || heads.includes(image)) return false;
    // Where nothing is shown, a fetch that was given up leaves nothing that could be newer.
    const fetch = fetches.get(placeOf(site.host, path));
    if (fetch !== undefined && fetch.endedAt !== null && trees.shownAt(site.host, path).ids.length === 0)
      return false;
    const most = versions(offers);
    return heads.every((head) => {
      const there = versions(ledger.uploadsOf(path, head).filter(({ id }) => ledger.accepted.has(id)));
      return there.length > 0 && most.every((offer) => there.every((each) => isLess(offer, each)));
    });
  }

  function fail(code: "older_taken" | "condition_ignored" | "wrongly_refused", question: Question): never {
    const { site, path, offers, heads, reason } = question;
    const { host } = site;
    const there = heads.flatMap((head) => ledger.uploadsOf(path, head).map(({ id }) => id));
    const why = reason === "" ? "" : ` as ${reason}`;
    const verb = { older_taken: "took", condition_ignored: "accepted", wrongly_refused: "refused" }[code];
    throw new Violation(
      code,
      `${host} ${verb} ${printIds(offers.map(({ id }) => id))} at ${path}${why}, where ${printIds(there)} stood`,
    );
  }

  function judgeAccepted(question: Question): void {
    const { site, path, offers, heads, image } = question;
    if (offers.length === 0 || heads.includes(image)) return;
    if (isOlder(question)) fail("older_taken", question);
    if (heads.length > 0 && offers.every(({ mode }) => mode === "append")) fail("older_taken", question);
    // What somebody deleted there is still promised there.
    if (trees.hasLost(site.host, path)) return;
    const conditions = offers.map(({ old }) => old ?? null);
    if (conditions.every((old) => old !== null && !heads.includes(old))) fail("condition_ignored", question);
  }

  function judgeRefused(question: Question): void {
    const { site, path, offers, heads, image, reason, latest, doubt } = question;
    // What somebody deleted there is still promised there.
    if (offers.length === 0 || trees.hasLost(site.host, path)) return;
    const isFounded = (): boolean => {
      switch (reason) {
        case "older_than_present":
          return heads.some((head) => {
            const there = versions(ledger.uploadsOf(path, head));
            return versions(offers).some((offer) => there.some((each) => isLess(offer, each)));
          });
        case "already_exists":
        case "already_uploading_different_version":
          return heads.some((head) => head !== image);
        case "replace_doesnt_match_index":
          // Nothing matches nothing; else one of the heads is the one that was compared.
          return offers.some(
            ({ old }) => old !== null && (heads.length === 0 || heads.some((head) => head !== old)),
          );
        case "dir_is_append_only":
          return site.append;
        case "timestamp_in_future":
          return versions(offers).some(({ timestamp }) => timestamp > latest);
        case "signature_mismatch":
          return doubt || ledger.uploadsOf(path, image).some(({ key }) => !site.keys.includes(key));
        case "already_removed":
          return versions(offers).some((offer) => wasRemoved(path, offer));
        case "no_config":
          return doubt;
        case "config_level_mismatch":
          return doubt || site.levels !== levelOf(path);
        default:
          return true; // of the disk or a bound
      }
    };
    if (!isFounded()) fail("wrongly_refused", question);
  }

  return {
    started(host) {
      for (const place of fetches.keys()) if (place.startsWith(`${host} `)) fetches.delete(place);
    },
    vanished: (host, path) => void fetches.delete(placeOf(host, path)),
    said(site, mark, about) {
      const { host } = site;
      const { path, image, time } = about;
      const place = placeOf(host, path);
      const question = (): Question => ({
        ...about,
        site,
        offers: ledger.uploadsOf(path, image).filter(({ key }) => site.keys.includes(key)),
        heads: headsOf(host, path, time),
      });
      switch (mark) {
        case "upload_accepted":
          return judgeAccepted(question());
        case "upload_refused":
          return judgeRefused(question());
        case "download_started": {
          const asked = question();
          if (!site.append && isOlder(asked)) fail("older_taken", asked);
          fetches.set(place, { image, endedAt: null });
          return;
        }
        case "download_done":
        case "download_aborted":
        case "download_superseded":
          if (fetches.get(place)?.image === image) fetches.set(place, { image, endedAt: time });
          return;
        default:
          return;
      }
    },
    fetchedAt(host, path) {
      const fetch = fetches.get(placeOf(host, path));
      return fetch === undefined || fetch.endedAt !== null ? null : fetch.image;
    },
  };
}
