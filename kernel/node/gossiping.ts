/** Between gossip and the rest of the node: what we have to say, and what follows from what others say. */
import { unreachable } from "../assert.ts";
import { basesOf, getEntry } from "../catalog.ts";
import type { Effect } from "../effect.ts";
import { progressMask } from "../fetch/state.ts";
import { type News, isAtRest, sendTo } from "../gossip/rounds.ts";
import {
  type Peer,
  type View,
  completeHeard,
  downloadHeard,
  heard,
  heardSelf,
  isAnothers,
  isSilent,
  mayTellConfig,
  replaceRecord,
  watchEnded,
  watchHeard,
  wantedElsewhere,
} from "../gossip/view.ts";
import {
  type Address,
  type ImageId,
  type MachineId,
  type Now,
  type VPath,
  compareVPath,
  levelOf,
} from "../ids.ts";
import { servers } from "../publish/watch.ts";
import { heardDigest } from "../reconcile/reconcile.ts";
import { equalBytes } from "../text.ts";
import { type GossipMessage, type Packet, decodePacket } from "../wire/packet.ts";
import { digestOfConfigList } from "../wire/state-file.ts";
import { ownDigest, reconcileOuts, reconcileView } from "./comparing.ts";
import { sourcesNews } from "./downloads.ts";
import { askIdentity } from "./identity.ts";
import { forwardReceipt } from "./receipts.ts";
import { type NodeState, trace } from "./state.ts";

/** Packets that one packet brings about: its sender's address may be made up. */
const TOLD_AT_ONCE_MAX = 8;
/** Packets that are kept to be recognised: at most 180 KB, and of no use in a cluster of many more servers. */
const PACKETS_KEPT_MAX = 128;

export function newsOf(node: NodeState): News {
  const inProgress = [...node.downloads.values()].map(
    (download) =>
      [
        download.path,
        {
          image: download.intent.image,
          mask: progressMask(download),
          source: servers(node.watch, download.intent.image).length > 0,
          stalled: download.stalled,
        },
      ] as const,
  );
  const complete: (readonly [VPath, ImageId])[] = [];
  for (const path of wantedElsewhere(node.view)) {
    const image = completeAt(node, path);
    if (image !== null) complete.push([path, image]);
  }
  return {
    inProgress,
    watching: [...node.watch.paths.keys()],
    deleted: node.deleted.map(({ path, image }) => [path, image]),
    baseDirs: basesOf(node.catalog).flatMap((base) => {
      const digest = ownDigest(node, base);
      return digest === null ? [] : [[base, digest] as const];
    }),
    complete,
  };
}

export function datagram(node: NodeState, from: Address, bytes: Uint8Array, now: Now, out: Effect[]): void {
  if (node.phase !== "running") return;
  if (!node.view.listed.has(from) && !node.config.acceptUnlisted) {
    node.view.unlisted += 1;
    return;
  }
  const packet = packetFrom(node.view, from, bytes);
  if (packet === null) {
    node.view.undecodable += 1;
    return;
  }
  if (packet.machine === node.config.machine) {
    if (heardSelf(node.view, from, now.mono)) trace(out, "own_machine_id_heard", { from });
    return;
  }
  if (isAnothers(node.view, from, packet.machine)) return askIdentity(node, from, now, out);
  const peer = heard(node.view, packet.machine, from, now.mono);
  if (peer !== null) tellConfig(node, peer, packet, now, out);
  gossiped(node, packet.message, from, peer, now, out);
}

/** A server at rest says the same in each round: what came last from an address is not decoded again. */
function packetFrom(view: View, from: Address, bytes: Uint8Array): Packet | null {
  const last = view.packets.get(from);
  if (last !== undefined && equalBytes(last.bytes, bytes)) return last.packet;
  const decoded = decodePacket(bytes);
  if (!decoded.ok) return null;
  if (bytes.length > view.limits.packetBytesMax) return decoded.value;
  for (const oldest of view.packets.keys()) {
    if (view.packets.size < PACKETS_KEPT_MAX) break;
    view.packets.delete(oldest);
  }
  view.packets.set(from, { bytes, packet: decoded.value });
  return decoded.value;
}

/** The sender's idea of our configuration is wrong: it is told, at a bounded rate. */
function tellConfig(node: NodeState, peer: Peer, packet: Packet, now: Now, out: Effect[]): void {
  if (packet.yourConfig === node.configDigest) return;
  if (!mayTellConfig(node.view, peer.address, now.mono)) return;
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
      // Most packets of most servers say nothing else, and did not before.
      if (peer === null || (isAtRest(message) && isSilent(peer))) return;
      const changed = new Set([
        ...peer.inProgress.keys(),
        ...message.inProgress.keys(),
        ...message.complete.keys(),
      ]);
      replaceRecord(node.view, peer, message);
      for (const [path, image] of message.complete) answerComplete(node, peer, path, image, out);
      tellPresent(node, peer, out);
      return sourcesNews(node, [...changed].toSorted(compareVPath), now, out);
    }
    case "Downloading": {
      if (peer === null || levelOf(message.path) < 1) return;
      const { path, image, mask, source } = message;
      downloadHeard(node.view, peer, path, { image, mask, source, stalled: false });
      addWatches(node, path, message.watches);
      return sourcesNews(node, [path], now, out);
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
      completeHeard(node.view, peer, message.path, message.image);
      answerComplete(node, peer, message.path, message.image, out);
      return sourcesNews(node, [message.path], now, out);
    }
    case "CompleteAck":
      if (peer !== null) watchEnded(peer, message.path);
      return;
    case "ConfigSync": {
      if (peer === null) return;
      // Most peers are configured as we are: of a thousand, each has the same.
      if (isOwnConfig(node, message.paths)) {
        peer.configs = node.configPaths;
        peer.configDigest = node.configDigest;
        return;
      }
      peer.configs = new Set(message.paths.slice(0, node.config.limits.configListMax));
      peer.configDigest = digestOfConfigList(message.paths); // of all: what is asked is whether it arrived
      return;
    }
    default:
      return unreachable(message);
  }
}

function isOwnConfig({ config }: NodeState, paths: readonly VPath[]): boolean {
  const { directories } = config;
  return paths.length === directories.length && directories.every(({ key }, at) => paths[at] === `/${key}`);
}

function addWatches(node: NodeState, path: VPath, machines: readonly MachineId[]): void {
  for (const machine of machines) watchHeard(node.view, machine, path);
}

/** A peer waits for paths that are here already: some are said at once, all of them by the rounds that follow. */
function tellPresent(node: NodeState, peer: Peer, out: Effect[]): void {
  let told = 0;
  for (const path of [...peer.watching].toSorted(compareVPath)) {
    if (told === TOLD_AT_ONCE_MAX) return;
    const image = completeAt(node, path);
    if (image === null) continue;
    told += 1;
    sendTo(node.view, peer, { type: "Complete", path, image }, out);
  }
}

/** What others may count on: not what something else is about to replace, nor what is on its way out. */
function completeAt(node: NodeState, path: VPath): ImageId | null {
  const { committed, intent } = getEntry(node.catalog, path);
  return intent !== null || node.retention.running.has(path) ? null : (committed?.image ?? null);
}

function answerComplete(node: NodeState, peer: Peer, path: VPath, image: ImageId, out: Effect[]): void {
  if (levelOf(path) < 1) return;
  forwardReceipt(node, peer, path, image, out);
  sendTo(node.view, peer, { type: "CompleteAck", path }, out);
}
