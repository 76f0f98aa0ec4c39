/**
 * Who of a cluster holds the image by its own word: each server is asked for its index of the path, which has to be
 * ours, byte by byte, and again until it is. All are those that another one names as configured for the path, in the
 * answer to the upload or to such a question; those that have reported, if only through another one; and those that
 * were asked to take it.
 */
import type { Effect } from "../effect.ts";
import type { Address, ConnId, MachineId, MonoMs, Now } from "../ids.ts";
import { ask, connectionTo, isOpen } from "../rpc/links.ts";
import { isUndecided } from "../settle.ts";
import { equalBytes } from "../text.ts";
import type { Response } from "../wire/message.ts";
import { discoverHosts, lookUp } from "./names.ts";
import { type Confirm, report, subjectOf, type Transfer, type UploaderState } from "./state.ts";

const AGAIN_MS = 2_000;
const AGAIN_MS_MAX = 30_000; // as long as an address is left alone at most
const QUESTIONS_MAX = 8; // an answer is an index, of some megabytes

/** Asks at once who has reported; a report may be lost, so that the others are asked too, in a while. */
export function confirm(state: UploaderState, transfer: Transfer, now: Now, out: Effect[]): void {
  if (state.config.confirm === null || transfer.done.size === 0) return;
  const { questions, done, doneAt } = transfer;
  for (const name of transfer.discovered.values()) lookUp(state, transfer.cluster, name, out);
  let open = [...questions.values()].filter((question) => question.open && now.mono < question.until).length;
  for (const [server, own] of serversOf(transfer)) {
    const reported = done.has(server as MachineId) || own.some((address) => doneAt.has(address));
    for (const address of own) {
      if (open >= QUESTIONS_MAX) return;
      if (transfer.confirmed.has(address)) continue;
      const before = questions.get(address) ?? {
        open: false,
        until: againAt(now, 1),
        reported: false,
        tries: 0,
      };
      questions.set(address, before);
      const isNews = reported && !before.reported;
      if (now.mono < before.until && (before.open || !isNews)) continue;
      const conn = connectionTo(state.links, address, now.mono, out);
      if (conn === null || !isOpen(state.links, conn)) continue;
      const until = (now.mono + state.config.limits.requestMs * 3) as MonoMs;
      const tag = { kind: "confirm", at: state.transfers.indexOf(transfer), conn } as const;
      if (!ask(state.links, conn, { type: "GetIndexAt", path: transfer.job.path }, until, tag, out)) continue;
      questions.set(address, { open: true, until, reported, tries: isNews ? 1 : before.tries + 1 });
      open += 1;
    }
  }
}

/** An answer may be an index, of some megabytes: the more often it was none of ours, the longer it is not asked for. */
function againAt(now: Now, tries: number): MonoMs {
  return (now.mono + Math.min(AGAIN_MS_MAX, AGAIN_MS * 2 ** Math.min(tries - 1, 16))) as MonoMs;
}

export function confirmed(
  state: UploaderState,
  transfer: Transfer,
  conn: ConnId,
  message: Response,
  now: Now,
  out: Effect[],
): void {
  const address = state.links.conns.get(conn)?.address;
  const subject = subjectOf(transfer);
  if (address === undefined || subject === null) return;
  const question = transfer.questions.get(address);
  if (question !== undefined) Object.assign(question, { open: false, until: againAt(now, question.tries) });
  if (message.type !== "GetIndexAt") return;
  discoverHosts(transfer, message.hosts);
  if (message.data === null || transfer.source.text === null) return;
  if (!equalBytes(message.data, transfer.source.text)) return;
  transfer.confirmed.add(address);
  report(out, { type: "confirmed", host: address, servers: serversConfirmed(transfer), ...subject });
}

/** Whether those that must hold it say that they do, and nobody has another one that may win. */
export function isConfirmed(transfer: Transfer, wanted: Confirm): boolean {
  const servers = [...serversOf(transfer).values()];
  const open = servers.filter((own) => !says(transfer, own));
  if (wanted === "all") return transfer.confirmed.size > 0 && open.length === 0 && !transfer.isCrowded;
  if (servers.length - open.length < wanted) return false;
  return !open.some((own) => own.some((address) => mayYetHold(transfer, address)));
}

/** Nothing more is to be learnt: each server holds it by its own word, or has refused it for good or given it up. */
export function isSettled(transfer: Transfer): boolean {
  const { aborted, rejected, confirmed: who } = transfer;
  const refuses = (address: Address) =>
    rejected.get(address)?.fatal === true && !mayYetHold(transfer, address);
  const hasLeft = (server: string, own: readonly Address[]) =>
    aborted.has(server as MachineId) || own.some(refuses);
  return (
    who.size > 0 &&
    [...serversOf(transfer)].every(([server, own]) => says(transfer, own) || hasLeft(server, own))
  );
}

/** Whether a server has refused it for good or given it up, and does not say that it holds it after all. */
export function isLost(transfer: Transfer): boolean {
  const { aborted, rejected } = transfer;
  const holding = [...serversOf(transfer)].filter(([, own]) => says(transfer, own));
  const machines = new Set(holding.map(([server]) => server));
  const addresses = new Set(holding.flatMap(([, own]) => own));
  return (
    [...aborted.keys()].some((machine) => !machines.has(machine)) ||
    [...rejected].some(([address, { fatal }]) => fatal && !addresses.has(address))
  );
}

/** What it refused it for may go, and then it takes ours from the others. */
function mayYetHold({ rejected }: Transfer, address: Address): boolean {
  return isUndecided(rejected.get(address)?.reason ?? "");
}

export function serversConfirmed(transfer: Transfer): number {
  return [...serversOf(transfer).values()].filter((own) => says(transfer, own)).length;
}

function says({ confirmed: who }: Transfer, own: readonly Address[]): boolean {
  return own.some((address) => who.has(address));
}

/**
 * Each server by its addresses: those that are known by name, and those that have taken it, or may yet, and are none of
 * them. A server whose name leads nowhere has none, and cannot be asked.
 */
function serversOf(transfer: Transfer): ReadonlyMap<string, readonly Address[]> {
  const { cluster, discovered, machineAt, accepted, rejected } = transfer;
  const servers = new Map<string, Address[]>();
  for (const [machine, name] of discovered) servers.set(machine, [...(cluster.candidates.get(name) ?? [])]);
  for (const [address, machine] of machineAt) servers.get(machine)?.push(address);
  const named = new Set([...servers.values()].flat());
  const others = [...accepted, ...[...rejected.keys()].filter((address) => mayYetHold(transfer, address))];
  for (const address of others) if (!named.has(address)) servers.set(address, [address]);
  return servers;
}
