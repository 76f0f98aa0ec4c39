/** What names lead to: those of the entry points, and those that servers tell. */
import type { Effect } from "../effect.ts";
import type { Address } from "../ids.ts";
import { operation } from "../operations.ts";
import { type Cluster, report, type UploaderState, type Waiting } from "./state.ts";

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
    cluster.candidates.set(name, addresses);
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

/** Resolves a name that servers have told, once. */
export function lookUp(state: UploaderState, cluster: Cluster, name: string, out: Effect[]): void {
  if (cluster.candidates.get(name) !== null || cluster.looking.has(name)) return;
  cluster.looking.add(name);
  resolve(state, cluster, name, false, out);
}
