/** The files of the configuration folder that count while the server runs: keys and peers, told of when they change. */
import { join } from "node:path";
import type { KeyRing } from "../../kernel/config.ts";
import type { Folder } from "../config/folder.ts";
import { readKeys, readPeers } from "../config/folder.ts";
import { type Problem, printProblem } from "../config/problem.ts";
import type { PeerEntry } from "../config/peers-file.ts";
import type { Log } from "../log.ts";

export type LiveFolder = {
  /** What is to be used from now on, or null: all is as it was told last. */
  readonly readKeys: (log: Log) => KeyRing | null;
  readonly readPeers: (log: Log) => readonly PeerEntry[] | null;
  readonly watched: readonly string[];
};

/** The first reading of each returns what the start has found. */
export function createLiveFolder(path: string, start: Folder): LiveFolder {
  const keys = lastGood("keys_kept", start.keys, textOfRing);
  const peers = lastGood("peers_kept", start.peers, JSON.stringify);
  return {
    readKeys(log) {
      const { keys: value, problems } = readKeys(path);
      return keys(value, problems, log);
    },
    readPeers(log) {
      const { peers: value, problems } = readPeers(path);
      return peers(value, problems, log);
    },
    watched: [path, join(path, "keys")],
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
