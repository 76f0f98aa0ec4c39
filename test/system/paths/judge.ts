/**
 * Judges every path of a trace of `strace -f -y`: where it led, and how it was given. strace resolves descriptors by
 * itself (`30</real/path>`), so that a link that was followed shows in what an open answered.
 */
const OPENING = new Set(["openat", "openat2", "open", "creat"]);
/** Calls that take a held directory and a name, and change what is there; of `linkat` and renames both places count. */
const AT_NAME = new Set(["mkdirat", "mknodat", "unlinkat", "symlinkat", "linkat", "renameat", "renameat2"]);
/** Calls that change an open file. */
const ON_FILE = new Set(["pwrite64", "ftruncate", "fchmod", "fchown", "fallocate", "fsetxattr", "write"]);
const BY_PATH = new Set(
  "mkdir rmdir unlink rename link symlink mknod truncate chmod lchown chown utime utimes setxattr chdir".split(
    " ",
  ),
);
/** Look, and change nothing. */
const LOOKING = new Set(
  "statx newfstatat stat lstat access faccessat faccessat2 readlink readlinkat statfs".split(" "),
);
/** What strace is asked for. */
export const JUDGED = ["%file", ...ON_FILE, "utimensat"];

export type Realm = {
  /** What a server may change, and opens through held directories alone. */
  readonly own: readonly string[];
  /** What it may read by path: its program, its configuration, the system's libraries. */
  readonly read: readonly string[];
};
export type Judgement = {
  readonly complaints: readonly string[];
  /** Calls that opened or changed something in its own directories. */
  readonly judged: number;
};

export function judge(trace: string, realm: Realm): Judgement {
  const complaints: string[] = [];
  const held = new Map<string, string>();
  let judged = 0;
  for (const line of trace.split("\n")) {
    const found = /^\d+ +(\w+)\((.*)$/.exec(line);
    if (found === null) continue;
    const [, call = "", rest = ""] = found;
    const split = rest.lastIndexOf(") = ");
    const [given, answer] = split < 0 ? [rest, ""] : [rest.slice(0, split), rest.slice(split + 4)];
    const opened = OPENING.has(call) ? /^(\d+)<(.*)>$/.exec(answer) : null;
    if (opened !== null) held.set(opened[1] ?? "", opened[2] ?? "");
    const wrong = complaintOf(call, given, opened?.[2] ?? null, held, realm);
    if (wrong !== null) complaints.push(`${wrong}: ${line}`);
    if (!LOOKING.has(call) && realm.own.some((root) => line.includes(root))) judged += 1;
  }
  return { complaints, judged };
}

function complaintOf(
  call: string,
  given: string,
  opened: string | null,
  held: ReadonlyMap<string, string>,
  realm: Realm,
): string | null {
  if (OPENING.has(call)) return complaintOfOpen(call, given, opened, realm);
  if (AT_NAME.has(call)) {
    for (const { dir, name } of placesOf(given)) {
      // The source of a link is an open file.
      const fd = /^\/proc\/self\/fd\/(\d+)$/.exec(name)?.[1];
      const target = fd === undefined ? dir : (held.get(fd) ?? "what nobody opened");
      if (!isWithin(target, realm.own)) return `changes ${target}`;
      if (fd === undefined && !isName(name)) return `${name} is more than a name in a held directory`;
    }
    return null;
  }
  if (ON_FILE.has(call) || call === "utimensat") {
    const file = /^\d+<(.*?)>/.exec(given)?.[1] ?? given;
    if (!file.startsWith("/")) return null; // a pipe, a socket, an event
    return isWithin(file, realm.own) ? null : `changes ${file}`;
  }
  if (BY_PATH.has(call)) return "changes by a path";
  if (LOOKING.has(call)) return complaintOfLook(call, given, realm);
  return null;
}

/** An open in its own directories: one name in a held directory, no link followed, and what it answered is there. */
function complaintOfOpen(call: string, given: string, opened: string | null, realm: Realm): string | null {
  const [place] = placesOf(given);
  const target = opened ?? (place === undefined ? given : join(place.dir, place.name));
  const writes = /O_(?:WRONLY|RDWR|CREAT|TRUNC)/.test(given);
  if (!isWithin(target, realm.own)) {
    if (place !== undefined && isWithin(place.dir, realm.own)) return `leads to ${target}`;
    if (writes && opened !== null) return `opens ${target} to write`;
    return opened === null || isWithin(target, realm.read) ? null : `reads ${target}`;
  }
  if (call !== "openat" || place === undefined) return "opens by a path";
  const again = /^\/proc\/self\/fd\/\d+$/.test(place.name); // a held directory once more, to list it
  if (again || realm.own.includes(place.name)) return writes ? `opens ${target} to write` : null;
  if (!isName(place.name)) return `opens ${place.name} by a path`;
  if (!given.includes("O_NOFOLLOW")) return "follows a link";
  return target === join(place.dir, place.name) ? null : `leads to ${target}`;
}

function complaintOfLook(call: string, given: string, realm: Realm): string | null {
  const path = /"([^"]*)"/.exec(given)?.[1] ?? "";
  const inside = realm.own.some((root) => path.startsWith(`${root}/`));
  return inside ? `${call} by a path` : null;
}

type Place = { readonly dir: string; readonly name: string };

function placesOf(given: string): readonly Place[] {
  // The target of a symlink comes first and leads nowhere yet.
  return [...given.matchAll(/(?:\d+|AT_FDCWD)<([^>]*)>, "((?:[^"\\]|\\.)*)"/g)].map(
    ([, dir = "", name = ""]) => ({
      dir,
      name,
    }),
  );
}

function isName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !name.includes("/");
}

function isWithin(path: string, roots: readonly string[]): boolean {
  return roots.some((root) => path === root || path.startsWith(`${root}/`));
}

function join(dir: string, name: string): string {
  return name.startsWith("/") ? name : `${dir}/${name}`;
}
