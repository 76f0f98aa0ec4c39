/**
 * A disk in memory that loses what was not synced, behind the same port as real descriptors.
 *
 * Data: a file has durable bytes and a log of unsynced writes. At a crash every 4 KiB page shows some moment of that log,
 * torn at 512 bytes into two moments; the size shows a moment of its own, and what it uncovers is zeros.
 * Names: one log for the whole disk, each operation atomic. `weak` keeps what was synced and any subset of the rest;
 * `ordered` keeps a prefix that reaches at least to the last operation synced. A directory is never lost or doubled.
 * A sync of a file does not promise its name, and a failed one cleans the pages: a later sync promises nothing of them.
 */
import { assert, unreachable } from "../kernel/assert.ts";
import {
  type FileName,
  type FileSystem,
  type FsCall,
  type FsCode,
  FsFailure,
  type FsValue,
  type Handle,
  type RootName,
} from "../kernel/storage/call.ts";
import { createCrypto, type Crypto } from "./crypto.ts";
import { type Layer, layersOf } from "./disk-layers.ts";
import {
  apply,
  type Below,
  changeNames,
  type Common,
  copyTree,
  descendants,
  type DirectoryNode,
  directoriesOf,
  type Edit,
  entryOf,
  type FileNode,
  filesBelow,
  isWithin,
  type LinkNode,
  momentOf,
  type Node,
  settleFile,
  sortedNames,
  statOf,
  type TreeEntry,
} from "./disk-node.ts";

import { createLooks, nodeAt, type Subtree } from "./disk-trees.ts";
import { type FileBytes, NO_BYTES, resized, sliceOf, withBitFlipped, written } from "./file-bytes.ts";

export type { Below, TreeEntry } from "./disk-node.ts";

const LINKS_MAX = 65_000; // ext4
const TARGET_BYTES_MAX = 4095; // PATH_MAX without its NUL

type Operation = { readonly edits: readonly Edit[]; synced: boolean };
/** `under` is the root by which it was reached. */
type Open = {
  readonly node: Node;
  readonly writable: boolean;
  readonly root: boolean;
  readonly under: RootName;
};

/** Roots and what was below them. */
export type DiskImage = ReadonlyMap<RootName, DirectoryNode>;

export type CrashModel = "weak" | "ordered";
/** Called before each call; a code makes the call fail. What it throws reaches whoever drives the program. */
export type FaultHook = (call: FsCall) => FsCode | null;

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
  /** Ends all handles and locks, losing nothing: a process that was killed. */
  kill(): void;
  setFaultHook(hook: FaultHook | null): void;
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
  const held = new Map<RootName, Handle>();
  const handles = new Map<Handle, Open>();
  const locks = new Map<Node, Handle>();
  const looks = createLooks();
  let hook: FaultHook | null = null;
  let capacityBytes = Number.MAX_SAFE_INTEGER;
  let operations: Operation[] = [];
  let nodes = 0;
  let calls = 0;
  let handleCount = 2; // as descriptors, counted from 3
  let ticks = 0;
  /** The call that is being performed. */
  let current: FsCall["call"] = "checkpoint";

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

  function fail(code: FsCode): never {
    throw new FsFailure(code, current, code);
  }
  function opened(handle: Handle): Open {
    return handles.get(handle) ?? fail("io");
  }
  function under(handle: Handle): RootName {
    return opened(handle).under;
  }
  function directory(handle: Handle): DirectoryNode {
    const { node } = opened(handle);
    return node.kind === "directory" ? node : fail("not_a_directory");
  }
  function file(handle: Handle): FileNode {
    const { node } = opened(handle);
    assert(node.kind !== "link", "a link is never opened");
    return node.kind === "file" ? node : fail("is_a_directory");
  }
  function writable(handle: Handle, code: FsCode): FileNode {
    const { node, writable } = opened(handle);
    return writable && node.kind === "file" ? node : fail(code);
  }
  function existing(dir: Handle, name: FileName): Node {
    return directory(dir).entries.get(name) ?? fail("missing");
  }
  function vacant(dir: Handle, name: FileName): DirectoryNode {
    const node = directory(dir);
    if (node.entries.has(name)) return fail("exists");
    return node.removed ? fail("missing") : node;
  }
  function change(node: FileNode, bytes: FileBytes): void {
    const more = bytes.size - node.bytes.size;
    if (more > 0 && capacityBytes < Number.MAX_SAFE_INTEGER && more > capacityBytes - usedBytes())
      fail("no_space");
    node.bytes = bytes;
  }

  function perform(call: FsCall): FsValue {
    calls += 1;
    current = call.call;
    const fault = hook === null ? null : hook(call);
    if (fault !== null) {
      if (call.call === "sync") dropPages(opened(call.handle).node);
      if (call.call === "sync_file_system")
        for (const node of allNodes(opened(call.dir).node.device)) dropPages(node);
      return fail(fault);
    }
    switch (call.call) {
      case "root": {
        const before = held.get(call.root);
        if (before !== undefined) return before;
        const handle = open(roots.get(call.root) ?? fail("missing"), false, call.root, true);
        held.set(call.root, handle);
        return handle;
      }
      case "open_directory": {
        const node = existing(call.dir, call.name);
        return node.kind === "directory" ? open(node, false, under(call.dir)) : fail("not_a_directory");
      }
      case "open_file": {
        const node = existing(call.dir, call.name);
        return node.kind === "link" ? fail("is_a_link") : open(node, false, under(call.dir));
      }
      case "open_for_write": {
        const node = existing(call.dir, call.name);
        if (node.kind === "link") return fail("is_a_link");
        return node.kind === "file" ? open(node, true, under(call.dir)) : fail("is_a_directory");
      }
      case "create_file": {
        const dir = vacant(call.dir, call.name);
        const empty = { bytes: NO_BYTES, durable: NO_BYTES, log: [], links: 0 };
        const node: FileNode = {
          ...common(dir.device, 0o644),
          kind: "file",
          ...empty,
          durableMode: 0o644,
        };
        operate([{ dir, name: call.name, from: null, to: node }]);
        return open(node, true, under(call.dir));
      }
      case "close": {
        const { node, root } = opened(call.handle);
        assert(!root, "the port keeps its roots");
        handles.delete(call.handle);
        if (locks.get(node) === call.handle) locks.delete(node);
        return undefined;
      }
      case "stat":
        return statOf(opened(call.handle).node);
      case "stat_name":
        return statOf(existing(call.dir, call.name));
      case "list":
        return sortedNames(directory(call.dir));
      case "read":
        return sliceOf(file(call.handle).bytes, call.offset, call.offset + call.length);
      case "write": {
        const node = writable(call.handle, "io");
        if (call.bytes.length === 0) return undefined;
        const bytes = crypto.shared(call.bytes);
        change(node, written(node.bytes, call.offset, bytes));
        node.log.push({ kind: "write", offset: call.offset, bytes });
        touch(node, true);
        return undefined;
      }
      case "truncate": {
        const node = writable(call.handle, "unsupported");
        change(node, resized(node.bytes, call.size));
        node.log.push({ kind: "truncate", size: call.size });
        touch(node, true);
        return undefined;
      }
      case "set_mode": {
        const { node } = opened(call.handle);
        node.mode = call.mode & 0o7777;
        touch(node, false);
        return undefined;
      }
      case "set_times": {
        const { node } = opened(call.handle);
        touch(node, false);
        node.modified = `${call.seconds}s`;
        return undefined;
      }
      case "sync": {
        const { node } = opened(call.handle);
        if (node.kind === "file") syncFile(node);
        if (node.kind === "directory") syncNames(node);
        return undefined;
      }
      case "sync_file_system": {
        const { device } = directory(call.dir);
        for (const node of allNodes(device)) if (node.kind === "file") syncFile(node);
        for (const each of operations) if (each.edits[0]?.dir.device === device) each.synced = true;
        settle();
        return undefined;
      }
      case "make_directory": {
        const dir = vacant(call.dir, call.name);
        operate([{ dir, name: call.name, from: null, to: newDirectory(dir.device, dir) }]);
        return undefined;
      }
      case "link": {
        const { node } = opened(call.handle);
        if (node.device !== directory(call.dir).device) return fail("other_device");
        const dir = vacant(call.dir, call.name);
        if (node.kind !== "file") return fail("not_permitted");
        if (node.links === 0) return fail("missing");
        if (node.links >= LINKS_MAX) return fail("too_many_links");
        touch(node, false);
        operate([{ dir, name: call.name, from: null, to: node }]);
        return undefined;
      }
      case "make_link": {
        if (call.target.length === 0) return fail("missing");
        if (call.target.length > TARGET_BYTES_MAX) return fail("name_too_long");
        const dir = vacant(call.dir, call.name);
        const to: LinkNode = { ...common(dir.device, 0o777), kind: "link", target: call.target, links: 0 };
        operate([{ dir, name: call.name, from: null, to }]);
        return undefined;
      }
      case "read_link": {
        const node = existing(call.dir, call.name);
        return node.kind === "link" ? node.target : fail("unsupported");
      }
      case "rename": {
        const fromDir = directory(call.fromDir);
        const toDir = directory(call.toDir);
        if (fromDir.device !== toDir.device) return fail("other_device");
        const from = fromDir.entries.get(call.from) ?? fail("missing");
        const to = toDir.entries.get(call.to) ?? null;
        if (to !== null && call.mode === "keep") return fail("exists");
        if (to === null && call.mode === "exchange") return fail("missing");
        if (isWithin(toDir, from)) return fail("unsupported");
        if (to !== null && isWithin(fromDir, to))
          return fail(call.mode === "exchange" ? "unsupported" : "exists");
        if (toDir.removed) return fail("missing");
        if (from === to) return undefined;
        if (to !== null && call.mode === "replace") {
          if (from.kind === "directory" && to.kind !== "directory") return fail("not_a_directory");
          if (from.kind !== "directory" && to.kind === "directory") return fail("is_a_directory");
          if (to.kind === "directory" && to.entries.size > 0) return fail("exists");
        }
        touch(from, false);
        operate([
          {
            dir: fromDir,
            name: call.from,
            from,
            to: call.mode === "exchange" ? to : null,
          },
          { dir: toDir, name: call.to, from: to, to: from },
        ]);
        return undefined;
      }
      case "unlink": {
        const from = existing(call.dir, call.name);
        if (from.kind === "directory") return fail("is_a_directory");
        touch(from, false);
        operate([{ dir: directory(call.dir), name: call.name, from, to: null }]);
        return undefined;
      }
      case "remove_directory": {
        const from = existing(call.dir, call.name);
        if (from.kind !== "directory") return fail("not_a_directory");
        if (from.entries.size > 0) return fail("exists");
        operate([{ dir: directory(call.dir), name: call.name, from, to: null }]);
        return undefined;
      }
      case "lock": {
        const { node } = opened(call.handle);
        const holder = locks.get(node);
        if (holder !== undefined && holder !== call.handle) return fail("busy");
        locks.set(node, call.handle);
        return undefined;
      }
      case "digest_blocks": {
        const { bytes } = file(call.handle);
        const { offset, length, blockBytes } = call;
        if (offset + length > bytes.size) return fail("io");
        const hashes = new Uint8Array(Math.ceil(length / blockBytes) * 32);
        for (let at = 0; at < length; at += blockBytes) {
          const block = sliceOf(bytes, offset + at, offset + Math.min(at + blockBytes, length));
          hashes.set(crypto.digestBytes("blake2b/256", block), (at / blockBytes) * 32);
        }
        return hashes;
      }
      case "digest":
        return crypto.digestBytes(call.algorithm, call.bytes);
      case "checkpoint":
        return undefined;
      default:
        return unreachable(call);
    }
  }

  function open(node: Node, writable: boolean, under: RootName, root = false): Handle {
    handleCount += 1;
    const handle = handleCount as Handle;
    handles.set(handle, { node, writable, root, under });
    return handle;
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

  function syncFile(node: FileNode): void {
    node.durable = momentOf(node, node.log.length);
    node.durableMode = node.mode;
    node.log = [];
  }
  /** What a failed sync does: readers still see the bytes, and the disk never will. */
  function dropPages(node: Node): void {
    if (node.kind === "file") node.log = [];
  }

  /** Operations that touch the directory, and those of other directories that its sub-directories came through. */
  function syncNames(dir: DirectoryNode): void {
    const needed = new Set<Node | string>();
    for (const each of operations.toReversed()) {
      const directories = each.edits.flatMap(directoriesOf);
      const places = each.edits.map((edit) => `${edit.dir.id}/${edit.name}`);
      const involved = [...directories, ...places].some((one) => needed.has(one));
      if (!each.synced && !involved && !each.edits.some((edit) => edit.dir === dir)) continue;
      each.synced = true;
      for (const one of [...directories, ...places]) needed.add(one);
    }
    settle();
  }
  /** The beginning of the log that is all synced becomes the base. */
  function settle(): void {
    const unsynced = operations.findIndex((each) => !each.synced);
    const settled = operations.splice(0, unsynced === -1 ? operations.length : unsynced);
    for (const each of settled) for (const edit of each.edits) apply(edit.dir.base, edit);
  }

  function kill(): void {
    handles.clear();
    held.clear();
    locks.clear();
  }

  function crash(below: Below, how = model): void {
    kill();
    const kept = how === "weak" ? anySubset(below) : prefix(below);
    operations = [];
    for (const { edits } of kept) for (const edit of edits) apply(edit.dir.base, edit);
    const seen = new Set<Node>();
    const walk: DirectoryNode[] = [...roots.values()];
    for (let dir = walk.pop(); dir !== undefined; dir = walk.pop()) {
      dir.entries.clear();
      dir.removed = false;
      dir.version += 1;
      for (const [name, node] of dir.base) {
        dir.entries.set(name, node);
        if (node.kind === "directory") {
          assert(!seen.has(node), "a directory has one place");
          node.parent = dir;
          walk.push(node);
        } else {
          node.links = seen.has(node) ? node.links + 1 : 1;
          if (node.kind === "file" && !seen.has(node)) settleFile(node, below);
        }
        seen.add(node);
      }
    }
  }

  function anySubset(below: Below): readonly Operation[] {
    const state = new Map<DirectoryNode, Map<FileName, Node>>();
    const entries = (dir: DirectoryNode): Map<FileName, Node> => {
      const found = state.get(dir) ?? new Map(dir.base);
      state.set(dir, found);
      return found;
    };
    return operations.filter((each) => {
      const lucky = each.synced || below(2) === 0;
      const possible = each.edits.every((edit) => {
        const now = entries(edit.dir).get(edit.name) ?? null;
        const aboutDirectory = directoriesOf(edit).length > 0 || now?.kind === "directory";
        return !aboutDirectory || now === edit.from;
      });
      assert(possible || !each.synced, "what was synced can be done again");
      if (!lucky || !possible) return false;
      for (const edit of each.edits) apply(entries(edit.dir), edit);
      return true;
    });
  }

  function prefix(below: Below): readonly Operation[] {
    const least = operations.findLastIndex((each) => each.synced) + 1;
    return operations.slice(0, least + below(operations.length - least + 1));
  }

  function allNodes(device: number): ReadonlySet<Node> {
    const found = new Set<Node>();
    const add = (node: Node | null): void => {
      if (node === null || found.has(node) || node.device !== device) return;
      found.add(node);
      if (node.kind === "directory") walk.push(node);
    };
    const walk: DirectoryNode[] = [];
    for (const node of roots.values()) add(node);
    for (const { node } of handles.values()) add(node);
    // A file that is only in the log may come back with its old name.
    for (const { edits } of operations)
      for (const { from, to } of edits) {
        add(from);
        add(to);
      }
    for (let dir = walk.pop(); dir !== undefined; dir = walk.pop())
      for (const node of [...dir.entries.values(), ...dir.base.values()]) add(node);
    return found;
  }
  function usedBytes(): number {
    const found = new Set<Node>();
    for (const { node } of handles.values()) found.add(node);
    for (const dir of roots.values()) for (const { node } of descendants(dir)) found.add(node);
    let used = 0;
    for (const node of found) if (node.kind === "file") used += node.bytes.size;
    return used;
  }

  return {
    perform,
    rootOf: (handle) => handles.get(handle)?.under ?? null,
    inodeOf: (handle) => handles.get(handle)?.node.id ?? null,
    linksOf(handle) {
      const node = handles.get(handle)?.node;
      return node?.kind === "file" ? node.links : 0;
    },
    crash,
    kill,
    tree(root) {
      const dir = roots.get(root);
      return new Map(
        dir === undefined ? [] : descendants(dir).map(({ path, node }) => [path, entryOf(node)]),
      );
    },
    layers(root) {
      const dir = roots.get(root);
      return dir === undefined ? [] : layersOf(dir, operations);
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
      roots.set(root, newDirectory(device, null));
    },
    setFaultHook(next) {
      hook = next;
    },
    setCapacity(bytes) {
      capacityBytes = bytes;
    },
    snapshot: () => new Map([...roots].map(([root, dir]) => [root, copyTree(dir)])),
    restore(image) {
      kill();
      operations = [];
      for (const [root, dir] of roots) {
        const from = image?.get(root);
        roots.set(root, from === undefined ? newDirectory(dir.device, null) : copyTree(from));
        // Files of another disk keep their numbers here, and no new one gets any of those.
        for (const { node } of from === undefined ? [] : descendants(from)) nodes = Math.max(nodes, node.id);
      }
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
      if (how === "edit") touch(file, true);
      return found.path;
    },
    deleteTree(root, path) {
      const parts = path.split("/") as FileName[];
      const name = parts.pop() as FileName;
      let dir: Node | undefined = roots.get(root);
      for (const part of parts) dir = dir?.kind === "directory" ? dir.entries.get(part) : undefined;
      const node = dir?.kind === "directory" ? dir.entries.get(name) : undefined;
      if (dir?.kind !== "directory" || node === undefined) return false;
      operate([{ dir, name, from: node, to: null }]);
      syncNames(dir);
      return true;
    },
    callCount: () => calls,
    openHandles: () => Array.from(handles.values()).filter((each) => !each.root).length,
  };
}
