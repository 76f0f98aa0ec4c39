/** Between uploads and the rest of the node: operations for the disk, answers, downloads that begin. */
import { assert, unreachable } from "../assert.ts";
import { abortIntent, getEntry, putCommitted, putIntent } from "../catalog.ts";
import type { Effect } from "../effect.ts";
import { commitOf } from "../fetch/state.ts";
import { peersFor } from "../gossip/view.ts";
import { type Now, type VPath, keyOf } from "../ids.ts";
import { type Arrival, type PublishOut, type PublishView, takeTurn } from "../publish/publish.ts";
import { uploadedImage } from "../publish/watch.ts";
import { isPast, isRemoved } from "../retention/retention.ts";
import { decided, notCovered } from "../reconcile/reconcile.ts";
import type { DiskRequest } from "../storage/request.ts";
import { stateOf } from "../winner.ts";
import type { Hosts } from "../wire/message.ts";
import { cleanUp } from "./cleaning.ts";
import { answer } from "./answers.ts";
import { cancelDownload, startFetch } from "./downloads.ts";
import { startMended } from "./problems.ts";
import { sendReceipts } from "./receipts.ts";
import { repairFrom } from "./scrubbing.ts";
import { type NodeState, disk, trace } from "./state.ts";
import { operation } from "../operations.ts";

export function publishView(node: NodeState, now: Now): PublishView {
  return {
    config: node.config,
    keys: node.keys,
    catalog: node.catalog,
    now,
    prng: node.prng,
    commitOf: (path) => (node.retention.running.has(path) ? "running" : commitOf(node.downloads.get(path))),
    isShort: ({ root }) => node.short.has(root) || node.short.has(null),
    isRemoved: (path, version) => isRemoved(node.retention, path, version),
    isPast: (path, version) => isPast(node.retention, path, version),
    publishedAt: (path) => node.retention.published.get(path)?.image ?? null,
  };
}

export function perform(node: NodeState, outs: readonly PublishOut[], now: Now, out: Effect[]): void {
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
          {
            kind: "put_state",
            place,
            state: stateOf(each.version),
            supersedes: each.supersedes?.stage ?? null,
          },
          out,
        );
        break;
      }
      case "withdraw": {
        const { path, directory, stage } = each;
        const place = { path, root: directory.root };
        cleanUp(node, "abort", { kind: "abort", place, stage }, out);
        break;
      }
      case "next_turn":
        perform(node, takeTurn(node.publish, each.ticket, publishView(node, now)), now, out);
        break;
      case "accepted":
        uploadAccepted(node, each, now, out);
        break;
      case "refused":
        uploadRefused(node, each, now, out);
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
      const isOld =
        isRemoved(node.retention, path, outcome.version) || isPast(node.retention, path, outcome.version);
      if (!isOld) startMended(node, path);
      if (intent !== null && intent.image !== outcome.version.image) {
        cancelDownload(node, path, intent.stage, now, out);
        abortIntent(node.catalog, path, intent.stage);
      }
    }
    // What is damaged here is not here: whoever uploads it may be the only one who has it.
    if (upload.origin.kind === "client" && !repairFrom(node, path, outcome.version.image, out))
      sendReceipts(node, path, outcome.version.image, out);
  }
  answerUpload(node, upload, true, null, now, out);
  if (outcome.kind !== "started") return;
  const directory = node.config.directories.find(({ key }) => key === keyOf(path));
  assert(directory !== undefined, "an accepted upload has a directory");
  startFetch(node, path, directory, now, out);
}

function uploadRefused(
  node: NodeState,
  { upload, code, detail, passing }: Extract<PublishOut, { kind: "refused" }>,
  now: Now,
  out: Effect[],
): void {
  trace(out, "upload_refused", { path: upload.path, image: upload.version.image, reason: code, detail });
  if (passing && upload.origin.kind === "peer") notCovered(node.reconcile, upload.origin.listing);
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
  const asker = { conn: origin.conn, request: origin.request, credit: 0 };
  answer(node, asker, { type, accepted, reason, hosts }, now, out);
  if (!accepted) return;
  uploadedImage(node.watch, origin.conn, upload.version.image, node.config.limits);
  const { image, timestamp } = upload.version;
  trace(out, "upload_accepted", { path: upload.path, image, timestamp });
}

export function hostsFor(node: NodeState, path: VPath): Hosts {
  const suffix = `:${node.config.port}`;
  // A name is of use only together with the port that its reader assumes.
  const reachable = peersFor(node.view, path).filter((peer) => peer.address.endsWith(suffix));
  return new Map(reachable.map((peer) => [peer.machine, peer.name]));
}
