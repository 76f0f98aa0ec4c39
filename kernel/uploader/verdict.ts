/** How far a transfer is, and when it has ended: the rules of 0.6.12, and an end at once when nothing can follow. */
import { assert } from "../assert.ts";
import type { Effect } from "../effect.ts";
import type { Address, MachineId, Now } from "../ids.ts";
import type { Progress, Why } from "../report.ts";
import { isConfirmed, isLost, isSettled } from "./confirm.ts";
import { bytesPerSecond, remainingMs } from "./meter.ts";
import { report, subjectOf, type Transfer, type UploaderState } from "./state.ts";

/** Nobody can be reached for this long: the end. */
const HOPELESS_MS = 3_000;

export function judge(state: UploaderState, transfer: Transfer, now: Now, out: Effect[]): void {
  if (transfer.conns.size > 0) transfer.aloneSince = null;
  else transfer.aloneSince ??= now.mono;
  const why = verdict(state, transfer, now);
  if (why === null) return;
  const ok = why === "received" && !isLost(transfer);
  transfer.finished = { ok, why: why === "received" && !ok ? "rejected" : why };
  const subject = subjectOf(transfer);
  assert(subject !== null, "what is finished was scanned");
  report(out, {
    type: "finished",
    ok,
    why: transfer.finished.why,
    servers: [...transfer.done.values()],
    known: knownServers(transfer),
    elapsedMs: now.mono - transfer.startedAt,
    ...subject,
    ...progressOf(transfer),
  });
}

export function progressOf(transfer: Transfer): Progress {
  const { discovered } = transfer;
  const waiting = [...discovered]
    .filter(([machine]) => !hasAnswered(transfer, machine))
    .map(([, name]) => name);
  const bytesTotal = transfer.source.index?.totalBytes ?? 0;
  return {
    bytes: transfer.servedBytes,
    bytesTotal,
    accepted: [...transfer.accepted],
    received: [...transfer.done.values()],
    waitingFor: waiting,
    bytesPerSecond: bytesPerSecond(transfer.meter),
    remainingMs: remainingMs(transfer.meter, bytesTotal),
  };
}

function refused({ rejected }: Transfer): boolean {
  return [...rejected.values()].some(({ fatal }) => fatal);
}

/** Servers of the cluster that are known to be configured for the path. */
function knownServers(transfer: Transfer): number {
  return Math.max(transfer.discovered.size, transfer.accepted.size);
}

/**
 * Nothing more is expected of a server: it holds the image, gave it up, or has refused it for good. A refusal names no
 * machine, so it is found by the addresses of the name under which others know the server.
 */
function hasAnswered(
  { cluster, discovered, done, aborted, rejected }: Transfer,
  machine: MachineId,
): boolean {
  if (done.has(machine) || aborted.has(machine)) return true;
  const addresses = cluster.candidates.get(discovered.get(machine) ?? "") ?? [];
  return addresses.length > 0 && addresses.every((address) => rejected.get(address)?.fatal === true);
}

/**
 * The server at an address holds the image. One whose connection ended says so through others, by the name under which
 * they know it.
 */
function isDoneAt({ cluster, done, doneAt }: Transfer, address: Address): boolean {
  if (doneAt.has(address)) return true;
  for (const name of done.values()) if (cluster.candidates.get(name)?.includes(address) === true) return true;
  return false;
}

/** The rules of 0.6.12: everybody has it, or after the early time enough of them. */
function isReceived({ config }: UploaderState, transfer: Transfer, elapsed: number): boolean {
  const { accepted, doneAt, rejected } = transfer;
  const unanswered = [...transfer.conns.values()].includes("asked");
  const allDone =
    [...accepted].some((address) => doneAt.has(address)) &&
    [...accepted].every((address) => isDoneAt(transfer, address) || rejected.has(address));
  if (!unanswered && allDone) {
    const everybody = [...transfer.discovered.keys()].every((machine) => hasAnswered(transfer, machine));
    if (everybody || transfer.job.mode === "append_weak") return true;
  }
  if (elapsed < config.earlyMs) return false;
  const known = knownServers(transfer);
  const share = Math.ceil((known * config.earlyShare) / 1000);
  const need = Math.min(known, Math.max(config.earlyHosts, share));
  return need > 0 && transfer.done.size >= need;
}

function verdict(state: UploaderState, transfer: Transfer, now: Now): Why | null {
  const { config } = state;
  const elapsed = now.mono - transfer.startedAt;
  const unanswered = [...transfer.conns.values()].includes("asked");
  const { accepted, rejected } = transfer;
  if (config.confirm !== null && !transfer.leftAsItIs) {
    if (isConfirmed(transfer, config.confirm)) return "received";
    if (isLost(transfer) && !unanswered && isSettled(transfer)) return "rejected";
  } else if (isReceived(state, transfer, elapsed)) return "received";
  if (elapsed >= config.deadlineMs) return "deadline";
  const { cluster } = transfer;
  // Of servers that others name, one may take what those had no configuration for; after a real refusal nobody helps.
  const elsewhere = [...cluster.candidates.values()].includes(null) && !refused(transfer);
  const busy = cluster.resolving > 0 || unanswered || elsewhere;
  // Whoever took it may refuse it later, when something newer has come.
  const stillTaken = [...accepted].some((address) => rejected.get(address)?.fatal !== true);
  if (!stillTaken && !busy) {
    const every = [...cluster.initial, ...[...cluster.candidates.values()].flatMap((each) => each ?? [])];
    const failed = (address: Address): boolean =>
      !state.links.dialled.has(address) && (state.links.failures.get(address)?.count ?? 0) > 0;
    if (every.length > 0 && every.every((address) => transfer.rejected.has(address))) return "rejected";
    const hopeless = every.every((address) => transfer.rejected.has(address) || failed(address));
    if (hopeless && transfer.rejected.size > 0) return "rejected";
    // Who was asked may wait for its blocks, and nobody else has them; as long as servers wait for a holder.
    const alone = now.mono - (transfer.aloneSince ?? now.mono);
    const patience = transfer.announced ? config.limits.abandonMs : HOPELESS_MS;
    if (hopeless && alone >= patience) return "unreachable";
  }
  // Every server that took it has given it up.
  if (
    transfer.accepted.size > 0 &&
    transfer.conns.size === 0 &&
    transfer.aborted.size >= transfer.accepted.size
  )
    return "rejected";
  return null;
}
