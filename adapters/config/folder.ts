/**
 * The configuration folder: `master.key`, `peers.txt`, `configs/NAME.yaml`, `keys/NAME.key`, `retired-keys/NAME.key`. All problems of all
 * files come at once. Files may be links to what lies in the folder, which is how secrets are mounted.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { DirectoryConfig, EndingKey, KeyRing, PublicKey } from "../../kernel/config.ts";
import { parseVPath } from "../../kernel/ids.ts";
import { compareText, utf8Decode } from "../../kernel/text.ts";
import { type PublicKeys, parsePublicKeys } from "../keys/public.ts";
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
    const isThere = keys.named.has(name) || keys.ending.some((each) => each.name === name);
    return isThere ? [] : [{ file, line, col, what: `no key ${shown(name)}`, mend }];
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
  const top = readKeyFile(path, join(path, MASTER), log);
  const named = new Map<string, readonly PublicKey[]>();
  const ending: EndingKey[] = (top?.ending ?? []).map((each) => ({ ...each, name: null, uploads: true }));
  for (const [file, { keys, ending: some }] of readKeyFiles(path, "keys", log)) {
    const name = file.slice(0, -KEY_END.length);
    named.set(name, keys);
    ending.push(...some.map((each) => ({ ...each, name, uploads: true })));
  }
  for (const [file, { keys, ending: some }] of readKeyFiles(path, RETIRED, log)) {
    const name = file === MASTER ? null : file.slice(0, -KEY_END.length);
    ending.push(...some.map((each) => ({ ...each, name, uploads: false })));
    if (keys.length === 0) continue;
    const what = `${keys.length} of its keys without the date until which they count`;
    log.problems.push(
      wholeFile(join(path, RETIRED, file), what, 'put expiry-time="YYYYMMDDZ" and a space in front of each'),
    );
  }
  return { master: top?.keys ?? [], named, ending };
}

const MASTER = "master.key";
const KEY_END = ".key";
/** Files of the same names beside the others, where 0.6.12 does not look: it takes no options before a key. */
const RETIRED = "retired-keys";

function readKeyFiles(path: string, folder: string, log: Log): readonly (readonly [string, PublicKeys])[] {
  return (namesIn(join(path, folder), log) ?? []).flatMap((name) => {
    if (name.startsWith(".") || !name.endsWith(KEY_END)) return [];
    const keys = readKeyFile(path, join(path, folder, name), log);
    return keys === null ? [] : [[name, keys] as const];
  });
}

/** Null when there is no such file. A file that is wrong holds no keys: its problem is in the log. */
function readKeyFile(path: string, file: string, log: Log): PublicKeys | null {
  const read = readTextFile(file, path);
  if (read.kind === "missing") return null;
  if (read.kind === "wrong") {
    log.problems.push(wholeFile(file, read.what, read.mend));
    return { keys: [], ending: [], problems: [], warnings: [] };
  }
  const found = parsePublicKeys(file, read.bytes);
  log.problems.push(...found.problems);
  log.warnings.push(...found.warnings);
  return found;
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
