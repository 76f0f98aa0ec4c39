/**
 * The configuration folder: `master.key`, `peers.txt`, `configs/NAME.yaml`, `keys/NAME.key`. All problems of all
 * files come at once. Files may be links to what lies in the folder, which is how secrets are mounted.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { DirectoryConfig, KeyRing, PublicKey } from "../../kernel/config.ts";
import { parseVPath } from "../../kernel/ids.ts";
import { compareText, utf8Decode } from "../../kernel/text.ts";
import { parsePublicKeys } from "../keys/public.ts";
import { type KeyName, parseDirectoryFile } from "./directory-file.ts";
import { type PeerEntry, parsePeers } from "./peers-file.ts";
import { type Problem, shown, wholeFile } from "./problem.ts";
import { errnoOf, readTextFile } from "./text-file.ts";

export type Folder = {
  /** Sorted by key. */
  readonly directories: readonly DirectoryConfig[];
  readonly keys: KeyRing;
  readonly peers: readonly PeerEntry[];
};
export type ReadFolder =
  | {
      readonly ok: true;
      readonly folder: Folder;
      readonly warnings: readonly Problem[];
      /** Keys that are named and not there: a server goes on without them, as 0.6.12 does; a check does not pass. */
      readonly gaps: readonly Problem[];
    }
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly warnings: readonly Problem[] };

type Log = { readonly problems: Problem[]; readonly warnings: Problem[] };

export function readFolder(path: string): ReadFolder {
  const log: Log = { problems: [], warnings: [] };
  const { directories, keyNames } = readDirectories(path, log);
  const keys = readRing(path, log);
  const peers = peersIn(path, log);
  const gaps = keyNames.flatMap(({ file, name, line, col }): readonly Problem[] => {
    const mend = `put the public key into ${join(path, "keys", `${name}.key`)}`;
    return keys.named.has(name) ? [] : [{ file, line, col, what: `no key ${shown(name)}`, mend }];
  });
  const { problems, warnings } = log;
  if (problems.length > 0) return { ok: false, problems: [...problems, ...gaps], warnings };
  return { ok: true, folder: { directories, keys, peers }, warnings, gaps };
}

/**
 * The keys alone. While a server runs it reads them again: sound lines count, the others are to be logged, and a
 * caller that sees problems decides whether its last good ring is the better one.
 */
export function readKeys(path: string): Log & { readonly keys: KeyRing } {
  const log: Log = { problems: [], warnings: [] };
  return { keys: readRing(path, log), ...log };
}

/** The peers alone, for the same use. */
export function readPeers(path: string): Log & { readonly peers: readonly PeerEntry[] } {
  const log: Log = { problems: [], warnings: [] };
  return { peers: peersIn(path, log), ...log };
}

function readRing(path: string, log: Log): KeyRing {
  const master = readKeyFile(path, join(path, "master.key"), log) ?? [];
  const named = new Map<string, readonly PublicKey[]>();
  const folder = join(path, "keys");
  for (const name of namesIn(folder, log) ?? []) {
    if (name.startsWith(".") || !name.endsWith(".key")) continue;
    const keys = readKeyFile(path, join(folder, name), log);
    if (keys !== null) named.set(name.slice(0, -".key".length), keys);
  }
  return { master, named };
}

/** Null when there is no such file. A file that is wrong holds no keys: its problem is in the log. */
function readKeyFile(path: string, file: string, log: Log): readonly PublicKey[] | null {
  const read = readTextFile(file, path);
  if (read.kind === "missing") return null;
  if (read.kind === "wrong") {
    log.problems.push(wholeFile(file, read.what, read.mend));
    return [];
  }
  const { keys, problems, warnings } = parsePublicKeys(file, read.bytes);
  log.problems.push(...problems);
  log.warnings.push(...warnings);
  return keys;
}

function peersIn(path: string, log: Log): readonly PeerEntry[] {
  const file = join(path, "peers.txt");
  const read = readTextFile(file, path);
  if (read.kind === "missing") {
    log.warnings.push(
      wholeFile(file, "no such file", "this server stands alone; list the others there, one a line"),
    );
    return [];
  }
  if (read.kind === "wrong") {
    log.problems.push(wholeFile(file, read.what, read.mend));
    return [];
  }
  const { peers, warnings } = parsePeers(file, read.bytes.toString("utf8"));
  log.warnings.push(...warnings);
  return peers;
}

function readDirectories(
  path: string,
  log: Log,
): {
  readonly directories: readonly DirectoryConfig[];
  readonly keyNames: readonly (KeyName & { file: string })[];
} {
  const directories: DirectoryConfig[] = [];
  const keyNames: (KeyName & { file: string })[] = [];
  const folder = join(path, "configs");
  const names = namesIn(folder, log);
  if (names === null) {
    log.warnings.push(wholeFile(folder, "no such folder", "nothing is synchronised; put NAME.yaml there"));
  }
  for (const name of names ?? []) {
    const file = join(folder, name);
    if (name.endsWith(".yml") && !name.startsWith(".")) {
      log.warnings.push(
        wholeFile(file, "skipped", `only .yaml counts: rename it to ${name.slice(0, -4)}.yaml`),
      );
    }
    // The other forms that 0.6.12 skips (*.bak, *~, #*#) do not end in .yaml.
    if (name.startsWith(".") || !name.endsWith(".yaml")) continue;
    const key = name.slice(0, -".yaml".length);
    if (parseVPath(`/${key}`) === null) {
      log.problems.push(wholeFile(file, `${shown(key)} can be no part of a path`, "rename the file"));
      continue;
    }
    const read = readTextFile(file, path);
    if (read.kind === "missing") continue; // removed since the folder was listed
    if (read.kind === "wrong") {
      log.problems.push(wholeFile(file, read.what, read.mend));
      continue;
    }
    const parsed = parseDirectoryFile(file, key, read.bytes);
    if (!parsed.ok) {
      log.problems.push(...parsed.problems);
      continue;
    }
    const twin = directories.find(({ root }) => root === parsed.directory.root);
    if (twin !== undefined) {
      const what = `the same directory as ${shown(twin.key)}`;
      log.warnings.push(wholeFile(file, what, "give each its own: the images of the two get mixed"));
    }
    for (const { key: other, root } of directories) {
      if (!isInside(root, parsed.directory.root) && !isInside(parsed.directory.root, root)) continue;
      const what = `one of this directory and that of ${shown(other)} lies in the other`;
      log.warnings.push(
        wholeFile(file, what, "give each its own: a replace in the outer takes the inner along"),
      );
    }
    directories.push(parsed.directory);
    keyNames.push(...parsed.keyNames.map((keyName) => ({ ...keyName, file })));
  }
  return { directories: directories.sort((a, b) => compareText(a.key, b.key)), keyNames };
}

function isInside(inner: string, outer: string): boolean {
  return inner.startsWith(outer.endsWith("/") ? outer : `${outer}/`) && inner !== outer;
}

/** Names in a folder, sorted; null when there is no such folder. */
function namesIn(folder: string, log: Log): readonly string[] | null {
  let raw: readonly Buffer[];
  try {
    raw = readdirSync(folder, { encoding: "buffer" });
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT") return null;
    const what = code === "ENOTDIR" ? "not a folder" : `not readable (${code})`;
    log.problems.push(wholeFile(folder, what, "make it a folder that the user of this program can read"));
    return [];
  }
  const names: string[] = [];
  for (const bytes of raw) {
    const name = utf8Decode(bytes);
    if (name !== null) names.push(name);
    else
      log.problems.push(
        wholeFile(join(folder, bytes.toString()), "a name that is not UTF-8", "rename the file"),
      );
  }
  return names.sort(compareText);
}
