/** Whether all servers hold the calculated winner of each path, or whether nobody can have it any more. */
import { SECOND } from "../timeline.ts";
import { isLess, keyOf, type Ledger, levelOf, printIds, sameVersion, type Signed } from "./ledger.ts";
import type { Database } from "./database.ts";
import type { Retention } from "./retention.ts";
import type { Site, Trees } from "./trees.ts";

export type Convergence = {
  /** Null when every site holds what it must; else the first that does not. */
  readonly missing: string | null;
  /** Paths whose winner nobody can have any more, by calculation; all of them. */
  readonly excused: readonly Excuse[];
  /** Some winner that nobody can have any more, expected or not: it is offered until it is given up. */
  readonly isOffered: boolean;
};

/** Why nobody can have the winner of a path. */
export type Excuse = {
  readonly path: string;
  readonly why:
    | "never_whole" // its client went before any server had all of it
    | "copies_lost" // by faults, and its client went
    | "below_floor" // something greater was here, and is lost
    | "outside"; // only who lies or is broken for ever may have it
};

/** How things stand when they are judged. */
export type Circumstances = {
  readonly sites: readonly Site[];
  /** A client that might still serve an upload is there no more. */
  readonly gone: (upload: number) => boolean;
  /** A winner that nobody can have any more excuses its path, until it is given up: then the next has to be everywhere. */
  readonly abandoned: boolean;
  /** Some server lies, or is broken for ever: what it alone has shown may be had by nobody else. */
  readonly alone: boolean;
  /** Virtual microseconds. */
  readonly time: number;
};

export function judgeConvergence(
  ledger: Ledger,
  trees: Trees,
  retention: Retention,
  database: Pick<Database, "floorAt">,
  { sites, gone, abandoned, alone, time }: Circumstances,
): Convergence {
  const excused: Excuse[] = [];
  let missing: string | null = null;
  let isOffered = false;
  const paths = [...new Set([...ledger.uploads.values()].map((upload) => upload.path))];
  for (const path of paths) {
    const here = ledger.uploadsAt(path);
    const isHeld = (id: number): boolean =>
      sites.some(({ host }) => {
        const { ids, spoilt } = trees.shownAt(host, path);
        return ids.includes(id) && !spoilt && trees.isReadable(host);
      });
    // Whoever accepted it never had it all, and who did is gone: nobody can have it.
    // Of what came before a winner that is lost itself, the copies were replaced by it.
    const lost = (id: number): boolean =>
      gone(id) && (!trees.isSafe(id) || alone || abandoned) && !isHeld(id);
    // What only others have accepted need not get here.
    const isKnown = (id: number): boolean => sites.some(({ host }) => ledger.accepted.get(id)?.has(host));
    const ids = here.map(({ id }) => id).filter((id) => isKnown(id) && !(abandoned && lost(id)));
    if (ids.length === 0) continue;
    const winner = ledger.versionOf(ids);
    const winning = ids.filter((id) => sameVersion(ledger.signed.get(id) ?? null, winner));
    isOffered ||= winning.every(lost);
    // What somebody has removed by the rules is expected of nobody, lost or not.
    if (winning.every(lost) && isWanted(path, ids)) {
      const isWhole = winning.some((id) => trees.wasWhole(id));
      const isSafe = winning.some((id) => trees.isSafe(id));
      const why = isSafe ? "outside" : isWhole ? "copies_lost" : "never_whole";
      excused.push({ path, why });
      continue;
    }
    // Whoever is configured for such paths, and lets the winner's key write: no other is asked to have it.
    const keys = here.filter(({ id }) => winning.includes(id)).map(({ key }) => key);
    const holders = sites.filter(
      ({ key, levels, keys: known, wall }) =>
        key === keyOf(path) &&
        levels === levelOf(path) &&
        keys.some((each) => known.includes(each)) &&
        (winner?.timestamp ?? 0) <= wall() + FUTURE_MS, // before its time nobody may take it
    );
    const below = new Set<string>();
    for (const site of holders) {
      const lack = lackOf(site, path, ids);
      if (lack === null) continue;
      if (isBelowFloor(site, path, winner)) below.add(site.host);
      else missing ??= lack;
    }
    if (below.size > 0) excused.push({ path, why: "below_floor" });
    // Append-only conflicts stay, for the operator to resolve.
    const held = holders
      .filter((site) => !below.has(site.host) && (!site.append || here.length === 1) && isWanted(path, ids))
      .map(({ host }) => trees.shownAt(host, path).ids);
    const apart = held.find((each) => !each.some((id) => held[0]?.includes(id)));
    // What is in the way of the next one stays where it is, too.
    const stuck = abandoned && here.some(({ id }) => lost(id));
    if (apart !== undefined && !stuck)
      missing ??= `${path} is ${printIds(held[0] ?? [])} here and ${printIds(apart)} there`;
  }
  return { missing, excused, isOffered };

  /** Nobody has removed the winner, or would: who has removed it, or hides it, shows it to nobody. */
  function isWanted(path: string, candidates: readonly number[]): boolean {
    const winner = ledger.versionOf(candidates);
    if (winner === null || sites.every(({ clean }) => clean === null)) return true;
    return !sites.some(
      (site) =>
        retention.hasRemoved(site.host, path, winner) || retention.isUnwanted(site, path, winner.image, time),
    );
  }

  /** A server takes nothing that is smaller than what it has committed there. */
  function isBelowFloor(site: Site, path: string, winner: Signed | null): boolean {
    const floor = database.floorAt(site, path);
    return floor !== null && winner !== null && floor.image !== winner.image && isLess(winner, floor);
  }

  function lackOf(site: Site, path: string, candidates: readonly number[]): string | null {
    const { host, append } = site;
    const { ids } = trees.shownAt(host, path);
    if (!isWanted(path, candidates)) return null;
    if (append) return ids.length > 0 ? null : `${host} has nothing at ${path}`;
    const winner = ledger.versionOf(candidates);
    const present = ledger.versionOf(ids);
    if (winner === null || (present !== null && !isLess(present, winner))) return null;
    const best = `${winner.image.slice(0, 8)} of ${winner.timestamp}`;
    return `${host} has ${printIds(ids)} at ${path} and the winner is ${best}`;
  }
}

/** A signature further ahead of a server's clock is refused. */
export const FUTURE_MS = 300_000;

/** Gossip rounds within which everyone holds the winner after the faults ended: the promise of the project. */
export function roundsToConverge(nodes: number, baseDirectories: number): number {
  let log2 = 0;
  while (2 ** log2 < nodes) log2 += 1;
  return 6 + 2 * log2 + Math.ceil(baseDirectories / 10);
}

/** Microseconds for `bytes` to each of `nodes` servers one after the other, on the slowest line. */
export function transferMicros(bytes: number, nodes: number, bitsPerSecond: number): number {
  return Math.ceil((bytes * 8 * nodes * SECOND) / bitsPerSecond);
}
