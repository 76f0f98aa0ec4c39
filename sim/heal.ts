/**
 * The end of the faults. Whoever belongs to the core is well from now on, and so is every way between two of them and to
 * the clients; what is broken of the others stays broken for ever, and so do those that lie.
 */
import { type Cluster, isCore, peerFileOf, setPeers } from "./cluster.ts";
import { leave } from "./faults.ts";
import { CALM, type Station } from "./network.ts";

const CLOCK_ERROR_MS_MAX = 150_000; // the operator sets a clock right that is further off

export function heal(cluster: Cluster): void {
  const { world, nodes, clients, script } = cluster;
  const heals = (name: string): boolean => clients.has(name) || isCore(script, name);
  world.trace.note("heal all");
  healWays(cluster, heals);
  cluster.healed = true;
  for (const name of cluster.faults.keys()) if (heals(name)) cluster.faults.delete(name);
  for (const host of clonesIn(cluster)) leave(cluster, host);
  healPeerFiles(cluster, heals);
  for (const name of [...nodes.keys(), ...clients.keys()]) {
    const host = world.host(name);
    if (host === undefined || !heals(name)) continue;
    host.resume();
    host.setSlowness(1);
    host.unhang();
    host.station.readsAt = 0;
    if (!nodes.has(name) || cluster.left.has(name)) continue;
    const error = host.clock.errorMs();
    if (Math.abs(error) > CLOCK_ERROR_MS_MAX) {
      host.clock.stepWall(-error);
      cluster.oracle.clockSet(name, -error, world.timeline.now());
    }
    if (cluster.robbed.has(name)) host.crash("kept"); // it looks for what it has lost when it starts
    host.start();
  }
}

function healWays({ world, script }: Cluster, heals: (name: string) => boolean): void {
  const { network } = world;
  const { loss, burst, dup, flip, corrupt, mtu, tail } = CALM;
  const calm = { loss, burst, dup, flip, corrupt, mtu, tail };
  const stations = world.hosts().map(({ station }) => station);
  const pairs = stations.flatMap((from) => stations.map((to) => [from, to] as const));
  const isHealed = (from: Station, to: Station): boolean => heals(from.name) && heals(to.name);
  const cut = pairs.filter(([from, to]) => !isHealed(from, to) && !network.reaches(from, to));
  network.heal([["*", "*"]]);
  network.cut(cut.map(([from, to]) => [from.name, to.name]));
  if (script.cluster.core === undefined) network.addRule("*", "*", calm);
  else for (const [from, to] of pairs) if (isHealed(from, to)) network.addRule(from.name, to.name, calm);
}

function healPeerFiles(cluster: Cluster, heals: (name: string) => boolean): void {
  const { nodes, left, script } = cluster;
  for (const [name, peers] of cluster.peerFiles) {
    if (!heals(name)) continue;
    setPeers(
      cluster,
      name,
      peers.filter((peer) => !left.has(peer.name)),
    );
  }
  // Who lists only a server that lies, has lost its copies, keeps another image for good, or went, cannot have what the
  // others have; and nobody asks the holder of the last copy when no peer file names it.
  const members = [...nodes.keys()].filter((name) => !left.has(name));
  const alone = members.some((name) => !nodes.get(name)?.peers.some((peer) => members.includes(peer.name)));
  const differing =
    script.lines.some(({ verb }) => verb.kind === "config") || script.cluster.core !== undefined;
  const conflicts = script.cluster.append && hasRivals(cluster);
  if (cluster.hostile.size > 0 || cluster.spoilt || differing || conflicts || (alone && members.length > 1)) {
    for (const name of members) if (heals(name)) setPeers(cluster, name, peerFileOf(name, members));
  }
}

/** Two uploads of one path. */
export function hasRivals({ clients }: Cluster): boolean {
  const paths = [...clients.values()].map(({ upload }) => upload.path);
  return new Set(paths).size < paths.length;
}

/** Servers with the machine id of another one that was there before. */
function clonesIn({ nodes, world, left }: Cluster) {
  const seen = new Set<string>();
  const clones = [];
  for (const { name, machine } of nodes.values()) {
    const host = world.host(name);
    if (seen.has(machine) && host !== undefined && !left.has(name)) clones.push(host);
    seen.add(machine);
  }
  return clones;
}
