/**
 * Who is at a known address. A datagram's sender can be made up, so that another machine id in one is no more than a
 * reason to ask there over TCP; a server that was reinstalled says so itself.
 *
 * Source: specification of behaviour, section 9 (`/status/`, which 0.6.12 has as well).
 */
import type { Effect } from "../effect.ts";
import { identityAnswered, mayAskIdentity } from "../gossip/view.ts";
import { type Address, type Now, parseMachineId } from "../ids.ts";
import { operation } from "../operations.ts";
import { pageOf, textIn } from "../page.ts";
import { type NodeState, trace } from "./state.ts";

/** A packet from there names another machine than the one that we know there. */
export function askIdentity(node: NodeState, address: Address, now: Now, out: Effect[]): void {
  if (!mayAskIdentity(node.view, address, now.mono)) return;
  out.push({
    kind: "http_get",
    op: operation(node, { kind: "identity", address }),
    address,
    path: "/status/",
  });
}

export function readIdentity(
  node: NodeState,
  address: Address,
  body: Uint8Array | null,
  out: Effect[],
): void {
  const page = pageOf(body);
  const text = page === null ? null : textIn(page, "machine_id");
  const machine = text === null ? null : parseMachineId(text.toLowerCase());
  const before = identityAnswered(node.view, address, machine);
  if (before !== null && machine !== null) trace(out, "peer_id_changed", { address, before, machine });
}
