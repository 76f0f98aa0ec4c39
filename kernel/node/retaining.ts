/** Between retention and the rest of the node: the disk, the catalog, and what others are told. */
import { unreachable } from "../assert.ts";
import { removeCommitted, setHidden } from "../catalog.ts";
import type { Effect } from "../effect.ts";
import { type ImageId, type MonoMs, type Now, type VPath, keyOf, parentOf } from "../ids.ts";
import { dropCached } from "../index-cache.ts";
import { next } from "../prng.ts";
import { commitEnded } from "../publish/publish.ts";
import { forgetContained, forgetContainedOf } from "../reconcile/reconcile.ts";
import {
  type CollectOut,
  type CollectView,
  collect,
  foldersListed,
  indexDropped,
  indexesListed,
} from "../retention/indexes.ts";
import {
  type Removal,
  type RetentionOut,
  type RetentionView,
  keepListRead,
  look,
  removalEnded,
} from "../retention/retention.ts";
import type { DiskResult } from "../storage/request.ts";
import { againAt } from "./cleaning.ts";
import { DELETED_MS } from "./downloads.ts";
import { imageChanged, wordsOfDisk } from "./problems.ts";
import { type NodeState, type Waiting, disk, tell, trace } from "./state.ts";
import { perform, publishView } from "./uploads.ts";

export function retain(node: NodeState, now: Now, out: Effect[]): void {
  retentionOuts(node, look(node.retention, retentionView(node, now)), out);
}

function retentionView(node: NodeState, now: Now): RetentionView {
  const isBusy = (path: VPath): boolean => node.publish.turns.has(path) || node.downloads.has(path);
  return { config: node.config, catalog: node.catalog, now, isBusy };
}

function retentionOuts(node: NodeState, outs: readonly RetentionOut[], out: Effect[]): void {
  for (const each of outs) {
    switch (each.kind) {
      case "hide":
        setHidden(node.catalog, each.path, each.hidden);
        break;
      case "problem":
        tell(node, each.about, each.what, out);
        break;
      case "remove": {
        const stage = next(node.prng).toString(16);
        askRemove(node, { kind: "remove", ...each.removal, stage, tries: 0 }, out);
        break;
      }
      default:
        unreachable(each);
    }
  }
}

type Removing = Extract<Waiting, { kind: "remove" }>;

function askRemove(node: NodeState, waiting: Removing, out: Effect[]): void {
  const { path, directory, stage, version } = waiting;
  const floor = { timestamp: version.timestamp, image: version.image };
  disk(node, waiting, { kind: "remove", place: { path, root: directory.root }, floor, stage }, out);
}

/**
 * The image is gone, or the disk has said why not. While it still stands at its name it is judged again; what is out of
 * sight is decided, so that it is tried until it is gone.
 */
export function removed(
  node: NodeState,
  waiting: Removing,
  result: DiskResult,
  now: Now,
  out: Effect[],
): void {
  const { path, directory, stage, version, tries } = waiting;
  const { image } = version;
  const hasBegun = !result.ok && result.code === "removal_begun";
  // Also after a failure the tree may have that name already; the next removal of the path has another one.
  const at = (now.mono + node.config.limits.oldTreeGraceMs) as MonoMs;
  if (tries === 0) node.oldTrees.push({ path, directory, stage, at });
  if (!result.ok && tries === 0) {
    const { code, detail } = result;
    trace(out, "disk_failed", { what: "remove", path, code, detail });
  }
  const told = result.ok || result.code === "state_changed" ? null : wordsOfDisk(result);
  tell(node, `removal of ${path}`, told, out);
  if (hasBegun) {
    node.unremoved.push({ waiting: { ...waiting, tries: tries + 1 }, at: againAt(tries, now) });
    return;
  }
  if (result.ok) {
    removeCommitted(node.catalog, path, version);
    imageChanged(node, path);
    if (node.collect !== null) node.collect.gone += 1;
    node.deleted.push({ path, image, until: (now.mono + DELETED_MS) as MonoMs });
    // What was in the way of another image of its path is not any more.
    const base = parentOf(path);
    if (directory.appendOnly && base !== null) forgetContained(node.reconcile, base);
    trace(out, "image_removed", { path, image, timestamp: version.timestamp });
  }
  removalOver(node, path, result.ok, now, out);
}

function removalOver(node: NodeState, path: VPath, done: boolean, now: Now, out: Effect[]): void {
  const outs = removalEnded(node.retention, path, done, retentionView(node, now));
  retentionOuts(node, outs, out);
  perform(node, commitEnded(node.publish, path, publishView(node, now)), now, out);
}

/** A start has found it decided, and could not end it. */
export function removeOn(node: NodeState, removal: Removal, now: Now): void {
  setHidden(node.catalog, removal.path, true);
  node.retention.running.set(removal.path, removal);
  const stage = next(node.prng).toString(16);
  node.unremoved.push({ waiting: { kind: "remove", ...removal, stage, tries: 0 }, at: now.mono });
}

/** Once a round. What is of a directory that is not served any more is ended by the start that serves it next. */
export function removeAgain(node: NodeState, now: Now, out: Effect[]): void {
  for (const each of node.unremoved.splice(0)) {
    const { path, directory } = each.waiting;
    const isServed = node.config.directories.some(
      ({ key, root }) => key === keyOf(path) && root === directory.root,
    );
    if (!isServed) removalOver(node, path, false, now, out);
    else if (each.at > now.mono) node.unremoved.push(each);
    else askRemove(node, each.waiting, out);
  }
}

/** Indexes that nothing refers to go, now and then. */
export function collectIndexes(node: NodeState, now: Now, out: Effect[]): void {
  if (node.collect !== null) collectOuts(node, collect(node.collect, collectView(node, now)), out);
}

function collectView(node: NodeState, now: Now): CollectView {
  return {
    now: now.mono,
    downloads: node.downloads.size,
    everyMs: node.config.limits.indexCollectMs,
    isNeeded: (image) =>
      node.catalog.uses.has(image) || node.indexWaiters.has(image) || isComing(node, image),
  };
}

/** Its upload is judged, or its download has ended its catalog entry and not its work. */
function isComing(node: NodeState, image: ImageId): boolean {
  for (const { version } of node.publish.uploads.values()) if (version.image === image) return true;
  for (const { intent } of node.downloads.values()) if (intent.image === image) return true;
  return false;
}

function collectOuts(node: NodeState, outs: readonly CollectOut[], out: Effect[]): void {
  for (const each of outs) {
    if (each.kind === "list_folders") {
      disk(node, { kind: "list_index_folders" }, { kind: "list_index_folders" }, out);
      continue;
    }
    if (each.kind === "list") {
      disk(node, { kind: "list_indexes" }, { kind: "list_indexes", folder: each.folder }, out);
      continue;
    }
    const { image } = each;
    dropCached(node.indexes, image);
    disk(node, { kind: "drop_index", image }, { kind: "drop_index", image }, out);
  }
}

export function collected(
  node: NodeState,
  waiting: Extract<Waiting, { kind: "list_index_folders" | "list_indexes" | "drop_index" }>,
  result: DiskResult,
  now: Now,
  out: Effect[],
): void {
  const { collect: state } = node;
  if (state === null) return;
  const view = collectView(node, now);
  if (!result.ok) trace(out, "disk_failed", { what: waiting.kind, code: result.code, detail: result.detail });
  if (waiting.kind === "drop_index") {
    if (result.ok) trace(out, "index_dropped", { image: waiting.image });
    return collectOuts(node, indexDropped(state, view), out);
  }
  if (waiting.kind === "list_index_folders") {
    const folders = result.ok && result.value.kind === "folders" ? result.value.folders : null;
    return collectOuts(node, foldersListed(state, folders, view), out);
  }
  const images = result.ok && result.value.kind === "images" ? result.value.images : null;
  collectOuts(node, indexesListed(state, images, view), out);
}

/** What the operator wants to keep: what was refused before may be wanted now. */
export function keepListChanged(node: NodeState, key: string, paths: readonly VPath[] | null): void {
  keepListRead(node.retention, key, paths);
  forgetContainedOf(node.reconcile, key);
}
