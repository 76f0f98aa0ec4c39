/** What each path of each server shows, by a walker of its own: whole images, never older ones, and nothing else. */
import type { RootName } from "../../kernel/storage/call.ts";
import { byteStringOfText } from "../../kernel/text.ts";
import type { CleanRules } from "../clean.ts";
import type { Content } from "../content.ts";
import type { SimDisk } from "../disk.ts";
import type { Subtree } from "../disk-trees.ts";
import { type FileBytes, PIECE_BYTES } from "../file-bytes.ts";
import { equalWords } from "../pieces.ts";
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
  readonly clean: CleanRules | null;
  /** Its wall clock, in milliseconds since 1970. */
  readonly wall: () => number;
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
  /** Whether an upload was ever whole anywhere. */
  wasWhole(upload: number): boolean;
  /** Whether it was, and no server has lost it by a fault since. */
  isSafe(upload: number): boolean;
  /** Whether a file is or was part of a visible image, since the power was cut last. */
  wasShown(host: string, inode: number): boolean;
  /** Whether a fault has taken what a path had. */
  hasLost(host: string, path: string): boolean;
  /** Whether a fault has changed what a server reads. */
  isDamaged(host: string): boolean;
  /** Whether the index of what is there can be asked for. */
  isReadable(host: string): boolean;
  /** A file of a site is not what it was, by a fault: where it is visible now it may be as it is. */
  damaged(site: Site, file: string): void;
  /** An index of a site is not what it was, by a fault: nobody can learn from there what is in its image. */
  indexDamaged(site: Site): void;
  /** One server's disk becomes a copy of another's: what faults did to that is here, too. */
  copied(from: string, to: string): void;
  /** What a site had and had promised is gone, by a fault: all of it, or what is at one path. */
  forget(site: Site, path?: string): void;
};

export type TreesOptions = {
  readonly ledger: Ledger;
  /** A path shows something else than before. */
  readonly shows: (site: Site, path: string, ids: readonly number[]) => void;
  /** What a path has shown is gone: false where it may not. */
  readonly vanished: (site: Site, path: string, ids: readonly number[]) => boolean;
};

const EMPTY: Shown = { ids: [], spoilt: false };

export function createTrees({ ledger, shows, vanished }: TreesOptions): Trees {
  const shown = new Map<string, Shown>();
  const everShown = new Set<number>();
  /** Uploads that some server has lost by a fault. */
  const forgotten = new Set<number>();
  const damages = new Set<string>();
  /** What a place showed when it was last compared, and how many facts that was judged by. */
  const looks = new Map<
    string,
    {
      readonly subtree: Subtree;
      readonly facts: number;
      readonly keys: Site["keys"];
      readonly shown: Shown;
    }
  >();
  /** Servers with a damaged index: nobody can ask them for what it is of. */
  const unreadable = new Set<string>();

  const damagedHosts = new Set<string>();
  /** Servers with the disk of another, whose keys may have been others. */
  const adopted = new Set<string>();
  const losses = new Set<string>();
  /** Where somebody has deleted an image and none has come back: its server may not know, and report it once more. */
  const stolen = new Set<string>();
  /** Of files that are or were visible, by server; and the trees that they were noted of, by place. */
  const inodes = new Map<string, Set<number>>();
  const noted = new Map<string, Subtree>();

  const shownAt = (host: string, path: string): Shown => shown.get(placeOf(host, path)) ?? EMPTY;

  /** Which uploads a path shows now: none when it is empty. Compared again only when something may differ. */
  function look(site: Site, path: string): Shown {
    const subtree = site.disk.subtree(site.root, insideOf(site, path));
    if (subtree === null) return EMPTY;
    const place = placeOf(site.host, path);
    const facts = ledger.uploadsAt(path).length + damages.size;
    const { keys } = site;
    const last = looks.get(place);
    if (last !== undefined && last.subtree === subtree && last.facts === facts && last.keys === keys)
      return last.shown;
    const now = compare(site, path, subtree);
    looks.set(place, { subtree, facts, keys, shown: now });
    return now;
  }

  function compare(site: Site, path: string, subtree: Subtree): Shown {
    const inside = insideOf(site, path);
    let spoilt = false;
    const damage = (name: string, inode: number): boolean => {
      const known = damages.has(`${site.host} ${inode} ${inside}/${name}`);
      spoilt ||= known;
      return known;
    };
    const here = ledger.uploadsAt(path);
    const same = here.filter((upload) => differenceOf(subtree, upload.content, damage) === null);
    const mayWrite = (key: SigningKey): boolean =>
      site.keys.includes(key) || (adopted.has(site.host) && key !== "stranger");
    const ids = same.filter(({ key }) => mayWrite(key)).map(({ id }) => id);
    if (spoilt) for (const id of ids) forgotten.add(id);
    if (ids.length > 0) return { ids, spoilt };
    if (same.length > 0) {
      const strangers = same.map(({ id }) => id);
      throw new Violation("unauthorised", `${site.host} ${path} is ${printIds(strangers)}`);
    }
    const why = here.map((upload) => `not #${upload.id}: ${differenceOf(subtree, upload.content, damage)}`);
    throw new Violation("mixed_tree", `${site.host} ${path} is no uploaded image; ${why.join("; ")}`);
  }

  /** In the directories that lead to images is nothing else; what is in an image is compared with it. */
  function checkStray(site: Site): void {
    const inner = new Set(ledger.pathsBelow(site.key).map((path) => insideOf(site, path)));
    const leading = new Set([...inner].flatMap((path) => prefixesOf(path)));
    for (const dir of leading) {
      for (const name of site.disk.names(site.root, dir)) {
        if (name.startsWith(".")) continue; // stages, trash: not visible as images
        const path = dir === "" ? name : `${dir}/${name}`;
        if (!inner.has(path) && !leading.has(path))
          throw new Violation("stray_entry", `${site.host} has ${path} in ${site.root}`);
      }
    }
  }

  function checkReported(site: Site, path: string, now: Shown): void {
    const place = placeOf(site.host, path);
    if (now.ids.length > 0) stolen.delete(place);
    if (stolen.has(place)) return;
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
    if (now.ids.length === 0) {
      if (vanished(site, path, before.ids)) return;
      throw new Violation("went_back", `${site.host} ${path} was there and is not`);
    }
    if (now.ids.some((id) => before.ids.includes(id))) return;
    const change = `${site.host} ${path} showed ${printIds(before.ids)} and now ${printIds(now.ids)}`;
    if (site.append) throw new Violation("append_replaced", change);
    // Another may have taken a later signing of what was shown here.
    const taken = before.ids.filter((id) => ledger.accepted.get(id)?.has(site.host));
    const older = ledger.versionOf(taken.length > 0 ? taken : before.ids);
    const newer = ledger.versionOf(now.ids);
    if (older !== null && newer !== null && isLess(newer, older)) throw new Violation("went_back", change);
  }

  function noteInodes(site: Site, path: string): void {
    const place = placeOf(site.host, path);
    const subtree = site.disk.subtree(site.root, insideOf(site, path));
    if (subtree === null || noted.get(place) === subtree) return;
    noted.set(place, subtree);
    const known = inodes.get(site.host) ?? new Set<number>();
    inodes.set(site.host, known);
    for (const entry of subtree.entries.values()) if (entry.kind === "file") known.add(entry.inode);
  }

  /** A cut may have brought a stage back from under its name: then it is one again. */
  function forgetInodes(site: Site): void {
    inodes.delete(site.host);
    for (const path of ledger.pathsBelow(site.key)) noted.delete(placeOf(site.host, path));
  }

  function review(site: Site, afterCut: boolean): void {
    checkStray(site);
    if (afterCut) forgetInodes(site);
    for (const path of ledger.pathsBelow(site.key)) {
      const now = look(site, path);
      noteInodes(site, path);
      const before = shownAt(site.host, path);
      if (!afterCut) checkStep(site, path, before, now);
      if (now !== before) shows(site, path, now.ids);
      checkReported(site, path, now);
      for (const id of now.ids) everShown.add(id);
      shown.set(placeOf(site.host, path), now);
    }
  }

  return {
    review,
    shownAt,
    wasWhole: (upload) => everShown.has(upload),
    isSafe: (upload) => everShown.has(upload) && !forgotten.has(upload),
    wasShown: (host, inode) => inodes.get(host)?.has(inode) === true,
    hasLost: (host, path) => losses.has(placeOf(host, path)),
    isDamaged: (host) => damagedHosts.has(host) || unreadable.has(host),
    isReadable: (host) => !unreadable.has(host),
    damaged(site, file) {
      const tree = site.disk.tree(site.root);
      const found = tree.get(file);
      if (found?.kind !== "file") return;
      damagedHosts.add(site.host);
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
    copied(from, to) {
      adopted.add(to);
      for (const each of damages)
        if (each.startsWith(`${from} `)) damages.add(`${to}${each.slice(from.length)}`);
      if (unreadable.has(from)) unreadable.add(to);
      if (damagedHosts.has(from)) damagedHosts.add(to);
    },
    forget(site, path) {
      for (const each of path === undefined ? ledger.pathsBelow(site.key) : [path]) {
        for (const id of shownAt(site.host, each).ids) forgotten.add(id);
        for (const id of ledger.reportedAt(site.host, each)) forgotten.add(id);
        ledger.releaseReports(site.host, each);
        losses.add(placeOf(site.host, each));
        if (path !== undefined) stolen.add(placeOf(site.host, each));
        shown.delete(placeOf(site.host, each));
      }
      if (path !== undefined) return;
      ledger.releaseAcceptance(site.host);
      review(site, true);
    },
  };
}

/** The path in a base directory, one byte a character as on disks. */
function insideOf(site: Site, path: string): string {
  return byteStringOfText(path.slice(site.key.length + 2));
}

/** `a/b/c`: the root, `a` and `a/b`. */
function prefixesOf(path: string): readonly string[] {
  const parts = path.split("/");
  return parts.map((_, at) => parts.slice(0, at).join("/"));
}

/** The first difference between a visible tree and an image, in words, or null. */
function differenceOf(
  { kind, entries }: Subtree,
  content: Content,
  damage: (name: string, inode: number) => boolean,
): string | null {
  if (kind !== "directory") return "no directory";
  for (const [name, wanted] of content) {
    const found = entries.get(name);
    if (found === undefined) return `${JSON.stringify(name)} is missing`;
    if (found.kind !== wanted.kind) return `${JSON.stringify(name)} is a ${found.kind}`;
    if (found.kind === "file" && wanted.kind === "file") {
      if (!holds(found.content, wanted.bytes) && !damage(name, found.inode))
        return `${JSON.stringify(name)} has other bytes`;
      if (((found.mode & 0o111) !== 0) !== wanted.executable)
        return `${JSON.stringify(name)} has mode ${found.mode.toString(8)}`;
    }
    if (found.kind === "link" && wanted.kind === "link" && found.target !== wanted.target)
      return `${JSON.stringify(name)} points elsewhere`;
  }
  for (const name of entries.keys()) {
    if (!content.has(name)) return `${JSON.stringify(name)} is not part of it`;
  }
  return null;
}

/** Pieces are never changed, and disks share them: what is compared with one is compared once. */
const PROVEN = new WeakMap<Uint8Array, { readonly wanted: Uint8Array; readonly from: number }>();

function holds({ size, pieces }: FileBytes, wanted: Uint8Array): boolean {
  if (size !== wanted.length) return false;
  return pieces.every((piece, at) => {
    const from = at * PIECE_BYTES;
    const known = PROVEN.get(piece);
    if (known?.wanted === wanted && known.from === from) return true;
    if (!equalWords(piece, wanted.subarray(from, from + piece.length))) return false;
    PROVEN.set(piece, { wanted, from });
    return true;
  });
}
