/** Between retention and the rest of the node: the disk, the catalog, and what others are told. */
import { unreachable } from "../assert.ts";
import { removeCommitted, setHidden } from "../catalog.ts";
import type { Effect } from "../effect.ts";
import { type MonoMs, type Now, type VPath, keyOf } from "../ids.ts";
import { next } from "../prng.ts";
import { commitEnded } from "../publish/publish.ts";
import { forgetContained } from "../reconcile/reconcile.ts";
import { type RetentionOut, type RetentionView, look, removalEnded } from "../retention/retention.ts";
import type { DiskRequest, DiskResult } from "../storage/request.ts";
import { DELETED_MS } from "./downloads.ts";
import { type NodeState, type Waiting, disk, problem, trace } from "./state.ts";
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
        if (each.what !== null && node.problems.get(each.about) !== each.what)
          trace(out, "problem", { what: each.what });
        problem(node, each.about, each.what);
        break;
      case "remove": {
        const { path, directory, version } = each.removal;
        const stage = next(node.prng).toString(16);
        const floor = { timestamp: version.timestamp, image: version.image };
        const request: DiskRequest = { kind: "remove", place: { path, root: directory.root }, floor, stage };
        disk(node, { kind: "remove", path, directory, stage, version }, request, out);
        break;
      }
      default:
        unreachable(each);
    }
  }
}

/** The image is gone, or the disk has said why not: then it is judged again. */
export function removed(
  node: NodeState,
  { path, directory, stage, version }: Extract<Waiting, { kind: "remove" }>,
  result: DiskResult,
  now: Now,
  out: Effect[],
): void {
  const { image } = version;
  if (result.ok) {
    removeCommitted(node.catalog, path, version);
    node.deleted.push({ path, image, until: (now.mono + DELETED_MS) as MonoMs });
    const at = (now.mono + node.config.limits.oldTreeGraceMs) as MonoMs;
    node.oldTrees.push({ path, directory, stage, at });
    trace(out, "image_removed", { path, image, timestamp: version.timestamp });
  } else {
    const { code, detail } = result;
    trace(out, "disk_failed", { what: "remove", path, code, detail });
  }
  const told = result.ok || result.code === "state_changed" ? null : `${result.code}: ${result.detail}`;
  problem(node, `removal of ${path}`, told);
  const outs = removalEnded(node.retention, path, result.ok, retentionView(node, now));
  retentionOuts(node, outs, out);
  perform(node, commitEnded(node.publish, path, publishView(node, now)), now, out);
}

/** What the operator wants to keep: what was refused before may be wanted now. */
export function keepListChanged(node: NodeState, key: string, paths: readonly VPath[] | null): void {
  node.retention.keepLists.set(key, paths === null ? null : new Set(paths));
  const bases = new Set(
    [...node.reconcile.contained.keys()].map((each) => each.slice(each.indexOf(" ") + 1)),
  );
  for (const base of bases) if (keyOf(base as VPath) === key) forgetContained(node.reconcile, base as VPath);
}
