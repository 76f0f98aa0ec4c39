/**
 * Who may have one connection more. Strangers share a bound, and no address of theirs gets more than a part of it, so
 * that one machine cannot keep the others out. A listed peer has some connections of its own beyond that, so that all
 * strangers together cannot part a cluster.
 */
import { assert } from "../kernel/assert.ts";
import { networkOf } from "./address.ts";

export type Admission = {
  /** What is to be called when the connection ends, or null: refused. */
  enter(host: string): (() => void) | null;
};

const PEER_CONNECTIONS_MAX = 8; // beyond the bound: a peer dials one, and one more while the old one is silent

export type AdmissionOptions = {
  readonly connectionsMax: number;
  readonly perAddressMax: number;
  /** Whether an IP address is one of the peer list, as it is now. */
  readonly isPeer: ((host: string) => boolean) | undefined;
};

export function createAdmission(options: AdmissionOptions): Admission {
  const { connectionsMax, perAddressMax, isPeer = () => false } = options;
  const open = new Map<string, number>();
  let all = 0;

  /** How many of an address count as strangers' ones. */
  const strange = (address: string, count: number): number =>
    isPeer(address) ? Math.max(0, count - PEER_CONNECTIONS_MAX) : count;

  function isFull(): boolean {
    if (all < connectionsMax) return false; // so many strangers cannot be among them
    let strangers = 0;
    for (const [address, count] of open) strangers += strange(address, count);
    return strangers >= connectionsMax;
  }

  function leave(address: string): void {
    const count = (open.get(address) ?? 0) - 1;
    assert(count >= 0, "who leaves has entered, and leaves once");
    if (count === 0) open.delete(address);
    else open.set(address, count);
    all -= 1;
  }

  return {
    enter(host) {
      const address = isPeer(host) ? host : networkOf(host);
      const count = (open.get(address) ?? 0) + 1;
      const asStranger = strange(address, count);
      if (asStranger > perAddressMax || (asStranger > 0 && isFull())) return null;
      open.set(address, count);
      all += 1;
      return () => leave(address);
    },
  };
}
