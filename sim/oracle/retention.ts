/**
 * What may be removed. A removal is judged when the disk is asked for it, by what the server shows, what was signed, its
 * own wall clock and the keep list that it was told last: by a count of those that are newer, and not by a selection.
 *
 *   kept -> not kept for at least a look -> asked for -> written down -> gone -> stays away
 *
 * An image may have been signed several times, and a server need not know all of it: where that makes a difference, the
 * server is right.
 */
import type { Effect } from "../../kernel/effect.ts";
import type { Event } from "../../kernel/event.ts";
import type { RootName } from "../../kernel/storage/call.ts";
import { byteString, fromHex } from "../../kernel/text.ts";
import { SECOND } from "../timeline.ts";
import { isLess, keyOf, type Ledger, placeOf, printIds, sameVersion, type Signed } from "./ledger.ts";
import type { Site } from "./trees.ts";
import { Violation } from "./violation.ts";

export type Retention = {
  /** A process begins. */
  started(site: Site, time: number): void;
  /** The wall clock of a server was set, by so many milliseconds. */
  clockSet(host: string, step: number, time: number): void;
  stepped(site: Site, event: Event, effects: readonly Effect[], time: number): void;
  /** A path shows something else than before. */
  shows(site: Site, path: string, ids: readonly number[], time: number): void;
  /** What a path has shown is gone: true when it was removed as it may be. */
  isRemoval(site: Site, path: string, ids: readonly number[]): boolean;
  /** A server takes an image to a path where nothing is. */
  taken(site: Site, path: string, image: string, time: number): void;
  /** A server has said so. */
  removed(site: Site, path: string, image: string, time: number): void;
  /** What a server has removed at a path, it or something greater. */
  hasRemoved(host: string, path: string, version: Signed): boolean;
  /** Some server has. */
  wasRemoved(path: string, version: Signed): boolean;
  /** A server need not have it: it would not stay there. */
  isUnwanted(site: Site, path: string, image: string, time: number): boolean;
  /** Some image of a server should be gone since long: its path. */
  overdue(site: Site, time: number): string | null;
  /** When everything that is signed will be old at a server, in microseconds from now. */
  untilOld(site: Site): number;
  /** Nothing can be removed there just now. */
  isHeld(site: Site, time: number): boolean;
  /** Everything of a server is gone, by a fault; or what is at one path: that counts until its server looks. */
  forget(host: string, path?: string): void;
  copied(from: string, to: string): void;
};

type List = ReadonlySet<string> | null;
type Change = { readonly time: number; readonly path: string; readonly ids: readonly number[] };
type Step = { readonly time: number; readonly ms: number };
type Life = {
  readonly since: number;
  /** How often its clock had been set before it began. */
  readonly stepsBefore: number;
  /** When its last run ended, as its disk says, and how far its clock was behind that, in milliseconds. */
  readonly ranUntil: number | null;
  readonly behind: number;
  /** What it was told of its keep list, the latest last. */
  readonly lists: { readonly time: number; readonly list: List }[];
};

/** Two looks are ten seconds apart, by a clock that may be fast; the first one is that long after the start. */
const LOOK = 9 * SECOND;
const LOOKS = 18 * SECOND;
const STEP_MS = 61_000;
const HELD = 590 * SECOND;
/** A step that is taken back so soon may have been seen by nobody. */
const UNSEEN = 21 * SECOND;
const MONTH_MS = 30 * 86_400_000;

export function createRetention(ledger: Ledger, db: RootName): Retention {
  const lives = new Map<string, Life>();
  const steps = new Map<string, Step[]>();
  /** By server: what its paths have shown, in order. */
  const history = new Map<string, Change[]>();
  /** By place, what the disk was asked to remove; and what is gone there, the greatest. */
  const asked = new Map<string, Signed>();
  const floors = new Map<string, Signed>();
  const everRemoved = new Map<string, Signed>();
  const stolen = new Set<string>();

  function shownAt(host: string, time: number): ReadonlyMap<string, readonly number[]> {
    const shown = new Map<string, readonly number[]>();
    for (const each of history.get(host) ?? []) {
      if (each.time > time) break;
      shown.set(each.path, each.ids);
    }
    return shown;
  }

  /** Every time at which an image was signed for a path. */
  function signings(path: string, image: string): readonly number[] {
    return ledger.uploadsOf(path, image).flatMap(({ id }) => ledger.signed.get(id)?.timestamp ?? []);
  }

  function imagesOf(ids: readonly number[]): readonly string[] {
    return [...new Set(ids.flatMap((id) => ledger.signed.get(id)?.image ?? []))];
  }

  function others(
    host: string,
    path: string,
    time: number,
  ): readonly (readonly [string, readonly number[]])[] {
    const base = parentOf(path);
    return [...shownAt(host, time)].filter(
      ([other, ids]) => other !== path && ids.length > 0 && parentOf(other) === base,
    );
  }

  function listAt(host: string, time: number): List {
    return lives.get(host)?.lists.findLast((each) => each.time <= time)?.list ?? null;
  }

  /** Whether an image has to stay at a path, however its server counts. `wall`: its clock then, in milliseconds. */
  function stays(site: Site, path: string, image: string, time: number, wall: number): boolean {
    const rules = site.clean;
    if (rules === null) return true;
    const list = listAt(site.host, time);
    if (rules.list && list?.has(path) === true) return true;
    const oldest = Math.min(...signings(path, image));
    let newer = 0;
    let before = 0;
    for (const [other, ids] of others(site.host, path, time)) {
      const latest = Math.max(...imagesOf(ids).flatMap((each) => signings(other, each)));
      const isNewer = latest > oldest || (latest === oldest && other < path);
      if (isNewer) newer += 1;
      if (isNewer || list?.has(other) === true) before += 1;
    }
    if (before < rules.min) return true;
    return oldest > wall - rules.recent / 1000 && newer < rules.max;
  }

  function goes(
    { host, clean }: Site,
    path: string,
    ids: readonly number[],
    time: number,
    wall: number,
  ): boolean {
    if (clean === null) return false;
    const list = listAt(host, time);
    if (list?.has(path) === true) return false;
    const latest = Math.max(...imagesOf(ids).flatMap((image) => signings(path, image)));
    if (latest > wall - clean.recent / 1000 - 1_000) return false;
    let newer = 0;
    for (const [other, shown] of others(host, path, time)) {
      const images = imagesOf(shown);
      if (Math.min(...images.flatMap((each) => signings(other, each))) > latest) newer += 1;
    }
    return newer >= clean.min;
  }

  /** How the clock was set since the process began. */
  function stepsInLife(host: string): readonly Step[] {
    return (steps.get(host) ?? []).slice(lives.get(host)?.stepsBefore ?? 0);
  }

  /** The clock of a running process was set not long ago, and it has had the time to see it. */
  function isDoubtful(host: string, time: number): boolean {
    const own = stepsInLife(host);
    return own.some((step) => {
      const age = time - step.time;
      const alone = own.every((other) => other === step || Math.abs(other.time - step.time) > UNSEEN);
      return Math.abs(step.ms) > STEP_MS && age > UNSEEN && age < HELD && alone;
    });
  }

  /** Its clock is behind its last run since it started, and nobody has set it. */
  function isBehind({ host, wall }: Site): boolean {
    const life = lives.get(host);
    if (life === undefined || life.ranUntil === null || life.behind < STEP_MS) return false;
    return wall() < life.ranUntil - 1_000 && stepsInLife(host).length === 0;
  }

  function judge(site: Site, path: string, image: string, time: number): void {
    const { host, clean } = site;
    const fail = (why: string): never => {
      throw new Violation("removed_wrongly", `${host} removes ${path} (${image.slice(0, 8)}): ${why}`);
    };
    if (clean === null) return fail("it keeps everything");
    const life = lives.get(host);
    const list = listAt(host, time);
    if (clean.list && list === null) return fail("its keep list cannot be read");
    if (list?.has(path) === true) return fail("its keep list names it");
    if (isDoubtful(host, time)) return fail("its clock was set");
    if (isBehind(site)) return fail("its clock is behind its last run");
    if (life === undefined || time - life.since < LOOKS) return fail("it has just started");
    const wall = site.wall();
    if (stays(site, path, image, time, wall)) return fail("it stays");
    const steady = (steps.get(host) ?? []).every((step) => time - step.time > LOOKS);
    const before = shownAt(host, time - LOOK).get(path) ?? [];
    if (!imagesOf(before).includes(image)) return fail("it was not there at the look before");
    if (listAt(host, time - LOOK)?.has(path) === true) return fail("it was named at the look before");
    if (steady && stays(site, path, image, time - LOOK, wall - LOOK / 1000))
      return fail("it stayed at the look before");
  }

  function isWritten({ disk }: Site, path: string, image: string): boolean {
    const file = disk.tree(db).get(`signatures${path}.floor`);
    return file?.kind === "file" && byteString(file.bytes).includes(byteString(fromHex(image)));
  }

  function note(host: string, path: string, version: Signed): void {
    const place = placeOf(host, path);
    for (const [map, key] of [
      [floors, place],
      [everRemoved, path],
    ] as const) {
      const before = map.get(key);
      if (before === undefined || isLess(before, version)) map.set(key, version);
    }
  }

  function shows(host: string, path: string, ids: readonly number[], time: number): void {
    const changes = history.get(host) ?? [];
    history.set(host, changes);
    changes.push({ time, path, ids });
  }

  function covers(floor: Signed | undefined, version: Signed): boolean {
    return floor !== undefined && !isLess(floor, version);
  }

  return {
    started(site, time) {
      const ranUntil = lastRunOf(site, db);
      const behind = ranUntil === null ? 0 : ranUntil - site.wall();
      const stepsBefore = steps.get(site.host)?.length ?? 0;
      lives.set(site.host, { since: time, stepsBefore, lists: [], ranUntil, behind });
      for (const place of stolen) {
        const [host = "", path = ""] = place.split(" ");
        if (host !== site.host) continue;
        stolen.delete(place);
        shows(host, path, [], time);
      }
      if (site.clean === null) return;
      // What was decided and not written down is decided anew.
      for (const [place, { image }] of asked) {
        const [host = "", path = ""] = place.split(" ");
        if (host === site.host && !isWritten(site, path, image)) asked.delete(place);
      }
    },
    clockSet(host, ms, time) {
      steps.set(host, [...(steps.get(host) ?? []), { time, ms }]);
    },
    stepped(site, event, effects, time) {
      const life = lives.get(site.host);
      if (event.kind === "keep_list")
        life?.lists.push({ time, list: event.paths === null ? null : new Set<string>(event.paths) });
      for (const effect of effects) {
        if (effect.kind !== "disk" || effect.request.kind !== "remove") continue;
        const { place, floor } = effect.request;
        // The disk has failed behind the rename: the same is asked again.
        const isGone = covers(floors.get(placeOf(site.host, place.path)), floor);
        if (!isGone) judge(site, place.path, floor.image, time);
        asked.set(placeOf(site.host, place.path), floor);
      }
    },
    shows({ host }, path, ids, time) {
      stolen.delete(placeOf(host, path));
      shows(host, path, ids, time);
    },
    isRemoval(site, path, ids) {
      const version = asked.get(placeOf(site.host, path));
      if (version === undefined || !imagesOf(ids).includes(version.image)) return false;
      if (!isWritten(site, path, version.image))
        throw new Violation(
          "came_back",
          `${site.host} removes ${path}, and has not written down that it does`,
        );
      note(site.host, path, version);
      return true;
    },
    removed({ host }, path, image, time) {
      const version = asked.get(placeOf(host, path));
      if (version?.image === image) note(host, path, version);
      if (stolen.delete(placeOf(host, path))) shows(host, path, [], time);
    },
    taken({ host }, path, image, time) {
      const floor = floors.get(placeOf(host, path));
      const offers = ledger.uploadsOf(path, image).flatMap(({ id }) => ledger.signed.get(id) ?? []);
      if (floor === undefined || offers.length === 0) return;
      const isListed = listAt(host, time)?.has(path) === true;
      const isOld = (offer: Signed): boolean =>
        covers(floor, offer) && !(isListed && sameVersion(floor, offer));
      if (!offers.every(isOld)) return;
      const ids = ledger.uploadsOf(path, image).map(({ id }) => id);
      throw new Violation("came_back", `${host} has removed ${path} and takes ${printIds(ids)} of before`);
    },
    hasRemoved: (host, path, version) => covers(floors.get(placeOf(host, path)), version),
    wasRemoved: (path, version) => covers(everRemoved.get(path), version),
    isUnwanted: (site, path, image, time) => !stays(site, path, image, time, site.wall()),
    overdue(site, time) {
      const { host } = site;
      for (const [path, ids] of shownAt(host, time)) {
        if (keyOf(path) === site.key && ids.length > 0 && goes(site, path, ids, time, site.wall()))
          return path;
      }
      return null;
    },
    untilOld({ clean, wall }) {
      const latest = Math.max(0, ...[...ledger.signed.values()].map(({ timestamp }) => timestamp));
      return (latest - wall()) * 1000 + (clean?.recent ?? 0) + 2 * SECOND;
    },
    isHeld({ host, clean, wall }, time) {
      const life = lives.get(host);
      // It may have caught up just now, and look again in a moment.
      if (life !== undefined && life.behind > 59_000 && wall() < (life.ranUntil ?? 0) + LOOKS / 1_000)
        return true;
      if (life !== undefined && life.behind < 1_000 - MONTH_MS && time - life.since < 660 * SECOND)
        return true;
      const set = (steps.get(host) ?? []).some(
        (step) => Math.abs(step.ms) > 1_000 && time - step.time < 660 * SECOND,
      );
      return set || (clean?.list === true && listAt(host, time) === null);
    },
    forget(host, path) {
      if (path !== undefined) {
        stolen.add(placeOf(host, path));
        return;
      }
      history.delete(host);
      for (const map of [asked, floors])
        for (const place of map.keys()) if (place.startsWith(`${host} `)) map.delete(place);
    },
    copied(from, to) {
      // A removal that has begun there is ended by whoever starts with that disk.
      for (const map of [asked, floors])
        for (const [place, version] of map)
          if (place.startsWith(`${from} `)) map.set(`${to}${place.slice(from.length)}`, version);
    },
  };
}

/** What its clock showed last, as its disk says: a map of which one member is `time`, an integer of eight bytes. */
function lastRunOf({ disk }: Site, db: RootName): number | null {
  const file = disk.tree(db).get("time");
  const at = file?.kind === "file" ? byteString(file.bytes).indexOf("dtime\x1b") : -1;
  if (file?.kind !== "file" || at < 0) return null;
  const { buffer, byteOffset } = file.bytes;
  return Number(new DataView(buffer, byteOffset).getBigUint64(at + 6));
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
