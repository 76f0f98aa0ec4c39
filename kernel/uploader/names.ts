/** Which servers there are, and what their names lead to: of the entry points, and of those that servers tell. */
import type { Effect } from "../effect.ts";
import type { Address, MachineId } from "../ids.ts";
import { operation } from "../operations.ts";
import type { Hosts } from "../wire/message.ts";
import { type Cluster, report, type Transfer, type UploaderState, type Waiting } from "./state.ts";

/** Servers that are known of one upload: as many as a cluster is made for. */
const SERVERS_MAX = 10_000;
/** Names that are tried until enough servers have taken an upload. */
const CANDIDATES_MAX = 256;
/** Names that are resolved at once. */
const LOOKING_MAX = 64;

/** What servers say who else is configured for the path. The names by which they know others lead to these. */
export function discoverHosts(transfer: Transfer, hosts: Hosts): void {
  const { cluster, discovered } = transfer;
  for (const [machine, name] of hosts) {
    if (!discover(transfer, machine, name)) return;
    discovered.set(machine, name);
    if (!cluster.candidates.has(name) && cluster.candidates.size < CANDIDATES_MAX)
      cluster.candidates.set(name, null);
  }
}

/** A server is known, if only by its own name, which may lead nowhere; false when there are too many. */
export function discover(transfer: Transfer, machine: MachineId, name: string): boolean {
  const { discovered } = transfer;
  if (discovered.has(machine)) return true;
  if (discovered.size >= SERVERS_MAX) {
    transfer.isCrowded = true;
    return false;
  }
  discovered.set(machine, name);
  return true;
}

export function resolve(
  state: UploaderState,
  cluster: Cluster,
  name: string,
  initial: boolean,
  out: Effect[],
): void {
  if (initial) cluster.resolving += 1;
  out.push({ kind: "resolve", op: operation(state, { kind: "resolve", cluster, name, initial }), name });
}

export function resolved(
  { cluster, name, initial }: Extract<Waiting, { kind: "resolve" }>,
  addresses: readonly Address[],
  out: Effect[],
): void {
  if (!initial) {
    cluster.looking.delete(name);
    // Somebody who lies leads a client to services of its own machine or link, which nobody else reaches.
    const isNear = [...cluster.initial].some(isOfMachineOrLink);
    cluster.candidates.set(name, isNear ? addresses : addresses.filter((each) => !isOfMachineOrLink(each)));
    return;
  }
  cluster.resolving -= 1;
  for (const address of addresses) cluster.initial.add(address);
  if (addresses.length === 0) {
    report(out, {
      type: "unreachable",
      cluster: cluster.job.name,
      host: name,
      reason: "name does not resolve",
    });
  }
}

/** RFC 1122 and 4291: this host, loopback, link-local; also as IPv4 within IPv6. */
const MACHINE_OR_LINK = /^(\[::ffff:)?(0\.0\.0\.0|127\.|169\.254\.)|^\[(::1?|fe[89ab][0-9a-f]:[^\]]*)\]/i;

function isOfMachineOrLink(address: Address): boolean {
  return MACHINE_OR_LINK.test(address);
}

/** Resolves a name that servers have told, once; in its turn. */
export function lookUp(state: UploaderState, cluster: Cluster, name: string, out: Effect[]): void {
  if ((cluster.candidates.get(name) ?? null) !== null || cluster.looking.has(name)) return;
  if (cluster.looking.size >= LOOKING_MAX) return;
  cluster.candidates.set(name, null);
  cluster.looking.add(name);
  resolve(state, cluster, name, false, out);
}
