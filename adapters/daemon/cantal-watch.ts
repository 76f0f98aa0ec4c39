/** Asks the cantal of this machine for peers, in place of `peers.txt`; what it does not answer changes nothing. */
import type { ListedPeer } from "../../kernel/event.ts";
import type { Address } from "../../kernel/ids.ts";
import { parseCantalPeers } from "../config/cantal.ts";
import type { Pages } from "../port.ts";

const AGAIN_MS = 5_000; // 0.6.12's
const CANTAL = "127.0.0.1:22682" as Address;
const PATH = "/all_peers.json";

export type CantalWatchOptions = {
  readonly pages: Pages;
  /** Of this server: peers are at the same. */
  readonly port: number;
  readonly resolved: (peers: readonly ListedPeer[]) => void;
  readonly failed: () => void;
  readonly cantal?: Address;
};

export function createCantalWatch(options: CantalWatchOptions): { close(): void } {
  let told = "";
  let closed = false;

  function ask(): void {
    options.pages.get(options.cantal ?? CANTAL, PATH, (body) => {
      if (closed) return;
      const peers = body === null ? null : parseCantalPeers(body, options.port);
      if (peers === null) return options.failed();
      const text = JSON.stringify(peers);
      if (text === told) return;
      told = text;
      options.resolved(peers);
    });
  }

  const timer = setInterval(ask, AGAIN_MS);
  timer.unref();
  ask();
  return {
    close() {
      closed = true;
      clearInterval(timer);
    },
  };
}
