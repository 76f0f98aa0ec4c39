/** Runs the peer list of the kernel: a timer, a resolver, and whoever is told. */
import type { ListedPeer } from "../../kernel/event.ts";
import type { MonoMs } from "../../kernel/ids.ts";
import { createPeerList, dueNames, learned, newsOf, setNames } from "../../kernel/peer-list.ts";
import type { PeerEntry } from "../config/peers-file.ts";
import type { Names } from "../port.ts";

const TICK_MS = 2_000; // names are asked for again after minutes: more often would be felt on a server at rest
const SOON_MS = 250; // what several names lead to is told at once

export type PeerWatch = {
  /** The entries of the file as they are now. */
  replace(entries: readonly PeerEntry[]): void;
  close(): void;
};

export type PeerWatchOptions = {
  readonly names: Names;
  /** Of this server, for entries without one. */
  readonly port: number;
  readonly resolved: (peers: readonly ListedPeer[]) => void;
  /** By the text of its entry. */
  readonly failed: (text: string) => void;
  readonly mono: () => number;
};

export function createPeerWatch(options: PeerWatchOptions): PeerWatch {
  const list = createPeerList();
  const now = () => options.mono() as MonoMs;

  let soon: NodeJS.Timeout | null = null;

  function tick(): void {
    if (soon !== null) clearTimeout(soon);
    soon = null;
    for (const { text, name } of dueNames(list, now())) {
      options.names.resolve(name, (addresses) => {
        if (addresses.length === 0) options.failed(text);
        learned(list, text, addresses, now());
        soon ??= setTimeout(tick, SOON_MS).unref();
      });
    }
    const news = newsOf(list);
    if (news !== null) options.resolved(news);
  }

  const timer = setInterval(tick, TICK_MS);
  timer.unref();

  return {
    replace(entries) {
      setNames(
        list,
        entries.map(({ text, host, port }) => ({
          text,
          name: `${host.includes(":") ? `[${host}]` : host}:${port ?? options.port}`,
        })),
      );
      tick();
    },
    close() {
      clearInterval(timer);
      if (soon !== null) clearTimeout(soon);
    },
  };
}
