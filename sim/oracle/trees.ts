/** What each path of each server shows, by a walker of its own: whole images, never older ones, and nothing else. */
import type { RootName } from "../../kernel/storage/call.ts";
import { byteStringOfText, equalBytes } from "../../kernel/text.ts";
import type { Content } from "../content.ts";
import type { SimDisk, TreeEntry } from "../disk.ts";
import type { SigningKey } from "../script.ts";
import { isLess, type Ledger, placeOf, printIds } from "./ledger.ts";
import { Violation } from "./violation.ts";

/** A server's images: the root of the directory whose key is `key`. */
export type Site = {
  readonly host: string;
  readonly disk: SimDisk;
  readonly key: string;
  readonly root: RootName;
  /** As it is configured: a path keeps its first image; components of its paths; who may write. */
  readonly append: boolean;
  readonly levels: number;
  readonly keys: readonly SigningKey[];
};

/** What a path shows: uploads of equal content cannot be told apart. */
export type Shown = {
  readonly ids: readonly number[];
  /** A fault has changed it: nobody can take all of it from here. */
  readonly spoilt: boolean;
};

export type Trees = {
  /** After anything that may have changed names there. `afterCut`: it may go back to what was reported. */
  review(site: Site, afterCut: boolean): void;
  /** As it was when it was last reviewed. */
  shownAt(host: string, path: string): Shown;
  /** Whether an upload was ever whole anywhere, and no server has lost it by a fault since. */
  isSafe(upload: number): boolean;
  /** Whether the index of what is there can be asked for. */
  isReadable(host: string): boolean;
  /** A file of a site is not what it was, by a fault: where it is visible now it may be as it is. */
  damaged(site: Site, file: string): void;
  /** An index of a site is not what it was, by a fault: nobody can learn from there what is in its image. */
  indexDamaged(site: Site): void;
  /** What a site had and had promised is gone, by a fault: all of it, or what is at one path. */
  forget(site: Site, path?: string): void;
};

const EMPTY: Shown = { ids: [], spoilt: false };

export function createTrees(ledger: Ledger): Trees {
  const shown = new Map<string, Shown>();
  const everShown = new Set<number>();
  /** Uploads that some server has lost by a fault. */
  const forgotten = new Set<number>();
  const damages = new Set<string>();
  /** Servers with a damaged index: nobody can ask them for what it is of. */
  const unreadable = new Set<string>();

  const shownAt = (host: string, path: string): Shown => shown.get(placeOf(host, path)) ?? EMPTY;

  /** Which uploads a path shows now: none when it is empty. */
  function look(site: Site, path: string, tree: ReadonlyMap<string, TreeEntry>): Shown {
    const inside = path.slice(site.key.length + 2);
    if (!tree.has(inside)) return EMPTY;
    let spoilt = false;
    const damage = (name: string, inode: number): boolean => {
      const known = damages.has(`${site.host} ${inode} ${name}`);
      spoilt ||= known;
      return known;
    };
    const here = ledger.uploadsAt(path);
    const same = here.filter((upload) => differenceOf(tree, inside, upload.content, damage) === null);
    const ids = same.filter(({ key }) => site.keys.includes(key)).map(({ id }) => id);
    if (spoilt) for (const id of ids) forgotten.add(id);
    if (ids.length > 0) return { ids, spoilt };
    if (same.length > 0) {
      const strangers = same.map(({ id }) => id);
      throw new Violation("unauthorised", `${site.host} ${path} is ${printIds(strangers)}`);
    }
    const why = here.map(
      (upload) => `not #${upload.id}: ${differenceOf(tree, inside, upload.content, damage)}`,
    );
    throw new Violation("mixed_tree", `${site.host} ${path} is no uploaded image; ${why.join("; ")}`);
  }

  function checkStray(site: Site, tree: ReadonlyMap<string, TreeEntry>): void {
    const inner = ledger.pathsBelow(site.key).map((path) => path.slice(site.key.length + 2));
    for (const name of tree.keys()) {
      if (name.split("/").some((part) => part.startsWith("."))) continue; // stages, trash: not visible as images
      const known = inner.some(
        (path) => name === path || name.startsWith(`${path}/`) || path.startsWith(`${name}/`),
      );
      if (!known) throw new Violation("stray_entry", `${site.host} has ${name} in ${site.root}`);
    }
  }

  function checkReported(site: Site, path: string, now: Shown): void {
    for (const id of ledger.reportedAt(site.host, path)) {
      if (now.ids.includes(id)) continue;
      const promised = ledger.signed.get(id);
      const present = ledger.versionOf(now.ids);
      const kept = promised !== undefined && present !== null && !site.append && !isLess(present, promised);
      if (!kept) {
        throw new Violation(
          "acked_lost",
          `${site.host} reported #${id} at ${path} and has ${printIds(now.ids)}`,
        );
      }
    }
  }

  function checkStep(site: Site, path: string, before: Shown, now: Shown): void {
    if (before.ids.length === 0) return;
    if (now.ids.length === 0) throw new Violation("went_back", `${site.host} ${path} was there and is not`);
    if (now.ids.some((id) => before.ids.includes(id))) return;
    const change = `${site.host} ${path} showed ${printIds(before.ids)} and now ${printIds(now.ids)}`;
    if (site.append) throw new Violation("append_replaced", change);
    const older = ledger.versionOf(before.ids);
    const newer = ledger.versionOf(now.ids);
    if (older !== null && newer !== null && isLess(newer, older)) throw new Violation("went_back", change);
  }

  function review(site: Site, afterCut: boolean): void {
    const tree = site.disk.tree(site.root);
    checkStray(site, tree);
    for (const path of ledger.pathsBelow(site.key)) {
      const now = look(site, path, tree);
      if (!afterCut) checkStep(site, path, shownAt(site.host, path), now);
      checkReported(site, path, now);
      for (const id of now.ids) everShown.add(id);
      shown.set(placeOf(site.host, path), now);
    }
  }

  return {
    review,
    shownAt,
    isSafe: (upload) => everShown.has(upload) && !forgotten.has(upload),
    isReadable: (host) => !unreadable.has(host),
    damaged(site, file) {
      const tree = site.disk.tree(site.root);
      const found = tree.get(file);
      if (found?.kind !== "file") return;
      for (const [name, entry] of tree) {
        if (entry.kind !== "file" || entry.inode !== found.inode) continue;
        damages.add(`${site.host} ${entry.inode} ${name}`);
      }
      review(site, true);
    },
    indexDamaged({ host, key }) {
      unreadable.add(host);
      for (const path of ledger.pathsBelow(key)) for (const id of shownAt(host, path).ids) forgotten.add(id);
    },
    forget(site, path) {
      for (const each of path === undefined ? ledger.pathsBelow(site.key) : [path]) {
        for (const id of shownAt(site.host, each).ids) forgotten.add(id);
        for (const id of ledger.reportedAt(site.host, each)) forgotten.add(id);
        ledger.releaseReports(site.host, each);
        shown.delete(placeOf(site.host, each));
      }
      if (path !== undefined) return;
      ledger.releaseAcceptance(site.host);
      review(site, true);
    },
  };
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
