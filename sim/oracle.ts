/**
 * What must hold, judged by code of its own: a walker of trees, and the winner rule as a maximum over what was signed.
 * It knows the content that the script generated and never reads an index, a signature or a message.
 *
 *   mixed_tree      what is visible at a path is none of the images uploaded there, whole
 *   wrong_bytes     bytes were written into an image that no uploaded file has there
 *   stray_entry     something else than an image lies in a base directory
 *   went_back       a path shows an older version than it did, or nothing
 *   acked_lost      a server reported an image, and no longer has it or a newer one
 *   unauthorised    a path shows what only a key signed that may not write there
 *   future_taken    a server accepted a signature from further ahead of its clock than it may
 *   append_replaced an append-only path shows another image than before
 *   not_converged   after the faults ended, the servers do not all hold the winner within the bound
 */
import type { FsCall, RootName } from "../kernel/storage/call.ts";
import { byteStringOfText, equalBytes } from "../kernel/text.ts";
import type { Content } from "./content.ts";
import type { SimDisk, TreeEntry } from "./disk.ts";
import { SECOND } from "./timeline.ts";

export type ViolationCode =
  | "mixed_tree"
  | "wrong_bytes"
  | "stray_entry"
  | "went_back"
  | "acked_lost"
  | "append_replaced"
  | "unauthorised"
  | "future_taken"
  | "not_converged"
  | "machine_failed";

export class Violation extends Error {
  readonly code: ViolationCode;

  constructor(code: ViolationCode, detail: string) {
    super(`${code}: ${detail}`);
    this.code = code;
  }
}

/** One upload of the script, by its place among the uploads. */
export type Upload = {
  readonly id: number;
  readonly path: string;
  readonly content: Content;
  /** Signed by a key that may not write. */
  readonly stranger?: boolean;
};

/** What was seen of an upload. `signed` goes before the others. */
export type Observation =
  | { readonly kind: "signed"; readonly upload: number; readonly timestamp: number; readonly image: string }
  /** `fresh`: a client was told so just now. */
  | { readonly kind: "accepted"; readonly upload: number; readonly host: string; readonly fresh?: boolean }
  | { readonly kind: "acknowledged"; readonly upload: number; readonly host: string };

/** A server's images: the root of the directory whose key is `key`. */
export type Site = {
  readonly host: string;
  readonly disk: SimDisk;
  readonly key: string;
  readonly root: RootName;
};

export type OracleOptions = { readonly appendOnly: boolean };

export type Convergence = {
  /** Null when every site holds what it must; else the first that does not. */
  readonly missing: string | null;
  /** Paths whose winner nobody can have any more, by calculation. */
  readonly excused: readonly string[];
};

export type Oracle = {
  expectUpload(upload: Upload): void;
  observe(observation: Observation): void;
  /** An upload was accepted by a server whose clock allows no signature after `latest`, in milliseconds. */
  expectPresent(upload: number, host: string, latest: number): void;
  /** A file of a site is not what it was, by a fault: where it is visible now it may be as it is. */
  damaged(site: Site, file: string): void;
  /** An index of a site is not what it was, by a fault: nobody can learn from there what is in its image. */
  indexDamaged(site: Site): void;
  /** What a site had and had promised is gone, by a fault: all of it, or what is at one path. */
  forget(site: Site, path?: string): void;
  /** After anything that may have changed names there. Throws `Violation`. */
  check(site: Site): void;
  /** After a write there: what arrived damaged must not get into an image, nor from there to others. */
  written(site: Site, call: Extract<FsCall, { call: "write" }>): void;
  /** After a power cut: the state of signatures may go back to what was reported, and not further. */
  crashed(site: Site): void;
  /**
   * `gone` says whether a client that might still serve an upload is there no more. A winner that nobody can have any
   * more excuses its path, until it is `abandoned`: then the next one has to be everywhere. `lying`: some server lies,
   * and what it alone has shown may be had by nobody else.
   */
  convergence(
    sites: readonly Site[],
    gone: (upload: number) => boolean,
    abandoned: boolean,
    lying?: boolean,
  ): Convergence;
};

type Signed = { readonly timestamp: number; readonly image: string };
/** What a path shows: uploads of equal content cannot be told apart. */
type Shown = {
  readonly ids: readonly number[] /** A fault has changed it: nobody can take all of it from here. */;
  readonly spoilt?: boolean;
};

export function createOracle({ appendOnly }: OracleOptions): Oracle {
  const uploads = new Map<number, Upload>();
  const signed = new Map<number, Signed>();
  /** By upload, who accepted it. */
  const accepted = new Map<number, Set<string>>();
  const everShown = new Set<number>();
  /** Uploads that some server has lost by a fault. */
  const forgotten = new Set<number>();
  const damages = new Set<string>();
  /** Servers with a damaged index: nobody can ask them for what it is of. */
  const unreadable = new Set<string>();
  const acked = new Map<string, Set<number>>();
  const shown = new Map<string, Shown>();
  const at = (host: string, path: string): string => `${host} ${path}`;

  function versionOf(ids: readonly number[]): Signed | null {
    let greatest: Signed | null = null;
    // One that nobody has accepted is on no server, though its content may be.
    const some = ids.some((id) => accepted.has(id));
    for (const id of ids) {
      if (some && !accepted.has(id)) continue;
      const each = signed.get(id);
      if (each !== undefined && (greatest === null || isLess(greatest, each))) greatest = each;
    }
    return greatest;
  }

  function pathsOf(site: Site): string[] {
    const paths = new Set([...uploads.values()].map((upload) => upload.path));
    return [...paths].filter((path) => path.startsWith(`/${site.key}/`));
  }

  /** Which uploads a path shows now: none when it is empty. */
  function look(site: Site, path: string, tree: ReadonlyMap<string, TreeEntry>): Shown {
    const inside = path.slice(site.key.length + 2);
    if (!tree.has(inside)) return { ids: [] };
    let spoilt = false;
    const damage = (name: string, inode: number): boolean => {
      const known = damages.has(`${site.host} ${inode} ${name}`);
      spoilt ||= known;
      return known;
    };
    const same = [...uploads.values()].filter(
      (upload) => upload.path === path && differenceOf(tree, inside, upload.content, damage) === null,
    );
    const ids = same.filter(({ stranger }) => stranger !== true).map(({ id }) => id);
    if (spoilt) for (const id of ids) forgotten.add(id);
    if (ids.length > 0) return { ids, spoilt };
    if (same.length > 0) {
      throw new Violation(
        "unauthorised",
        `${site.host} ${path} is #${same.map(({ id }) => id).join(" or #")}`,
      );
    }
    const why = [...uploads.values()]
      .filter((upload) => upload.path === path)
      .map((upload) => `not #${upload.id}: ${differenceOf(tree, inside, upload.content, damage)}`);
    throw new Violation("mixed_tree", `${site.host} ${path} is no uploaded image; ${why.join("; ")}`);
  }

  function checkStray(site: Site, tree: ReadonlyMap<string, TreeEntry>): void {
    const inner = pathsOf(site).map((path) => path.slice(site.key.length + 2));
    for (const name of tree.keys()) {
      if (name.split("/").some((part) => part.startsWith("."))) continue; // stages, trash: not visible as images
      const known = inner.some(
        (path) => name === path || name.startsWith(`${path}/`) || path.startsWith(`${name}/`),
      );
      if (!known) throw new Violation("stray_entry", `${site.host} has ${name} in ${site.root}`);
    }
  }

  function checkAcked(site: Site, path: string, now: Shown): void {
    for (const id of acked.get(at(site.host, path)) ?? []) {
      if (now.ids.includes(id)) continue;
      const promised = signed.get(id);
      const present = versionOf(now.ids);
      const kept = promised !== undefined && present !== null && !appendOnly && !isLess(present, promised);
      if (!kept) {
        const has = now.ids.length === 0 ? "nothing" : `#${now.ids.join(" or #")}`;
        throw new Violation("acked_lost", `${site.host} reported #${id} at ${path} and has ${has}`);
      }
    }
  }

  function checkStep(site: Site, path: string, before: Shown, now: Shown): void {
    if (before.ids.length === 0) return;
    if (now.ids.length === 0) throw new Violation("went_back", `${site.host} ${path} was there and is not`);
    if (now.ids.some((id) => before.ids.includes(id))) return;
    const change = `${site.host} ${path} showed #${before.ids.join(" or #")} and now #${now.ids.join(" or #")}`;
    if (appendOnly) throw new Violation("append_replaced", change);
    const older = versionOf(before.ids);
    const newer = versionOf(now.ids);
    if (older !== null && newer !== null && isLess(newer, older)) throw new Violation("went_back", change);
  }

  function review(site: Site, afterCut: boolean): void {
    const tree = site.disk.tree(site.root);
    checkStray(site, tree);
    for (const path of pathsOf(site)) {
      const name = at(site.host, path);
      const now = look(site, path, tree);
      const before = shown.get(name) ?? { ids: [] };
      if (!afterCut) checkStep(site, path, before, now);
      checkAcked(site, path, now);
      for (const id of now.ids) everShown.add(id);
      shown.set(name, now);
    }
  }

  function lackOf(site: Site, path: string, candidates: readonly number[]): string | null {
    const now = shown.get(at(site.host, path)) ?? { ids: [] };
    const has = now.ids.length === 0 ? "nothing" : `#${now.ids.join(" or #")}`;
    if (appendOnly) {
      return now.ids.length > 0 ? null : `${site.host} has nothing at ${path}`;
    }
    const winner = versionOf(candidates);
    const present = versionOf(now.ids);
    if (winner !== null && (present === null || isLess(present, winner))) {
      return `${site.host} has ${has} at ${path} and the winner is ${winner.image.slice(0, 8)} of ${winner.timestamp}`;
    }
    return null;
  }

  return {
    expectUpload(upload) {
      uploads.set(upload.id, upload);
    },
    observe(observation) {
      const upload = uploads.get(observation.upload);
      if (upload === undefined || upload.stranger === true) return;
      switch (observation.kind) {
        case "signed":
          signed.set(upload.id, { timestamp: observation.timestamp, image: observation.image });
          return;
        case "accepted":
          accepted.set(upload.id, (accepted.get(upload.id) ?? new Set()).add(observation.host));
          return;
        case "acknowledged": {
          accepted.set(upload.id, (accepted.get(upload.id) ?? new Set()).add(observation.host));
          const name = at(observation.host, upload.path);
          acked.set(name, (acked.get(name) ?? new Set()).add(upload.id));
          return;
        }
      }
    },
    expectPresent(id, host, latest) {
      const timestamp = signed.get(id)?.timestamp ?? 0;
      if (timestamp <= latest) return;
      const ahead = Math.round((timestamp - latest) / 1000);
      throw new Violation("future_taken", `${host} accepted #${id}, signed ${ahead} s later than it may be`);
    },
    damaged({ host, disk, key, root }, file) {
      const tree = disk.tree(root);
      const found = tree.get(file);
      if (found?.kind !== "file") return;
      for (const [name, entry] of tree) {
        if (entry.kind !== "file" || entry.inode !== found.inode) continue;
        damages.add(`${host} ${entry.inode} ${name}`);
      }
      review({ host, disk, key, root }, true);
    },
    indexDamaged(site) {
      unreadable.add(site.host);
      for (const path of pathsOf(site))
        for (const id of shown.get(at(site.host, path))?.ids ?? []) forgotten.add(id);
    },
    forget(site, path) {
      for (const each of path === undefined ? pathsOf(site) : [path]) {
        const name = at(site.host, each);
        for (const id of [...(shown.get(name)?.ids ?? []), ...(acked.get(name) ?? [])]) forgotten.add(id);
        acked.delete(name);
        shown.delete(name);
      }
      if (path !== undefined) return;
      for (const [id, hosts] of accepted) {
        if (hosts.delete(site.host) && hosts.size === 0) accepted.delete(id);
      }
      review(site, true);
    },
    check: (site) => review(site, false),
    written({ host, disk, root }, { handle, offset, bytes }) {
      if (disk.rootOf(handle) !== root || bytes.length === 0) return;
      for (const { content } of uploads.values()) {
        for (const entry of content.values()) {
          if (entry.kind !== "file") continue;
          if (equalBytes(entry.bytes.subarray(offset, offset + bytes.length), bytes)) return;
        }
      }
      throw new Violation(
        "wrong_bytes",
        `${host} wrote ${bytes.length} bytes at ${offset} of no uploaded file`,
      );
    },
    crashed: (site) => review(site, true),
    convergence(sites, gone, abandoned, lying = false) {
      const excused: string[] = [];
      const paths = [...new Set([...uploads.values()].map((upload) => upload.path))];
      for (const path of paths) {
        const here = [...uploads.values()].filter((upload) => upload.path === path);
        // Whoever accepted it never had it all, and who did is gone: nobody can have it.
        const isShown = (id: number): boolean =>
          sites.some((site) => {
            const there = shown.get(at(site.host, path));
            return there?.ids.includes(id) === true && there.spoilt !== true && !unreadable.has(site.host);
          });
        const never = (id: number): boolean => !everShown.has(id) || forgotten.has(id) || lying;
        const lost = (id: number): boolean => gone(id) && never(id) && !isShown(id);
        const ids = here.map(({ id }) => id).filter((id) => accepted.has(id) && !(abandoned && lost(id)));
        if (ids.length === 0) continue;
        const winner = versionOf(ids);
        const winning = ids.filter((id) => sameVersion(signed.get(id) ?? null, winner));
        if (winning.every(lost)) {
          excused.push(path);
          continue;
        }
        const key = path.split("/")[1] ?? "";
        const holders = sites.filter((site) => site.key === key);
        for (const site of holders) {
          const lack = lackOf(site, path, ids);
          if (lack !== null) return { missing: lack, excused };
        }
        const held = holders.map((site) => shown.get(at(site.host, path))?.ids ?? []);
        const apart = held.find((each) => !each.some((id) => held[0]?.includes(id)));
        // Append-only conflicts stay, for the operator to resolve.
        // What is in the way of the next one stays where it is, too.
        const stuck = abandoned && here.some(({ id }) => lost(id));
        if (apart !== undefined && !(appendOnly && here.length > 1) && !stuck) {
          return { missing: `${path} is #${held[0]?.join()} here and #${apart.join()} there`, excused };
        }
      }
      return { missing: null, excused };
    },
  };
}

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

/** Greater timestamp, then greater image id: hex orders as its bytes do. */
function isLess(a: Signed, b: Signed): boolean {
  return a.timestamp < b.timestamp || (a.timestamp === b.timestamp && a.image < b.image);
}

function sameVersion(a: Signed | null, b: Signed | null): boolean {
  return a?.timestamp === b?.timestamp && a?.image === b?.image;
}

/** The first difference between a visible tree and an image, in words, or null. */
function differenceOf(
  tree: ReadonlyMap<string, TreeEntry>,
  inside: string,
  content: Content,
  damage: (name: string, inode: number) => boolean,
): string | null {
  if (tree.get(inside)?.kind !== "directory") return "no directory";
  const prefix = `${byteStringOfText(inside)}/`;
  for (const [name, wanted] of content) {
    const found = tree.get(prefix + name);
    const shown = JSON.stringify(name);
    if (found === undefined) return `${shown} is missing`;
    if (found.kind !== wanted.kind) return `${shown} is a ${found.kind}`;
    if (found.kind === "file" && wanted.kind === "file") {
      if (!equalBytes(found.bytes, wanted.bytes) && !damage(prefix + name, found.inode))
        return `${shown} has other bytes`;
      if (((found.mode & 0o111) !== 0) !== wanted.executable)
        return `${shown} has mode ${found.mode.toString(8)}`;
    }
    if (found.kind === "link" && wanted.kind === "link" && found.target !== wanted.target)
      return `${shown} points elsewhere`;
  }
  for (const name of tree.keys()) {
    if (!name.startsWith(prefix)) continue;
    if (!content.has(name.slice(prefix.length))) return `${JSON.stringify(name)} is not part of it`;
  }
  return null;
}
