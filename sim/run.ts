/**
 * Runs a script: builds the cluster from whatever machines it is given, does each line at its time, heals everything
 * after the last one, and lets the oracle judge all along and at the end.
 */
import type { TraceFields } from "../kernel/effect.ts";
import type { Address } from "../kernel/ids.ts";
import { keyed, next } from "../kernel/prng.ts";
import type { Report } from "../kernel/report.ts";
import type { FsCall, FsCode, RootName } from "../kernel/storage/call.ts";
import { unreachable } from "../kernel/assert.ts";
import { type Content, contentBytes, contentOf, plantTree } from "./content.ts";
import type { Crypto } from "./crypto.ts";
import { MachineFailure } from "./failure.ts";
import type { Host, Process, Start } from "./host.ts";
import { CALM, type Rule } from "./network.ts";
import {
  createOracle,
  type Observation,
  roundsToConverge,
  type Site,
  transferMicros,
  Violation,
  type ViolationCode,
} from "./oracle.ts";
import type { LinkFields, Script, UploadVerb, Verb } from "./script.ts";
import { MILLISECOND, SECOND } from "./timeline.ts";
import type { Moment } from "./trace.ts";
import { createWorld, type World } from "./world.ts";

/** A server as the script describes it. */
export type NodeSpec = {
  readonly name: string;
  readonly address: Address;
  /** 32 hex digits. */
  readonly machine: string;
  readonly db: RootName;
  readonly directories: readonly { readonly key: string; readonly root: RootName }[];
  readonly levels: number;
  readonly append: boolean;
  /** The servers in its peer file. */
  readonly peers: readonly { readonly name: string; readonly address: Address }[];
  /** Secrets (32 bytes) whose public keys may write. */
  readonly signers: readonly Uint8Array[];
};

/** A client with one upload; its tree is on its disk at `source`. */
export type ClientSpec = {
  readonly name: string;
  readonly address: Address;
  readonly db: RootName;
  readonly source: RootName;
  readonly id: number;
  readonly upload: UploadVerb;
  readonly servers: readonly Address[];
  readonly secret: Uint8Array;
};

/** The machines that are judged, and how to read what they say. */
export type Cast = {
  node(spec: NodeSpec, start: Start): Process;
  client(spec: ClientSpec, start: Start): Process;
  /** What a server's or a client's word says about an upload, if anything. */
  observe(host: NodeSpec | ClientSpec, seen: Seen, lookup: Lookup): readonly Observation[];
};

/** What a machine says: to its log, or to its user. */
export type Seen =
  | { readonly kind: "mark"; readonly mark: string; readonly fields: TraceFields }
  | { readonly kind: "report"; readonly report: Report };

export type Lookup = {
  /** The uploads signed with this image at this path. */
  uploadsOf(path: string, image: string): readonly number[];
  hostOfMachine(machine: string): string | null;
  hostOfAddress(address: string): string | null;
};

export type RunOptions = {
  readonly crypto?: Crypto;
  /** Told of each mark, after the oracle. */
  readonly marked?: (host: string, mark: string, fields: TraceFields) => void;
  readonly stepped?: (moment: Moment) => void;
};

export type Outcome = {
  readonly digest: string;
  readonly steps: number;
  /** Virtual microseconds at the end. */
  readonly time: number;
  readonly failure: Failure | null;
  /** Microseconds from the healing until all held the winner; null when they never did. */
  readonly convergedAfter: number | null;
  readonly excused: readonly string[];
  readonly world: World;
};

export type Failure = {
  readonly code: ViolationCode;
  readonly detail: string;
  readonly step: number;
  readonly time: number;
};

const KEY = "site";
const DB = "/var/db" as RootName;
const IMAGES = "/srv/site" as RootName;
const IMAGES_DEVICE = 2; // a file system of its own: what syncs the images does not sync the database
const SOURCE = "/home/source" as RootName;
const PORT = 24_783;
const SLOWEST_BITS = 10_000_000; // a line without a bound is judged as if it were this slow
const DEADLINE = 10 * SECOND; // of a question; on a link that loses nothing only a damaged one has no answer
const UNLISTED = 10 * SECOND; // a server that no peer file names hears nobody: so often it asks
const ABANDON = 125 * SECOND; // a download that nobody can serve is given up after two minutes without a block
const POLL = 50 * MILLISECOND;
const SUPERVISOR = 2 * SECOND; // starts a server again that could not start
const AFTERMATH = 3 * SECOND; // what was reached has to stay

export function addressOf(name: string): Address {
  const number = Number(/\d+$/.exec(name)?.[0] ?? "0");
  const net = name.startsWith("c") ? 99 : 0;
  return `10.${net}.${Math.floor(number / 250)}.${(number % 250) + 1}:${PORT}` as Address;
}

export function runScript(script: Script, cast: Cast, options: RunOptions = {}): Outcome {
  const { cluster } = script;
  const seed = String(script.seed);
  const oracle = createOracle({ appendOnly: cluster.append });
  const nodes = new Map<string, NodeSpec>();
  const clients = new Map<string, ClientSpec>();
  const sites = new Map<string, Site>();
  const faults = new Map<string, { readonly call: FsCall["call"]; readonly code: FsCode; left: number }[]>();
  const images = new Map<string, number[]>();
  let bytes = 0;
  let uploads = 0;
  const secret = secretOf(seed, "signer");

  const lookup: Lookup = {
    uploadsOf: (path, image) => images.get(`${path} ${image}`) ?? [],
    hostOfMachine: (machine) => nameWhere(nodes, (spec) => spec.machine === machine),
    hostOfAddress: (address) => nameWhere(nodes, (spec) => spec.address === address),
  };

  const world = createWorld({
    seed,
    ...(options.crypto === undefined ? {} : { crypto: options.crypto }),
    observer: {
      performed(host, call) {
        const site = sites.get(host.name);
        if (site === undefined) return;
        if (changesNames(call)) oracle.check(site);
        if (call.call === "write") oracle.written(site, call);
      },
      crashed(host) {
        const site = sites.get(host.name);
        if (site !== undefined) oracle.crashed(site);
      },
      traced(host, mark, fields) {
        hear(host, { kind: "mark", mark, fields });
        options.marked?.(host.name, mark, fields);
      },
      reported: (host, report) => hear(host, { kind: "report", report }),
      stopped(host) {
        if (nodes.has(host.name)) world.timeline.after(SUPERVISOR, () => host.start());
      },
    },
  });

  function hear(host: Host, seen: Seen): void {
    const spec = nodes.get(host.name) ?? clients.get(host.name);
    if (spec === undefined) return;
    for (const observation of cast.observe(spec, seen, lookup)) observe(observation);
  }

  function observe(seen: Observation): void {
    if (seen.kind === "signed") {
      const spec = [...clients.values()].find((each) => each.id === seen.upload);
      const name = `${spec?.upload.path} ${seen.image}`;
      images.set(name, [...(images.get(name) ?? []), seen.upload]);
    }
    oracle.observe(seen);
  }

  function addNode(name: string, peers: readonly string[]): Host {
    const spec: NodeSpec = {
      name,
      address: addressOf(name),
      machine: machineOf(name),
      db: DB,
      directories: [{ key: KEY, root: IMAGES }],
      levels: cluster.levels,
      append: cluster.append,
      peers: peers.filter((peer) => peer !== name).map((peer) => ({ name: peer, address: addressOf(peer) })),
      signers: [secret],
    };
    nodes.set(name, spec);
    const host = world.addHost({
      name,
      address: spec.address,
      listens: true,
      disk: cluster.disk,
      boot: (start) => cast.node(spec, start),
    });
    host.disk.makeRoot(DB);
    host.disk.makeRoot(IMAGES, IMAGES_DEVICE);
    watchFaults(host);
    sites.set(name, { host: name, disk: host.disk, key: KEY, root: IMAGES });
    return host;
  }

  function watchFaults(host: Host): void {
    host.disk.setFaultHook((call) => {
      const fault = faults.get(host.name)?.find((each) => each.left > 0 && each.call === call.call);
      if (fault === undefined) return null;
      fault.left -= 1;
      return fault.code;
    });
  }

  function upload(verb: UploadVerb): void {
    uploads += 1;
    const id = uploads;
    // Each upload is a process on a computer of its own, so that one name may upload twice.
    const name = clients.has(verb.client) ? `${verb.client}x${id}` : verb.client;
    const content: Content = contentOf(verb.content, verb.files, verb.bytes);
    bytes += contentBytes(content);
    oracle.expectUpload({ id, path: verb.path, content });
    const spec: ClientSpec = {
      name,
      address: `10.98.0.${id}:0` as Address,
      db: DB,
      source: SOURCE,
      id,
      upload: verb,
      servers: verb.to.map(addressOf),
      secret,
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
    watchFaults(host);
    host.clock.stepWall(Math.round(verb.skew / MILLISECOND));
    host.start();
  }

  function perform(verb: Verb): void {
    const { network } = world;
    switch (verb.kind) {
      case "upload":
        return upload(verb);
      case "link":
        return network.addRule(verb.from, verb.to, ruleOf(verb));
      case "cut":
      case "heal":
        network[verb.kind](verb.from, verb.to);
        if (!verb.oneWay) network[verb.kind](verb.to, verb.from);
        return;
      case "join":
        if (world.host(verb.host) === undefined) addNode(verb.host, verb.peers).start();
        return;
      default:
        break;
    }
    const host = world.host(verb.host);
    if (host === undefined) return; // the line that made it was taken away
    switch (verb.kind) {
      case "rate":
        host.station.up.bitsPerSecond = verb.up === 0 ? Infinity : verb.up * 1_000;
        host.station.down.bitsPerSecond = verb.down === 0 ? Infinity : verb.down * 1_000;
        return;
      case "crash":
        return host.crash(verb.disk);
      case "start":
        // A client that ended does not come back by itself.
        return nodes.has(verb.host) ? host.start() : undefined;
      case "pause":
        return host.pause();
      case "resume":
        return host.resume();
      case "clock":
        host.clock.stepWall(Math.round(verb.step / MILLISECOND));
        return host.clock.setDrift(verb.drift);
      case "fail": {
        const known = faults.get(verb.host) ?? [];
        faults.set(verb.host, [...known, { call: verb.call, code: verb.code, left: verb.count }]);
        return;
      }
      case "slow":
        return host.setSlowness(verb.factor);
      default:
        return unreachable(verb);
    }
  }

  /** Nothing is wrong any more, and everybody is there. */
  function healAll(): void {
    world.network.heal("*", "*");
    const { loss, dup, flip } = CALM;
    world.network.addRule("*", "*", { loss, dup, flip });
    faults.clear();
    for (const host of world.hosts()) {
      host.resume();
      host.setSlowness(1);
      if (nodes.has(host.name)) host.start();
    }
  }

  function judge(abandoned = false): { missing: string | null; excused: readonly string[] } {
    const gone = (id: number): boolean => {
      const spec = [...clients.values()].find((each) => each.id === id);
      return spec === undefined || world.host(spec.name)?.state() === "down";
    };
    return oracle.convergence([...sites.values()], gone, abandoned);
  }

  function run(): { convergedAfter: number | null; excused: readonly string[] } {
    const names = Array.from({ length: cluster.nodes }, (_, at) => `n${at + 1}`);
    for (const name of names) addNode(name, names);
    for (const name of names) world.host(name)?.start();
    let healAt = 0;
    for (const { at, verb } of script.lines) {
      healAt = Math.max(healAt, at);
      world.timeline.at(at, () => {
        world.trace.note(at, verb.kind);
        perform(verb);
      });
    }
    world.runUntil(healAt);
    healAll();
    const rounds = roundsToConverge(nodes.size, 1) * SECOND;
    const transfer = transferMicros(bytes, nodes.size, slowest());
    const bound =
      healAt + rounds + transfer + (everyoneIsListed() ? 0 : UNLISTED) + (hasFlips(script) ? DEADLINE : 0);
    let now = healAt;
    let wellSince: number | null = null;
    for (;;) {
      const { missing } = judge();
      wellSince = missing === null ? (wellSince ?? now) : null;
      if (now >= bound && missing !== null) throw new Violation("not_converged", missing);
      if (now >= bound || (missing === null && !uploading())) break;
      now = Math.min(now + POLL, bound);
      world.runUntil(now);
    }
    world.runUntil(now + AFTERMATH);
    for (const site of sites.values()) oracle.check(site);
    const last = judge();
    if (last.missing !== null) throw new Violation("not_converged", `again: ${last.missing}`);
    if (last.excused.length > 0) {
      world.runUntil(world.timeline.now() + ABANDON + bound - healAt);
      const { missing } = judge(true);
      if (missing !== null) throw new Violation("not_converged", `what nobody has is in the way: ${missing}`);
    }
    return { convergedAfter: wellSince === null ? null : wellSince - healAt, excused: last.excused };
  }

  /** A client may still be about to be accepted; what it then brings has to spread, too. */
  function uploading(): boolean {
    return [...clients.values()].some(({ name }) => world.host(name)?.state() === "running");
  }

  function everyoneIsListed(): boolean {
    const specs = [...nodes.values()];
    return specs.every(({ name }) => specs.some(({ peers }) => peers.some((peer) => peer.name === name)));
  }

  function slowest(): number {
    const lanes = world.hosts().flatMap(({ station }) => [station.up, station.down]);
    return lanes.reduce((least, lane) => Math.min(least, lane.bitsPerSecond), SLOWEST_BITS);
  }

  let result: { convergedAfter: number | null; excused: readonly string[] } = {
    convergedAfter: null,
    excused: [],
  };
  let failure: Failure | null = null;
  try {
    result = run();
  } catch (error) {
    failure = failureOf(error, world);
  }
  return {
    ...result,
    failure,
    digest: world.digest(),
    steps: world.trace.steps(),
    time: world.timeline.now(),
    world,
  };
}

function failureOf(error: unknown, world: World): Failure {
  const where = { step: world.trace.steps(), time: world.timeline.now() };
  if (error instanceof Violation) return { code: error.code, detail: error.message, ...where };
  if (error instanceof MachineFailure) return { code: "machine_failed", detail: error.message, ...where };
  throw error;
}

function nameWhere(nodes: ReadonlyMap<string, NodeSpec>, holds: (spec: NodeSpec) => boolean): string | null {
  for (const spec of nodes.values()) if (holds(spec)) return spec.name;
  return null;
}

function hasFlips({ lines }: Script): boolean {
  return lines.some(({ verb }) => verb.kind === "link" && (verb.flip?.hits ?? 0) > 0);
}

function changesNames({ call }: FsCall): boolean {
  return call === "rename" || call === "unlink" || call === "remove_directory";
}

function ruleOf({ loss, dup, flip, late, delay }: LinkFields): Partial<Rule> {
  return {
    ...(loss === undefined ? {} : { loss }),
    ...(dup === undefined ? {} : { dup }),
    ...(flip === undefined ? {} : { flip }),
    ...(late === undefined ? {} : { late }),
    ...(delay === undefined ? {} : { delayMin: delay.min, delayMax: delay.max }),
  };
}

function machineOf(name: string): string {
  const stream = keyed("machine", name);
  return Array.from({ length: 4 }, () => next(stream).toString(16).padStart(8, "0")).join("");
}

function secretOf(seed: string, name: string): Uint8Array {
  const stream = keyed(seed, "secret", name);
  return Uint8Array.from({ length: 32 }, () => next(stream) & 0xff);
}
