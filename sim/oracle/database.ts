/**
 * What a server keeps of its promises, without a look at how it is written: a file there appears whole under its name,
 * a power cut leaves it as it was or was before, and what was accepted is on the disk until something greater is. What was
 * committed is the floor of its path from then on.
 */
import type { FsCall, RootName } from "../../kernel/storage/call.ts";
import { byteString, equalBytes, fromHex } from "../../kernel/text.ts";
import type { TreeEntry } from "../disk.ts";
import { isLess, type Ledger, placeOf, printIds, type Signed } from "./ledger.ts";
import type { Site, Trees } from "./trees.ts";
import { Violation } from "./violation.ts";

export type Database = {
  performed(site: Site, call: FsCall): void;
  /** A promise that is durable: whoever was told may rely on it. */
  promised(host: string, path: string, upload: number): void;
  /** Nobody could serve it: it was given up, and its watchers were told. */
  givenUp(host: string, path: string, image: string): void;
  /** An index goes: `isFetched` says what is on its way. */
  dropping(site: Site, image: string, isFetched: (path: string, image: string) => boolean): void;
  /** A server has said so: the floor says it from now on. */
  committed(site: Site, path: string, image: string): void;
  /** What the floor of a path names, the greatest. */
  floorAt(site: Site, path: string): Signed | null;
  forget(host: string, path?: string): void;
  /** The disk of one server is that of another from now on. */
  copied(from: string, to: string): void;
  /** After a power cut, before anything runs. */
  crashed(site: Site): void;
  /** A start is over: `isFetched` says what goes on. */
  recovered(site: Site, isFetched: (path: string, image: string) => boolean): void;
};

type Files = ReadonlyMap<string, TreeEntry>;
const LOCK = "lock"; // has no bytes, and appears under its name

export function createDatabase(ledger: Ledger, trees: Trees, db: RootName): Database {
  /** Bytes of each file as it was when it got its name, by server and inode. */
  const whole = new Map<string, Uint8Array>();
  const promises = new Map<string, Set<number>>();
  /** By place, what its floor has said. */
  const floors = new Map<string, Signed>();

  function isNamed(name: string): boolean {
    return name !== LOCK && !(name.split("/").at(-1) ?? "").startsWith(".");
  }

  function* filesOf(files: Files) {
    for (const [name, entry] of files) if (entry.kind === "file" && isNamed(name)) yield { name, entry };
  }

  /** Uploads of a path whose image a file names: 32 bytes that nothing else has. */
  function namedIn(files: Files, path: string, suffix: string): readonly number[] {
    const file = files.get(`signatures${path}${suffix}`);
    if (file?.kind !== "file") return [];
    const text = byteString(file.bytes);
    return ledger
      .uploadsAt(path)
      .map(({ id }) => id)
      .filter((id) => {
        const image = ledger.signed.get(id)?.image;
        return image !== undefined && text.includes(byteString(fromHex(image)));
      });
  }

  function checkWhole({ host }: Site, files: Files): void {
    for (const { name, entry } of filesOf(files)) {
      const bytes = whole.get(`${host} ${entry.inode}`);
      if (bytes === undefined || equalBytes(bytes, entry.bytes)) continue;
      throw new Violation("torn_file", `${host} has ${name} in its database, not as it was written`);
    }
  }

  function checkPromises({ host, key }: Site, files: Files): void {
    for (const path of ledger.pathsBelow(key)) {
      for (const id of promises.get(placeOf(host, path)) ?? []) {
        const there = [".state", ".new.state"].flatMap((suffix) => namedIn(files, path, suffix));
        if (there.includes(id)) continue;
        const promised = ledger.signed.get(id);
        const greater = there.some((each) => {
          const signed = ledger.signed.get(each);
          return signed !== undefined && promised !== undefined && !isLess(signed, promised);
        });
        if (greater) continue;
        const has = printIds(there);
        throw new Violation(
          "promise_lost",
          `${host} accepted #${id} at ${path}, and its disk promises ${has}`,
        );
      }
    }
  }

  function floorAt({ disk }: Site, path: string): Signed | null {
    return ledger.versionOf(namedIn(disk.tree(db), path, ".floor"));
  }

  function checkFloor(site: Site, path: string): void {
    const before = floors.get(placeOf(site.host, path));
    const now = floorAt(site, path);
    if (before === undefined || (now !== null && !isLess(now, before))) return;
    const [was, is] = [before, now].map((each) => each?.image.slice(0, 8) ?? "nothing");
    throw new Violation("floor_lost", `${site.host} has a floor of ${is} at ${path}, which was ${was}`);
  }

  return {
    floorAt,
    committed({ host }, path, image) {
      // It may have been signed several times, and be here under any of these.
      const versions = ledger.uploadsOf(path, image).flatMap(({ id }) => ledger.signed.get(id) ?? []);
      const place = placeOf(host, path);
      for (const each of versions.slice(0, 1)) {
        const least = versions.reduce((a, b) => (isLess(a, b) ? a : b), each);
        const before = floors.get(place);
        if (before === undefined || isLess(before, least)) floors.set(place, least);
      }
    },
    performed({ host, disk }, call) {
      if (call.call === "write" || call.call === "truncate") {
        if (disk.rootOf(call.handle) !== db) return;
        const inode = disk.inodeOf(call.handle);
        for (const { name, entry } of filesOf(disk.tree(db))) {
          if (entry.inode !== inode) continue;
          throw new Violation("torn_file", `${host} writes ${name} of its database in place`);
        }
      }
      if (call.call !== "rename" || disk.rootOf(call.toDir) !== db) return;
      for (const { entry } of filesOf(disk.tree(db))) {
        const file = `${host} ${entry.inode}`;
        if (!whole.has(file)) whole.set(file, entry.bytes);
      }
    },
    promised(host, path, upload) {
      const place = placeOf(host, path);
      promises.set(place, (promises.get(place) ?? new Set()).add(upload));
    },
    givenUp(host, path, image) {
      const here = promises.get(placeOf(host, path));
      const given = ledger.versionOf(
        [...(here ?? [])].filter((id) => ledger.signed.get(id)?.image === image),
      );
      // It had taken the place of what is smaller, whose watchers were told so then.
      for (const id of here ?? []) {
        const each = ledger.signed.get(id);
        if (given !== null && each !== undefined && !isLess(given, each)) here?.delete(id);
      }
    },
    dropping(site, image, isFetched) {
      const files = site.disk.tree(db);
      for (const path of ledger.pathsBelow(site.key)) {
        const { ids, spoilt } = trees.shownAt(site.host, path);
        // What a fault has changed may look like any of its path.
        const shown = spoilt ? [] : ids;
        // What somebody has deleted, and nobody could bring again, is promised by a file alone: the next start asks anew.
        const isGone = ids.length === 0 && trees.hasLost(site.host, path);
        const needed = isGone ? [] : [...shown, ...namedIn(files, path, ".state")];
        const isNeeded = needed.some((id) => ledger.signed.get(id)?.image === image);
        if (!isNeeded && !isFetched(path, image)) continue;
        throw new Violation("index_lost", `${site.host} drops the index of ${path}, ${image.slice(0, 8)}`);
      }
    },
    forget(host, path) {
      for (const place of promises.keys()) {
        if (path === undefined ? place.startsWith(`${host} `) : place === placeOf(host, path))
          promises.delete(place);
      }
      if (path !== undefined) return;
      for (const place of floors.keys()) if (place.startsWith(`${host} `)) floors.delete(place);
      for (const file of whole.keys()) if (file.startsWith(`${host} `)) whole.delete(file);
    },
    copied(from, to) {
      for (const [place, floor] of floors)
        if (place.startsWith(`${from} `)) floors.set(`${to}${place.slice(from.length)}`, floor);
    },
    crashed(site) {
      const files = site.disk.tree(db);
      for (const path of ledger.pathsBelow(site.key)) checkFloor(site, path);
      if (trees.isReadable(site.host)) checkWhole(site, files);
      checkPromises(site, files);
    },
    recovered(site, isFetched) {
      const files = site.disk.tree(db);
      for (const path of ledger.pathsBelow(site.key)) {
        const wanted = ledger.versionOf(namedIn(files, path, ".new.state"));
        const present = ledger.versionOf(namedIn(files, path, ".state"));
        if (wanted === null || (present !== null && !isLess(present, wanted))) continue;
        if (isFetched(path, wanted.image)) continue;
        throw new Violation(
          "promise_lost",
          `${site.host} has started and does not fetch what it promised at ${path}`,
        );
      }
    },
  };
}
