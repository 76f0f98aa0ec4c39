/** `ciruela patch`: its options, in the order in which they are written, and what they decide. */
import { type Command, Option } from "commander";
import type { VPath } from "../../kernel/ids.ts";
import { type Result, accepted, refused } from "../../kernel/result.ts";
import type { ByteString } from "../../kernel/text.ts";
import type { ClusterOptions } from "./cluster-options.ts";
import { parseFilePath, redoOption } from "./command-options.ts";
import { parseClusters } from "./entry-points.ts";
import type { Trouble } from "./exit.ts";
import { dirOf } from "./look-line.ts";
import { quoted } from "./text.ts";

/** One change as it was written. */
export type Change =
  | { readonly kind: "put"; readonly local: string; readonly path: ByteString }
  | { readonly kind: "rename" | "copy"; readonly from: ByteString; readonly to: ByteString }
  | { readonly kind: "remove"; readonly path: ByteString }
  | { readonly kind: "set_exec"; readonly path: ByteString; readonly executable: boolean };

export type PatchCommand = ClusterOptions & {
  readonly kind: "patch";
  readonly path: VPath;
  readonly changes: readonly Change[];
  /** A file with further ones, `-` for stdin. */
  readonly changesFile: string | null;
  readonly redo: number;
  readonly dryRun: boolean;
  readonly trustedKeys: string | null;
};

type Written = { readonly at: number; readonly name: string; readonly text: string };
export type PatchValues = {
  readonly dir?: string;
  readonly put?: readonly Written[];
  readonly remove?: readonly Written[];
  readonly rename?: readonly Written[];
  readonly copy?: readonly Written[];
  readonly setExec?: readonly Written[];
  readonly clearExec?: readonly Written[];
  readonly changes?: string;
  readonly redo?: number;
  readonly dryRun?: true;
  readonly trustedKeys?: string;
};

export const PATCH_EXAMPLES = `
Examples:
  ciruela patch -d /debian/stable --put ./x_1.1.deb:/pool/x_1.1.deb --remove /pool/x_1.0.deb --put ./Packages:/Packages node1
  ciruela patch -d /site/current --rename /a.html:/b.html --copy /b.html:/c.html --set-exec /run node1
  ciruela patch -d /site/current --changes changes.txt --dry-run node1

The directory's index is fetched and verified, the changes are made in the order in which they are written, and the
result replaces the directory if nobody has changed it meanwhile: all of them or none. Only blocks that the servers
have not are sent. The file of --changes has one a line, such as "put ./x.deb:/pool/x.deb" or "remove /old".

Exit status: 0 done; 64 options; 65 a change that cannot be made, or an index that is not what it says; 66 nothing is
there; 69 no server answers; 74 the local disk; 75 superseded by another change (the image is named), or not in time:
try again, or use --redo; 77 refused; 78 keys; 130 interrupted.`;

const DIRECTIVES = {
  put: ["LOCAL:PATH", "put a local file or directory there"],
  remove: ["PATH", "remove a file, or a directory with all that is in it"],
  rename: ["FROM:TO", "rename a file or directory"],
  copy: ["FROM:TO", "copy a file or directory; nothing is sent for it"],
  "set-exec": ["PATH", "make a file executable"],
  "clear-exec": ["PATH", "make a file not executable"],
} as const;

export function addPatchOptions(command: Command): void {
  let at = 0;
  command.requiredOption("-d, --dir <PATH>", "directory, such as /site/current");
  for (const [name, [form, about]] of Object.entries(DIRECTIVES))
    command.addOption(
      new Option(`--${name} <${form}>`, `${about}; repeatable`).argParser(
        (text: string, before: readonly Written[] | undefined) => [
          ...(before ?? []),
          { at: at++, name, text },
        ],
      ),
    );
  command
    .option("--changes <FILE>", "further changes, one a line, as `put LOCAL:PATH`; - for stdin")
    .addOption(redoOption())
    .option("--dry-run", "say what would change, and change nothing")
    .option("--trusted-keys <FILE>", "public keys as in authorized_keys; one must have signed what is there");
}

export function decidePatch(
  options: (clusters: ClusterOptions["clusters"]) => ClusterOptions,
  values: PatchValues,
  words: readonly string[],
): Result<PatchCommand, Trouble> {
  const path = dirOf(values.dir ?? "");
  if (!path.ok) return path;
  const written = [values.put, values.remove, values.rename, values.copy, values.setExec, values.clearExec]
    .flatMap((each) => each ?? [])
    .toSorted((a, b) => a.at - b.at);
  const changes: Change[] = [];
  for (const { name, text } of written) {
    const change = parseChange(name, text);
    if (!change.ok) return refused("usage", `--${name} ${quoted(text)}: ${change.detail}`);
    changes.push(change.value);
  }
  if (changes.length === 0 && values.changes === undefined)
    return refused("usage", "nothing to change: add --put LOCAL:PATH or another; see `ciruela patch --help`");
  const clusters = parseClusters(
    words.filter((word) => word !== "--"),
    true,
  );
  if (!clusters.ok) return clusters;
  if (clusters.value.length === 0)
    return refused("usage", "no server: add a host at the end; see `ciruela patch --help`");
  return accepted({
    kind: "patch",
    path: path.value,
    changes,
    changesFile: values.changes ?? null,
    redo: values.redo ?? 0,
    dryRun: values.dryRun === true,
    trustedKeys: values.trustedKeys ?? null,
    ...options(clusters.value),
  });
}

/** @param name  of an option, without its dashes */
export function parseChange(name: string, text: string): Result<Change, "usage"> {
  switch (name) {
    case "put": {
      const at = text.lastIndexOf(":/");
      const path = at < 1 ? null : parseFilePath(text.slice(at + 1));
      return path === null
        ? wrong("write it as in --put ./file:/path/in/it")
        : accepted({ kind: name, local: text.slice(0, at), path });
    }
    case "rename":
    case "copy": {
      const at = text.lastIndexOf(":/");
      const from = parseFilePath(text.slice(0, Math.max(0, at)));
      const to = parseFilePath(text.slice(at + 1));
      return at < 0 || from === null || to === null
        ? wrong(`write it as in --${name} /old:/new`)
        : accepted({ kind: name, from, to });
    }
    case "remove":
    case "set-exec":
    case "clear-exec": {
      const path = parseFilePath(text);
      if (path === null) return wrong(`write it as in --${name} /path/in/it`);
      return accepted(
        name === "remove"
          ? { kind: name, path }
          : { kind: "set_exec", path, executable: name === "set-exec" },
      );
    }
    default:
      return wrong(`no change has that name: use one of ${Object.keys(DIRECTIVES).join(", ")}`);
  }
}

function wrong(detail: string): Result<never, "usage"> {
  return refused("usage", detail);
}

/** Lines `NAME ARGUMENT`; empty ones and those that begin with # are left out. */
export function parseChanges(text: string): Result<readonly Change[], "usage"> {
  const changes: Change[] = [];
  for (const [at, whole] of text.split("\n").entries()) {
    const line = whole.replace(/\r$/, "");
    if (line.trim() === "" || line.startsWith("#")) continue;
    const end = line.indexOf(" ");
    const change = parseChange(line.slice(0, end < 0 ? undefined : end), end < 0 ? "" : line.slice(end + 1));
    if (!change.ok) return refused("usage", `line ${at + 1}: ${quoted(line)}: ${change.detail}`);
    changes.push(change.value);
  }
  return accepted(changes);
}
