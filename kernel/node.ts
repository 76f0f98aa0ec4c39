/**
 * A server: composes the machines and routes between them. Everything that it wants goes into one list of effects, in
 * order; everything that it waits for stands in one table of operations.
 */
import { unreachable } from "./assert.ts";
import { createCatalog } from "./catalog.ts";
import type { Config } from "./config.ts";
import type { Effect } from "./effect.ts";
import type { Event } from "./event.ts";
import {
  answeredWith,
  askFailed,
  diskDone,
  isRefusal,
  sourcesChanged,
  tick as tickDownload,
} from "./fetch/download.ts";
import { advance, createRounds, sendRound } from "./gossip/rounds.ts";
import { createView, expireRecords, setListed } from "./gossip/view.ts";
import type { ConnId, MonoMs, Now, OpId, VPath } from "./ids.ts";
import { cacheIndex, createIndexCache } from "./index-cache.ts";
import { answer, answerError } from "./node/answers.ts";
import {
  DIGEST_INLINE_BYTES,
  admitTakes,
  poll,
  readBaseDirsPage,
  reconcileOuts,
  reconcileView,
  refreshDigests,
  setOwnDigest,
  takeAgain,
} from "./node/comparing.ts";
import { SWEEP_MS, countMoved, fetchOuts, fetchView } from "./node/downloads.ts";
import { datagram, newsOf } from "./node/gossiping.ts";
import { readIdentity } from "./node/identity.ts";
import {
  collected,
  collectIndexes,
  keepListChanged,
  removeAgain,
  removed,
  retain,
} from "./node/retaining.ts";
import { saveAtEnd, saveInRound } from "./node/saving.ts";
import { endStuck, isReadOf, request, serveFrom, serveParked } from "./node/serving.ts";
import { adoptNext, adopted, checkKeyNames, configCame, configChanged } from "./node/reload.ts";
import { wordsOfDisk } from "./node/problems.ts";
import { spaceFound } from "./node/space.ts";
import { lookAgain, looked, recovered, restored } from "./node/start.ts";
import { type NodeState, type Tag, disk, problem, tell, trace } from "./node/state.ts";
import { perform, publishView } from "./node/uploads.ts";
import { keyed, next } from "./prng.ts";
import { commitEnded, createPublish, stored, verified } from "./publish/publish.ts";
import { connectionEnded, createWatch, declareImage } from "./publish/watch.ts";
import { createCollect } from "./retention/indexes.ts";
import { createRetention } from "./retention/retention.ts";
import { createReconcile, expireReconcile, listingCame, listingFailed } from "./reconcile/reconcile.ts";
import {
  answered,
  closed,
  countRefusal,
  createLinks,
  expire,
  hasCalls,
  isOpen,
  opened,
  send,
} from "./rpc/links.ts";
import { cleanAgain, cleaned, cleanUp } from "./node/cleaning.ts";
import { scrub, scrubAnswered } from "./node/scrubbing.ts";
import { createCredit, ended, sent } from "./rpc/credit.ts";
import { createScrub } from "./scrub/scrub.ts";
import type { DiskResult, Transfer } from "./storage/request.ts";
import { decodeFrame } from "./wire/frame.ts";
import type { Response } from "./wire/message.ts";
import { digestOfConfigList, digestOfListing, encodeListing } from "./wire/state-file.ts";
import { operation, takeWaiting } from "./operations.ts";

export type { NodeState } from "./node/state.ts";

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
    reload: null,
    short: new Set(),
    keys: { master: [], named: new Map(), ending: [] },
    keysChecked: false,
    phase: "starting",
    look: null,
    catalog: createCatalog(),
    digests: new Map(),
    links: createLinks(config.limits),
    credit: createCredit(),
    view: createView(config.machine, config.limits),
    rounds: createRounds(now.mono),
    publish: createPublish(),
    watch: createWatch(),
    reconcile: createReconcile(),
    admitted: { backlog: [], catalog: 0, ended: 0 },
    retention: createRetention(now),
    scrub: createScrub(now.mono, config.limits.scrubAfterMs),
    collect: createCollect(now.mono, config.limits.indexCollectMs),
    downloads: new Map(),
    indexes: createIndexCache(config.limits.indexCacheBytesMax),
    indexWaiters: new Map(),
    waiting: new Map(),
    oldTrees: [],
    uncleaned: [],
    unremoved: [],
    missing: new Set(),
    avoided: new Map(),
    deleted: [],
    problems: new Map(),
    configPaths: new Set(paths),
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
    adoptNext(node, now, out);
    serveParked(node, now, out);
  }
  return out;
}

/** The earliest moment at which a `wake` is useful. */
export function wakeAt(node: NodeState): MonoMs {
  if (!node.started) return node.startedAt;
  if (node.phase === "starting" && node.look?.asked.length === 0) return node.look.at;
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
    case "sent":
      return sent(node.credit, event.conn, now.mono);
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
      if (waiting?.kind === "identity") readIdentity(node, waiting.address, event.body, out);
      return;
    }
    case "keep_list":
      return keepListChanged(node, event.key, event.paths);
    case "keys_changed":
      node.keys = event.keys;
      node.keysChecked = false;
      return;
    case "config_changed":
      return configChanged(node, event.directories, now, out);
    case "space":
      return spaceFound(node, event.places, out);
    case "files_kept":
      return problem(node, event.files, event.why);
    case "peers_resolved":
      setListed(node.view, event.peers);
      node.rounds.nextAt = now.mono;
      node.pollAt = now.mono;
      return;
    case "stop":
      return stop(node, now, out);
    default:
      return unreachable(event);
  }
}

function wake(node: NodeState, now: Now, out: Effect[]): void {
  if (!node.started) {
    node.started = true;
    const places = node.config.directories.map(({ key, root, numLevels }) => ({ key, root, numLevels }));
    const tag = next(node.prng).toString(16);
    return disk(node, { kind: "recover" }, { kind: "recover", places, tag }, out);
  }
  if (node.phase === "starting") return lookAgain(node, now, out);
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
    cleanUp(node, "delete_old", { kind: "delete_old", place, stage: old.stage }, out);
  }
}

function round(node: NodeState, now: Now, out: Effect[]): void {
  const { limits } = node.config;
  node.rounds.nextAt = (now.mono + limits.gossipIntervalMs) as MonoMs;
  expireRecords(node.view, now.mono);
  expireReconcile(node.reconcile, now.mono);
  takeAgain(node, now);
  const past = node.deleted.findIndex(({ until }) => until > now.mono);
  node.deleted.splice(0, past < 0 ? node.deleted.length : past);
  const news = newsOf(node);
  sendRound(node.view, node.rounds, news, node.prng, out);
  advance(node.rounds, news);
  saveInRound(node, now, out);
  checkKeyNames(node, out);
  endStuck(node, now, out);
  retain(node, now, out);
  collectIndexes(node, now, out);
  scrub(node, now, out);
  cleanAgain(node, now, out);
  removeAgain(node, now, out);
  const heardAt = node.view.lastHeardAt;
  const silent = heardAt === null || now.mono - heardAt > limits.silenceMs;
  if (now.mono >= node.pollAt) poll(node, silent, now, out);
}

function stop(node: NodeState, now: Now, out: Effect[]): void {
  const { phase } = node;
  node.phase = "stopping";
  for (const conn of node.links.conns.keys()) out.push({ kind: "close", conn });
  // Before the start has read the counters there are none to write: they would begin anew.
  if (phase === "running" || node.look !== null) saveAtEnd(node, phase === "running", now, out);
  else out.push({ kind: "stopped" });
}

/** What a missing index or a peer's wrong bytes come back as; all else is what an operator has to know of. */
const NOT_OF_THE_DISK: readonly string[] = ["index_missing", "index_invalid", "block_hash_mismatch"];

function diskAnswer(node: NodeState, op: OpId, result: DiskResult, now: Now, out: Effect[]): void {
  const waiting = takeWaiting(node, op);
  if (waiting === null) return;
  switch (waiting.kind) {
    case "recover":
      recovered(node, result, now, out);
      return configCame(node, now, out);
    case "look":
      looked(node, waiting, result, now, out);
      return configCame(node, now, out);
    case "adopt":
      return adopted(node, waiting.directory, result, now, out);
    case "store": {
      const code = result.ok ? null : result.code;
      if (!result.ok) trace(out, "disk_failed", { what: "store", code: result.code, detail: result.detail });
      return perform(node, stored(node.publish, waiting.ticket, code, publishView(node, now)), now, out);
    }
    case "fetch": {
      const download = node.downloads.get(waiting.path);
      if (download === undefined || download.intent.stage !== waiting.stage) return;
      if (!result.ok && !NOT_OF_THE_DISK.includes(result.code)) {
        const isOver = isRefusal(waiting.purpose, result.code);
        const next = isOver ? "it is given up here, and tried again later" : "then it goes on by itself";
        tell(node, `download ${waiting.path}`, `${wordsOfDisk(result)}; ${next}`, out);
      } else if (result.ok && waiting.purpose.kind === "commit")
        problem(node, `download ${waiting.path}`, null);
      fetchOuts(node, diskDone(download, waiting.purpose, result, fetchView(node, now)), now, out);
      if (waiting.purpose.kind === "commit")
        perform(node, commitEnded(node.publish, waiting.path, publishView(node, now)), now, out);
      return;
    }
    case "serve_index": {
      const data = result.ok && result.value.kind === "bytes" ? result.value.bytes : null;
      if (waiting.at)
        return answer(node, waiting.asker, { type: "GetIndexAt", data, hosts: waiting.hosts }, now, out);
      if (data !== null) return answer(node, waiting.asker, { type: "GetIndex", data }, now, out);
      return answerError(node, waiting.asker, "index not found", now, out);
    }
    case "serve_load": {
      const waiters = node.indexWaiters.get(waiting.image) ?? [];
      node.indexWaiters.delete(waiting.image);
      const index = result.ok && result.value.kind === "index" ? result.value.index : null;
      if (index !== null) cacheIndex(node.indexes, index);
      for (const { asker, hash, hint } of waiters) {
        if (index === null || !serveFrom(node, asker, index, hash, hint, null, out)) {
          answerError(node, asker, "block not found", now, out);
        }
      }
      return;
    }
    case "serve_block": {
      if (!result.ok || result.value.kind !== "bytes" || result.value.bytes.length !== waiting.length) {
        return answerError(node, waiting.asker, result.ok ? "block not found" : result.code, now, out);
      }
      if (!isReadOf(node, waiting)) return answerError(node, waiting.asker, "block not found", now, out);
      countMoved(node, { served: { bytes: waiting.length, blocks: 1 } });
      return answer(node, waiting.asker, { type: "GetBlock", data: result.value.bytes }, now, out);
    }
    case "restore":
      return restored(node, waiting, result, now, out);
    case "scrub":
      return scrubAnswered(node, waiting.path, result, now, out);
    case "list_index_folders":
    case "list_indexes":
    case "drop_index":
      return collected(node, waiting, result, now, out);
    case "remove":
      return removed(node, waiting, result, now, out);
    case "cleanup":
      return cleaned(node, waiting, result, now, out);
    case "save":
      if (node.phase === "stopping" && ![...node.waiting.values()].some((each) => each.kind === "save")) {
        out.push({ kind: "stopped" });
      }
      return;
    default:
      return;
  }
}

function connClosed(node: NodeState, conn: ConnId, now: Now, out: Effect[]): void {
  const tags = closed(node.links, conn, now.mono);
  ended(node.credit, conn);
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
  // Who is about to end takes nothing more: it may have said already that nothing is on its way.
  if (node.phase !== "running" || !isOpen(node.links, conn)) return;
  const decoded = decodeFrame(bytes);
  if (!decoded.ok) {
    trace(out, "frame_refused", { code: decoded.code, detail: decoded.detail });
    countRefusal(node.links, conn, out);
    if (decoded.about?.kind === "request") {
      const response: Response = { type: "Error", text: decoded.code };
      send(node.links, conn, { kind: "response", id: decoded.about.id, response }, out);
      return;
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

export function response(node: NodeState, tag: Tag, message: Response, now: Now, out: Effect[]): void {
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
