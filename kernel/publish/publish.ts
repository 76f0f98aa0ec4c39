/**
 * Uploads: from the request (or a peer's listing) to a durable intent, one at a time for a path.
 *
 *   received -> verifying -> waiting for the path -> storing -> accepted
 *        \___________\______________\________________\_____-> refused (a code)
 *
 * What was true when an upload came may not be when its signatures are verified, so it is judged against the catalog
 * only when its turn has come. Nobody is told "accepted" before the disk has said so.
 *
 * Source: specification of the wire, sections 9.1 and 9.2; reliability notes, steps U1, U3 and ACK1.
 */
import { assert, unreachable } from "../assert.ts";
import { type Catalog, type Entry, type Intent, type Mode, getEntry, headOf, roomFor } from "../catalog.ts";
import type { Config, DirectoryConfig, KeyRing, PublicKey } from "../config.ts";
import type { SignatureCheck } from "../effect.ts";
import { type Address, type ConnId, type ImageId, type Now, type VPath, keyOf, levelOf } from "../ids.ts";
import { type Prng, next } from "../prng.ts";
import { uploadPayload } from "../signature/payload.ts";
import { checkImageName } from "../path-rules.ts";
import { fromHex } from "../text.ts";
import { type Version, compareVersions, mergeVersions } from "../winner.ts";
import { judge } from "./judge.ts";

/** Who wants an answer: a client's request, or reconciliation, which goes on with its listing. */
export type Origin =
  | {
      readonly kind: "client";
      readonly conn: ConnId;
      readonly request: number;
      readonly oldImage: ImageId | null;
    }
  | { readonly kind: "peer"; readonly address: Address; readonly listing: string };

export type Arrival = {
  readonly origin: Origin;
  readonly path: VPath;
  readonly mode: Mode;
  readonly version: Version;
};

/** Number of an upload between its machine and the operations asked for it. */
export type Ticket = number;

type Upload = Arrival & {
  readonly ticket: Ticket;
  readonly directory: DirectoryConfig;
  verified: Version | null;
};

export type PublishState = {
  readonly uploads: Map<Ticket, Upload>;
  /** Uploads of a path that are verified, the first of them being stored. */
  readonly turns: Map<VPath, Ticket[]>;
  readonly storing: Map<Ticket, Storing>;
  nextTicket: Ticket;
};

type Storing =
  | { readonly kind: "intent"; readonly intent: Intent; readonly superseded: Intent | null }
  | { readonly kind: "signatures"; readonly version: Version; readonly at: "committed" | "intent" };

export type PublishOut =
  | { readonly kind: "verify"; readonly ticket: Ticket; readonly checks: readonly SignatureCheck[] }
  | {
      readonly kind: "put_intent";
      readonly ticket: Ticket;
      readonly path: VPath;
      readonly directory: DirectoryConfig;
      readonly intent: Intent;
    }
  | {
      readonly kind: "put_state";
      readonly ticket: Ticket;
      readonly path: VPath;
      readonly directory: DirectoryConfig;
      readonly version: Version;
      /** The promise that loses to it. */
      readonly supersedes: Intent | null;
    }
  /** A promise that is not kept. */
  | {
      readonly kind: "withdraw";
      readonly path: VPath;
      readonly directory: DirectoryConfig;
      readonly stage: string;
    }
  | { readonly kind: "accepted"; readonly upload: Arrival; readonly now: Outcome }
  /** After the outs before it have changed the catalog, `takeTurn` this one. */
  | { readonly kind: "next_turn"; readonly ticket: Ticket }
  | {
      readonly kind: "refused";
      readonly upload: Arrival;
      readonly code: string;
      readonly detail: string;
      /** Not for what it is: the disk or a bound said no, and the same upload may be taken a moment later. */
      readonly passing: boolean;
    };

export type Outcome =
  /** A download begins; `superseded` is the one that it takes the place of. */
  | { readonly kind: "started"; readonly intent: Intent; readonly superseded: Intent | null }
  | { readonly kind: "running"; readonly version: Version }
  | { readonly kind: "present"; readonly version: Version };

export type PublishView = {
  readonly config: Config;
  readonly keys: KeyRing;
  readonly catalog: Catalog;
  readonly now: Now;
  readonly prng: Prng;
  /** Of the path's download or removal: what stands at its name may be another thing than the catalog says. */
  commitOf(path: VPath): "running" | "failed" | null;
  /** The disk of a directory, or that of the database, has no room for another image. */
  isShort(directory: DirectoryConfig): boolean;
  /** It was removed here, so that nobody brings it back by sending its signature again. */
  isRemoved(path: VPath, version: Version): boolean;
  /** Something greater was published here, and is here no more. */
  isPast(path: VPath, version: Version): boolean;
  /** Its image, when its state is lost: what stands at its name may be that. */
  publishedAt(path: VPath): ImageId | null;
};

export function createPublish(): PublishState {
  return { uploads: new Map(), turns: new Map(), storing: new Map(), nextTicket: 1 };
}

/** The configured directory that a path may be uploaded to, or why there is none. */
export function directoryFor(
  config: Config,
  path: VPath,
): DirectoryConfig | "no_config" | "config_level_mismatch" {
  const key = keyOf(path);
  const directory = config.directories.find((each) => each.key === key);
  if (directory === undefined) return "no_config";
  return levelOf(path) === directory.numLevels ? directory : "config_level_mismatch";
}

/** Keys that count for an upload to a directory, each once. */
export function keysOf(
  keys: KeyRing,
  directory: DirectoryConfig,
  { origin, version }: Pick<Arrival, "origin" | "version">,
  now: Now,
): readonly PublicKey[] {
  const { uploadKeys } = directory;
  const ending = keys.ending.filter(({ until, name, uploads }) => {
    if (version.timestamp > until || (name !== null && !uploadKeys.includes(name))) return false;
    // A client chooses the date of its signature; what other servers have was taken when it was made.
    return origin.kind === "peer" || (uploads && now.wall <= until);
  });
  return [
    ...new Set([
      ...keys.master,
      ...uploadKeys.flatMap((name) => keys.named.get(name) ?? []),
      ...ending.map(({ key }) => key),
    ]),
  ];
}

export function receive(state: PublishState, arrival: Arrival, view: PublishView): readonly PublishOut[] {
  const directory = directoryFor(view.config, arrival.path);
  if (typeof directory === "string") return [refuse(arrival, directory)];
  const name = checkImageName(arrival.path);
  if (!name.ok) return [refuse(arrival, name.code, name.detail)];
  if (state.uploads.size >= view.config.limits.pendingUploadsMax)
    return [{ ...refuse(arrival, "busy"), passing: true }];
  const checks = checksOf(arrival, keysOf(view.keys, directory, arrival, view.now));
  if (checks.length === 0) return [refuse(arrival, "signature_mismatch", "no key or no signature")];
  const upload: Upload = { ...arrival, ticket: state.nextTicket++, directory, verified: null };
  state.uploads.set(upload.ticket, upload);
  return [{ kind: "verify", ticket: upload.ticket, checks }];
}

/** Every signature with every key, signature by signature. */
function checksOf(arrival: Arrival, keys: readonly PublicKey[]): readonly SignatureCheck[] {
  const { timestamp, image, signatures } = arrival.version;
  const payload = uploadPayload(arrival.path, image, timestamp);
  return signatures.flatMap((signature) =>
    keys.map((key) => ({ payload, signature, publicKey: fromHex(key) })),
  );
}

/** Keeps the signatures that hold under some key, and waits for the path's turn. */
export function verified(
  state: PublishState,
  ticket: Ticket,
  holds: readonly boolean[],
  view: PublishView,
): readonly PublishOut[] {
  const upload = state.uploads.get(ticket);
  if (upload === undefined) return [];
  const { signatures } = upload.version;
  const width = signatures.length === 0 ? 0 : holds.length / signatures.length;
  const good = signatures.filter((_, at) => holds.slice(at * width, (at + 1) * width).includes(true));
  if (good.length === 0) {
    state.uploads.delete(ticket);
    return [refuse(upload, "signature_mismatch")];
  }
  upload.verified = mergeVersions(
    { ...upload.version, signatures: good },
    { ...upload.version, signatures: good },
  );
  const turns = state.turns.get(upload.path) ?? [];
  turns.push(ticket);
  state.turns.set(upload.path, turns);
  return turns.length === 1 ? take(state, upload, view) : [];
}

/** The disk has made it durable, or has said why not. */
export function stored(
  state: PublishState,
  ticket: Ticket,
  code: string | null,
  view: PublishView,
): readonly PublishOut[] {
  const upload = state.uploads.get(ticket);
  const storing = state.storing.get(ticket);
  assert(upload !== undefined && storing !== undefined, "only an upload that is being stored is stored");
  state.storing.delete(ticket);
  const out: PublishOut[] = [];
  const directory = directoryFor(view.config, upload.path);
  // What somebody else has put there stays until somebody takes it away.
  if (code !== null) out.push({ ...refuse(upload, code), passing: code !== "already_exists" });
  else if (typeof directory === "string") {
    // Its directory went meanwhile: nobody would bring here what was promised.
    if (storing.kind === "intent")
      out.push({
        kind: "withdraw",
        path: upload.path,
        directory: upload.directory,
        stage: storing.intent.stage,
      });
    out.push(refuse(upload, directory));
  } else out.push({ kind: "accepted", upload, now: outcomeOf(storing) });
  return [...out, ...finish(state, upload)];
}

/** The path's commit has ended: judges the upload that waits for that. */
export function commitEnded(state: PublishState, path: VPath, view: PublishView): readonly PublishOut[] {
  const [ticket] = state.turns.get(path) ?? [];
  return ticket === undefined || state.storing.has(ticket) ? [] : takeTurn(state, ticket, view);
}

/** Judges the upload whose turn has come. */
export function takeTurn(state: PublishState, ticket: Ticket, view: PublishView): readonly PublishOut[] {
  const upload = state.uploads.get(ticket);
  assert(upload !== undefined, "an upload whose turn has come exists");
  return take(state, upload, view);
}

function outcomeOf(storing: Storing): Outcome {
  switch (storing.kind) {
    case "intent":
      return { kind: "started", intent: storing.intent, superseded: storing.superseded };
    case "signatures":
      return { kind: storing.at === "committed" ? "present" : "running", version: storing.version };
    default:
      return unreachable(storing);
  }
}

/** Takes an upload from the head of its path's turns, and lets the next one try. */
function finish(state: PublishState, upload: Upload): readonly PublishOut[] {
  state.uploads.delete(upload.ticket);
  const turns = state.turns.get(upload.path) ?? [];
  assert(turns[0] === upload.ticket, "an upload finishes in its turn");
  turns.shift();
  const [following] = turns;
  if (following === undefined) {
    state.turns.delete(upload.path);
    return [];
  }
  const waiting = state.uploads.get(following);
  assert(waiting !== undefined, "an upload that waits for its turn exists");
  return [{ kind: "next_turn", ticket: waiting.ticket }];
}

function take(state: PublishState, upload: Upload, view: PublishView): readonly PublishOut[] {
  const version = upload.verified;
  assert(version !== null, "an upload is judged after its signatures");
  const directory = directoryFor(view.config, upload.path);
  if (typeof directory === "string") return [refuse(upload, directory), ...finish(state, upload)];
  const commit = view.commitOf(upload.path);
  if (commit === "running") return []; // what it meets is known when the commit has ended
  const entry = getEntry(view.catalog, upload.path);
  if (isBelowFloor(upload.path, version, headOf(entry), view))
    return [refuse(upload, "already_removed", "sign it again to bring it back"), ...finish(state, upload)];
  if (headOf(entry)?.image !== version.image && view.isPast(upload.path, version))
    return [refuse(upload, "older_than_present", "a newer one was published here"), ...finish(state, upload)];
  const judged =
    upload.origin.kind === "client"
      ? judge(
          entry,
          { version, mode: upload.mode, oldImage: upload.origin.oldImage },
          { appendOnly: directory.appendOnly, futureSkewMs: view.config.limits.futureSkewMs },
          view.now.wall,
        )
      : judgePeer(entry, version, directory.appendOnly);
  // What was committed may have been displaced by the commit that failed: it is brought here again.
  const verdict: typeof judged =
    commit === "failed" && judged.kind === "already_here" && judged.supersedes !== null
      ? { kind: "start", mode: "replace", supersedes: judged.supersedes }
      : judged;
  switch (verdict.kind) {
    case "refuse":
      return [refuse(upload, verdict.code, verdict.detail), ...finish(state, upload)];
    case "already_here": {
      const { at, version: merged } = verdict;
      if (!verdict.changed && verdict.supersedes === null) {
        const now: Outcome = { kind: at === "committed" ? "present" : "running", version: merged };
        return [{ kind: "accepted", upload, now }, ...finish(state, upload)];
      }
      if (at === "intent" && entry.intent !== null) {
        // The same download goes on under the merged list.
        const intent: Intent = { ...entry.intent, ...merged };
        state.storing.set(upload.ticket, { kind: "signatures", version: merged, at });
        return [
          {
            kind: "put_intent",
            ticket: upload.ticket,
            path: upload.path,
            directory: upload.directory,
            intent,
          },
        ];
      }
      state.storing.set(upload.ticket, { kind: "signatures", version: merged, at });
      return [
        {
          kind: "put_state",
          ticket: upload.ticket,
          path: upload.path,
          directory: upload.directory,
          version: merged,
          supersedes: verdict.supersedes,
        },
      ];
    }
    case "start": {
      if (view.isShort(directory)) {
        const full = { ...refuse(upload, "no_space", "the reserve of the disk"), passing: true };
        return [full, ...finish(state, upload)];
      }
      const room = roomFor(view.catalog, upload.path, view.config.limits.pendingUploadsMax);
      if (!room.ok) {
        const full = { ...refuse(upload, room.code, room.detail), passing: true };
        return [full, ...finish(state, upload)];
      }
      const mode = mayReplace(upload, version, directory, view) ? "replace" : verdict.mode;
      const intent: Intent = { ...version, stage: newStage(view.prng), mode };
      state.storing.set(upload.ticket, { kind: "intent", intent, superseded: verdict.supersedes });
      return [
        { kind: "put_intent", ticket: upload.ticket, path: upload.path, directory: upload.directory, intent },
      ];
    }
    default:
      return unreachable(verdict);
  }
}

/**
 * An old signature brings nothing back that was removed, and nothing older than that either: also not where something
 * older than what was removed is here again, because another program or a backup has put it there. That stays.
 */
function isBelowFloor(path: VPath, version: Version, head: Version | null, view: PublishView): boolean {
  if (head !== null && (head.image === version.image || !view.isRemoved(path, head))) return false;
  return view.isRemoved(path, version);
}

/** A tree without a state refuses an append, as another's; where its state is lost it is the one that was published. */
function mayReplace(
  { origin, path }: Upload,
  { image }: Version,
  { appendOnly }: DirectoryConfig,
  view: PublishView,
): boolean {
  const published = view.publishedAt(path);
  return published !== null && (published === image || (origin.kind === "peer" && !appendOnly));
}

/** The winner rule: what a peer has is taken when it is greater, or, of the same version, for its signatures. */
function judgePeer(entry: Entry, version: Version, appendOnly: boolean): ReturnType<typeof judge> {
  const head = headOf(entry);
  if (head === null) return { kind: "start", mode: "append", supersedes: null };
  if (head.image === version.image) {
    const merged = mergeVersions(head, version);
    const changed =
      compareVersions(merged, head) !== 0 || merged.signatures.length !== head.signatures.length;
    const at = entry.intent === null ? "committed" : "intent";
    return { kind: "already_here", at, version: merged, changed, supersedes: null };
  }
  if (appendOnly) return { kind: "refuse", code: "already_exists", detail: head.image };
  if (compareVersions(version, head) < 0)
    return { kind: "refuse", code: "older_than_present", detail: head.image };
  if (entry.committed !== null && entry.committed.image === version.image) {
    const merged = mergeVersions(entry.committed, version);
    return {
      kind: "already_here",
      at: "committed",
      version: merged,
      changed: true,
      supersedes: entry.intent,
    };
  }
  return { kind: "start", mode: "replace", supersedes: entry.intent };
}

const STAGE_CHARACTERS = 8;

function newStage(prng: Prng): string {
  return next(prng).toString(16).padStart(STAGE_CHARACTERS, "0");
}

function refuse(
  upload: Arrival,
  code: string,
  detail = "",
): Extract<PublishOut, { readonly kind: "refused" }> {
  return { kind: "refused", upload, code, detail, passing: false };
}
