/**
 * The servers of a cluster: which of them are asked to take a transfer, and what they answer. Names that servers tell
 * are tried before the entry points.
 */
import type { Effect } from "../effect.ts";
import type { Address, ConnId, MonoMs, Now } from "../ids.ts";
import { shuffle } from "../prng.ts";
import { ask, closed, connectionTo, mayDial, send } from "../rpc/links.ts";
import { progressOf } from "./verdict.ts";
import type { Notification, Request, Response } from "../wire/message.ts";
import { discover, discoverHosts, lookUp } from "./names.ts";
import { report, subjectOf, type Transfer, type UploaderState } from "./state.ts";

/** Answers an upload may be refused with and try elsewhere. */
const ELSEWHERE = ["no_config"];
const CONFLICTS = ["already_exists", "already_uploading_different_version"];

/** Keeps `connections` servers at work on a transfer: those that its servers name first, then the entry points. */
export function connect(state: UploaderState, transfer: Transfer, now: Now, out: Effect[]): void {
  const { cluster } = transfer;
  if (transfer.conns.size < state.config.connections)
    for (const name of cluster.candidates.keys()) lookUp(state, cluster, name, out);
  const wanted = state.config.connections - dialled(state, transfer).length;
  if (wanted <= 0) return;
  const named = shuffle(
    state.prng,
    [...cluster.candidates.values()].flatMap((addresses) => addresses ?? []),
  );
  const initial = shuffle(state.prng, [...cluster.initial]);
  let left = wanted;
  for (const address of new Set([...named, ...initial])) {
    if (left === 0) break;
    if (transfer.rejected.has(address) || state.links.dialled.has(address)) continue;
    if (!mayDial(state.links, address, now.mono)) continue;
    if (connectionTo(state.links, address, now.mono, out) !== null) left -= 1;
  }
}

export function announce(state: UploaderState, transfer: Transfer, now: Now, out: Effect[]): void {
  const { job, signed, source } = transfer;
  const image = source.index?.image;
  if (signed === null || image === undefined) return;
  for (const conn of dialled(state, transfer)) {
    if (transfer.conns.size >= state.config.connections) return;
    if (transfer.conns.has(conn) || state.links.conns.get(conn)?.open !== true) continue;
    const upload = { path: job.path, image, timestamp: signed.timestamp, signatures: signed.signatures };
    const request: Request =
      job.mode === "replace"
        ? { type: "ReplaceDir", oldImage: job.oldImage, ...upload }
        : { type: "AppendDir", ...upload };
    send(state.links, conn, { kind: "notification", notification: { type: "PublishImage", image } }, out);
    const until = (now.mono + state.config.limits.requestMs * 3) as MonoMs;
    if (
      ask(
        state.links,
        conn,
        request,
        until,
        { kind: "upload", at: state.transfers.indexOf(transfer), conn },
        out,
      )
    ) {
      transfer.conns.set(conn, "asked");
      transfer.announced = true;
    }
  }
}

export function response(
  state: UploaderState,
  transfer: Transfer,
  conn: ConnId,
  message: Response,
  out: Effect[],
): void {
  const address = state.links.conns.get(conn)?.address;
  const subject = subjectOf(transfer);
  if (address === undefined || subject === null) return;
  if (message.type === "Error") {
    transfer.conns.delete(conn);
    transfer.rejected.set(address, { reason: message.text, fatal: true });
    return report(out, { type: "rejected", host: address, reason: message.text, fatal: true, ...subject });
  }
  if (message.type !== "AppendDir" && message.type !== "ReplaceDir") return;
  discoverHosts(transfer, message.hosts);
  const weak = transfer.job.mode === "append_weak" && CONFLICTS.includes(message.reason ?? "");
  if (message.accepted || weak) {
    transfer.conns.set(conn, "accepted");
    transfer.accepted.add(address);
    if (weak) {
      transfer.doneAt.add(address);
      transfer.leftAsItIs = true;
    }
    return report(out, { type: "accepted", host: address, ...subject });
  }
  const reason = message.reason ?? "unknown";
  const fatal = !ELSEWHERE.includes(reason);
  transfer.conns.delete(conn);
  transfer.rejected.set(address, { reason, fatal });
  report(out, { type: "rejected", host: address, reason, fatal, ...subject });
}

export function notification(state: UploaderState, conn: ConnId, message: Notification, out: Effect[]): void {
  if (message.type === "PublishImage") return;
  const address = state.links.conns.get(conn)?.address;
  for (const transfer of state.transfers) {
    const subject = subjectOf(transfer);
    if (subject === null || transfer.job.path !== message.path || address === undefined) continue;
    if (!knows(transfer, address)) continue;
    if (message.image !== subject.image) continue; // what another client has uploaded is no receipt of ours
    // Who has not answered yet gives up what somebody else had brought: the same image, signed before.
    if (message.type === "AbortedImage" && !message.forwarded && transfer.conns.get(conn) === "asked")
      continue;
    const { machine, hostname: host } = message;
    if (!discover(transfer, machine, host)) continue;
    if (!message.forwarded) transfer.machineAt.set(address, machine);
    if (message.type === "AbortedImage") {
      if (!transfer.aborted.has(machine))
        report(out, { type: "aborted", host, machine, reason: message.reason, ...subject });
      transfer.aborted.set(machine, message.reason);
      if (!message.forwarded) {
        transfer.conns.delete(conn);
        transfer.rejected.set(address, { reason: message.reason, fatal: true });
      }
      continue;
    }
    if (!message.forwarded) transfer.doneAt.add(address);
    if (transfer.done.has(machine)) continue;
    transfer.done.set(machine, host);
    if (transfer.aborted.delete(machine) && !message.forwarded) transfer.rejected.delete(address);
    const { waitingFor } = progressOf(transfer);
    report(out, {
      type: "received",
      host,
      machine,
      forwarded: message.forwarded,
      waitingFor,
      ...subject,
    });
    transfer.safe = true;
    report(out, { type: "safe", servers: transfer.done.size, ...subject });
  }
}

export function connClosed(state: UploaderState, conn: ConnId, now: Now, out: Effect[]): void {
  const address = state.links.conns.get(conn)?.address;
  const wasOpen = state.links.conns.get(conn)?.open === true;
  closed(state.links, conn, now.mono);
  for (const transfer of state.transfers) {
    if (!transfer.conns.delete(conn) && wasOpen) continue;
    if (!wasOpen && address !== undefined && transfer.cluster.initial.has(address)) {
      report(out, {
        type: "unreachable",
        cluster: transfer.cluster.job.name,
        host: address,
        reason: "no connection",
      });
    }
  }
}

/** Connections of the cluster, open or being dialled, that are not known to reject this transfer. */
function dialled(state: UploaderState, transfer: Transfer): readonly ConnId[] {
  const out: ConnId[] = [];
  for (const [id, { address }] of state.links.conns) {
    if (knows(transfer, address) && !transfer.rejected.has(address)) out.push(id);
  }
  return out;
}

function knows(transfer: Transfer, address: Address): boolean {
  const { cluster } = transfer;
  return (
    cluster.initial.has(address) || [...cluster.candidates.values()].some((each) => each?.includes(address))
  );
}
