/** Between reconciliation and the rest of the node: digests of our own, listings of others, and what is taken from them. */
import { unreachable } from "../assert.ts";
import { listingOf, revisionOf, takeDirty, takeReceded } from "../catalog.ts";
import type { Effect } from "../effect.ts";
import { sendTo, sendWave, watchesWithin } from "../gossip/rounds.ts";
import { peersOf, strangersOf } from "../gossip/view.ts";
import {
  type Address,
  type Digest,
  type MonoMs,
  type Now,
  type VPath,
  keyOf,
  parentOf,
  parseDigest,
  parseVPath,
} from "../ids.ts";
import { sample } from "../prng.ts";
import { type Arrival, receive } from "../publish/publish.ts";
import {
  type ReconcileOut,
  type ReconcileView,
  type Take,
  decided,
  forgetContained,
  heardDigest,
  listingFailed,
  nextTakes,
  ownDigestChanged,
} from "../reconcile/reconcile.ts";
import { isPast, isRemoved, keptIn } from "../retention/retention.ts";
import { ask, connectionTo } from "../rpc/links.ts";
import { utf8Decode } from "../text.ts";
import { digestOfListing, encodeListing } from "../wire/state-file.ts";
import { type NodeState, type Tag, problem, trace } from "./state.ts";
import { perform, publishView } from "./uploads.ts";
import { operation } from "../operations.ts";

export const DIGEST_INLINE_BYTES = 64 * 1024;

const POLLS_AT_ONCE = 3;

/** Asks configured peers for their base directories: at the start, when nobody is heard, and now and then. */
export function poll(node: NodeState, silent: boolean, now: Now, out: Effect[]): void {
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
export function readBaseDirsPage(
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

export function refreshDigests(node: NodeState, now: Now, out: Effect[]): void {
  for (const base of takeDirty(node.catalog)) {
    if (!node.configPaths.has(`/${keyOf(base)}` as VPath)) continue; // of a directory that has gone
    const listing = listingOf(node.catalog, base);
    const revision = revisionOf(node.catalog, base);
    const bytes = encodeListing(listing);
    if (bytes.length <= DIGEST_INLINE_BYTES)
      setOwnDigest(node, base, digestOfListing(listing), revision, now, out);
    else out.push({ kind: "digest", op: operation(node, { kind: "own_digest", base, revision }), bytes });
  }
}

export function setOwnDigest(
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
  const receded = takeReceded(node.catalog, base);
  if (before?.digest === digest) return;
  if (receded) {
    forgetContained(node.reconcile, base); // what we had is news again
  } else if (before !== undefined) {
    ownDigestChanged(node.reconcile, base, before.digest, now.mono, node.config.limits.containedMs);
  }
  const watches = watchesWithin(node.view, base, node.watch.paths.keys());
  sendWave(node.view, base, { type: "Reconcile", path: base, digest, watches }, node.prng, out);
}

export function ownDigest(node: NodeState, base: VPath): Digest | null {
  const known = node.digests.get(base);
  if (known === undefined) return revisionOf(node.catalog, base) === 0 ? EMPTY_DIGEST : null;
  return known.digest;
}

const EMPTY_DIGEST = digestOfListing([]);

export function reconcileView(node: NodeState, now: Now): ReconcileView {
  return {
    config: node.config,
    catalog: node.catalog,
    now,
    ownDigest: (base) => ownDigest(node, base),
    isUnwelcome: (path, version) =>
      isRemoved(node.retention, path, version) || isPast(node.retention, path, version),
    keptWith: (base, directory, offered) =>
      keptIn(node.retention, base, directory, { catalog: node.catalog, now }, offered),
  };
}

export function reconcileOuts(node: NodeState, outs: readonly ReconcileOut[], now: Now, out: Effect[]): void {
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

/** What was given up a while ago may be offered again: listings that were covered without it are not. */
export function takeAgain(node: NodeState, now: Now): void {
  for (const [key, { path, until }] of node.avoided) {
    if (until > now.mono) continue;
    node.avoided.delete(key);
    if (!node.downloads.has(path)) problem(node, `download ${path}`, null); // if it is so still, it is told again
    const base = parentOf(path);
    if (base !== null) forgetContained(node.reconcile, base);
  }
}

/** Offers of listings become uploads, as far as downloads may run. */
export function admitTakes(node: NodeState, now: Now, out: Effect[]): void {
  if (node.reconcile.backlog.length === 0) return;
  // Ten thousand may wait: they are looked at only when something has come or ended since the last look.
  const { admitted } = node;
  const catalog = node.catalog.revision;
  const ended = node.publish.nextTicket - node.publish.uploads.size;
  if (admitted.backlog === node.reconcile.backlog && admitted.catalog === catalog && admitted.ended === ended)
    return;
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
  const isAvoided = ({ path, version }: Take): boolean =>
    (node.avoided.get(`${path} ${version.image}`)?.until ?? 0) > now.mono;
  const allows = (take: Take): boolean => {
    if (isAvoided(take)) return true; // it is decided at once, and takes the place of none that waits
    if (pending >= pendingUploadsMax / 2) return false;
    // What is newer than a download that runs has its place: nobody may have the older one any more.
    if (!take.light && !node.downloads.has(take.path)) {
      const base = parentOf(take.path);
      if (base === null || running >= downloadsInflightMax || (perBase.get(base) ?? 0) >= downloadsPerBaseMax)
        return false;
      running += 1;
      count(take.path);
    }
    pending += 1;
    return true;
  };
  const takes = nextTakes(node.reconcile, allows);
  node.admitted = { backlog: node.reconcile.backlog, catalog, ended };
  for (const take of takes) {
    const { path, version, address, key } = take;
    if (isAvoided(take)) {
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
