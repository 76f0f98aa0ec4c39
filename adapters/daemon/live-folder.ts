/**
 * The operator's files that count while the server runs. Keys, peers and keep lists are looked at again and again;
 * `configs/` is read when the operator says so, because several files may have to change together. What is wrong changes
 * nothing: the old stays, and it is said. After a reload that failed keys and peers wait, too, as long as the folder is
 * wrong: the operator meant all of it.
 */
import { dirname, join } from "node:path";
import type { DirectoryConfig, KeyRing } from "../../kernel/config.ts";
import type { Event, OperatorFiles } from "../../kernel/event.ts";
import type { Folder } from "../config/folder.ts";
import { readFolder, readKeys, readPeers } from "../config/folder.ts";
import { readKeepList } from "../config/keep-list.ts";
import { type Problem, printProblem } from "../config/problem.ts";
import type { PeerEntry } from "../config/peers-file.ts";
import { rootWarnings } from "../config/roots.ts";
import type { RootName } from "../../kernel/storage/call.ts";
import type { Log } from "../log.ts";

export type LiveFolder = {
  /** What has changed since the last look, for the machine; at the first look, all of it. */
  readonly look: (log: Log) => Look;
  /** The same, and `configs/` as it is now, also when nothing has changed; all or, when a file is wrong, nothing. */
  readonly reload: (log: Log) => Look;
  /** Folders to be watched: they change with `reload`. */
  readonly watched: () => readonly string[];
  /** Where images are. */
  readonly roots: () => readonly RootName[];
};

export type Look = {
  readonly events: readonly Event[];
  /** Null: as they were told last. */
  readonly peers: readonly PeerEntry[] | null;
};

export function createLiveFolder(path: string, start: Folder): LiveFolder {
  const configuration = createComplaint("configuration");
  const keys = createLastGood("keys", start.keys, textOfRing);
  const peers = createLastGood("peers", start.peers, JSON.stringify);
  let lists = keepListsOf(start.directories, []);
  let roots = start.directories.map(({ root }) => root);
  let reloadFailed = false;

  function look(log: Log): Look {
    const listEvents = lists.flatMap((each) => lookAtList(each, log));
    if (reloadFailed) reloadFailed = !readFolder(path).ok;
    if (reloadFailed) return { events: [...listEvents, ...configuration.takeNews()], peers: null };
    const ring = readKeys(path);
    const changed = keys.take(ring.keys, ring.problems, log);
    const found = readPeers(path);
    const entries = peers.take(found.peers, found.problems, log);
    const events: Event[] = [
      ...(changed === null ? [] : [{ kind: "keys_changed", keys: changed } as const]),
      ...listEvents,
      ...[configuration, keys.complaint, peers.complaint].flatMap((each) => each.takeNews()),
    ];
    return { events, peers: entries };
  }

  return {
    look,
    reload(log) {
      const read = readFolder(path);
      configuration.hear(read.ok ? [] : read.problems, log);
      reloadFailed = !read.ok;
      if (!read.ok) return look(log);
      const { directories } = read.folder;
      for (const warning of [...read.warnings, ...rootWarnings(path, read.folder)])
        log.trace("config_warning", { warning: printProblem(warning) });
      lists = keepListsOf(directories, lists);
      roots = directories.map(({ root }) => root);
      const { events, peers: entries } = look(log);
      return { events: [{ kind: "config_changed", directories }, ...events], peers: entries };
    },
    roots: () => roots,
    watched: () => [
      ...new Set([
        path,
        join(path, "keys"),
        join(path, "retired-keys"),
        ...lists.map(({ file }) => dirname(file)),
      ]),
    ],
  };
}

type WatchedList = {
  readonly key: string;
  readonly root: RootName;
  readonly numLevels: number;
  readonly file: string;
  told: string;
  complained: string;
};

/** What was told of a list need not be told again, as long as its directory stays where it is. */
function keepListsOf(
  directories: readonly DirectoryConfig[],
  before: readonly WatchedList[],
): readonly WatchedList[] {
  return directories.flatMap(({ key, root, numLevels, autoClean, keepListFile: file }) => {
    if (!autoClean || file === null) return [];
    const known = before.find(
      (each) => each.key === key && each.root === root && each.numLevels === numLevels && each.file === file,
    );
    return [known ?? { key, root, numLevels, file, told: "", complained: "" }];
  });
}

function lookAtList(list: WatchedList, log: Log): readonly Event[] {
  const { paths, problems } = readKeepList(list.file, list.key, list.numLevels);
  const complaint = problems.map(printProblem).join("\n");
  if (complaint !== list.complained)
    for (const problem of problems) log.trace("keep_list_problem", { problem: printProblem(problem) });
  list.complained = complaint;
  const text = JSON.stringify(paths);
  if (text === list.told) return [];
  list.told = text;
  return [{ kind: "keep_list", key: list.key, paths }];
}

type Complaint = {
  hear(problems: readonly Problem[], log: Log): void;
  /** What is wrong now, when that is news. */
  takeNews(): readonly Event[];
};

/** What is wrong with some files: each time that it is another thing, it goes into the log and to the status page. */
function createComplaint(files: OperatorFiles): Complaint {
  let heard = "";
  let news: readonly Event[] = [];
  return {
    hear(problems, log) {
      const complaint = problems.map(printProblem).join("\n");
      if (complaint === heard) return;
      heard = complaint;
      for (const problem of problems) log.trace(`${files}_kept`, { problem: printProblem(problem) });
      news = [{ kind: "files_kept", files, why: briefly(files, problems) }];
    },
    takeNews() {
      const taken = news;
      news = [];
      return taken;
    },
  };
}

type LastGood<T> = {
  /** What is to be used from now on, or null: it is as it was told last. */
  take(value: T, problems: readonly Problem[], log: Log): T | null;
  readonly complaint: Complaint;
};

/** A file with a mistake changes nothing: half a key list would lock somebody out. What is taken first is `first`. */
function createLastGood<T>(files: OperatorFiles, first: T, textOf: (value: T) => string): LastGood<T> {
  const complaint = createComplaint(files);
  let told: string | null = null;
  return {
    complaint,
    take(value, problems, log) {
      complaint.hear(problems, log);
      const taken = problems.length > 0 ? (told === null ? first : null) : value;
      if (taken === null) return null;
      const text = textOf(taken);
      if (text === told) return null;
      told = text;
      return taken;
    },
  };
}

/** For the status page; the log has all of them. */
function briefly(files: OperatorFiles, [first, ...more]: readonly Problem[]): string | null {
  if (first === undefined) return null;
  const rest = more.length === 0 ? "" : ` (and ${more.length} more)`;
  // Of a reload: whoever takes a key out has to know that it goes on counting.
  const all = files === "configuration" ? ", keys and peers too: mend it, then SIGHUP" : "";
  return `${printProblem(first)}${rest}; what it said before goes on${all}`;
}

function textOfRing({ master, named, ending }: KeyRing): string {
  return JSON.stringify([master, [...named], ending]);
}
