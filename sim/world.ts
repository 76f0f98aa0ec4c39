/** Hosts, a network and one virtual time, from one seed. Equal worlds that are told the same do the same. */
import { assert } from "../kernel/assert.ts";
import { createCrypto, type Crypto } from "./crypto.ts";
import { createDraws, type Draws } from "./draw.ts";
import { createHost, type Host, type HostSpec, type Observer } from "./host.ts";
import { createLinkTable, type LinkTable } from "./links.ts";
import { createNetwork, type Network } from "./network.ts";
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
  digest(): string;
};

export type WorldOptions = {
  readonly seed: string;
  readonly observer?: Observer;
  readonly reader?: TraceReader;
  /** Shared between worlds it saves time, and changes nothing. */
  readonly crypto?: Crypto;
};

export function createWorld({ seed, observer = {}, reader, crypto = createCrypto() }: WorldOptions): World {
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
      const host = createHost(spec, { network, links, draws, seed, crypto, trace, observer });
      hosts.set(spec.name, host);
      return host;
    },
    host: (name) => hosts.get(name),
    hosts: () => [...hosts.values()],
    runUntil: (time) => timeline.runUntil(time),
    digest: () => trace.digest(),
  };
}
