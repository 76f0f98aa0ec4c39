/** The servers and clients of one run, the world that they live in, and the oracle that watches them. */
import type { Address, VPath } from "../kernel/ids.ts";
import { keyed, next } from "../kernel/prng.ts";
import type { FsCall, FsCode, RootName } from "../kernel/storage/call.ts";
import { type Content, contentBlocks, contentBytes, contentOf, plantTree } from "./content.ts";
import { createCrypto } from "./crypto.ts";
import type { DiskImage } from "./disk.ts";
import type { Host } from "./computer.ts";
import { createOracle, type Observation, type Oracle, type Site } from "./oracle.ts";
import { FUTURE_MS } from "./oracle/convergence.ts";
import type { RunOptions } from "./run-options.ts";
import {
  type ConfigVerb,
  FAILING_CALLS,
  type Script,
  SIGNING_KEYS,
  type SigningKey,
  type UploadVerb,
} from "./script.ts";
import type { Cast, ClientSpec, Lookup, NodeSpec, Seen } from "./spec.ts";
import { createDeliveries, type Deliveries } from "./traffic.ts";
import { createTally, type Sight, type Tally } from "./tally.ts";
import { MILLISECOND, SECOND } from "./timeline.ts";
import { createTriggers, type Triggers } from "./triggers.ts";
import { createWorld, type World } from "./world.ts";

/** A call that fails the next `left` times. */
export type Fault = {
  readonly call: FsCall["call"] | "*";
  readonly code: FsCode;
  readonly count: number;
  left: number;
};

export type Cluster = {
  readonly script: Script;
  readonly world: World;
  readonly oracle: Oracle;
  readonly tally: Tally;
  readonly deliveries: Deliveries;
  /** What waits for a server to come to a phase. */
  readonly triggers: Triggers;
  readonly nodes: Map<string, NodeSpec>;
  readonly clients: Map<string, ClientSpec>;
  readonly sites: Map<string, Site>;
  readonly faults: Map<string, Fault[]>;
  /** Copies of disks, by server. */
  readonly saved: Map<string, DiskImage>;
  /** Servers that went, that lie, and whose images somebody deleted. */
  readonly left: Set<string>;
  readonly hostile: Set<string>;
  /** Clients by name that had a message damaged, to them or from them: they may have been told of something else. */
  readonly damaged: Set<string>;
  /** Those of them that a server has refused since: it may have refused something else, and they say no more to it. */
  readonly misheard: Set<string>;
  /** `CLIENT ADDRESS` of each server that has refused an upload. */
  readonly refused: Set<string>;
  /** Clients with an image that a server has given up, or left for a newer one: it tells them once. */
  readonly deserted: Set<string>;
  /** Servers from which an image was deleted since they started. */
  readonly robbed: Set<string>;
  /** Peer files as the operator wants them, where a fault has changed one. */
  readonly peerFiles: Map<string, NodeSpec["peers"]>;
  /** What a client has signed; null while it has not. */
  readonly imageOf: (client: string) => string | null;
  /** When a server's clock was last set. */
  readonly steps: Map<string, number>;
  /** Some copy was damaged or lost, by a fault. */
  spoilt: boolean;
  /** The faults are over. */
  healed: boolean;
  /** Until when a call of some disk hangs. */
  hangsUntil: number;
  /** Bytes of all uploads. */
  bytes: number;
};

export const KEY = "site";
export const DB = "/var/db" as RootName;
export const IMAGES = "/srv/site" as RootName;
const IMAGES_DEVICE = 2; // a file system of its own: what syncs the images does not sync the database
const SOURCE = "/home/source" as RootName;
const PORT = 24_783;
const NO_IMAGE = "0".repeat(64); // no image has this id
const SUPERVISOR = 2 * SECOND; // starts a server again that could not start
/** Keys that may write where no `config` says otherwise. */
const TRUSTED: readonly SigningKey[] = SIGNING_KEYS.filter((key) => key !== "stranger");

export function addressOf(name: string): Address {
  const number = Number(/\d+$/.exec(name)?.[0] ?? "0");
  const net = name.startsWith("c") ? 99 : 0;
  return `10.${net}.${Math.floor(number / 250)}.${(number % 250) + 1}:${PORT}` as Address;
}

export function createCluster(script: Script, cast: Cast, options: RunOptions): Cluster {
  const crypto = options.crypto ?? createCrypto();
  const hostile = new Set<string>();
  const damaged = new Set<string>();
  const misheard = new Set<string>();
  const deserted = new Set<string>();
  const refused = new Set<string>();
  const oracle = createOracle({
    db: DB,
    speaks: cast.speaks,
    digest: (bytes) => crypto.digest(bytes),
    time: () => world.timeline.now(),
    isHostile: (host) => hostile.has(host),
  });
  const signed = new Map<string, string>();
  const nodes = new Map<string, NodeSpec>();
  const tally = createTally((host) => nodes.has(host));
  const clients = new Map<string, ClientSpec>();
  const sites = new Map<string, Site>();
  const signings = new Map<string, number[]>();
  const left = new Set<string>();
  const steps = new Map<string, number>();
  const robbed = new Set<string>();
  const signedAt = new Map<number, number>();
  const deliveries = createDeliveries();
  const versions = new Map<number, { readonly at: string; readonly image: string }>();
  /** By server, by path and timestamp, the image that it accepted last. */
  const met = new Map<string, Map<string, string>>();

  const lookup: Lookup = {
    uploadsOf: (path, image, timestamp) => signings.get(`${path} ${image} ${timestamp}`) ?? [],
    hostOfMachine(machine) {
      const found = [...nodes.values()].filter((spec) => spec.machine === machine);
      return found.length === 1 ? (found[0]?.name ?? null) : null; // of a cloned id nobody can tell
    },
    hostOfAddress: (address) => [...nodes.values()].find((spec) => spec.address === address)?.name ?? null,
  };

  const world = createWorld({
    seed: String(script.seed),
    crypto,
    ...(options.reader === undefined ? {} : { reader: options.reader }),
    ...(options.shuffle === undefined ? {} : { shuffle: options.shuffle }),
    observer: {
      performed(host, call, request, op) {
        tally.performed(host.name, call, request, op);
        triggers.performed(host.name, call.call, request);
        const site = sites.get(host.name);
        if (site !== undefined) oracle.performed(site, call, request);
      },
      started(host) {
        robbed.delete(host.name); // it looks for what it has lost
        oracle.started(host.name, sites.get(host.name), world.timeline.now());
      },
      stepped(host, event, effects) {
        oracle.stepped(host.name, event, effects, world.timeline.now());
        const site = sites.get(host.name);
        if (site !== undefined && site.clean !== null)
          oracle.cleaned(site, event, effects, world.timeline.now());
      },
      crashed(host) {
        const site = sites.get(host.name);
        if (site !== undefined) oracle.crashed(site);
      },
      replaced(host, disk) {
        const site = sites.get(host.name);
        if (site !== undefined) oracle.replaced(site, sites.has(disk) ? disk : null);
      },
      traced(host, mark, fields) {
        tally.marked(host.name, mark, String(fields["path"] ?? ""));
        triggers.changed(host.name);
        const site = sites.get(host.name);
        const moment = { time: world.timeline.now(), latest: host.clock.now().wall + FUTURE_MS };
        if (site !== undefined) oracle.said(site, mark, fields, moment);
        if (mark === "download_superseded" || mark === "download_aborted")
          for (const [client, image] of signed) if (image === fields["image"]) deserted.add(client);
        hear(host, { kind: "mark", mark, fields });
        options.marked?.(host.name, mark, fields);
      },
      repeated: () => tally.saw("news_in_several_packets"),
      changed: (host) => triggers.changed(host.name),
      reported(host, report) {
        hear(host, { kind: "report", report });
        const client = clients.get(host.name);
        if (report.type === "rejected") refused.add(`${host.name} ${report.host}`);
        if (report.type === "rejected" && damaged.has(host.name)) misheard.add(host.name);
        if (client !== undefined) oracle.reported(client.id, report, (name) => sites.get(name));
      },
      stopped(host) {
        if (!nodes.has(host.name)) return;
        world.timeline.after(SUPERVISOR, () => {
          if (!left.has(host.name)) host.start();
        });
      },
    },
  });
  tally.measure(() => world.network.counts.delivered);
  const triggers = createTriggers(world.timeline, (name) => {
    const host = world.host(name);
    return host === undefined ? new Set() : tally.phasesAt(host);
  });
  world.network.onMishap((mishap) => {
    const { kind, from, to } = mishap;
    if (kind === "flip") {
      oracle.doubt();
      for (const { name } of [from, to]) if (clients.has(name)) damaged.add(name);
    }
    if (kind !== "silent") tally.hit(kind, world.host(to.name) ?? null);
    else if (from.state === "paused" || from.readsAt > world.timeline.now()) tally.saw("slow_reader_closed");
    options.mishap?.(mishap, world.timeline.cause());
  });

  function hear(host: Host, seen: Seen): void {
    const spec = nodes.get(host.name) ?? clients.get(host.name);
    if (spec === undefined) return;
    for (const observation of cast.observe(spec, seen, lookup)) observe(observation, host);
  }

  /** The same server has accepted another image with this timestamp at this path. */
  function hasEqual(upload: number, host: string): boolean {
    const mine = versions.get(upload);
    const there = met.get(host) ?? new Map<string, string>();
    met.set(host, there);
    if (mine === undefined) return false;
    const before = there.get(mine.at);
    there.set(mine.at, mine.image);
    return before !== undefined && before !== mine.image;
  }

  function observe(seen: Observation, host: Host): void {
    if (seen.kind === "signed") {
      signedAt.set(seen.upload, world.timeline.now());
      deliveries.signed(seen.upload, world.timeline.now());
      const spec = [...clients.values()].find((each) => each.id === seen.upload);
      if (spec !== undefined) signed.set(spec.name, seen.image);
      const name = `${spec?.upload.path} ${seen.image} ${seen.timestamp}`;
      versions.set(seen.upload, { at: `${spec?.upload.path} ${seen.timestamp}`, image: seen.image });
      signings.set(name, [...(signings.get(name) ?? []), seen.upload]);
    }
    // It may have been judged by the clock as it was before it was set.
    const steady = (steps.get(host.name) ?? 0) <= (signedAt.get(seen.upload) ?? 0);
    if (seen.kind === "accepted" && hasEqual(seen.upload, seen.host)) tally.saw("equal_timestamps_met");
    if (seen.kind === "accepted" && seen.fresh === true && steady) {
      oracle.expectPresent(seen.upload, host.name, host.clock.now().wall + FUTURE_MS);
    }
    if (seen.kind === "acknowledged") deliveries.reported(seen.upload, seen.host, world.timeline.now());
    // What a liar accepts or reports is nobody's promise.
    if ("host" in seen && cluster.hostile.has(seen.host)) return;
    oracle.observe(seen);
  }

  const cluster: Cluster = {
    script,
    world,
    oracle,
    tally,
    triggers,
    nodes,
    clients,
    sites,
    deliveries,
    faults: new Map(),
    saved: new Map(),
    left,
    steps,
    hostile,
    damaged,
    misheard,
    deserted,
    refused,
    robbed,
    peerFiles: new Map(),
    imageOf: (client) => signed.get(client) ?? null,
    spoilt: false,
    healed: false,
    hangsUntil: 0,
    bytes: 0,
  };
  return cluster;
}

export function addNode(
  cluster: Cluster,
  cast: Cast,
  name: string,
  peers: readonly string[],
  machine: string | null = null,
): Host {
  const { script, world, nodes, sites } = cluster;
  const own = configOf(script, name);
  const append = own?.append ?? script.cluster.append;
  const levels = own?.levels ?? script.cluster.levels;
  const keys = own?.keys ?? TRUSTED;
  const clean = own?.clean ?? script.cluster.clean ?? "no";
  const rules = clean === "no" ? null : clean;
  nodes.set(name, {
    name,
    address: addressOf(name),
    machine: machineOf(machine ?? name),
    db: DB,
    directories: [{ key: KEY, root: IMAGES }],
    levels,
    append,
    clean: rules,
    keepList: rules?.list === true ? [] : null,
    peers: peerFileOf(name, peers),
    signers: keys.map((key) => secretOf(cluster, key)),
  });
  cluster.oracle.listed(name, peers.map(addressOf));
  const host = world.addHost({
    name,
    address: addressOf(name),
    listens: true,
    disk: script.cluster.disk,
    boot: (start) => cast.node(nodes.get(name) as NodeSpec, start),
  });
  host.disk.makeRoot(DB);
  host.disk.makeRoot(IMAGES, IMAGES_DEVICE);
  watchFaults(cluster, host);
  const { disk, clock } = host;
  sites.set(name, {
    host: name,
    disk,
    key: KEY,
    root: IMAGES,
    append,
    levels,
    keys,
    clean: rules,
    wall: () => clock.now().wall,
  });
  return host;
}

/** What the script says about one server's configuration. */
function configOf({ lines }: Script, name: string): ConfigVerb | undefined {
  return lines.map(({ verb }) => verb).find((verb) => verb.kind === "config" && verb.host === name) as
    | ConfigVerb
    | undefined;
}

export function peerFileOf(name: string, peers: readonly string[]): NodeSpec["peers"] {
  return peers.filter((peer) => peer !== name).map(entryOf);
}

/** Of a thousand peer files of a thousand servers each. */
const entries = new Map<string, NodeSpec["peers"][number]>();

function entryOf(name: string): NodeSpec["peers"][number] {
  const known = entries.get(name) ?? { name, address: addressOf(name) };
  entries.set(name, known);
  return known;
}

/** The peer file of a server says something else from now on. */
export function setPeers(cluster: Cluster, name: string, peers: NodeSpec["peers"]): boolean {
  const spec = cluster.nodes.get(name);
  if (spec === undefined) return false;
  if (!cluster.peerFiles.has(name)) cluster.peerFiles.set(name, spec.peers);
  cluster.nodes.set(name, { ...spec, peers });
  const addresses = peers.map(({ address }) => address);
  cluster.oracle.listed(name, addresses);
  cluster.world.host(name)?.feed({ kind: "peers_resolved", peers });
  return true;
}

/** The keep list of a server says something else from now on. False where there is none. */
export function setKeepList(cluster: Cluster, name: string, paths: readonly string[] | null): boolean {
  const spec = cluster.nodes.get(name);
  if (spec?.clean?.list !== true) return false;
  cluster.nodes.set(name, { ...spec, keepList: paths });
  const listed = paths as readonly VPath[] | null;
  for (const { key } of spec.directories)
    cluster.world.host(name)?.feed({ kind: "keep_list", key, paths: listed });
  return true;
}

/** Each upload is a process on a computer of its own, so that one name may upload twice. */
export function startUpload(
  cluster: Cluster,
  cast: Cast,
  verb: UploadVerb,
  content: Content = contentOf(verb.content, verb.files, verb.bytes),
): void {
  const { world, clients, oracle } = cluster;
  const id = clients.size + 1;
  const name = clients.has(verb.client) ? `${verb.client}x${id}` : verb.client;
  cluster.bytes += contentBytes(content);
  cluster.deliveries.expect(id, contentBlocks(content));
  const { path, key, mode } = verb;
  const oldImage = verb.old === null ? null : (cluster.imageOf(verb.old) ?? NO_IMAGE);
  oracle.expectUpload({ id, path, content, key, mode, old: oldImage });
  for (const to of verb.to) {
    const target = world.host(to);
    if (target?.station.state === "up" || target?.station.state === "paused")
      cluster.tally.hit("upload", target);
  }
  const spec: ClientSpec = {
    name,
    address: `10.98.0.${id}:0` as Address,
    db: DB,
    source: SOURCE,
    id,
    upload: verb,
    servers: verb.to.map(addressOf),
    secret: secretOf(cluster, verb.key),
    oldImage,
  };
  clients.set(name, spec);
  const host = world.addHost({
    name,
    address: spec.address,
    listens: false,
    disk: "weak",
    boot: (start) => cast.client(spec, start),
  });
  host.disk.makeRoot(DB);
  host.disk.makeRoot(SOURCE);
  plantTree(host.disk, SOURCE, content);
  watchFaults(cluster, host);
  host.clock.stepWall(Math.round(verb.skew / MILLISECOND));
  host.start();
}

function watchFaults(cluster: Cluster, host: Host): void {
  host.disk.setFaultHook((call) => {
    const canFail = FAILING_CALLS.some((each) => each === call.call);
    const fault = cluster.faults
      .get(host.name)
      ?.find((each) => each.left > 0 && (each.call === call.call || (each.call === "*" && canFail)));
    if (fault === undefined) return null;
    fault.left -= 1;
    cluster.tally.hit(fault.code, host);
    cluster.oracle.disturbed(host.name);
    const sight = sightOf(call, fault.code);
    if (sight !== null) cluster.tally.saw(sight);
    return fault.code;
  });
}

function sightOf(call: FsCall, code: FsCode): Sight | null {
  if (code === "io" && (call.call === "sync" || call.call === "sync_file_system")) return "sync_failed";
  if (call.call !== "rename") return null;
  if (code === "no_space") return "no_space_at_rename";
  return code === "unsupported" && call.mode === "exchange" ? "exchange_refused" : null;
}

/** Hosts that are judged: those of the core that are still members, and do not lie. */
export function coreSites({ sites, left, hostile, script }: Cluster): readonly Site[] {
  return [...sites.values()].filter(
    ({ host }) => !left.has(host) && !hostile.has(host) && isCore(script, host),
  );
}

/** Whether a server is healed in the end; one that joined is when all are. */
export function isCore({ cluster: { core } }: Script, name: string): boolean {
  return core === undefined || core.includes(name);
}

export function machineOf(name: string): string {
  const stream = keyed("machine", name);
  return Array.from({ length: 4 }, () => next(stream).toString(16).padStart(8, "0")).join("");
}

function secretOf({ script }: Cluster, name: string): Uint8Array {
  const stream = keyed(String(script.seed), "secret", name);
  return Uint8Array.from({ length: 32 }, () => next(stream) & 0xff);
}
