/** What readers see of a disk, walked again only where something has changed since the last look. */
import type { FileName } from "../kernel/storage/call.ts";
import {
  descendants,
  type DirectoryNode,
  entryOf,
  type FileNode,
  type Node,
  type TreeEntry,
} from "./disk-node.ts";

/** What is at one path. The same object comes again until anything of it changes. */
export type Subtree = {
  readonly kind: Node["kind"];
  /** By path below it; empty but for a directory. */
  readonly entries: ReadonlyMap<string, TreeEntry>;
};

type Look = {
  readonly top: Node;
  readonly version: number;
  readonly subtree: Subtree;
  readonly files: readonly { readonly file: FileNode; readonly entry: TreeEntry }[];
};

export type Looks = {
  /** Null when nothing is there. `path` is made of names of one byte a character. */
  at(root: DirectoryNode, path: string): Subtree | null;
};

export function createLooks(): Looks {
  const looks = new Map<DirectoryNode, Map<string, Look>>();

  return {
    at(root, path) {
      const top = nodeAt(root, path);
      if (top === null) return null;
      const known = looks.get(root) ?? new Map<string, Look>();
      looks.set(root, known);
      const before = known.get(path);
      if (before !== undefined && isFresh(before, top)) return before.subtree;
      const look = lookAt(top);
      known.set(path, look);
      return look.subtree;
    },
  };
}

/** Undefined when a name of the path is missing or no directory. */
export function nodeAt(root: DirectoryNode, path: string): Node | null {
  let node: Node = root;
  for (const name of path.split("/")) {
    const next: Node | undefined = node.kind === "directory" ? node.entries.get(name as FileName) : undefined;
    if (next === undefined) return null;
    node = next;
  }
  return node;
}

function lookAt(top: Node): Look {
  const entries = new Map<string, TreeEntry>();
  const files: { readonly file: FileNode; readonly entry: TreeEntry }[] = [];
  for (const { path, node } of top.kind === "directory" ? descendants(top) : []) {
    const entry = entryOf(node);
    entries.set(path, entry);
    if (node.kind === "file") files.push({ file: node, entry });
  }
  return { top, version: versionOf(top), subtree: { kind: top.kind, entries }, files };
}

function isFresh({ top, version, files }: Look, now: Node): boolean {
  if (now !== top || versionOf(now) !== version) return false;
  return files.every(
    ({ file, entry }) =>
      entry.kind === "file" &&
      file.bytes === entry.content &&
      file.mode === entry.mode &&
      file.links === entry.links,
  );
}

function versionOf(node: Node): number {
  return node.kind === "directory" ? node.version : 0;
}
