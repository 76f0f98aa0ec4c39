/**
 * What a local cantal says of its peers: `{"peers": [{"id", "hostname", "name", "primary_addr", ...}]}`. One counts when
 * its id is a machine id and its address can be read; the port is ours, whatever cantal's is.
 *
 * Source: specification of gossip, section 3.
 */
import { isIP } from "node:net";
import type { ListedPeer } from "../../kernel/event.ts";
import { type Address, parseMachineId } from "../../kernel/ids.ts";
import { utf8Decode } from "../../kernel/text.ts";
import { formatAddress, splitAddress } from "../address.ts";
import { PEER_ENTRIES_MAX } from "./peers-file.ts";

/** Null when it is no such answer: then what was known stays. */
export function parseCantalPeers(body: Uint8Array, port: number): readonly ListedPeer[] | null {
  const text = utf8Decode(body);
  let page: unknown = null;
  try {
    page = text === null ? null : JSON.parse(text);
  } catch {
    return null;
  }
  const peers = memberOf(page, "peers");
  if (!Array.isArray(peers)) return null;
  const found = new Map<Address, ListedPeer>();
  for (const each of peers.slice(0, PEER_ENTRIES_MAX) as readonly unknown[]) {
    const id = memberOf(each, "id");
    const address = memberOf(each, "primary_addr");
    if (typeof id !== "string" || parseMachineId(id) === null || typeof address !== "string") continue;
    const { host } = splitAddress(address as Address);
    if (isIP(host) === 0 || !/:\d{1,5}$/.test(address)) continue;
    const at = formatAddress(host, port);
    found.set(at, { address: at, name: nameOf(each) ?? host });
  }
  return [...found.values()];
}

/** What clients are told, and reach it by. */
function nameOf(peer: unknown): string | null {
  for (const member of ["name", "hostname"]) {
    const name = memberOf(peer, member);
    if (typeof name === "string" && /^[A-Za-z0-9._-]{1,253}$/.test(name)) return name;
  }
  return null;
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : null;
}
