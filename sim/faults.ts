/** What each verb of a script does to a cluster. `false`: it met nothing that it could change. */
import { unreachable } from "../kernel/assert.ts";
import { below, keyed } from "../kernel/prng.ts";
import { betray } from "./adversary.ts";
import {
  addNode,
  type Cluster,
  DB,
  IMAGES,
  KEY,
  machineOf,
  peerFileOf,
  setKeepList,
  setPeers,
  startUpload,
} from "./cluster.ts";
import type { Host } from "./computer.ts";
import type { Rule, Ways } from "./network.ts";
import type { ConfigVerb, Deed, LinkFields } from "./script.ts";
import type { Cast } from "./spec.ts";
import { MILLISECOND, SECOND } from "./timeline.ts";

const HOUR = 3_600 * SECOND;
const YEAR = 8_766 * HOUR;

export function perform(cluster: Cluster, cast: Cast, verb: Deed | ConfigVerb): boolean {
  const { world, nodes, tally } = cluster;
  const { network, links } = world;
  switch (verb.kind) {
    case "upload":
      startUpload(cluster, cast, verb);
      return true;
    case "link":
      network.addRule(verb.from, verb.to, ruleOf(verb));
      return true;
    case "cut":
    case "heal": {
      const { from, to, oneWay } = verb;
      return network[verb.kind](oneWay ? [[from, to]] : bothWays(from, to)) > 0;
    }
    case "reset":
    case "halve": {
      const ended = links[verb.kind](verb.from, verb.to);
      const at = [verb.from, verb.to]
        .map((name) => world.host(name))
        .find((host) => host?.state() !== "down");
      if (ended > 0) tally.hit(verb.kind, at ?? null);
      return ended > 0;
    }
    case "flap":
      return flap(cluster, verb);
    case "split":
      return split(cluster, verb);
    case "join":
      return join(cluster, cast, verb);
    case "config":
      return nodes.has(verb.host); // it was read when the server was made
    default:
      break;
  }
  if ((verb.kind === "crash" || verb.kind === "start") && verb.host === "*") return toAll(cluster, verb);
  if (verb.kind === "keep" && verb.host === "*")
    return [...nodes.keys()].map((name) => keep(cluster, { ...verb, host: name })).includes(true);
  const host = world.host(verb.host);
  if (host === undefined) return false; // the line that made it was taken away
  const hit = (): void => tally.hit(verb.kind, host);
  switch (verb.kind) {
    case "rate":
      host.station.up.bitsPerSecond = verb.up === 0 ? Infinity : verb.up * 1_000;
      host.station.down.bitsPerSecond = verb.down === 0 ? Infinity : verb.down * 1_000;
      hit();
      return true;
    case "crash":
      return crash(cluster, host, verb.disk);
    case "save":
      cluster.saved.set(host.name, host.disk.snapshot());
      return nodes.has(host.name);
    case "start":
      // A client that ended does not come back by itself.
      if (!nodes.has(verb.host) || cluster.left.has(verb.host) || host.state() !== "down") return false;
      if (verb.machine !== null) rename(cluster, host, verb.machine);
      host.start();
      return true;
    case "leave":
      return leave(cluster, host);
    case "peers":
      hit();
      return setPeers(cluster, verb.host, peerFileOf(verb.host, verb.peers));
    case "keep":
      return keep(cluster, verb);
    case "pause": {
      if (host.state() !== "running") return false;
      hit();
      host.pause();
      return true;
    }
    case "resume": {
      if (host.state() !== "paused") return false;
      host.resume();
      return true;
    }
    case "restart":
      if (host.state() !== "running" || !nodes.has(host.name)) return false;
      hit();
      host.feed({ kind: "stop" });
      return true;
    case "stall":
      if (host.state() === "down") return false;
      hit();
      host.station.readsAt = world.timeline.now() + verb.lasting;
      return true;
    case "clock":
      hit();
      if (Math.abs(verb.step) >= YEAR) tally.saw("clock_stepped_years");
      else if (Math.abs(verb.step) >= HOUR) tally.saw("clock_stepped_hours");
      cluster.steps.set(host.name, world.timeline.now());
      cluster.oracle.clockSet(host.name, Math.round(verb.step / MILLISECOND), world.timeline.now());
      host.clock.stepWall(Math.round(verb.step / MILLISECOND));
      host.clock.setDrift(verb.drift);
      return true;
    case "fail": {
      const known = cluster.faults.get(verb.host) ?? [];
      const { call, code, count } = verb;
      cluster.faults.set(verb.host, [...known, { call, code, count, left: count }]);
      return true;
    }
    case "slow":
      hit();
      host.setSlowness(verb.factor);
      return true;
    case "hang":
      host.hang(verb.call, verb.lasting, () => {
        hit();
        cluster.hangsUntil = Math.max(cluster.hangsUntil, world.timeline.now() + verb.lasting);
      });
      return true;
    case "rot":
    case "edit":
      return damage(cluster, host, verb);
    case "remove":
      return remove(cluster, host, verb.path);
    case "betray":
      hit();
      cluster.hostile.add(host.name);
      cluster.oracle.doubt();
      betray(host, verb.how, world);
      return true;
    default:
      return unreachable(verb);
  }
}

function keep(cluster: Cluster, { host, paths }: Extract<Deed, { kind: "keep" }>): boolean {
  if (!setKeepList(cluster, host, paths)) return false;
  cluster.tally.hit("keep", cluster.world.host(host) ?? null);
  return true;
}

function toAll(cluster: Cluster, verb: Extract<Deed, { kind: "crash" | "start" }>): boolean {
  let met = false;
  for (const host of cluster.nodes.keys()) {
    const known = cluster.world.host(host);
    if (verb.kind === "crash" && known !== undefined && known.state() !== "down") {
      cluster.tally.hit("mass_crash", known);
      met = crash(cluster, known, verb.disk) || met;
    } else if (verb.kind === "start" && known?.state() === "down" && !cluster.left.has(host)) {
      known.start();
      met = true;
    }
  }
  return met;
}

/** Its machine id is another one from now on, and what it has stays. */
function rename(cluster: Cluster, host: Host, machine: string): void {
  const spec = cluster.nodes.get(host.name);
  if (spec === undefined) return;
  cluster.tally.hit("machine", host);
  cluster.tally.saw("machine_changed");
  cluster.nodes.set(host.name, { ...spec, machine: machineOf(machine) });
}

/** Cut for a while, whole for a while, and so on until it ends or all is healed. */
function flap(cluster: Cluster, verb: Extract<Deed, { kind: "flap" }>): boolean {
  const { world, tally } = cluster;
  const { network, timeline } = world;
  const { from, to, every } = verb;
  const ends = timeline.now() + verb.lasting;
  const turn = (isCut: boolean): void => {
    if (cluster.healed) return;
    const over = timeline.now() >= ends;
    network[isCut || over ? "heal" : "cut"](bothWays(from, to));
    if (!isCut && !over) tally.hit("flap", world.host(from === "*" ? to : from) ?? null);
    if (!over) timeline.after(every, () => turn(!isCut));
  };
  turn(false);
  return true;
}

function bothWays(a: string, b: string): Ways {
  return [
    [a, b],
    [b, a],
  ];
}

function split({ world, tally, nodes }: Cluster, { from, to }: Extract<Deed, { kind: "split" }>): boolean {
  const { network } = world;
  const done = network.cut(from.flatMap((a) => to.flatMap((b) => bothWays(a, b)))) > 0;
  const named = new Set([...from, ...to]);
  const whole = [...nodes.keys()].every((name) => named.has(name));
  for (const name of done ? from : []) tally.hit(whole ? "split" : "partial", world.host(name) ?? null);
  return done;
}

function join(cluster: Cluster, cast: Cast, verb: Extract<Deed, { kind: "join" }>): boolean {
  const { world, left, nodes } = cluster;
  const known = world.host(verb.host);
  if (known === undefined) {
    const host = addNode(cluster, cast, verb.host, verb.peers, verb.machine);
    cluster.tally.hit(verb.machine === null ? "join" : "clone", host);
    host.start();
    return true;
  }
  if (!left.delete(verb.host)) return false;
  for (const { name, peers } of nodes.values()) {
    if (name === verb.host) setPeers(cluster, name, peerFileOf(name, verb.peers));
    else setPeers(cluster, name, [...peers, ...peerFileOf(name, [verb.host])]);
  }
  cluster.tally.hit("rejoin", known);
  known.start();
  return true;
}

/** It is stopped, and in nobody's peer file. */
export function leave(cluster: Cluster, host: Host): boolean {
  const { nodes, sites, oracle, left } = cluster;
  const site = sites.get(host.name);
  if (site === undefined || left.has(host.name)) return false;
  cluster.tally.hit("leave", host);
  left.add(host.name);
  oracle.forget(site);
  host.crash("kept");
  for (const { name, peers } of nodes.values()) {
    if (peers.some((peer) => peer.name === host.name)) {
      setPeers(
        cluster,
        name,
        peers.filter((peer) => peer.name !== host.name),
      );
    }
  }
  return true;
}

function crash(cluster: Cluster, host: Host, how: string): boolean {
  const { world, saved, nodes, tally } = cluster;
  if (how === "weak" || how === "ordered" || how === "kept") {
    if (host.state() === "down") return false;
    tally.hit(`crash_${how}`, host);
    host.crash(how);
    return true;
  }
  if (!nodes.has(host.name)) return false;
  const other = world.host(how);
  const disk = how === "empty" ? null : how === "old" ? saved.get(host.name) : other?.disk.snapshot();
  if (disk === undefined) return false;
  tally.hit(how === "empty" || how === "old" ? `disk_${how}` : "disk_copied", host);
  host.crash({ disk, name: how });
  cluster.spoilt = true;
  return true;
}

/** Not in the moment between the last look at a stage and its exchange: nobody could see that. */
function damage(cluster: Cluster, host: Host, verb: Extract<Deed, { kind: "rot" | "edit" }>): boolean {
  const site = cluster.sites.get(host.name);
  if (site === undefined || host.requests().has("commit")) return false;
  const root = verb.place === "images" ? IMAGES : DB;
  const stream = keyed(String(cluster.script.seed), verb.kind, host.name, String(verb.nth));
  const only = verb.place === "images" ? "" : "indexes/";
  const path = host.disk.damage(root, verb.nth, (bound) => below(stream, bound), verb.kind, only);
  if (path === null) return false;
  cluster.tally.hit(verb.kind, host);
  cluster.spoilt = true;
  if (verb.place === "images") cluster.oracle.damaged(site, path);
  else cluster.oracle.indexDamaged(site);
  return true;
}

function remove(cluster: Cluster, host: Host, path: string): boolean {
  const site = cluster.sites.get(host.name);
  const inside = path.slice(KEY.length + 2);
  if (site === undefined || host.requests().has("commit") || !host.disk.deleteTree(IMAGES, inside))
    return false;
  cluster.tally.hit("remove", host);
  cluster.robbed.add(host.name);
  cluster.spoilt = true;
  cluster.oracle.forget(site, path);
  return true;
}

function ruleOf({
  loss,
  burst,
  dup,
  flip,
  corrupt,
  mtu,
  late,
  tail,
  long,
  delay,
}: LinkFields): Partial<Rule> {
  return {
    ...(loss === undefined ? {} : { loss }),
    ...(burst === undefined ? {} : { burst }),
    ...(dup === undefined ? {} : { dup }),
    ...(flip === undefined ? {} : { flip }),
    ...(corrupt === undefined ? {} : { corrupt }),
    ...(mtu === undefined ? {} : { mtu }),
    ...(late === undefined ? {} : { late }),
    ...(tail === undefined ? {} : { tail }),
    ...(long === undefined ? {} : { long }),
    ...(delay === undefined ? {} : { delayMin: delay.min, delayMax: delay.max }),
  };
}
