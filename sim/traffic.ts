/** What a run has sent, and how near its uploads came to the least time that its lines allow. */
import { PIECE_BYTES } from "./file-bytes.ts";
import type { Host } from "./computer.ts";
import { leastSeconds } from "./lower-bound.ts";
import { SECOND } from "./timeline.ts";

/** Bytes with all headers. */
export type Traffic = {
  readonly total: number;
  /** Sent by clients. */
  readonly clients: number;
  /** Of the server that sent, or received, most. */
  readonly upMost: number;
  readonly downMost: number;
};

export function trafficOf(servers: readonly Host[], clients: readonly Host[]): Traffic {
  const up = servers.map(({ station }) => station.up.bytes);
  const fromClients = clients.reduce((sum, { station }) => sum + station.up.bytes, 0);
  return {
    total: up.reduce((sum, bytes) => sum + bytes, fromClients),
    clients: fromClients,
    upMost: Math.max(0, ...up),
    downMost: Math.max(0, ...servers.map(({ station }) => station.down.bytes)),
  };
}

/** Virtual microseconds of one upload, by its number. */
type Times = { readonly blocks: number; signed: number | null; last: number; readonly hosts: Set<string> };

/** When uploads were signed, and who has reported them. */
export type Deliveries = {
  expect(upload: number, blocks: number): void;
  signed(upload: number, time: number): void;
  reported(upload: number, host: string, time: number): void;
  /**
   * The least time divided by the time that it took, from the signature to the last of these servers; null when one
   * of them has none of it, or when no line has a bound.
   */
  efficiency(upload: number, client: Host, servers: readonly Host[]): number | null;
};

export function createDeliveries(): Deliveries {
  const all = new Map<number, Times>();

  return {
    expect(upload, blocks) {
      all.set(upload, { blocks, signed: null, last: 0, hosts: new Set() });
    },
    signed(upload, time) {
      const times = all.get(upload);
      if (times !== undefined) times.signed ??= time;
    },
    reported(upload, host, time) {
      const times = all.get(upload);
      if (times === undefined || times.hosts.has(host)) return;
      times.hosts.add(host);
      times.last = time;
    },
    efficiency(upload, client, servers) {
      const times = all.get(upload);
      if (times === undefined || times.signed === null || times.blocks === 0) return null;
      if (!servers.every(({ name }) => times.hosts.has(name))) return null;
      const least = leastSeconds({
        blocks: times.blocks,
        client: blocksPerSecond(client.station.up.bitsPerSecond),
        servers: servers.map(({ station }) => ({
          up: blocksPerSecond(station.up.bitsPerSecond),
          down: blocksPerSecond(station.down.bitsPerSecond),
        })),
      });
      const took = (times.last - times.signed) / SECOND;
      return least > 0 && took > 0 ? least / took : null;
    },
  };
}

export function blocksPerSecond(bitsPerSecond: number): number {
  return bitsPerSecond / 8 / PIECE_BYTES;
}
