/** Notifications to clients: an image is complete here or at a peer, or was given up. */
import type { Effect } from "../effect.ts";
import type { Peer } from "../gossip/view.ts";
import type { ImageId, VPath } from "../ids.ts";
import { servers, toldAbout } from "../publish/watch.ts";
import { send } from "../rpc/links.ts";
import type { NodeState } from "./state.ts";

function receiptOf(node: NodeState, path: VPath, image: ImageId) {
  return {
    image,
    path,
    machine: node.config.machine,
    hostname: node.config.hostname,
    forwarded: false,
  } as const;
}

export function tellAborted(
  node: NodeState,
  path: VPath,
  image: ImageId,
  reason: string,
  out: Effect[],
): void {
  for (const conn of servers(node.watch, image)) {
    const notification = { type: "AbortedImage", ...receiptOf(node, path, image), reason } as const;
    send(node.links, conn, { kind: "notification", notification }, out);
  }
}

export function sendReceipts(node: NodeState, path: VPath, image: ImageId, out: Effect[]): void {
  for (const conn of toldAbout(node.watch, path, image)) {
    const notification = { type: "ReceivedImage", ...receiptOf(node, path, image) } as const;
    send(node.links, conn, { kind: "notification", notification }, out);
  }
}

export function forwardReceipt(
  node: NodeState,
  peer: Peer,
  path: VPath,
  image: ImageId,
  out: Effect[],
): void {
  for (const conn of toldAbout(node.watch, path, image)) {
    const { machine, name: hostname } = peer;
    const notification = { type: "ReceivedImage", image, path, machine, hostname, forwarded: true } as const;
    send(node.links, conn, { kind: "notification", notification }, out);
  }
}
