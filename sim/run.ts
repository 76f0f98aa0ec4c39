/**
 * Runs a script: builds the cluster from whatever machines it is given, does each line at its time, heals everything
 * after the last one, and lets the oracle judge all along and at the end.
 */
import { keyed, shuffle } from "../kernel/prng.ts";
import { addNode, type Cluster, coreSites, createCluster, isCore } from "./cluster.ts";
import { MachineFailure } from "./failure.ts";
import { perform } from "./faults.ts";
import { hasRivals, heal } from "./heal.ts";
import type { Host } from "./computer.ts";
import { withoutChance } from "./jail.ts";
import {
  type Convergence,
  type Excuse,
  roundsToConverge,
  type Site,
  transferMicros,
  Violation,
  type ViolationCode,
} from "./oracle.ts";
import type { RunOptions } from "./run-options.ts";
import { deedOf, type Line, printLine, printVerb, type Script, type Verb } from "./script.ts";
import type { Cast } from "./spec.ts";
import type { Counts } from "./tally.ts";
import { MILLISECOND, SECOND } from "./timeline.ts";
import { type Traffic, trafficOf } from "./traffic.ts";
import type { World } from "./world.ts";

export type Outcome = {
  readonly digest: string;
  readonly steps: number;
  /** Virtual microseconds at the end. */
  readonly time: number;
  readonly failure: Failure | null;
  /** Microseconds from the healing until all held the winner; null when they never did. */
  readonly convergedAfter: number | null;
  readonly excused: readonly Excuse[];
  /** Servers at the end. */
  readonly servers: number;
  /** How often each kind of fault hit, and in which phase of whom. */
  readonly faults: Counts;
  readonly cells: Counts;
  /** Enough was said before the first fault hit: without traffic there is nothing that a fault could meet. */
  readonly isValid: boolean;
  /** How often what has to be seen now and then was seen. */
  readonly sights: Counts;
  /** Lines that met nothing they could change; of a run that failed, none are known. */
  readonly idle: readonly string[];
  readonly traffic: Traffic;
  /** Of each upload that all servers reported, over lines with a bound. */
  readonly efficiencies: readonly number[];
  readonly world: World;
};

export type Failure = {
  readonly code: ViolationCode;
  readonly detail: string;
  /** The host that broke it, as far as one did. */
  readonly host: string | null;
  readonly step: number;
  readonly time: number;
};

const SLOWEST_BITS = 10_000_000; // a line without a bound is judged as if it were this slow
const DEADLINE = 10 * SECOND; // of a question; on a link that loses nothing only a damaged one has no answer
const UNLISTED = 10 * SECOND; // a server that no peer file names hears nobody: so often it asks
const LIED_TO = 40 * SECOND; // who lies is asked again and again, each time a while later
const ABANDON = 125 * SECOND; // a download that nobody can serve is given up after two minutes without a block
const REFUSED = 120 * SECOND; // an image whose exchange was refused is not taken again for so long
const OLD = 30 * SECOND; // copies of packets that come so late
const NARROW_BITS = 100_000; // gossip alone fills such a line
const CALM_MIN = 2; // datagrams a server, before the first fault
const WHEN_WAIT = 5 * SECOND; // after the last line, for phases that lines wait for
const CLEAN_WAIT = 16 * SECOND; // two looks at what is old, or a turn of the indexes
const BROKEN = 35 * SECOND; // who never answers is asked three times
const OLD_WAIT_MAX = 400 * SECOND; // for the clocks of servers and of signatures may be five minutes apart
const CLEANED = 60 * SECOND; // two looks, and a try again
const POLL = 50 * MILLISECOND;
const AFTERMATH = 3 * SECOND; // what was reached has to stay
const REST = 5 * SECOND; // and then nothing happens

export function runScript(script: Script, cast: Cast, options: RunOptions = {}): Outcome {
  return withoutChance(() => runInJail(script, cast, options));
}

function runInJail(script: Script, cast: Cast, options: RunOptions): Outcome {
  const cluster = createCluster(script, cast, options);
  const { world, oracle, tally, triggers, nodes, clients } = cluster;
  const idle: string[] = [];
  options.built?.(world);

  function judge(abandoned = false): Convergence {
    const gone = (id: number): boolean => {
      const spec = [...clients.values()].find((each) => each.id === id);
      if (spec === undefined || world.host(spec.name)?.state() === "down") return true;
      if (cluster.misheard.has(spec.name)) return true;
      // Whether it was told of the end of its upload in words that it could read nobody knows.
      if (cluster.damaged.has(spec.name) && cluster.deserted.has(spec.name)) return true;
      // Who was sent to those alone that lie, or was turned away by the others, is told of nobody else.
      const isOpen = (name: string): boolean =>
        cluster.hostile.size === 0 ||
        !cluster.refused.has(`${spec.name} ${world.host(name)?.station.address}`);
      return !spec.upload.to.some(
        (name) => isCore(script, name) && !cluster.hostile.has(name) && isOpen(name),
      );
    };
    return oracle.convergence({
      sites: coreSites(cluster),
      gone,
      abandoned,
      time: world.timeline.now(),
      // What only others have shown may be had by nobody of the core.
      alone: cluster.hostile.size > 0 || script.cluster.core !== undefined,
    });
  }

  function run(): { convergedAfter: number | null; excused: readonly Excuse[] } {
    const names = Array.from({ length: script.cluster.nodes }, (_, at) => `n${at + 1}`);
    const order =
      options.shuffle === undefined ? names : shuffle(keyed("order", String(options.shuffle)), names);
    for (const name of order) addNode(cluster, cast, name, order);
    // What is done to all of them later is done in one order.
    sortByName(nodes, names);
    sortByName(cluster.sites, names);
    for (const name of names) world.host(name)?.start();
    for (const line of script.lines) world.timeline.at(line.at, () => act(line));
    const last = script.lines.reduce((latest, { at }) => Math.max(latest, at), 0);
    world.runUntil(last);
    let healAt = last;
    const patient = script.cluster.clean === undefined ? WHEN_WAIT : CLEAN_WAIT;
    while (triggers.waiting() > 0 && healAt < last + patient) {
      healAt += POLL;
      world.runUntil(healAt);
    }
    idle.push(...triggers.disarm());
    for (const [host, faults] of cluster.faults) {
      for (const { call, code, count, left } of faults) {
        if (left === count) idle.push(`fail ${host} ${call} ${code}: no such call came`);
      }
    }
    heal(cluster);
    const rounds = roundsToConverge(nodes.size, 1) * SECOND;
    const transfer = transferMicros(cluster.bytes, nodes.size, slowest());
    const bound = healAt + rounds + transfer + patience();
    let now = healAt;
    let wellSince: number | null = null;
    let isExcused = false;
    for (;;) {
      const { missing, excused, isOffered } = judge();
      isExcused = excused.length > 0;
      wellSince = missing === null ? (wellSince ?? now) : null;
      // What nobody has is offered like any other, and others are not kept beside it until it is given up.
      const end = bound + (isOffered && script.cluster.clean !== undefined ? ABANDON : 0);
      if (now >= end && missing !== null) throw new Violation("not_converged", missing);
      if (now >= end || (missing === null && !uploading())) break;
      now = Math.min(now + POLL, end);
      world.runUntil(now);
    }
    world.runUntil(now + AFTERMATH);
    const sites = coreSites(cluster);
    const isClean = cast.speaks && letClean(sites);
    if (
      isClean &&
      script.cluster.core === undefined &&
      judge().excused.length === 0 &&
      cluster.hostile.size === 0 &&
      !isNeverQuiet()
    ) {
      world.runUntil(Math.max(world.timeline.now(), healAt + latest())); // of what was sent before, copies come no more
      const before = pathsAwaited();
      oracle.restBegins(sites, world.timeline.now());
      world.runUntil(world.timeline.now() + REST);
      const awaited = new Set([...before, ...pathsAwaited()]).size;
      const paths = new Set([...clients.values()].map(({ upload }) => upload.path)).size;
      oracle.restEnds({ sites, time: world.timeline.now(), servers: nodes.size, awaited, paths });
      if (isSteady()) oracle.clientsRest(waitingClients());
      if (isCalm()) oracle.calmEnds(sites.map(({ host }) => host));
    }
    for (const site of sites) oracle.check(site);
    let end = judge();
    if (end.missing !== null && isExcused) {
      // What was out of reach has come after all, and spreads.
      world.runUntil(world.timeline.now() + bound - healAt);
      end = judge();
    }
    if (end.missing !== null) throw new Violation("not_converged", `again: ${end.missing}`);
    // Who lies can offer for ever what nobody else has.
    if (end.excused.length > 0 && cluster.hostile.size === 0) {
      world.runUntil(world.timeline.now() + ABANDON + bound - healAt);
      const { missing } = judge(true);
      if (missing !== null) throw new Violation("not_converged", `what nobody has is in the way: ${missing}`);
      const late = judge();
      if (late.missing === null) end = late; // what came late needs no excuse
    }
    return { convergedAfter: wellSince === null ? null : wellSince - healAt, excused: end.excused };
  }

  /** Until everything is old, has been looked at twice, and is gone where nothing keeps it. False: that takes too long. */
  function letClean(sites: readonly Site[]): boolean {
    const cleaned = sites.filter(({ clean }) => clean !== null);
    const wait = oracle.untilOld(cleaned);
    if (cleaned.length === 0) return true;
    if (wait > OLD_WAIT_MAX) return false;
    // What is damaged is fetched again, and does not go before that has ended or is given up.
    world.runUntil(world.timeline.now() + wait + CLEANED + (cluster.spoilt ? ABANDON : 0));
    // Nor does what is in the place of an image that all others have removed meanwhile.
    if (oracle.isCleaningHeld(cleaned)) world.runUntil(world.timeline.now() + ABANDON + CLEANED);
    oracle.cleanEnds(cleaned);
    return true;
  }

  function act(line: Line): void {
    const deed = deedOf(line.verb);
    const go = (): void => {
      world.trace.note(printVerb(deed), hostOf(deed));
      if (!perform(cluster, cast, deed)) idle.push(printLine(line));
    };
    if (line.verb.kind === "when") triggers.arm(line.verb, printLine(line), go);
    else go();
  }

  /** What some faults cost beyond the rounds, also when they are over. */
  function patience(): number {
    const listed = everyoneIsListed() ? 0 : UNLISTED;
    const deeds = script.lines.map(({ verb }) => deedOf(verb));
    const flips = deeds.some((verb) => verb.kind === "link" && (verb.flip?.hits ?? 0) > 0);
    const lied = cluster.hostile.size === 0 && !flips ? 0 : LIED_TO; // a damaged block looks like a lie
    const ended = deeds.some(({ kind }) => kind === "halve" || kind === "stall");
    const hanging = Math.max(0, cluster.hangsUntil - world.timeline.now());
    const broken = script.cluster.core === undefined ? 0 : BROKEN;
    const refused = deeds.some((verb) => verb.kind === "fail" && verb.code === "unsupported") ? REFUSED : 0;
    // Where a path keeps its first image, one that is on its way and nobody has whole is in the way until it is given up.
    const keeps = script.lines.some(({ verb }) => verb.kind === "config" && verb.append === true);
    const robbed = script.lines.some(({ verb }) => isRobbery(deedOf(verb)));
    const kept =
      keeps || (script.cluster.append && (robbed || cluster.spoilt || cluster.hostile.size > 0))
        ? ABANDON
        : 0;
    return listed + (flips || ended ? DEADLINE : 0) + lied + hanging + broken + Math.max(refused, kept);
  }

  /** Nobody waits for a server that is not there, or that cannot be known by its name. */
  function isSteady(): boolean {
    const deeds = script.lines.map(({ verb }) => deedOf(verb));
    return !deeds.some((verb) => ["leave", "peers", "config"].includes(verb.kind) || isClone(verb));
  }

  function isClone(verb: Verb): boolean {
    return (verb.kind === "join" || verb.kind === "start") && verb.machine !== null;
  }

  function isCalm(): boolean {
    if (script.cluster.clean !== undefined) return false; // what is removed soon is not everywhere
    return script.lines.every(
      ({ verb }) => verb.kind === "upload" && verb.key === "known" && verb.skew === 0,
    );
  }

  /** A server starts with another disk: who has heard of an image from it waits for what nobody has any more. */
  function isRobbery(verb: Verb): boolean {
    return (
      verb.kind === "remove" || (verb.kind === "crash" && !["weak", "ordered", "kept"].includes(verb.disk))
    );
  }

  function waitingClients(): readonly number[] {
    return [...clients.values()]
      .filter(({ name }) => world.host(name)?.state() === "running" && !cluster.damaged.has(name))
      .map(({ id }) => id);
  }

  /**
   * Append-only conflicts stay, and so do differing configurations: such servers tell each other so. Old copies of
   * packets, and lines that are behind by minutes, bring news that no longer are.
   */
  function isNeverQuiet(): boolean {
    if (latest() > OLD || slowest() < NARROW_BITS) return true;
    if (script.lines.some(({ verb }) => verb.kind === "config")) return true;
    // Who keeps what others do not keep tells them so, and so does who cannot know how old an image is.
    const differs = ["keep", "clock"];
    if (
      script.cluster.clean !== undefined &&
      (isSignedAgain() || script.lines.some(({ verb }) => differs.includes(deedOf(verb).kind)))
    )
      return true;
    return script.cluster.append && hasRivals(cluster);
  }

  /** To a server that has removed an image already it is new, and to another one as old as before. */
  function isSignedAgain(): boolean {
    const all = script.lines.flatMap(({ at, verb }) => {
      const deed = deedOf(verb);
      return deed.kind === "upload" ? [{ ...deed, signed: at + deed.skew }] : [];
    });
    return all.some((a) =>
      all.some((b) => a.path === b.path && a.content === b.content && a.signed < b.signed),
    );
  }

  /** How late a second copy of a packet may be. */
  function latest(): number {
    return script.lines.reduce(
      (late, { verb }) => Math.max(late, (verb.kind === "link" && verb.late) || 0),
      0,
    );
  }

  /** A client may still be about to be accepted; what it then brings has to spread, too. */
  function uploading(): boolean {
    return pathsAwaited().size > 0;
  }

  /** Where the images belong that some client still brings, or waits for receipts of. */
  function pathsAwaited(): ReadonlySet<string> {
    const running = [...clients.values()].filter(({ name }) => world.host(name)?.state() === "running");
    return new Set(running.map(({ upload }) => upload.path));
  }

  function everyoneIsListed(): boolean {
    const specs = [...nodes.values()].filter(({ name }) => !cluster.left.has(name));
    return specs.every(({ name }) => specs.some(({ peers }) => peers.some((peer) => peer.name === name)));
  }

  function slowest(): number {
    const lanes = world.hosts().flatMap(({ station }) => [station.up, station.down]);
    return lanes.reduce((least, lane) => Math.min(least, lane.bitsPerSecond), SLOWEST_BITS);
  }

  function hostsOf(named: Iterable<string>): readonly Host[] {
    return Array.from(named, (name) => world.host(name)).filter((host) => host !== undefined);
  }

  function efficiencies(): readonly number[] {
    const servers = hostsOf(coreSites(cluster).map(({ host }) => host));
    return [...clients.values()].flatMap(({ id, name }) => {
      const client = world.host(name);
      const reached = client === undefined ? null : cluster.deliveries.efficiency(id, client, servers);
      return reached === null ? [] : [reached];
    });
  }

  let result: { convergedAfter: number | null; excused: readonly Excuse[] } = {
    convergedAfter: null,
    excused: [],
  };
  let failure: Failure | null = null;
  try {
    result = run();
  } catch (error) {
    failure = failureOf(error, cluster);
  }
  world.close();
  return {
    ...result,
    failure,
    digest: world.digest(),
    steps: world.trace.steps(),
    time: world.timeline.now(),
    servers: nodes.size,
    faults: tally.faults(),
    cells: tally.cells(),
    isValid: (tally.calm() ?? world.network.counts.delivered) >= CALM_MIN * script.cluster.nodes,
    sights: tally.sights(),
    idle: failure === null ? idle : [],
    traffic: trafficOf(hostsOf(nodes.keys()), hostsOf(clients.keys())),
    efficiencies: efficiencies(),
    world,
  };
}

function failureOf(error: unknown, { world, nodes }: Cluster): Failure {
  const where = { step: world.trace.steps(), time: world.timeline.now() };
  if (error instanceof Violation) {
    const named = [...nodes.keys()].find((name) => new RegExp(`\\b${name}\\b`).test(error.message)) ?? null;
    return { code: error.code, detail: error.message, host: named, ...where };
  }
  if (error instanceof MachineFailure) {
    return { code: "machine_failed", detail: error.message, host: error.host, ...where };
  }
  throw error;
}

function sortByName<T>(map: Map<string, T>, names: readonly string[]): void {
  const entries = names.flatMap((name) => {
    const value = map.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  map.clear();
  for (const [name, value] of entries) map.set(name, value);
}

/** Where a verb does something. */
function hostOf(verb: Verb): string {
  if (verb.kind === "split") return verb.from[0] ?? "*";
  return "host" in verb ? verb.host : "client" in verb ? verb.client : verb.from;
}
