/**
 * Keeps the peer list resolved: each entry by itself, again every minute, or soon while it does not resolve. What
 * an entry resolved to stays until it resolves to something else: a name server that is down removes no peer.
 */
import type { ListedPeer } from "../../kernel/event.ts";
import type { Address } from "../../kernel/ids.ts";
import type { PeerEntry } from "../config/peers-file.ts";
import type { Names } from "../port.ts";

const AGAIN_MS = 60_000;
const FAILED_MS = 2_000; // a name server that starts with us is there soon
const TICK_MS = 250;

export type PeerWatch = {
  /** The entries of the file as they are now. */
  replace(entries: readonly PeerEntry[]): void;
  close(): void;
};

export type PeerWatchOptions = {
  readonly names: Names;
  /** Of this server, for entries without one. */
  readonly port: number;
  /** All that is resolved, in the order of the file, each address once; called when that differs from the last. */
  readonly resolved: (peers: readonly ListedPeer[]) => void;
  readonly failed: (entry: PeerEntry) => void;
  readonly mono: () => number;
};

type Row = {
  readonly entry: PeerEntry;
  addresses: readonly Address[];
  dueAt: number;
  asking: boolean;
};

export function createPeerWatch(options: PeerWatchOptions): PeerWatch {
  let rows = new Map<string, Row>();
  let told: string | null = null;
  let changed = true;

  function ask(row: Row): void {
    row.asking = true;
    const { host, port } = row.entry;
    const name = `${host.includes(":") ? `[${host}]` : host}:${port ?? options.port}`;
    options.names.resolve(name, (addresses) => {
      row.asking = false;
      const found = addresses.length > 0;
      row.dueAt = options.mono() + (found ? AGAIN_MS : FAILED_MS);
      if (found) row.addresses = addresses;
      else options.failed(row.entry);
      changed = true;
    });
  }

  function tick(): void {
    const now = options.mono();
    for (const row of rows.values()) if (!row.asking && now >= row.dueAt) ask(row);
    if (changed) tell();
  }

  function tell(): void {
    changed = false;
    const peers = new Map<Address, ListedPeer>();
    for (const { entry, addresses } of rows.values()) {
      for (const address of addresses) {
        if (!peers.has(address)) peers.set(address, { address, name: entry.text });
      }
    }
    const list = [...peers.values()];
    const text = JSON.stringify(list);
    if (text === told) return;
    told = text;
    options.resolved(list);
  }

  const timer = setInterval(tick, TICK_MS);
  timer.unref();

  return {
    replace(entries) {
      const before = rows;
      rows = new Map();
      for (const entry of entries) {
        const row = before.get(entry.text);
        rows.set(entry.text, row ?? { entry, addresses: [], dueAt: 0, asking: false });
      }
      changed = true;
      tick();
    },
    close: () => clearInterval(timer),
  };
}
