/**
 * What a server keeps of its promises, without a look at how it is written: a file there appears whole under its name,
 * a power cut leaves it as it was or was before, and what was accepted is on the disk until something greater is.
 */
import type { FsCall, RootName } from "../../kernel/storage/call.ts";
import { byteString, equalBytes, fromHex } from "../../kernel/text.ts";
import type { TreeEntry } from "../disk.ts";
import { isLess, type Ledger, placeOf, printIds } from "./ledger.ts";
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
  forget(host: string, path?: string): void;
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

  return {
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
      for (const id of here ?? []) if (ledger.signed.get(id)?.image === image) here?.delete(id);
    },
    dropping(site, image, isFetched) {
      const files = site.disk.tree(db);
      for (const path of ledger.pathsBelow(site.key)) {
        const { ids, spoilt } = trees.shownAt(site.host, path);
        // What a fault has changed may look like any of its path.
        const needed = [...(spoilt ? [] : ids), ...namedIn(files, path, ".state")];
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
      for (const file of whole.keys()) if (file.startsWith(`${host} `)) whole.delete(file);
    },
    crashed(site) {
      const files = site.disk.tree(db);
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
