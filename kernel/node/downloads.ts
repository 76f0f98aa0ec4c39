/** Between the downloads and the rest of the node: whom they may ask, what becomes of their outs. */
import { assert, unreachable } from "../assert.ts";
import { abortIntent, commitIntent, getEntry, removeCommitted } from "../catalog.ts";
import type { DirectoryConfig } from "../config.ts";
import type { Effect } from "../effect.ts";
import { UNFIT, askFailed, sourcesChanged, startDownload } from "../fetch/download.ts";
import {
  type AskPurpose,
  type Download,
  type FetchOut,
  type FetchView,
  progressMask,
} from "../fetch/state.ts";
import type { Candidate } from "../fetch/sources.ts";
import { sendTo, sendWave } from "../gossip/rounds.ts";
import { type Peer, peersFor, strangersOf, watchersOf } from "../gossip/view.ts";
import {
  type Address,
  type ConnId,
  type ImageId,
  type MonoMs,
  type Now,
  type VPath,
  parentOf,
} from "../ids.ts";
import { cacheIndex } from "../index-cache.ts";
import { sample } from "../prng.ts";
import { isUploader, servers } from "../publish/watch.ts";
import { committedAt } from "../retention/retention.ts";
import { ask, connectionTo, isOpen, mayDial } from "../rpc/links.ts";
import type { Transfer } from "../storage/request.ts";
import type { Request } from "../wire/message.ts";
import type { GossipMessage } from "../wire/packet.ts";
import { cleanUp } from "./cleaning.ts";
import { imageChanged, missingOver } from "./problems.ts";
import { sendReceipts, tellAborted } from "./receipts.ts";
import { type NodeState, type Tag, disk, trace } from "./state.ts";

export const SWEEP_MS = 250;

const AVOID_MS = 120_000; // 0.6.12's
const AVOID_UNFIT_MS = 3_600_000; // it stays so until somebody moves the directory; a client is answered at once

/** What was given up or removed is told to others for so long. */
export const DELETED_MS = 300_000;

const REUSE_IMAGES_MAX = 37; // 0.6.12's

export function fetchView(node: NodeState, now: Now): FetchView {
  return {
    limits: node.config.limits,
    now: now.mono,
    prng: node.prng,
    candidates: (download) => candidatesFor(node, download, now),
  };
}

/**
 * Everybody who has it first, then those who may: at most `sourcesMax`, chosen anew each time. Who has announced the
 * image and not uploaded it is asked only when nobody else is there: otherwise anybody could fill the places.
 */
function candidatesFor(node: NodeState, download: Download, now: Now): readonly Candidate[] {
  const { image } = download.intent;
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
  const connected = servers(node.watch, image).filter((conn) => isOpen(node.links, conn));
  const uploaders = connected.filter((conn) => isUploader(node.watch, conn, image)).slice(0, sourcesMax / 2);
  const alone = uploaders.length === 0 && known.length === 0;
  const clients = (alone ? sample(node.prng, connected, sourcesMax / 2) : uploaders).map(
    (conn): Candidate => ({ holder: `conn:${conn}`, client: true, mask: 0xffff }),
  );
  const chosen = [...clients, ...sample(node.prng, known, sourcesMax)];
  return [...chosen, ...sample(node.prng, unknown, Math.max(1, sourcesMax - chosen.length))];
}

function maskAt(peer: Peer, path: VPath, image: ImageId): number | null {
  if (peer.complete.get(path) === image) return 0xffff;
  const progress = peer.inProgress.get(path);
  return progress?.image === image ? progress.mask : null;
}

export function startFetch(
  node: NodeState,
  path: VPath,
  directory: DirectoryConfig,
  now: Now,
  out: Effect[],
): void {
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
export function cancelDownload(node: NodeState, path: VPath, stage: string, now: Now, out: Effect[]): void {
  const download = node.downloads.get(path);
  if (download === undefined || download.intent.stage !== stage) return;
  node.downloads.delete(path);
  trace(out, "download_superseded", { path, image: download.intent.image });
  const place = { path, root: download.directory.root };
  cleanUp(node, "superseded", { kind: "delete_old", place, stage }, out);
  tellAborted(node, path, download.intent.image, "superseded_by_newer", out);
  node.sweepAt = Math.min(node.sweepAt, now.mono + SWEEP_MS) as MonoMs;
}

export function fetchOuts(node: NodeState, outs: readonly FetchOut[], now: Now, out: Effect[]): void {
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

export function countMoved(node: NodeState, amount: Partial<Transfer>): void {
  const total = { ...node.transfer };
  for (const name of ["fetched", "reused", "linked", "served"] as const) {
    const moved = amount[name];
    if (moved === undefined) continue;
    total[name] = { bytes: total[name].bytes + moved.bytes, blocks: total[name].blocks + moved.blocks };
  }
  node.transfer = total;
  node.transferDirty = true;
}

/**
 * Nothing fetches what was not on the disk at the start: from now on it counts as never here. Nobody has it, so that it
 * keeps nothing out that others have.
 */
export function forgetMissing(node: NodeState, path: VPath): void {
  const { committed } = getEntry(node.catalog, path);
  if (!missingOver(node, path) || committed === null) return;
  removeCommitted(node.catalog, path, committed);
  node.retention.published.delete(path);
}

function downloadDone(node: NodeState, download: Download, now: Now, out: Effect[]): void {
  const { path, directory, intent } = download;
  if (node.downloads.get(path) !== download) return;
  node.downloads.delete(path);
  commitIntent(node.catalog, path, intent.stage);
  committedAt(node.retention, path, intent);
  missingOver(node, path);
  imageChanged(node, path);
  if (download.index !== null) cacheIndex(node.indexes, download.index);
  const at = (now.mono + node.config.limits.oldTreeGraceMs) as MonoMs;
  node.oldTrees.push({ path, directory, stage: intent.stage, at });
  trace(out, "download_done", {
    path,
    image: intent.image,
    timestamp: intent.timestamp,
    fetched_bytes: download.fetchedBytes,
    linked_bytes: download.linkedBytes,
  });
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
  forgetMissing(node, path);
  const place = { path, root: directory.root };
  cleanUp(node, "abort", { kind: "abort", place, stage: intent.stage }, out);
  const avoidMs = UNFIT.includes(reason) ? AVOID_UNFIT_MS : AVOID_MS;
  node.avoided.set(`${path} ${intent.image}`, { path, until: (now.mono + avoidMs) as MonoMs });
  node.deleted.push({ path, image: intent.image, until: (now.mono + DELETED_MS) as MonoMs });
  trace(out, "download_aborted", { path, image: intent.image, reason });
  tellAborted(node, path, intent.image, reason, out);
}

export function sourcesNews(node: NodeState, paths: Iterable<VPath>, now: Now, out: Effect[]): void {
  for (const path of paths) {
    const download = node.downloads.get(path);
    if (download !== undefined) fetchOuts(node, sourcesChanged(download, fetchView(node, now)), now, out);
  }
}
