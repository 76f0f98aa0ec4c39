/**
 * A server: composes the machines and routes between them. Everything that it wants goes into one list of effects, in
 * order; everything that it waits for stands in one table of operations.
 */
import { assert, unreachable } from "./assert.ts";
import {
  type Catalog,
  type Intent,
  abortIntent,
  basesOf,
  commitIntent,
  createCatalog,
  getEntry,
  listingOf,
  putCommitted,
  putIntent,
  revisionOf,
  takeDirty,
} from "./catalog.ts";
import type { Config, DirectoryConfig, KeyRing } from "./config.ts";
import type { Effect, TraceFields } from "./effect.ts";
import type { Event } from "./event.ts";
import {
  type AskPurpose,
  type Candidate,
  type DiskPurpose,
  type Download,
  type FetchOut,
  type FetchView,
  answeredWith,
  askFailed,
  diskDone,
  hasStored,
  progressMask,
  sourcesChanged,
  startDownload,
  tick as tickDownload,
} from "./fetch/download.ts";
import {
  advance,
  type News,
  type RoundState,
  sendRound,
  sendTo,
  sendWave,
  watchesWithin,
} from "./gossip/rounds.ts";
import {
  type Peer,
  type View,
  createView,
  expireRecords,
  heard,
  peersFor,
  peersOf,
  replaceRecord,
  setListed,
  strangersOf,
  wantedElsewhere,
  watchersOf,
} from "./gossip/view.ts";
import {
  type Address,
  type ConnId,
  type Digest,
  type ImageId,
  type MachineId,
  type MonoMs,
  type Now,
  type OpId,
  type UnixMs,
  type VPath,
  keyOf,
  levelOf,
  parentOf,
  parseDigest,
  parseVPath,
} from "./ids.ts";
import { type IndexCache, cacheIndex, cachedIndex, createIndexCache } from "./index-cache.ts";
import { BLOCK_BYTES, type PackedIndex } from "./index/packed.ts";
import { findFile, firstBlockOf, hashOfBlock, placeOfBlock } from "./index/view.ts";
import { type Prng, keyed, next, sample } from "./prng.ts";
import {
  type Arrival,
  type PublishOut,
  type PublishState,
  type PublishView,
  type Ticket,
  createPublish,
  receive,
  stored,
  takeTurn,
  verified,
} from "./publish/publish.ts";
import {
  type WatchState,
  connectionEnded,
  createWatch,
  declareImage,
  servers,
  toldAbout,
  watchPath,
} from "./publish/watch.ts";
import {
  type ReconcileOut,
  type ReconcileState,
  type ReconcileView,
  type Take,
  createReconcile,
  decided,
  expireReconcile,
  forgetContained,
  heardDigest,
  listingCame,
  listingFailed,
  nextTakes,
  ownDigestChanged,
} from "./reconcile/reconcile.ts";
import {
  type Links,
  answered,
  ask,
  beginAnswer,
  closed,
  connectionTo,
  countRefusal,
  createLinks,
  endAnswer,
  expire,
  hasCalls,
  isOpen,
  mayDial,
  opened,
  send,
} from "./rpc/links.ts";
import type { DiskRequest, DiskResult, FoundImage, Transfer } from "./storage/request.ts";
import { byteStringOfText, utf8Decode } from "./text.ts";
import { stateOf, versionOf } from "./winner.ts";
import { decodeFrame } from "./wire/frame.ts";
import type { BlockHint, Hosts, Request, Response } from "./wire/message.ts";
import { type GossipMessage, type Packet, decodePacket } from "./wire/packet.ts";
import type { Listing } from "./wire/signed-state.ts";
import { digestOfConfigList, digestOfListing, encodeListing } from "./wire/state-file.ts";

/** What waits for an answer over a link. */
type Tag =
  | { readonly kind: "fetch"; readonly path: VPath; readonly stage: string; readonly purpose: AskPurpose }
  | { readonly kind: "listing"; readonly key: string };

/** Whom to answer. */
type Asker = { readonly conn: ConnId; readonly request: number };

/** What waits for the disk, a verification or a digest. */
type Waiting =
  | { readonly kind: "recover" }
  | { readonly kind: "verify"; readonly ticket: Ticket }
  | { readonly kind: "store"; readonly ticket: Ticket }
  | { readonly kind: "fetch"; readonly path: VPath; readonly stage: string; readonly purpose: DiskPurpose }
  | { readonly kind: "serve_index"; readonly asker: Asker; readonly at: boolean; readonly hosts: Hosts }
  | { readonly kind: "serve_load"; readonly image: ImageId }
  | { readonly kind: "serve_block"; readonly asker: Asker; readonly length: number }
  | { readonly kind: "own_digest"; readonly base: VPath; readonly revision: number }
  | { readonly kind: "listing_digest"; readonly key: string; readonly listing: Listing }
  | { readonly kind: "page"; readonly address: Address }
  | {
      readonly kind: "restore";
      readonly path: VPath;
      readonly directory: DirectoryConfig;
      readonly intent: Intent;
    }
  | { readonly kind: "cleanup"; readonly what: string; readonly path: VPath }
  | { readonly kind: "save" };

type OldTree = {
  readonly path: VPath;
  readonly directory: DirectoryConfig;
  readonly stage: string;
  readonly at: MonoMs;
};

export type NodeState = {
  readonly config: Config;
  readonly prng: Prng;
  keys: KeyRing;
  phase: "starting" | "running" | "stopping" | "failed";
  readonly catalog: Catalog;
  readonly digests: Map<VPath, { digest: Digest; revision: number /** When it was computed. */; at: UnixMs }>;
  readonly links: Links<Tag>;
  readonly view: View;
  readonly rounds: RoundState;
  readonly publish: PublishState;
  readonly watch: WatchState;
  readonly reconcile: ReconcileState;
  readonly downloads: Map<VPath, Download>;
  readonly indexes: IndexCache;
  /** Requests for blocks that wait for an index from the disk. */
  readonly indexWaiters: Map<
    ImageId,
    { readonly asker: Asker; readonly hash: string; readonly hint: BlockHint }[]
  >;
  readonly waiting: Map<OpId, Waiting>;
  readonly oldTrees: OldTree[];
  /** Images given up here a moment ago: not taken again at once. */
  readonly avoided: Map<string, MonoMs>;
  readonly deleted: { readonly path: VPath; readonly image: ImageId; readonly until: MonoMs }[];
  readonly problems: Map<string, string>;
  readonly configDigest: Digest;
  transfer: Transfer;
  transferDirty: boolean;
  nextOp: number;
  started: boolean;
  sweepAt: MonoMs;
  pollAt: MonoMs;
  startedAt: MonoMs;
};

const SWEEP_MS = 250;
const PROBLEMS_MAX = 1_000;
const AVOID_MS = 120_000; // 0.6.12's
const DELETED_MS = 300_000;
const DIGEST_INLINE_BYTES = 64 * 1024;
const POLLS_AT_ONCE = 3;
const REUSE_IMAGES_MAX = 37; // 0.6.12's
const NO_KEEP_LIST = "45b0cfc220ceec5b7c1c62c4d4193d38e4eba48e8815729ce75f9c0ab0e4c1c0" as Digest; // of an empty list
const NOTHING_MOVED: Transfer = {
  fetched: { bytes: 0, blocks: 0 },
  reused: { bytes: 0, blocks: 0 },
  linked: { bytes: 0, blocks: 0 },
  served: { bytes: 0, blocks: 0 },
};

export function createNode(config: Config, seed: string, now: Now): NodeState {
  const paths = config.directories.map(({ key }) => `/${key}` as VPath);
  return {
    config,
    prng: keyed(seed, "node", config.machine),
    keys: { master: [], named: new Map() },
    phase: "starting",
    catalog: createCatalog(),
    digests: new Map(),
    links: createLinks(config.limits),
    view: createView(config.machine, config.limits),
    rounds: { nextAt: now.mono, cursor: 0 },
    publish: createPublish(),
    watch: createWatch(),
    reconcile: createReconcile(),
    downloads: new Map(),
    indexes: createIndexCache(config.limits.indexCacheBytesMax),
    indexWaiters: new Map(),
    waiting: new Map(),
    oldTrees: [],
    avoided: new Map(),
    deleted: [],
    problems: new Map(),
    configDigest: digestOfConfigList(paths),
    transfer: NOTHING_MOVED,
    transferDirty: false,
    nextOp: 1,
    started: false,
    sweepAt: now.mono,
    pollAt: now.mono,
    startedAt: now.mono,
  };
}

/** One event in, effects out, in the order in which they are to be performed. */
export function step(node: NodeState, event: Event, now: Now): readonly Effect[] {
  const out: Effect[] = [];
  handle(node, event, now, out);
  if (node.phase === "running") {
    admitTakes(node, now, out);
    refreshDigests(node, now, out);
  }
  return out;
}

/** The earliest moment at which a `wake` is useful. */
export function wakeAt(node: NodeState): MonoMs {
  if (!node.started) return node.startedAt;
  if (node.phase !== "running") return (node.startedAt + 1e12) as MonoMs;
  return Math.min(node.rounds.nextAt, isBusy(node) ? node.sweepAt : node.rounds.nextAt) as MonoMs;
}

function isBusy(node: NodeState): boolean {
  return node.downloads.size > 0 || node.oldTrees.length > 0 || hasCalls(node.links);
}

function handle(node: NodeState, event: Event, now: Now, out: Effect[]): void {
  switch (event.kind) {
    case "wake":
      return wake(node, now, out);
    case "datagram":
      return datagram(node, event.from, event.bytes, now, out);
    case "conn_open":
      return opened(node.links, event.conn, event.address, event.side, out);
    case "conn_closed":
      return connClosed(node, event.conn, now, out);
    case "frame":
      return frame(node, event.conn, event.bytes, now, out);
    case "disk_done":
      return diskAnswer(node, event.op, event.result, now, out);
    case "verified": {
      const waiting = takeWaiting(node, event.op);
      if (waiting?.kind === "verify") {
        perform(node, verified(node.publish, waiting.ticket, event.holds, publishView(node, now)), now, out);
      }
      return;
    }
    case "digested": {
      const waiting = takeWaiting(node, event.op);
      if (waiting?.kind === "own_digest")
        setOwnDigest(node, waiting.base, event.digest, waiting.revision, now, out);
      if (waiting?.kind === "listing_digest") {
        reconcileOuts(
          node,
          listingCame(node.reconcile, waiting.key, waiting.listing, event.digest, reconcileView(node, now)),
          now,
          out,
        );
      }
      return;
    }
    case "resolved":
    case "signed":
      return; // only an uploader asks for these
    case "http_got": {
      const waiting = takeWaiting(node, event.op);
      if (waiting?.kind === "page" && event.body !== null)
        readBaseDirsPage(node, waiting.address, event.body, now, out);
      return;
    }
    case "keys_changed":
      node.keys = event.keys;
      return;
    case "peers_resolved":
      setListed(node.view, event.peers);
      node.rounds.nextAt = now.mono;
      node.pollAt = now.mono;
      return;
    case "stop":
      return stop(node, out);
    default:
      return unreachable(event);
  }
}

// ------------------------------------------------------------------------------------------------ operations

function operation(node: NodeState, waiting: Waiting): OpId {
  const op = node.nextOp as OpId;
  node.nextOp += 1;
  node.waiting.set(op, waiting);
  return op;
}

function takeWaiting(node: NodeState, op: OpId): Waiting | null {
  const waiting = node.waiting.get(op) ?? null;
  node.waiting.delete(op);
  return waiting;
}

function disk(node: NodeState, waiting: Waiting, request: DiskRequest, out: Effect[]): void {
  out.push({ kind: "disk", op: operation(node, waiting), request });
}

function trace(out: Effect[], mark: string, fields: TraceFields): void {
  out.push({ kind: "trace", mark, fields });
}

function problem(node: NodeState, about: string, what: string | null): void {
  if (what === null) node.problems.delete(about);
  else if (node.problems.size < PROBLEMS_MAX) node.problems.set(about, what);
}

// ------------------------------------------------------------------------------------------------ time

function wake(node: NodeState, now: Now, out: Effect[]): void {
  if (!node.started) {
    node.started = true;
    const places = node.config.directories.map(({ key, root, numLevels }) => ({ key, root, numLevels }));
    const tag = next(node.prng).toString(16);
    return disk(node, { kind: "recover" }, { kind: "recover", places, tag }, out);
  }
  if (node.phase !== "running") return;
  if (now.mono >= node.sweepAt) sweep(node, now, out);
  if (now.mono >= node.rounds.nextAt) round(node, now, out);
}

function sweep(node: NodeState, now: Now, out: Effect[]): void {
  node.sweepAt = (now.mono + SWEEP_MS) as MonoMs;
  for (const tag of expire(node.links, now.mono)) tagFailed(node, tag, "lost", now, out);
  for (const download of node.downloads.values())
    fetchOuts(node, tickDownload(download, fetchView(node, now)), now, out);
  for (const old of node.oldTrees.splice(0)) {
    if (old.at > now.mono) {
      node.oldTrees.push(old);
      continue;
    }
    const place = { path: old.path, root: old.directory.root };
    disk(
      node,
      { kind: "cleanup", what: "delete_old", path: old.path },
      { kind: "delete_old", place, stage: old.stage },
      out,
    );
  }
}

function round(node: NodeState, now: Now, out: Effect[]): void {
  const { limits } = node.config;
  node.rounds.nextAt = (now.mono + limits.gossipIntervalMs) as MonoMs;
  expireRecords(node.view, now.mono);
  expireReconcile(node.reconcile, now.mono);
  for (const [key, until] of node.avoided) if (until <= now.mono) node.avoided.delete(key);
  const past = node.deleted.findIndex(({ until }) => until > now.mono);
  node.deleted.splice(0, past < 0 ? node.deleted.length : past);
  const news = newsOf(node);
  sendRound(node.view, node.rounds, news, node.prng, out);
  advance(node.rounds, news);
  if (node.transferDirty) saveTransfer(node, out);
  const heardAt = node.view.lastHeardAt;
  const silent = heardAt === null || now.mono - heardAt > limits.silenceMs;
  if (now.mono >= node.pollAt) poll(node, silent, now, out);
}

/** Asks configured peers for their base directories: at the start, when nobody is heard, and now and then. */
function poll(node: NodeState, silent: boolean, now: Now, out: Effect[]): void {
  const { limits } = node.config;
  node.pollAt = (now.mono + (silent ? limits.silenceMs : limits.listingIntervalMs)) as MonoMs;
  const known = peersOf(node.view).map((peer) => peer.address);
  const addresses = [...new Set([...strangersOf(node.view), ...known])];
  for (const address of sample(node.prng, addresses, POLLS_AT_ONCE)) {
    const op = operation(node, { kind: "page", address });
    out.push({ kind: "http_get", op, address, path: "/base-dirs/" });
  }
}

/** `{"/dir": {"hash": "..."}, ...}` */
function readBaseDirsPage(
  node: NodeState,
  address: Address,
  body: Uint8Array,
  now: Now,
  out: Effect[],
): void {
  for (const [path, digest] of parseBaseDirsPage(body)) {
    reconcileOuts(
      node,
      heardDigest(node.reconcile, path, digest, address, reconcileView(node, now)),
      now,
      out,
    );
  }
}

export function parseBaseDirsPage(body: Uint8Array): readonly (readonly [VPath, Digest])[] {
  const text = utf8Decode(body);
  let page: unknown = null;
  try {
    page = text === null ? null : JSON.parse(text);
  } catch {
    return [];
  }
  if (typeof page !== "object" || page === null || Array.isArray(page)) return [];
  const found: (readonly [VPath, Digest])[] = [];
  for (const [key, value] of Object.entries(page)) {
    const path = parseVPath(key);
    const hash: unknown = typeof value === "object" && value !== null && "hash" in value ? value.hash : null;
    const digest = typeof hash === "string" ? parseDigest(hash) : null;
    if (path !== null && digest !== null) found.push([path, digest]);
  }
  return found;
}

function saveTransfer(node: NodeState, out: Effect[]): void {
  node.transferDirty = false;
  disk(node, { kind: "save" }, { kind: "save_transfer", transfer: node.transfer }, out);
}

function stop(node: NodeState, out: Effect[]): void {
  node.phase = "stopping";
  for (const conn of node.links.conns.keys()) out.push({ kind: "close", conn });
  saveTransfer(node, out);
}

// ------------------------------------------------------------------------------------------------ start

function recovered(node: NodeState, result: DiskResult, now: Now, out: Effect[]): void {
  if (!result.ok || result.value.kind !== "recovered") {
    node.phase = "failed";
    const why = result.ok ? { code: "unexpected", detail: "" } : { code: result.code, detail: result.detail };
    return trace(out, "start_failed", why);
  }
  node.transfer = result.value.transfer;
  for (const what of result.value.problems) {
    problem(node, `start: ${what}`, what);
    trace(out, "problem", { what });
  }
  node.phase = "running";
  for (const found of result.value.found) takeFound(node, found, now, out);
  node.rounds.nextAt = now.mono;
  node.pollAt = now.mono;
  node.sweepAt = now.mono;
  trace(out, "recovered", { images: node.catalog.images, downloads: node.downloads.size });
}

function takeFound(node: NodeState, found: FoundImage, now: Now, out: Effect[]): void {
  const directory = node.config.directories.find(({ key }) => key === keyOf(found.path));
  if (directory === undefined || levelOf(found.path) !== directory.numLevels) return;
  const committed = found.committed === null ? null : versionOf(found.committed);
  if (committed !== null) putCommitted(node.catalog, found.path, committed);
  if (committed !== null && found.missing && found.intent === null) {
    // The state is a promise, not proof: the tree is fetched again under it.
    trace(out, "image_missing", { path: found.path, image: committed.image });
    const intent: Intent = { ...committed, stage: next(node.prng).toString(16), mode: "append" };
    const place = { path: found.path, root: directory.root };
    const request: DiskRequest = {
      kind: "put_intent",
      place,
      state: stateOf(intent),
      stage: intent.stage,
      mode: intent.mode,
    };
    return disk(node, { kind: "restore", path: found.path, directory, intent }, request, out);
  }
  const version = found.intent === null ? null : versionOf(found.intent.state);
  if (found.intent === null || version === null) return;
  const intent = { ...version, stage: found.intent.stage, mode: found.intent.mode };
  putIntent(node.catalog, found.path, intent);
  startFetch(node, found.path, directory, now, out);
}

// ------------------------------------------------------------------------------------------------ digests

function refreshDigests(node: NodeState, now: Now, out: Effect[]): void {
  for (const base of takeDirty(node.catalog)) {
    const listing = listingOf(node.catalog, base);
    const revision = revisionOf(node.catalog, base);
    const bytes = encodeListing(listing);
    if (bytes.length <= DIGEST_INLINE_BYTES)
      setOwnDigest(node, base, digestOfListing(listing), revision, now, out);
    else out.push({ kind: "digest", op: operation(node, { kind: "own_digest", base, revision }), bytes });
  }
}

function setOwnDigest(
  node: NodeState,
  base: VPath,
  digest: Digest,
  revision: number,
  now: Now,
  out: Effect[],
): void {
  if (revisionOf(node.catalog, base) !== revision) return; // a newer one is on its way
  const before = node.digests.get(base);
  node.digests.set(base, { digest, revision, at: now.wall });
  if (before?.digest === digest) return;
  if (before !== undefined) {
    ownDigestChanged(node.reconcile, base, before.digest, now.mono, node.config.limits.containedMs);
  }
  const watches = watchesWithin(node.view, base, new Set(node.watch.paths.keys()));
  sendWave(node.view, base, { type: "Reconcile", path: base, digest, watches }, node.prng, out);
}

function ownDigest(node: NodeState, base: VPath): Digest | null {
  const known = node.digests.get(base);
  if (known === undefined) return revisionOf(node.catalog, base) === 0 ? EMPTY_DIGEST : null;
  return known.digest;
}

const EMPTY_DIGEST = digestOfListing([]);

// ------------------------------------------------------------------------------------------------ uploads

function publishView(node: NodeState, now: Now): PublishView {
  return { config: node.config, keys: node.keys, catalog: node.catalog, now, prng: node.prng };
}

function perform(node: NodeState, outs: readonly PublishOut[], now: Now, out: Effect[]): void {
  for (const each of outs) {
    switch (each.kind) {
      case "verify":
        out.push({
          kind: "verify",
          op: operation(node, { kind: "verify", ticket: each.ticket }),
          checks: each.checks,
        });
        break;
      case "put_intent": {
        const { intent, path, directory } = each;
        const place = { path, root: directory.root };
        const request: DiskRequest = {
          kind: "put_intent",
          place,
          state: stateOf(intent),
          stage: intent.stage,
          mode: intent.mode,
        };
        disk(node, { kind: "store", ticket: each.ticket }, request, out);
        break;
      }
      case "put_state": {
        const place = { path: each.path, root: each.directory.root };
        disk(
          node,
          { kind: "store", ticket: each.ticket },
          { kind: "put_state", place, state: stateOf(each.version) },
          out,
        );
        break;
      }
      case "next_turn":
        perform(node, takeTurn(node.publish, each.ticket, publishView(node, now)), now, out);
        break;
      case "accepted":
        uploadAccepted(node, each, now, out);
        break;
      case "refused":
        uploadRefused(node, each.upload, each.code, each.detail, now, out);
        break;
      default:
        unreachable(each);
    }
  }
}

function uploadAccepted(
  node: NodeState,
  { upload, now: outcome }: Extract<PublishOut, { kind: "accepted" }>,
  now: Now,
  out: Effect[],
): void {
  const { path } = upload;
  if (outcome.kind === "started") {
    if (outcome.superseded !== null) cancelDownload(node, path, outcome.superseded.stage, now, out);
    const put = putIntent(node.catalog, path, outcome.intent);
    assert(put.ok, "an upload is admitted only while the catalog has room");
  } else if (outcome.kind === "running") {
    const { intent } = getEntry(node.catalog, path);
    if (intent !== null && intent.image === outcome.version.image) {
      putIntent(node.catalog, path, { ...intent, ...outcome.version });
      const download = node.downloads.get(path);
      if (download !== undefined) download.intent = { ...download.intent, ...outcome.version };
    }
  } else {
    const { intent, committed } = getEntry(node.catalog, path);
    if (committed !== null && committed.image === outcome.version.image) {
      putCommitted(node.catalog, path, outcome.version);
      if (intent !== null && intent.image !== outcome.version.image) {
        cancelDownload(node, path, intent.stage, now, out);
        abortIntent(node.catalog, path, intent.stage);
      }
    }
    if (upload.origin.kind === "client") sendReceipts(node, path, outcome.version.image, out);
  }
  answerUpload(node, upload, true, null, now, out);
  if (outcome.kind !== "started") return;
  const directory = node.config.directories.find(({ key }) => key === keyOf(path));
  assert(directory !== undefined, "an accepted upload has a directory");
  startFetch(node, path, directory, now, out);
}

function uploadRefused(
  node: NodeState,
  upload: Arrival,
  code: string,
  detail: string,
  now: Now,
  out: Effect[],
): void {
  trace(out, "upload_refused", { path: upload.path, image: upload.version.image, reason: code, detail });
  answerUpload(node, upload, false, code, now, out);
}

function answerUpload(
  node: NodeState,
  upload: Arrival,
  accepted: boolean,
  reason: string | null,
  now: Now,
  out: Effect[],
): void {
  const { origin } = upload;
  if (origin.kind === "peer") {
    return decided(node.reconcile, origin.listing, now.mono, node.config.limits.containedMs);
  }
  const type = upload.mode === "append" ? "AppendDir" : "ReplaceDir";
  const hosts = hostsFor(node, upload.path);
  answer(node, { conn: origin.conn, request: origin.request }, { type, accepted, reason, hosts }, out);
  if (accepted) trace(out, "upload_accepted", { path: upload.path, image: upload.version.image });
}

function hostsFor(node: NodeState, path: VPath): Hosts {
  const suffix = `:${node.config.port}`;
  // A name is of use only together with the port that its reader assumes.
  const reachable = peersFor(node.view, path).filter((peer) => peer.address.endsWith(suffix));
  return new Map(reachable.map((peer) => [peer.machine, peer.name]));
}

// ------------------------------------------------------------------------------------------------ downloads

function fetchView(node: NodeState, now: Now): FetchView {
  return {
    limits: node.config.limits,
    now: now.mono,
    prng: node.prng,
    candidates: (download) => candidatesFor(node, download, now),
  };
}

/** Everybody who has it first, then those who may: at most `sourcesMax`, chosen anew each time. */
function candidatesFor(node: NodeState, download: Download, now: Now): readonly Candidate[] {
  const { image } = download.intent;
  const clients: Candidate[] = servers(node.watch, image)
    .filter((conn) => isOpen(node.links, conn))
    .map((conn) => ({ holder: `conn:${conn}`, client: true, mask: 0xffff }));
  const known: Candidate[] = [];
  const unknown: Candidate[] = [];
  for (const peer of peersFor(node.view, download.path)) {
    if (!mayDial(node.links, peer.address, now.mono)) continue;
    const mask = maskAt(peer, download.path, image);
    (mask === null || mask === 0 ? unknown : known).push({ holder: peer.address, client: false, mask });
  }
  // A server that nobody lists yet hears no gossip: it asks whom its own operator has listed.
  for (const address of strangersOf(node.view)) {
    if (mayDial(node.links, address, now.mono)) unknown.push({ holder: address, client: false, mask: null });
  }
  const { sourcesMax } = node.config.limits;
  const chosen = [...clients.slice(0, sourcesMax / 2), ...sample(node.prng, known, sourcesMax)];
  return [...chosen, ...sample(node.prng, unknown, Math.max(1, sourcesMax - chosen.length))];
}

function maskAt(peer: Peer, path: VPath, image: ImageId): number | null {
  if (peer.complete.get(path) === image) return 0xffff;
  const progress = peer.inProgress.get(path);
  return progress?.image === image ? progress.mask : null;
}

function startFetch(node: NodeState, path: VPath, directory: DirectoryConfig, now: Now, out: Effect[]): void {
  const { intent } = getEntry(node.catalog, path);
  assert(intent !== null, "a download begins with an intent");
  const { download, out: outs } = startDownload(
    path,
    directory,
    intent,
    reuseFor(node, path),
    fetchView(node, now),
  );
  node.downloads.set(path, download);
  fetchOuts(node, outs, now, out);
}

/** The image that is replaced, then its neighbours, newest first. */
function reuseFor(node: NodeState, path: VPath): Download["reuse"] {
  const base = parentOf(path);
  const entries = base === null ? [] : [...(node.catalog.bases.get(base)?.entries ?? [])];
  const committed = entries
    .flatMap(([name, { committed: version }]) =>
      version === null ? [] : [{ path: `${base}/${name}` as VPath, version }],
    )
    .toSorted((a, b) => {
      const own = Number(b.path === path) - Number(a.path === path);
      return own || b.version.timestamp - a.version.timestamp || (a.path < b.path ? -1 : 1);
    });
  return committed
    .slice(0, REUSE_IMAGES_MAX)
    .map(({ path: from, version }) => ({ path: from, image: version.image }));
}

/** The stage of a download that is not wanted any more goes; what is still on its way to it finds nobody. */
function cancelDownload(node: NodeState, path: VPath, stage: string, now: Now, out: Effect[]): void {
  const download = node.downloads.get(path);
  if (download === undefined || download.intent.stage !== stage) return;
  node.downloads.delete(path);
  trace(out, "download_superseded", { path, image: download.intent.image });
  const place = { path, root: download.directory.root };
  disk(node, { kind: "cleanup", what: "superseded", path }, { kind: "delete_old", place, stage }, out);
  tellAborted(node, path, download.intent.image, "superseded_by_newer", out);
  node.sweepAt = Math.min(node.sweepAt, now.mono + SWEEP_MS) as MonoMs;
}

function fetchOuts(node: NodeState, outs: readonly FetchOut[], now: Now, out: Effect[]): void {
  for (const each of outs) {
    switch (each.kind) {
      case "disk": {
        const { path, intent } = each.download;
        disk(node, { kind: "fetch", path, stage: intent.stage, purpose: each.purpose }, each.request, out);
        break;
      }
      case "ask":
        askHolder(node, each.download, each.purpose, each.request, now, out);
        break;
      case "progress": {
        const { path, intent } = each.download;
        const source = servers(node.watch, intent.image).length > 0;
        const watches = [
          ...(node.watch.paths.has(path) ? [node.config.machine] : []),
          ...watchersOf(node.view, path).map((peer) => peer.machine),
        ];
        const message: GossipMessage = {
          type: "Downloading",
          path,
          image: intent.image,
          mask: progressMask(each.download),
          source,
          watches: watches.slice(0, 16),
        };
        sendWave(node.view, path, message, node.prng, out);
        break;
      }
      case "moved":
        countMoved(node, each.amount);
        break;
      case "trace":
        trace(out, each.mark, each.fields);
        break;
      case "done":
        downloadDone(node, each.download, now, out);
        break;
      case "aborted":
        downloadAborted(node, each.download, each.reason, now, out);
        break;
      default:
        unreachable(each);
    }
  }
}

function askHolder(
  node: NodeState,
  download: Download,
  purpose: AskPurpose,
  request: Request,
  now: Now,
  out: Effect[],
): void {
  const tag: Tag = { kind: "fetch", path: download.path, stage: download.intent.stage, purpose };
  const conn = purpose.holder.startsWith("conn:")
    ? (Number(purpose.holder.slice(5)) as ConnId)
    : connectionTo(node.links, purpose.holder as Address, now.mono, out);
  const wait = purpose.kind === "index" ? node.config.limits.indexFetchMs : node.config.limits.requestMs;
  const until = (now.mono + wait) as MonoMs;
  if (conn !== null && ask(node.links, conn, request, until, tag, out)) return;
  fetchOuts(node, askFailed(download, purpose, "lost", fetchView(node, now)), now, out);
}

function countMoved(node: NodeState, amount: Partial<Transfer>): void {
  const total = { ...node.transfer };
  for (const name of ["fetched", "reused", "linked", "served"] as const) {
    const moved = amount[name];
    if (moved === undefined) continue;
    total[name] = { bytes: total[name].bytes + moved.bytes, blocks: total[name].blocks + moved.blocks };
  }
  node.transfer = total;
  node.transferDirty = true;
}

function downloadDone(node: NodeState, download: Download, now: Now, out: Effect[]): void {
  const { path, directory, intent } = download;
  if (node.downloads.get(path) !== download) return;
  node.downloads.delete(path);
  commitIntent(node.catalog, path, intent.stage);
  if (download.index !== null) cacheIndex(node.indexes, download.index);
  const at = (now.mono + node.config.limits.oldTreeGraceMs) as MonoMs;
  node.oldTrees.push({ path, directory, stage: intent.stage, at });
  trace(out, "download_done", {
    path,
    image: intent.image,
    fetched_bytes: download.fetchedBytes,
    linked_bytes: download.linkedBytes,
  });
  saveTransfer(node, out);
  sendReceipts(node, path, intent.image, out);
  for (const peer of watchersOf(node.view, path))
    sendTo(node.view, peer, { type: "Complete", path, image: intent.image }, out);
  sendWave(node.view, path, { type: "Complete", path, image: intent.image }, node.prng, out);
}

function downloadAborted(node: NodeState, download: Download, reason: string, now: Now, out: Effect[]): void {
  const { path, directory, intent } = download;
  if (node.downloads.get(path) !== download) return;
  node.downloads.delete(path);
  abortIntent(node.catalog, path, intent.stage);
  const place = { path, root: directory.root };
  disk(node, { kind: "cleanup", what: "abort", path }, { kind: "abort", place, stage: intent.stage }, out);
  node.avoided.set(`${path} ${intent.image}`, (now.mono + AVOID_MS) as MonoMs);
  node.deleted.push({ path, image: intent.image, until: (now.mono + DELETED_MS) as MonoMs });
  const base = parentOf(path);
  if (base !== null) forgetContained(node.reconcile, base);
  trace(out, "download_aborted", { path, image: intent.image, reason });
  tellAborted(node, path, intent.image, reason, out);
}

function receiptOf(node: NodeState, path: VPath, image: ImageId) {
  return {
    image,
    path,
    machine: node.config.machine,
    hostname: node.config.hostname,
    forwarded: false,
  } as const;
}

function tellAborted(node: NodeState, path: VPath, image: ImageId, reason: string, out: Effect[]): void {
  for (const conn of servers(node.watch, image)) {
    const notification = { type: "AbortedImage", ...receiptOf(node, path, image), reason } as const;
    send(node.links, conn, { kind: "notification", notification }, out);
  }
}

function sendReceipts(node: NodeState, path: VPath, image: ImageId, out: Effect[]): void {
  for (const conn of toldAbout(node.watch, path, image)) {
    const notification = { type: "ReceivedImage", ...receiptOf(node, path, image) } as const;
    send(node.links, conn, { kind: "notification", notification }, out);
  }
}

function forwardReceipt(node: NodeState, peer: Peer, path: VPath, image: ImageId, out: Effect[]): void {
  for (const conn of toldAbout(node.watch, path, image)) {
    const { machine, name: hostname } = peer;
    const notification = { type: "ReceivedImage", image, path, machine, hostname, forwarded: true } as const;
    send(node.links, conn, { kind: "notification", notification }, out);
  }
}

// ------------------------------------------------------------------------------------------------ disk answers

function diskAnswer(node: NodeState, op: OpId, result: DiskResult, now: Now, out: Effect[]): void {
  const waiting = takeWaiting(node, op);
  if (waiting === null) return;
  switch (waiting.kind) {
    case "recover":
      return recovered(node, result, now, out);
    case "store": {
      const code = result.ok ? null : result.code;
      if (!result.ok) trace(out, "disk_failed", { what: "store", code: result.code, detail: result.detail });
      return perform(node, stored(node.publish, waiting.ticket, code), now, out);
    }
    case "fetch": {
      const download = node.downloads.get(waiting.path);
      if (download === undefined || download.intent.stage !== waiting.stage) return;
      if (!result.ok && waiting.purpose.kind !== "write" && result.code !== "index_missing") {
        problem(node, `download ${waiting.path}`, `${result.code}: ${result.detail}`);
      } else if (result.ok && waiting.purpose.kind === "commit")
        problem(node, `download ${waiting.path}`, null);
      return fetchOuts(node, diskDone(download, waiting.purpose, result, fetchView(node, now)), now, out);
    }
    case "serve_index": {
      const data = result.ok && result.value.kind === "bytes" ? result.value.bytes : null;
      if (waiting.at)
        return answer(node, waiting.asker, { type: "GetIndexAt", data, hosts: waiting.hosts }, out);
      if (data !== null) return answer(node, waiting.asker, { type: "GetIndex", data }, out);
      return answerError(node, waiting.asker, "index not found", out);
    }
    case "serve_load": {
      const waiters = node.indexWaiters.get(waiting.image) ?? [];
      node.indexWaiters.delete(waiting.image);
      const index = result.ok && result.value.kind === "index" ? result.value.index : null;
      if (index !== null) cacheIndex(node.indexes, index);
      for (const { asker, hash, hint } of waiters) {
        if (index === null || !serveFrom(node, asker, index, hash, hint, null, out)) {
          answerError(node, asker, "block not found", out);
        }
      }
      return;
    }
    case "serve_block": {
      if (!result.ok || result.value.kind !== "bytes" || result.value.bytes.length !== waiting.length) {
        return answerError(node, waiting.asker, result.ok ? "block not found" : result.code, out);
      }
      countMoved(node, { served: { bytes: waiting.length, blocks: 1 } });
      return answer(node, waiting.asker, { type: "GetBlock", data: result.value.bytes }, out);
    }
    case "cleanup":
      if (!result.ok)
        trace(out, "disk_failed", {
          what: waiting.what,
          path: waiting.path,
          code: result.code,
          detail: result.detail,
        });
      return;
    case "save":
      if (node.phase === "stopping" && ![...node.waiting.values()].some((each) => each.kind === "save")) {
        out.push({ kind: "stopped" });
      }
      return;
    default:
      return;
  }
}

// ------------------------------------------------------------------------------------------------ links

function connClosed(node: NodeState, conn: ConnId, now: Now, out: Effect[]): void {
  const tags = closed(node.links, conn, now.mono);
  const { images } = connectionEnded(node.watch, conn);
  for (const tag of tags) tagFailed(node, tag, "lost", now, out);
  for (const download of node.downloads.values()) {
    if (images.includes(download.intent.image)) {
      fetchOuts(node, sourcesChanged(download, fetchView(node, now)), now, out);
    }
  }
}

function tagFailed(node: NodeState, tag: Tag, why: "refused" | "lost", now: Now, out: Effect[]): void {
  if (tag.kind === "listing") return reconcileOuts(node, listingFailed(node.reconcile, tag.key), now, out);
  const download = node.downloads.get(tag.path);
  if (download === undefined || download.intent.stage !== tag.stage) return;
  fetchOuts(node, askFailed(download, tag.purpose, why, fetchView(node, now)), now, out);
}

function frame(node: NodeState, conn: ConnId, bytes: Uint8Array, now: Now, out: Effect[]): void {
  const decoded = decodeFrame(bytes);
  if (!decoded.ok) {
    trace(out, "frame_refused", { code: decoded.code, detail: decoded.detail });
    countRefusal(node.links, conn, out);
    if (decoded.about?.kind === "request") {
      return send(
        node.links,
        conn,
        { kind: "response", id: decoded.about.id, response: { type: "Error", text: decoded.code } },
        out,
      );
    }
    const tag = decoded.about === null ? null : answered(node.links, conn, decoded.about.id);
    if (tag !== null) tagFailed(node, tag, "refused", now, out);
    return;
  }
  const { message } = decoded;
  switch (message.kind) {
    case "request":
      return request(node, conn, message.id, message.request, now, out);
    case "response": {
      const tag = answered(node.links, conn, message.id);
      if (tag !== null) response(node, tag, message.response, now, out);
      return;
    }
    case "notification": {
      const { notification } = message;
      if (notification.type !== "PublishImage") return;
      if (!declareImage(node.watch, conn, notification.image, node.config.limits)) {
        out.push({ kind: "close", conn });
        return;
      }
      for (const download of node.downloads.values()) {
        if (download.intent.image !== notification.image) continue;
        fetchOuts(node, sourcesChanged(download, fetchView(node, now)), now, out);
      }
      return;
    }
    default:
      return unreachable(message);
  }
}

function response(node: NodeState, tag: Tag, message: Response, now: Now, out: Effect[]): void {
  if (tag.kind === "listing") {
    if (message.type !== "GetBaseDir") return tagFailed(node, tag, "refused", now, out);
    const { listing } = message;
    const bytes = encodeListing(listing);
    if (bytes.length > DIGEST_INLINE_BYTES) {
      out.push({
        kind: "digest",
        op: operation(node, { kind: "listing_digest", key: tag.key, listing }),
        bytes,
      });
      return;
    }
    const outs = listingCame(
      node.reconcile,
      tag.key,
      listing,
      digestOfListing(listing),
      reconcileView(node, now),
    );
    return reconcileOuts(node, outs, now, out);
  }
  const download = node.downloads.get(tag.path);
  if (download === undefined || download.intent.stage !== tag.stage) return;
  const wanted = tag.purpose.kind === "index" ? "GetIndex" : "GetBlock";
  if (message.type !== wanted || !("data" in message) || message.data === null)
    return tagFailed(node, tag, "refused", now, out);
  fetchOuts(node, answeredWith(download, tag.purpose, message.data, fetchView(node, now)), now, out);
}

function answer(node: NodeState, asker: Asker, response_: Response, out: Effect[]): void {
  endAnswer(node.links, asker.conn);
  send(node.links, asker.conn, { kind: "response", id: asker.request, response: response_ }, out);
}

function answerError(node: NodeState, asker: Asker, text: string, out: Effect[]): void {
  answer(node, asker, { type: "Error", text }, out);
}

function request(node: NodeState, conn: ConnId, id: number, message: Request, now: Now, out: Effect[]): void {
  const asker: Asker = { conn, request: id };
  if (!beginAnswer(node.links, conn)) {
    return send(
      node.links,
      conn,
      { kind: "response", id, response: { type: "Error", text: "too_many_requests" } },
      out,
    );
  }
  if (node.phase !== "running") return answerError(node, asker, "not_running", out);
  switch (message.type) {
    case "AppendDir":
    case "ReplaceDir": {
      if (!watchPath(node.watch, conn, message.path, node.config.limits))
        return answerError(node, asker, "too_many_watches", out);
      const { path, image, timestamp, signatures } = message;
      const arrival: Arrival = {
        origin: {
          kind: "client",
          conn,
          request: id,
          oldImage: message.type === "ReplaceDir" ? message.oldImage : null,
        },
        path,
        mode: message.type === "AppendDir" ? "append" : "replace",
        version: { timestamp, image, signatures },
      };
      return perform(node, receive(node.publish, arrival, publishView(node, now)), now, out);
    }
    case "GetIndex":
      return disk(
        node,
        { kind: "serve_index", asker, at: false, hosts: new Map() },
        { kind: "read_index", image: message.image },
        out,
      );
    case "GetIndexAt": {
      const hosts = hostsFor(node, message.path);
      const committed = levelOf(message.path) > 0 ? getEntry(node.catalog, message.path).committed : null;
      if (committed === null) return answer(node, asker, { type: "GetIndexAt", data: null, hosts }, out);
      return disk(
        node,
        { kind: "serve_index", asker, at: true, hosts },
        { kind: "read_index", image: committed.image },
        out,
      );
    }
    case "GetBlock":
      return serveBlock(node, asker, message.hash, message.hint, out);
    case "GetBaseDir": {
      const directory = node.config.directories.find(({ key }) => key === keyOf(message.path));
      if (directory === undefined) return answerError(node, asker, "No such config", out);
      const listing = listingOf(node.catalog, message.path);
      return answer(
        node,
        asker,
        { type: "GetBaseDir", configHash: directory.configHash, keepListHash: NO_KEEP_LIST, listing },
        out,
      );
    }
    default:
      return unreachable(message);
  }
}

/** A block is served only where an index that this server has lists it. */
function serveBlock(
  node: NodeState,
  asker: Asker,
  hash: string,
  hint: BlockHint | null,
  out: Effect[],
): void {
  if (hint === null) return answerError(node, asker, "Hint is required for fetching blocks from server", out);
  if (levelOf(hint.path) < 1) return answerError(node, asker, "block not found", out);
  const download = node.downloads.get(hint.path);
  if (download?.index !== null && download !== undefined) {
    if (serveFrom(node, asker, download.index, hash, hint, download, out)) return;
  }
  const { committed } = getEntry(node.catalog, hint.path);
  if (committed === null) return answerError(node, asker, "block not found", out);
  const index = cachedIndex(node.indexes, committed.image);
  if (index !== null) {
    if (!serveFrom(node, asker, index, hash, hint, null, out))
      answerError(node, asker, "block not found", out);
    return;
  }
  const waiters = node.indexWaiters.get(committed.image);
  if (waiters !== undefined) {
    waiters.push({ asker, hash, hint });
    return;
  }
  node.indexWaiters.set(committed.image, [{ asker, hash, hint }]);
  disk(
    node,
    { kind: "serve_load", image: committed.image },
    { kind: "load_index", image: committed.image },
    out,
  );
}

/** False when the index does not list this block there, or it is not stored yet. */
function serveFrom(
  node: NodeState,
  asker: Asker,
  index: PackedIndex,
  hash: string,
  hint: BlockHint,
  download: Download | null,
  out: Effect[],
): boolean {
  const directory = node.config.directories.find(({ key }) => key === keyOf(hint.path));
  if (directory === undefined || hint.offset % BLOCK_BYTES !== 0) return false;
  const file = byteStringOfText(hint.file);
  const entry = findFile(index, file);
  if (entry < 0) return false;
  const block = firstBlockOf(index, entry) + hint.offset / BLOCK_BYTES;
  if (block >= firstBlockOf(index, entry + 1) || hashOfBlock(index, block) !== hash) return false;
  if (download !== null && !hasStored(download, block)) return false;
  const { length } = placeOfBlock(index, block);
  const place = { path: hint.path, root: directory.root };
  const stage = download === null ? null : download.intent.stage;
  disk(
    node,
    { kind: "serve_block", asker, length },
    { kind: "read_block", place, stage, file, offset: hint.offset, length },
    out,
  );
  return true;
}

// ------------------------------------------------------------------------------------------------ gossip

function newsOf(node: NodeState): News {
  const inProgress = new Map(
    [...node.downloads.values()].map((download) => [
      download.path,
      {
        image: download.intent.image,
        mask: progressMask(download),
        source: servers(node.watch, download.intent.image).length > 0,
        stalled: download.stalled,
      },
    ]),
  );
  const complete = new Map<VPath, ImageId>();
  for (const path of wantedElsewhere(node.view)) {
    const entry = getEntry(node.catalog, path);
    if (entry.intent === null && entry.committed !== null) complete.set(path, entry.committed.image);
  }
  return {
    inProgress,
    watching: new Set(node.watch.paths.keys()),
    deleted: node.deleted.map(({ path, image }) => [path, image]),
    baseDirs: basesOf(node.catalog).flatMap((base) => {
      const digest = ownDigest(node, base);
      return digest === null ? [] : [[base, digest] as const];
    }),
    complete,
  };
}

function datagram(node: NodeState, from: Address, bytes: Uint8Array, now: Now, out: Effect[]): void {
  if (node.phase !== "running") return;
  if (!node.view.listed.has(from) && !node.config.acceptUnlisted) {
    node.view.unlisted += 1;
    return;
  }
  const decoded = decodePacket(bytes);
  if (!decoded.ok) {
    node.view.undecodable += 1;
    return;
  }
  const packet = decoded.value;
  if (packet.machine === node.config.machine) return heardSelf(node, from, out);
  const peer = heard(node.view, packet.machine, from, now.mono);
  if (peer !== null) tellConfig(node, peer, packet, now, out);
  gossiped(node, packet.message, from, peer, now, out);
}

/** Our own packet came back, or another machine has our id. */
function heardSelf(node: NodeState, from: Address, out: Effect[]): void {
  if (node.view.selfAt.has(from)) return;
  node.view.selfAt.add(from);
  trace(out, "own_machine_id_heard", { from });
}

/** The sender's idea of our configuration is wrong: it is told, at a bounded rate. */
function tellConfig(node: NodeState, peer: Peer, packet: Packet, now: Now, out: Effect[]): void {
  if (packet.yourConfig === node.configDigest) return;
  if (peer.toldConfigAt !== null && now.mono - peer.toldConfigAt < node.config.limits.configSyncIntervalMs)
    return;
  peer.toldConfigAt = now.mono;
  sendTo(
    node.view,
    peer,
    { type: "ConfigSync", paths: node.config.directories.map(({ key }) => `/${key}` as VPath) },
    out,
  );
}

function gossiped(
  node: NodeState,
  message: GossipMessage,
  from: Address,
  peer: Peer | null,
  now: Now,
  out: Effect[],
): void {
  switch (message.type) {
    case "BaseDirs": {
      for (const [base, digest] of message.baseDirs) {
        reconcileOuts(
          node,
          heardDigest(node.reconcile, base, digest, from, reconcileView(node, now)),
          now,
          out,
        );
      }
      if (peer === null) return;
      const changed = new Set([
        ...peer.inProgress.keys(),
        ...message.inProgress.keys(),
        ...message.complete.keys(),
      ]);
      replaceRecord(node.view, peer, message);
      for (const [path, image] of message.complete) completeHeard(node, peer, path, image, out);
      for (const path of peer.watching) watchHeard(node, peer, path, out);
      return sourcesNews(node, changed, now, out);
    }
    case "Downloading": {
      if (peer === null || levelOf(message.path) < 1) return;
      const { path, image, mask, source } = message;
      if (peer.inProgress.size < node.config.limits.recordPathsMax) {
        peer.inProgress.set(path, { image, mask, source, stalled: false });
      }
      addWatches(node, path, message.watches);
      return sourcesNews(node, new Set([path]), now, out);
    }
    case "Reconcile": {
      for (const [path, machines] of message.watches) if (levelOf(path) > 0) addWatches(node, path, machines);
      return reconcileOuts(
        node,
        heardDigest(node.reconcile, message.path, message.digest, from, reconcileView(node, now)),
        now,
        out,
      );
    }
    case "Complete": {
      if (peer === null || levelOf(message.path) < 1) return;
      peer.inProgress.delete(message.path);
      if (peer.complete.size < node.config.limits.recordPathsMax)
        peer.complete.set(message.path, message.image);
      completeHeard(node, peer, message.path, message.image, out);
      return sourcesNews(node, new Set([message.path]), now, out);
    }
    case "CompleteAck":
      peer?.watching.delete(message.path);
      return;
    case "ConfigSync": {
      if (peer === null) return;
      const paths = message.paths.slice(0, node.config.limits.configListMax);
      peer.configs = new Set(paths);
      peer.configDigest = digestOfConfigList(paths);
      return;
    }
    default:
      return unreachable(message);
  }
}

function addWatches(node: NodeState, path: VPath, machines: readonly MachineId[]): void {
  for (const machine of machines) {
    const watcher = node.view.peers.get(machine);
    if (watcher !== undefined && watcher.watching.size < node.config.limits.recordPathsMax)
      watcher.watching.add(path);
  }
}

/** A peer waits for a path that is here already. */
function watchHeard(node: NodeState, peer: Peer, path: VPath, out: Effect[]): void {
  const entry = getEntry(node.catalog, path);
  if (entry.intent !== null || entry.committed === null) return;
  sendTo(node.view, peer, { type: "Complete", path, image: entry.committed.image }, out);
}

function completeHeard(node: NodeState, peer: Peer, path: VPath, image: ImageId, out: Effect[]): void {
  if (levelOf(path) < 1) return;
  forwardReceipt(node, peer, path, image, out);
  if (node.watch.paths.has(path) || node.watch.images.has(image))
    sendTo(node.view, peer, { type: "CompleteAck", path }, out);
}

function sourcesNews(node: NodeState, paths: ReadonlySet<VPath>, now: Now, out: Effect[]): void {
  for (const path of paths) {
    const download = node.downloads.get(path);
    if (download !== undefined) fetchOuts(node, sourcesChanged(download, fetchView(node, now)), now, out);
  }
}

// ------------------------------------------------------------------------------------------------ reconciliation

function reconcileView(node: NodeState, now: Now): ReconcileView {
  return { config: node.config, catalog: node.catalog, now, ownDigest: (base) => ownDigest(node, base) };
}

function reconcileOuts(node: NodeState, outs: readonly ReconcileOut[], now: Now, out: Effect[]): void {
  for (const each of outs) {
    switch (each.kind) {
      case "ask_listing": {
        const conn = connectionTo(node.links, each.address, now.mono, out);
        const until = (now.mono + node.config.limits.requestMs) as MonoMs;
        const tag: Tag = { kind: "listing", key: each.key };
        if (
          conn === null ||
          !ask(node.links, conn, { type: "GetBaseDir", path: each.base }, until, tag, out)
        ) {
          reconcileOuts(node, listingFailed(node.reconcile, each.key), now, out);
        } else trace(out, "listing_asked", { base: each.base, address: each.address });
        break;
      }
      case "tell_behind": {
        const machine = node.view.byAddress.get(each.address);
        const peer = machine === undefined ? undefined : node.view.peers.get(machine);
        const digest = ownDigest(node, each.base);
        if (peer === undefined || digest === null) break;
        sendTo(node.view, peer, { type: "Reconcile", path: each.base, digest, watches: new Map() }, out);
        break;
      }
      case "trace":
        trace(out, each.mark, each.fields);
        break;
      default:
        unreachable(each);
    }
  }
}

/** Offers of listings become uploads, as far as downloads may run. */
function admitTakes(node: NodeState, now: Now, out: Effect[]): void {
  if (node.reconcile.backlog.length === 0) return;
  const { downloadsInflightMax, downloadsPerBaseMax, pendingUploadsMax } = node.config.limits;
  const perBase = new Map<VPath, number>();
  const count = (path: VPath): void => {
    const base = parentOf(path);
    if (base !== null) perBase.set(base, (perBase.get(base) ?? 0) + 1);
  };
  for (const path of node.downloads.keys()) count(path);
  let running = node.downloads.size;
  let pending = node.publish.uploads.size;
  for (const upload of node.publish.uploads.values()) {
    if (upload.origin.kind === "peer") {
      count(upload.path);
      running += 1;
    }
  }
  const allows = (take: Take): boolean => {
    if (pending >= pendingUploadsMax / 2) return false;
    if (!take.light) {
      const base = parentOf(take.path);
      if (base === null || running >= downloadsInflightMax || (perBase.get(base) ?? 0) >= downloadsPerBaseMax)
        return false;
      running += 1;
      count(take.path);
    }
    pending += 1;
    return true;
  };
  for (const take of nextTakes(node.reconcile, allows)) {
    const { path, version, address, key } = take;
    if ((node.avoided.get(`${path} ${version.image}`) ?? 0) > now.mono) {
      decided(node.reconcile, key, now.mono, node.config.limits.containedMs);
      continue;
    }
    const arrival: Arrival = {
      origin: { kind: "peer", address, listing: key },
      path,
      mode: "replace",
      version,
    };
    perform(node, receive(node.publish, arrival, publishView(node, now)), now, out);
  }
}
