/**
 * System calls of a server, as strace shows them: which there are below its disk, and how one of them is named to strace
 * again. strace counts each call's own name, in each thread, so that a point is a name and a number.
 */

/** System calls that change what is on a disk, or make it last; `openat` does when it creates. */
export const CHANGING = [
  "pwrite64",
  "ftruncate",
  "fchmod",
  "utimensat",
  "fsync",
  "fdatasync",
  "syncfs",
  "mkdirat",
  "linkat",
  "symlinkat",
  "renameat", // what the C library makes of a renameat2 without flags
  "renameat2",
  "unlinkat",
] as const;
/** The same by path: the server has none of them, and whoever finds one wants to see it. */
export const BY_PATH = [
  "open",
  "creat",
  "mkdir",
  "rmdir",
  "link",
  "symlink",
  "rename",
  "unlink",
  "truncate",
  "chmod",
] as const;

/** Calls that take a held directory and a name in it. */
const NAMING = new Set(["openat", "mkdirat", "linkat", "symlinkat", "renameat", "renameat2", "unlinkat"]);

export type Point = { readonly call: string; readonly nth: number };
export type Call = Point & {
  /** Of `openat`: it makes the file. Every other call of `CHANGING` changes something. */
  readonly creates: boolean;
  /** For people: the call and its paths, without the parts that are drawn anew in each run. */
  readonly text: string;
};

/** The calls of a trace of `strace -y` that name something below a folder, in their order. */
export function callsOf(trace: string, root: string): readonly Call[] {
  const counts = new Map<string, number>();
  const out: Call[] = [];
  for (const line of trace.split("\n")) {
    const found = /^(?:(\d+) +)?(\w+)\((.*)/.exec(line);
    if (found === null) continue;
    const [, thread = "", call = "", rest = ""] = found;
    const nth = (counts.get(`${thread} ${call}`) ?? 0) + 1;
    counts.set(`${thread} ${call}`, nth);
    if (!rest.includes(root)) continue;
    out.push({ call, nth, creates: rest.includes("O_CREAT"), text: `${call} ${pathsOf(call, rest, root)}` });
  }
  return out;
}

/** The last call that a killed server had begun, or the one that was made to fail. */
export function hit(trace: string, root: string): Call | null {
  const lines = trace.split("\n");
  const at = lines.findLastIndex(
    (line) => line.includes("(INJECTED)") || / = \?( <unavailable>)?$/.test(line),
  );
  return at < 0 ? null : (callsOf(lines.slice(0, at + 1).join("\n"), root).at(-1) ?? null);
}

/** Directories that calls are relative to, below a folder. */
export function directoriesOf(trace: string, root: string): ReadonlySet<string> {
  const out = new Set<string>();
  for (const [, path = ""] of trace.matchAll(/\bopenat\(\d+<([^>]*)>/g)) {
    if (path === root || path.startsWith(`${root}/`)) out.add(path.slice(root.length + 1));
  }
  return out;
}

/** A held directory with the name in it that follows, or a descriptor alone. */
function pathsOf(call: string, args: string, root: string): string {
  const parts: string[] = [];
  const given = args.slice(0, args.lastIndexOf(" = ")); // without a descriptor that it answers
  for (const [, dir = "", name] of given.matchAll(/<([^>]*)>(?:, "([^"]*)")?/g)) {
    if (!dir.startsWith(root)) continue;
    parts.push(plain(name === undefined || !NAMING.has(call) ? dir : `${dir}/${name}`, root));
  }
  const flag = /RENAME_(\w+)/.exec(args)?.[1];
  return [...parts, ...(flag === undefined ? [] : [flag.toLowerCase()])].join(" ");
}

function plain(path: string, root: string): string {
  const own = path.slice(root.length + 1) || ".";
  return own
    .replaceAll(/[0-9a-f]{64}/g, "ID")
    .replaceAll(/indexes\/[0-9a-f]{2}(?=\/|$)/g, "indexes/XX")
    .replaceAll(/\.[0-9a-f]{8}(?=[./]|$)/g, ".TAG");
}
