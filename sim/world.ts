/** Hosts, a network and one virtual time, from one seed. Equal worlds that are told the same do the same. */
import { assert } from "../kernel/assert.ts";
import { createCrypto, type Crypto } from "./crypto.ts";
import { createDraws, type Draws } from "./draw.ts";
import type { Host, HostSpec, Observer } from "./computer.ts";
import { createHost } from "./host.ts";
import { createLinkTable, type LinkTable } from "./links.ts";
import { createNetwork, type Network } from "./network.ts";
import { stateDigest } from "./state-digest.ts";
import { createTimeline, type Timeline } from "./timeline.ts";
import { createTrace, type Trace, type TraceReader } from "./trace.ts";

export type World = {
  readonly timeline: Timeline;
  readonly network: Network;
  readonly links: LinkTable;
  readonly draws: Draws;
  readonly trace: Trace;
  addHost(spec: HostSpec): Host;
  host(name: string): Host | undefined;
  /** In the order in which they were added. */
  hosts(): readonly Host[];
  /** `time` in virtual microseconds. */
  runUntil(time: number): void;
  /** At its end: what all machines know goes into the trace, in the order of the names of their hosts. */
  close(): void;
  digest(): string;
};

export type WorldOptions = {
  readonly seed: string;
  readonly observer?: Observer;
  readonly reader?: TraceReader;
  /** Shared between worlds it saves time, and changes nothing. */
  readonly crypto?: Crypto;
  /** Above 0: what has no order is put into another one, which must change nothing. */
  readonly shuffle?: number;
};

export function createWorld({
  seed,
  observer = {},
  reader,
  crypto = createCrypto(),
  shuffle = 0,
}: WorldOptions): World {
  const timeline = createTimeline();
  const draws = createDraws(seed);
  const network = createNetwork(timeline, draws);
  const links = createLinkTable(network);
  const trace = createTrace(timeline, reader);
  const hosts = new Map<string, Host>();
  return {
    timeline,
    network,
    links,
    draws,
    trace,
    addHost(spec) {
      assert(!hosts.has(spec.name), "a host's name is used once");
      const host = createHost(spec, { network, links, draws, seed, crypto, trace, observer, shuffle });
      hosts.set(spec.name, host);
      return host;
    },
    host: (name) => hosts.get(name),
    hosts: () => [...hosts.values()],
    runUntil: (time) => timeline.runUntil(time),
    close() {
      for (const name of [...hosts.keys()].toSorted()) {
        const known = hosts.get(name)?.known() ?? null;
        if (known !== null) trace.absorb([name, stateDigest(known)]);
      }
    },
    digest: () => trace.digest(),
  };
}
