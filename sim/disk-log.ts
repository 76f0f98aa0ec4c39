/**
 * Changes of a simulated disk before they are durable: names in one log for the whole disk, bytes in a log of each file.
 * A sync moves the part of a log that it speaks of below the waterline.
 */
import type { FileName } from "../kernel/storage/call.ts";
import type { Operation } from "./disk-cut.ts";
import {
  apply,
  changeNames,
  type Common,
  type DirectoryNode,
  directoriesOf,
  type Edit,
  type FileNode,
  momentOf,
  type Node,
} from "./disk-node.ts";

export type DiskLog = {
  readonly operations: () => readonly Operation[];
  readonly common: (device: number, mode: number) => Common;
  readonly newDirectory: (device: number, parent: DirectoryNode | null) => DirectoryNode;
  readonly touch: (node: Node, data: boolean) => void;
  readonly operate: (edits: readonly Edit[]) => void;
  readonly syncNames: (dir: DirectoryNode) => void;
  readonly syncAllNames: (device: number) => void;
  /** Nothing is pending any more: the disk is another one, whose nodes have numbers up to this one. */
  readonly clear: (highest: number) => void;
};

export function createDiskLog(): DiskLog {
  let operations: Operation[] = [];
  let nodes = 0;
  let ticks = 0;

  function common(device: number, mode: number): Common {
    nodes += 1;
    ticks += 1;
    return { id: nodes, device, mode, modified: String(ticks), changed: ticks };
  }
  function newDirectory(device: number, parent: DirectoryNode | null): DirectoryNode {
    const maps = { entries: new Map<FileName, Node>(), base: new Map<FileName, Node>() };
    return { ...common(device, 0o755), kind: "directory", ...maps, parent, removed: false, version: 0 };
  }
  function touch(node: Node, data: boolean): void {
    ticks += 1;
    node.changed = ticks;
    if (data) node.modified = String(ticks);
  }

  /** Changes names now, and in the log. */
  function operate(edits: readonly Edit[]): void {
    for (const { from } of edits) if (from !== null) leave(from);
    for (const { dir, name, to } of edits) {
      if (to === null) dir.entries.delete(name);
      else dir.entries.set(name, to);
      if (to !== null) arrive(to, dir);
      touch(dir, true);
      changeNames(dir);
    }
    operations.push({ edits, synced: false });
  }
  function leave(node: Node): void {
    if (node.kind === "directory") node.removed = true;
    else node.links -= 1;
  }
  function arrive(node: Node, dir: DirectoryNode): void {
    if (node.kind !== "directory") {
      node.links += 1;
      return;
    }
    node.removed = false;
    node.parent = dir;
  }

  /** Operations that touch the directory, and those of other directories that its sub-directories came through. */
  function syncNames(dir: DirectoryNode): void {
    const moved = new Set<Node>();
    const places = new Map<DirectoryNode, Set<FileName>>();
    const isMoved = (node: Node | null): boolean => node !== null && moved.has(node);
    const isNeeded = (edit: Edit): boolean =>
      edit.dir === dir ||
      isMoved(edit.from) ||
      isMoved(edit.to) ||
      places.get(edit.dir)?.has(edit.name) === true;
    for (let at = operations.length - 1; at >= 0; at--) {
      const each = operations[at] as Operation;
      if (!each.synced && !each.edits.some(isNeeded)) continue;
      each.synced = true;
      for (const edit of each.edits) {
        for (const directory of directoriesOf(edit)) moved.add(directory);
        const names = places.get(edit.dir);
        if (names === undefined) places.set(edit.dir, new Set([edit.name]));
        else names.add(edit.name);
      }
    }
    settle();
  }
  /** The beginning of the log that is all synced becomes the base. */
  function settle(): void {
    const unsynced = operations.findIndex((each) => !each.synced);
    const settled = operations.splice(0, unsynced === -1 ? operations.length : unsynced);
    for (const each of settled) for (const edit of each.edits) apply(edit.dir.base, edit);
  }

  return {
    operations: () => operations,
    common,
    newDirectory,
    touch,
    operate,
    syncNames,
    syncAllNames(device) {
      for (const each of operations) if (each.edits[0]?.dir.device === device) each.synced = true;
      settle();
    },
    clear(highest) {
      operations = [];
      nodes = Math.max(nodes, highest);
    },
  };
}

export function syncFile(node: FileNode): void {
  node.durable = momentOf(node, node.log.length);
  node.durableMode = node.mode;
  node.log = [];
}
/** What a failed sync does: readers still see the bytes, and the disk never will. */
export function dropPages(node: Node): void {
  if (node.kind === "file") node.log = [];
}
