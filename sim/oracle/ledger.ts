/**
 * What was uploaded, signed, accepted and reported: the facts that everything is judged by. It knows the content that
 * the script generated, and never reads an index, a signature or a message. The winner is a maximum over what was
 * signed.
 */
import type { Content } from "../content.ts";
import type { SigningKey } from "../script.ts";

/** One upload of the script, by its place among the uploads. */
export type Upload = {
  readonly id: number;
  readonly path: string;
  readonly content: Content;
  readonly key: SigningKey;
  readonly mode: "append" | "replace";
  /** The image that it may take the place of, and no other. */
  readonly old: string | null;
};

/** What was seen of an upload. `signed` goes before the others. */
export type Observation =
  | { readonly kind: "signed"; readonly upload: number; readonly timestamp: number; readonly image: string }
  /** `fresh`: a client was told so just now. */
  | { readonly kind: "accepted"; readonly upload: number; readonly host: string; readonly fresh?: boolean }
  /** `hearsay`: a client heard so, perhaps long after the server said it. */
  | {
      readonly kind: "acknowledged";
      readonly upload: number;
      readonly host: string;
      readonly hearsay?: boolean;
    };

export type Signed = { readonly timestamp: number; readonly image: string };

export type Ledger = {
  readonly uploads: ReadonlyMap<number, Upload>;
  readonly signed: ReadonlyMap<number, Signed>;
  /** By upload, who accepted it. */
  readonly accepted: ReadonlyMap<number, ReadonlySet<string>>;
  expect(upload: Upload): void;
  note(observation: Observation): void;
  /** What a server has reported at a path. */
  reportedAt(host: string, path: string): ReadonlySet<number>;
  /** What a client hears late of its image at a server may be of an earlier upload, also when that has just accepted its own. */
  hasReportedBefore(host: string, upload: number): boolean;
  /** A server's promise at a path counts no more: what it had is gone, by a fault. */
  releaseReports(host: string, path: string): void;
  /** What only this server has accepted, nobody has. */
  releaseAcceptance(host: string): void;
  /** Paths of the directory with this key. */
  pathsBelow(key: string): readonly string[];
  uploadsAt(path: string): readonly Upload[];
  /** Signed with this image there, by whomever. */
  uploadsOf(path: string, image: string): readonly Upload[];
  /** Whether nothing greater was accepted at its path, and it was. */
  isWinner(upload: number): boolean;
  /** The greatest version of these uploads, of those that somebody has accepted, if any was. */
  versionOf(ids: readonly number[]): Signed | null;
};

const NONE: ReadonlySet<number> = new Set();

export function createLedger(): Ledger {
  const uploads = new Map<number, Upload>();
  const signed = new Map<number, Signed>();
  const accepted = new Map<number, Set<string>>();
  const images = new Map<number, string>();
  const reported = new Map<string, Set<number>>();
  /** The same, of what counts no more too: a packet that said so may still come. */
  const everReported = new Map<string, Set<number>>();
  /** By server, path and image, reports that count no more: who repeats one says not of which of its signings. */
  const released = new Set<string>();
  const byPath = new Map<string, Upload[]>();
  const byKey = new Map<string, string[]>();

  /** Who begins to fetch an image says not under which of its signings: one that is accepted explains it. */
  function isExplained({ id, path }: Upload): boolean {
    const image = signed.get(id)?.image;
    return (byPath.get(path) ?? []).some(
      (each) => each.id !== id && signed.get(each.id)?.image === image && accepted.has(each.id),
    );
  }

  /** A receipt names an image, and not under which of its signings: a late one may be of an earlier upload. */
  function isOldNews(upload: Upload, host: string): boolean {
    return accepted.get(upload.id)?.has(host) !== true && hasReportedBefore(upload, host);
  }

  /** A server has reported the image of an upload to an earlier one of the same path. */
  function hasReportedBefore({ id, path }: Upload, host: string): boolean {
    const image = images.get(id);
    return [...(everReported.get(placeOf(host, path)) ?? [])].some(
      (each) => each !== id && images.get(each) === image,
    );
  }

  function accept(id: number, host: string): void {
    accepted.set(id, (accepted.get(id) ?? new Set()).add(host));
  }

  return {
    uploads,
    signed,
    accepted,
    expect(upload) {
      uploads.set(upload.id, upload);
      const here = byPath.get(upload.path);
      if (here !== undefined) {
        here.push(upload);
        return;
      }
      byPath.set(upload.path, [upload]);
      const key = keyOf(upload.path);
      byKey.set(key, [...(byKey.get(key) ?? []), upload.path]);
    },
    note(observation) {
      const upload = uploads.get(observation.upload);
      if (upload === undefined) return;
      if (observation.kind === "signed") images.set(upload.id, observation.image);
      if (upload.key === "stranger") return;
      switch (observation.kind) {
        case "signed":
          signed.set(upload.id, { timestamp: observation.timestamp, image: observation.image });
          return;
        case "accepted":
          if (observation.fresh !== true && !accepted.has(upload.id) && isExplained(upload)) return;
          return accept(upload.id, observation.host);
        case "acknowledged": {
          const name = placeOf(observation.host, upload.path);
          const said = `${name} ${images.get(upload.id)}`;
          if (observation.hearsay === true && (released.has(said) || isOldNews(upload, observation.host)))
            return;
          released.delete(said);
          if (accepted.has(upload.id) || !isExplained(upload)) accept(upload.id, observation.host);
          for (const each of [reported, everReported])
            each.set(name, (each.get(name) ?? new Set()).add(upload.id));
          return;
        }
      }
    },
    reportedAt: (host, path) => reported.get(placeOf(host, path)) ?? NONE,
    hasReportedBefore(host, id) {
      const upload = uploads.get(id);
      return upload !== undefined && hasReportedBefore(upload, host);
    },
    releaseReports(host, path) {
      const place = placeOf(host, path);
      for (const id of reported.get(place) ?? []) released.add(`${place} ${images.get(id)}`);
      reported.delete(place);
    },
    releaseAcceptance(host) {
      for (const [id, hosts] of accepted) if (hosts.delete(host) && hosts.size === 0) accepted.delete(id);
    },
    pathsBelow: (key) => byKey.get(key) ?? [],
    uploadsAt: (path) => byPath.get(path) ?? [],
    uploadsOf: (path, image) => (byPath.get(path) ?? []).filter(({ id }) => images.get(id) === image),
    isWinner(id) {
      const path = uploads.get(id)?.path ?? "";
      const ids = (byPath.get(path) ?? []).map((upload) => upload.id).filter((each) => accepted.has(each));
      return ids.includes(id) && sameVersion(signed.get(id) ?? null, versionOf(ids));
    },
    versionOf,
  };

  function versionOf(ids: readonly number[]): Signed | null {
    let greatest: Signed | null = null;
    // One that nobody has accepted is on no server, though its content may be.
    const some = ids.some((id) => accepted.has(id));
    for (const id of ids) {
      if (some && !accepted.has(id)) continue;
      const each = signed.get(id);
      if (each !== undefined && (greatest === null || isLess(greatest, each))) greatest = each;
    }
    return greatest;
  }
}

/** A path at a server, as the key of a map. */
export function placeOf(host: string, path: string): string {
  return `${host} ${path}`;
}

/** Components of a virtual path after its key. */
export function levelOf(path: string): number {
  return path.split("/").length - 2;
}

/** The first component of a virtual path. */
export function keyOf(path: string): string {
  return path.split("/")[1] ?? "";
}

/** Greater timestamp, then greater image id: hex orders as its bytes do. */
export function isLess(a: Signed, b: Signed): boolean {
  return a.timestamp < b.timestamp || (a.timestamp === b.timestamp && a.image < b.image);
}

export function sameVersion(a: Signed | null, b: Signed | null): boolean {
  return a?.timestamp === b?.timestamp && a?.image === b?.image;
}

/** As people read it. */
export function printIds(ids: readonly number[]): string {
  return ids.length === 0 ? "nothing" : `#${ids.join(" or #")}`;
}
