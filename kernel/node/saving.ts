/** What a server writes down of itself: what it has moved, what its clock shows, and that it has ended in order. */
import type { Effect } from "../effect.ts";
import type { Now } from "../ids.ts";
import { isTimeToSave, isTrusted } from "../retention/clock.ts";
import type { DiskRequest } from "../storage/request.ts";
import { type NodeState, type Waiting, disk } from "./state.ts";

export function saveInRound(node: NodeState, now: Now, out: Effect[]): void {
  if (node.transferDirty) saveTransfer(node, out);
  if (isTimeToSave(node.retention.clock, now)) save(node, { kind: "save_time", time: now.wall }, out);
}

/** @param started  its start has looked at everything */
export function saveAtEnd(node: NodeState, started: boolean, now: Now, out: Effect[]): void {
  const isQuiet = started && ![...node.waiting.values()].some(isChange);
  saveTransfer(node, out);
  if (!started) return;
  if (isTrusted(node.retention.clock, now)) save(node, { kind: "save_time", time: now.wall }, out);
  if (isQuiet) save(node, { kind: "mark_clean" }, out);
}

function saveTransfer(node: NodeState, out: Effect[]): void {
  node.transferDirty = false;
  save(node, { kind: "save_transfer", transfer: node.transfer }, out);
}

function save(node: NodeState, request: DiskRequest, out: Effect[]): void {
  disk(node, { kind: "save" }, request, out);
}

/** Changes images or their states, and may be cut in the middle. */
function isChange({ kind }: Waiting): boolean {
  switch (kind) {
    case "adopt":
    case "store":
    case "fetch":
    case "restore":
    case "remove":
    case "cleanup":
    case "drop_index":
      return true;
    default:
      return false;
  }
}
