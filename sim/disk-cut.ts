/**
 * What a power cut leaves of a disk.
 *
 * Data: every 4 KiB page of a file shows some moment of its log of unsynced writes, torn at 512 bytes into two moments;
 * the size shows a moment of its own, and what it uncovers is zeros.
 * Names: one log for the whole disk, each operation atomic. `weak` keeps what was synced and any subset of the rest;
 * `ordered` keeps a prefix that reaches at least to the last operation synced. A directory is never lost or doubled.
 */
import { assert } from "../kernel/assert.ts";
import type { FileName, RootName } from "../kernel/storage/call.ts";
import {
  apply,
  type Below,
  type DirectoryNode,
  directoriesOf,
  type Edit,
  type FileNode,
  type Node,
} from "./disk-node.ts";

export type CrashModel = "weak" | "ordered";
/** A change of names, all of it or nothing. */
export type Operation = { readonly edits: readonly Edit[]; synced: boolean };
/** Roots and what was below them. */
export type DiskImage = ReadonlyMap<RootName, DirectoryNode>;

export type Cut = {
  readonly roots: DiskImage;
  /** Every change of names since the entries that directories have as their base. */
  readonly operations: readonly Operation[];
  readonly how: CrashModel;
  /** Decides what is kept. */
  readonly below: Below;
  /** What is left of one file. */
  readonly settle: (node: FileNode, below: Below) => FileNode;
};

/** A disk of its own: nothing of the one that was cut is changed. */
export function leftByCut({ roots, operations, how, below, settle }: Cut): DiskImage {
  const changed = new Map<DirectoryNode, Map<FileName, Node>>();
  for (const { edits } of how === "weak" ? anySubset(operations, below) : prefix(operations, below))
    for (const edit of edits) apply(entriesIn(changed, edit.dir), edit);
  const made = new Map<Node, Node>();
  const out = new Map<RootName, DirectoryNode>();
  const walk: { readonly from: DirectoryNode; readonly to: DirectoryNode }[] = [];
  const enter = (from: DirectoryNode, parent: DirectoryNode | null): DirectoryNode => {
    assert(!made.has(from), "a directory has one place");
    const to: DirectoryNode = { ...from, entries: new Map(), base: new Map(), parent, removed: false };
    made.set(from, to);
    walk.push({ from, to });
    return to;
  };
  const leafOf = (from: Exclude<Node, DirectoryNode>): Node => {
    const known = made.get(from);
    if (known !== undefined) return known;
    const to: Node = from.kind === "file" ? settle(from, below) : { ...from };
    to.links = 0;
    made.set(from, to);
    return to;
  };
  for (const [root, dir] of roots) out.set(root, enter(dir, null));
  for (let at = walk.pop(); at !== undefined; at = walk.pop()) {
    for (const [name, node] of changed.get(at.from) ?? at.from.base) {
      const to = node.kind === "directory" ? enter(node, at.to) : leafOf(node);
      if (to.kind !== "directory") to.links += 1;
      at.to.entries.set(name, to);
      at.to.base.set(name, to);
    }
  }
  return out;
}

function entriesIn(
  changed: Map<DirectoryNode, Map<FileName, Node>>,
  dir: DirectoryNode,
): Map<FileName, Node> {
  const found = changed.get(dir) ?? new Map(dir.base);
  changed.set(dir, found);
  return found;
}

function anySubset(operations: readonly Operation[], below: Below): readonly Operation[] {
  const changed = new Map<DirectoryNode, Map<FileName, Node>>();
  return operations.filter((each) => {
    const lucky = each.synced || below(2) === 0;
    const possible = each.edits.every((edit) => {
      const now = entriesIn(changed, edit.dir).get(edit.name) ?? null;
      const aboutDirectory = directoriesOf(edit).length > 0 || now?.kind === "directory";
      return !aboutDirectory || now === edit.from;
    });
    assert(possible || !each.synced, "what was synced can be done again");
    if (!lucky || !possible) return false;
    for (const edit of each.edits) apply(entriesIn(changed, edit.dir), edit);
    return true;
  });
}

function prefix(operations: readonly Operation[], below: Below): readonly Operation[] {
  const least = operations.findLastIndex((each) => each.synced) + 1;
  return operations.slice(0, least + below(operations.length - least + 1));
}
