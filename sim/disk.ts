/**
 * A disk in memory that loses what was not synced, behind the same port as real descriptors.
 *
 * A file has durable bytes and a log of unsynced writes; changes of names have one log for the whole disk. What of both a
 * power cut leaves is in `disk-cut.ts`. A sync of a file does not promise its name, and a failed one cleans the pages: a
 * later sync promises nothing of them.
 */
import type { FileName, FileSystem, Handle, RootName } from "../kernel/storage/call.ts";
import { createCrypto, type Crypto } from "./crypto.ts";
import { createDiskCalls, type FaultHook, type NameRule } from "./disk-calls.ts";
import { type CrashModel, type DiskImage, leftByCut } from "./disk-cut.ts";
import { type Layer, layersOf } from "./disk-layers.ts";
import { createDiskLog } from "./disk-log.ts";
import {
  type Below,
  copyTree,
  descendants,
  type DirectoryNode,
  entryOf,
  type FileNode,
  filesBelow,
  type Node,
  settledFile,
  sortedNames,
  type TreeEntry,
} from "./disk-node.ts";
import { createLooks, nodeAt, type Subtree } from "./disk-trees.ts";
import { withBitFlipped } from "./file-bytes.ts";

export type { FaultHook, NameRule } from "./disk-calls.ts";
export type { CrashModel, DiskImage } from "./disk-cut.ts";
export type { Below, TreeEntry } from "./disk-node.ts";

export type SimDisk = FileSystem & {
  /** The root by which an open handle was reached. */
  rootOf(handle: Handle): RootName | null;
  /** The number that an open file has as long as it lives. */
  inodeOf(handle: Handle): number | null;
  /** How many names a file has that is open; 0 for what is none. */
  linksOf(handle: Handle): number;
  /** Everything below a root by path (`a/b`), as a reader sees it just now. */
  tree(root: RootName): ReadonlyMap<string, TreeEntry>;
  /** Everything below a root, and what of it a power cut could not change. */
  layers(root: RootName): readonly Layer[];
  roots(): readonly RootName[];
  /** What is at a path below a root; the same object as long as it is the same. Null when nothing is there. */
  subtree(root: RootName, path: string): Subtree | null;
  /** The names in a directory below a root, or in the root itself (`""`), in byte order; none where none is. */
  names(root: RootName, path: string): readonly FileName[];
  /** Creates a root that the operator made, durably. Names and links stay within one device. */
  makeRoot(root: RootName, device?: number): void;
  /** Cuts the power: what is visible becomes what a cut leaves, all handles end. The disk's own model, unless named. */
  crash(below: Below, how?: CrashModel): void;
  /** What a cut would leave, while all goes on. `settle`: of a file whose bytes are not all durable. */
  leftBy(below: Below, how: CrashModel, settle: (node: FileNode, below: Below) => FileNode): DiskImage;
  /** How many changes of names and of files a cut could take. */
  unsynced(): number;
  /** Ends all handles and locks, losing nothing: a process that was killed. */
  kill(): void;
  setFaultHook(hook: FaultHook | null): void;
  /** What the file system of a root makes of names from now on; without it each is a name of its own. */
  setNames(root: RootName, rule: NameRule): void;
  /** Bytes of all files together; more is `no_space`. */
  setCapacity(bytes: number): void;
  /** All that is visible, as a backup has it. */
  snapshot(): DiskImage;
  /** The disk becomes this copy, or empty: another one was put in. All handles end. */
  restore(image: DiskImage | null): void;
  /** One bit of the `nth` file below a root, of those whose path begins with `only`, is another one, on the disk and for readers; null when there is no file. */
  damage(root: RootName, nth: number, below: Below, how: "rot" | "edit", only?: string): string | null;
  /** Somebody else deletes what is at a path below a root, durably. False when nothing is there. */
  deleteTree(root: RootName, path: string): boolean;
  /** Calls performed so far. */
  callCount(): number;
  openHandles(): number;
};

export function createSimDisk(model: CrashModel, crypto: Crypto = createCrypto()): SimDisk {
  const roots = new Map<RootName, DirectoryNode>();
  const log = createDiskLog();
  const calls = createDiskCalls(roots, log, crypto);
  const looks = createLooks();

  function crash(below: Below, how = model): void {
    calls.endHandles();
    const left = leftByCut({ roots, operations: log.operations(), how, below, settle: settledFile });
    log.clear(0);
    for (const [root, dir] of left) roots.set(root, dir);
  }

  return {
    perform: calls.perform,
    setFaultHook: calls.setFaultHook,
    setNames: calls.setNames,
    setCapacity: calls.setCapacity,
    callCount: calls.callCount,
    rootOf: (handle) => calls.handles.get(handle)?.under ?? null,
    inodeOf: (handle) => calls.handles.get(handle)?.node.id ?? null,
    linksOf(handle) {
      const node = calls.handles.get(handle)?.node;
      return node?.kind === "file" ? node.links : 0;
    },
    crash,
    leftBy: (below, how, settle) => leftByCut({ roots, operations: log.operations(), how, below, settle }),
    unsynced() {
      const files = new Set<Node>();
      for (const dir of roots.values())
        for (const { node } of descendants(dir))
          if (node.kind === "file" && (node.log.length > 0 || node.mode !== node.durableMode))
            files.add(node);
      return log.operations().filter(({ synced }) => !synced).length + files.size;
    },
    kill: calls.endHandles,
    tree(root) {
      const dir = roots.get(root);
      return new Map(
        dir === undefined ? [] : descendants(dir).map(({ path, node }) => [path, entryOf(node)]),
      );
    },
    layers(root) {
      const dir = roots.get(root);
      return dir === undefined ? [] : layersOf(dir, log.operations());
    },
    roots: () => [...roots.keys()],
    subtree(root, path) {
      const dir = roots.get(root);
      return dir === undefined ? null : looks.at(dir, path);
    },
    names(root, path) {
      const dir = roots.get(root);
      const node = dir === undefined || path === "" ? dir : nodeAt(dir, path);
      return node?.kind === "directory" ? sortedNames(node) : [];
    },
    makeRoot(root, device = 1) {
      roots.set(root, log.newDirectory(device, null));
    },
    snapshot: () => new Map([...roots].map(([root, dir]) => [root, copyTree(dir)])),
    restore(image) {
      calls.endHandles();
      // Files of another disk keep their numbers here, and no new one gets any of those.
      let highest = 0;
      for (const [root, dir] of roots) {
        const from = image?.get(root);
        roots.set(root, from === undefined ? log.newDirectory(dir.device, null) : copyTree(from));
        for (const { node } of from === undefined ? [] : descendants(from))
          highest = Math.max(highest, node.id);
      }
      log.clear(highest);
    },
    damage(root, nth, below, how, only = "") {
      const dir = roots.get(root);
      const files =
        dir === undefined
          ? []
          : filesBelow(dir).filter(({ path, file }) => path.startsWith(only) && file.bytes.size > 0);
      const found = files[nth % Math.max(1, files.length)];
      if (found === undefined) return null;
      const { file } = found;
      const bit = below(file.bytes.size * 8);
      file.bytes = withBitFlipped(file.bytes, bit);
      file.durable = withBitFlipped(file.durable, bit);
      if (how === "edit") log.touch(file, true);
      return found.path;
    },
    deleteTree(root, path) {
      const parts = path.split("/") as FileName[];
      const name = parts.pop() as FileName;
      let dir: Node | undefined = roots.get(root);
      for (const part of parts) dir = dir?.kind === "directory" ? dir.entries.get(part) : undefined;
      const node = dir?.kind === "directory" ? dir.entries.get(name) : undefined;
      if (dir?.kind !== "directory" || node === undefined) return false;
      log.operate([{ dir, name, from: node, to: null }]);
      log.syncNames(dir);
      return true;
    },
    openHandles: () => Array.from(calls.handles.values()).filter((each) => !each.root).length,
  };
}
