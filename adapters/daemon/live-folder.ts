/** The operator's files that count while the server runs: keys, peers and keep lists, told of when they change. */
import { dirname, join } from "node:path";
import type { KeyRing } from "../../kernel/config.ts";
import type { Folder } from "../config/folder.ts";
import { readKeys, readPeers } from "../config/folder.ts";
import { type KeepList, readKeepList } from "../config/keep-list.ts";
import { type Problem, printProblem } from "../config/problem.ts";
import type { PeerEntry } from "../config/peers-file.ts";
import type { Log } from "../log.ts";

export type LiveFolder = {
  /** What is to be used from now on, or null: all is as it was told last. */
  readonly readKeys: (log: Log) => KeyRing | null;
  readonly readPeers: (log: Log) => readonly PeerEntry[] | null;
  /** Those that have changed. */
  readonly readKeepLists: (log: Log) => readonly KeepList[];
  readonly watched: readonly string[];
};

/** The first reading of each returns what the start has found. */
export function createLiveFolder(path: string, start: Folder): LiveFolder {
  const keys = lastGood("keys_kept", start.keys, textOfRing);
  const peers = lastGood("peers_kept", start.peers, JSON.stringify);
  const cleaned = start.directories.flatMap(({ key, numLevels, autoClean, keepListFile }) =>
    autoClean && keepListFile !== null
      ? [{ key, numLevels, file: keepListFile, told: "", complained: "" }]
      : [],
  );
  return {
    readKeepLists(log) {
      return cleaned.flatMap((each) => {
        const { paths, problems } = readKeepList(each.file, each.key, each.numLevels);
        const complaint = problems.map(printProblem).join("\n");
        if (complaint !== each.complained)
          for (const problem of problems) log.trace("keep_list_problem", { problem: printProblem(problem) });
        each.complained = complaint;
        const text = JSON.stringify(paths);
        if (text === each.told) return [];
        each.told = text;
        return [{ key: each.key, paths }];
      });
    },
    readKeys(log) {
      const { keys: value, problems } = readKeys(path);
      return keys(value, problems, log);
    },
    readPeers(log) {
      const { peers: value, problems } = readPeers(path);
      return peers(value, problems, log);
    },
    watched: [...new Set([path, join(path, "keys"), ...cleaned.map(({ file }) => dirname(file))])],
  };
}

type Take<T> = (value: T, problems: readonly Problem[], log: Log) => T | null;

/** A file with a mistake changes nothing: half a key list would lock somebody out. */
function lastGood<T>(mark: string, first: T, textOf: (value: T) => string): Take<T> {
  let told: string | null = null;
  let complained = "";
  return (value, problems, log) => {
    const complaint = problems.map(printProblem).join("\n");
    if (complaint !== complained) {
      for (const problem of problems) log.trace(mark, { problem: printProblem(problem) });
    }
    complained = complaint;
    const taken = problems.length > 0 ? (told === null ? first : null) : value;
    if (taken === null) return null;
    const text = textOf(taken);
    if (text === told) return null;
    told = text;
    return taken;
  };
}

function textOfRing({ master, named }: KeyRing): string {
  return JSON.stringify([master, [...named]]);
}
