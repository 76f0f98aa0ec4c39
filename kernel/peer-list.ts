/**
 * The operator's peer list as addresses: each name by itself, asked again every minute, or soon while it does not
 * resolve. What a name resolved to stays until it resolves to something else: a name server that is down removes no
 * peer.
 */
import type { ListedPeer } from "./event.ts";
import type { Address, MonoMs } from "./ids.ts";

export type PeerName = {
  /** As the operator wrote it: clients are told this. */
  readonly text: string;
  /** `HOST:PORT`, for the resolver. */
  readonly name: string;
};

type Row = {
  readonly name: string;
  addresses: readonly Address[];
  dueAt: MonoMs;
  asking: boolean;
};

export type PeerList = {
  /** By the operator's text, in the order of the file. */
  rows: ReadonlyMap<string, Row>;
  /** What was told last. */
  told: string | null;
};

const AGAIN_MS = 60_000;
const FAILED_MS = 2_000; // a name server that starts with us is there soon

export function createPeerList(): PeerList {
  return { rows: new Map(), told: null };
}

/** The names of the file as they are now; what is known of those that stay is kept. */
export function setNames(list: PeerList, names: readonly PeerName[]): void {
  const before = list.rows;
  list.rows = new Map(
    names.map(({ text, name }) => {
      const known = before.get(text);
      return [text, known ?? { name, addresses: [], dueAt: 0 as MonoMs, asking: false }];
    }),
  );
}

/** The names to ask now. Each is asked once until its answer is `learned`. */
export function dueNames(list: PeerList, now: MonoMs): readonly PeerName[] {
  const due: PeerName[] = [];
  for (const [text, row] of list.rows) {
    if (row.asking || now < row.dueAt) continue;
    row.asking = true;
    due.push({ text, name: row.name });
  }
  return due;
}

export function learned(list: PeerList, text: string, addresses: readonly Address[], now: MonoMs): void {
  const row = list.rows.get(text);
  if (row === undefined) return;
  row.asking = false;
  row.dueAt = (now + (addresses.length > 0 ? AGAIN_MS : FAILED_MS)) as MonoMs;
  if (addresses.length > 0) row.addresses = addresses;
}

/** A client cannot connect to a service: it is told where the server is. */
function nameFor(text: string, address: Address): string {
  return text.startsWith("_") ? address.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1") : text;
}

/** All that is resolved, each address once, when that differs from what was told last; else null. */
export function newsOf(list: PeerList): readonly ListedPeer[] | null {
  const peers = new Map<Address, ListedPeer>();
  for (const [text, { addresses }] of list.rows) {
    for (const address of addresses)
      if (!peers.has(address)) peers.set(address, { address, name: nameFor(text, address) });
  }
  const all = [...peers.values()];
  const told = JSON.stringify(all);
  if (told === list.told) return null;
  list.told = told;
  return all;
}
