/**
 * A disk in memory that keeps apart what is visible and what would survive a power cut.
 *
 * Of a file, a cut keeps what was synced, and of the pages written since any choice, torn at sectors. Of directories,
 * it keeps what was synced, and of the changes since:
 *   weak     any choice of them, each whole (a rename or an exchange is one change);
 *   ordered  a beginning of them all in their order, as a journal does; a sync of anything commits the journal.
 * Code has to be right on both. A sync that fails drops the pages and forgets that they were dirty, as Linux does.
 *
 * Source: reliability notes, sections 2.1 and 2.7.
 */
import { sha512_256 } from "@noble/hashes/sha2.js";
import { blake2b } from "@noble/hashes/blake2.js";
import { unreachable } from "../kernel/assert.ts";
import type { HashName } from "../kernel/index/packed.ts";
import {
  type FileKind,
  type FileName,
  type FileStat,
  type FileSystem,
  type FsCall,
  type FsCode,
  FsFailure,
  type FsValue,
  type Handle,
  type RootName,
} from "../kernel/storage/call.ts";
import type { ByteString } from "../kernel/text.ts";

export type CrashModel = "weak" | "ordered";
/** A whole number from 0 up to below `bound`. */
export type Below = (bound: number) => number;
/** Called before each call; a code makes the call fail. */
export type FaultHook = (call: FsCall) => FsCode | null;

const PAGE_BYTES = 4096;
const SECTOR_BYTES = 512;
const LINKS_MAX = 65_000; // ext4

type Inode = {
  readonly number: number;
  readonly kind: FileKind;
  mode: number;
  seconds: number;
  /** Counts every change, so that "has it changed" can be asked. */
  changes: number;
  bytes: Uint8Array;
  durableBytes: Uint8Array;
  durableMode: number;
  readonly target: ByteString;
  readonly entries: Map<FileName, Inode>;
  readonly durableEntries: Map<FileName, Inode>;
};

/** One change of names that is atomic on disk: what it sets, and what it takes away if that is still there. */
type NameChange = {
  readonly sets: readonly { readonly dir: Inode; readonly name: FileName; readonly inode: Inode }[];
  readonly clears: readonly { readonly dir: Inode; readonly name: FileName; readonly inode: Inode }[];
};

export type TreeEntry =
  | { readonly kind: "directory" }
  | {
      readonly kind: "file";
      readonly bytes: Uint8Array;
      readonly mode: number;
      readonly inode: number;
      readonly links: number;
    }
  | { readonly kind: "link"; readonly target: ByteString };

export type SimDisk = FileSystem & {
  /** Everything below a root by path (`a/b`), as a reader sees it just now. */
  tree(root: RootName): ReadonlyMap<string, TreeEntry>;
  /** Creates a root that the operator made, durably. */
  makeRoot(root: RootName): void;
  /** Cuts the power: what is visible becomes what a cut leaves, all handles end. */
  crash(below: Below): void;
  /** Ends all handles and locks, losing nothing: a process that was killed. */
  kill(): void;
  setFaultHook(hook: FaultHook | null): void;
  /** Calls performed so far. */
  callCount(): number;
  openHandles(): number;
};

export function createSimDisk(model: CrashModel): SimDisk {
  let inodes = 0;
  let calls = 0;
  let handles = 0;
  let hook: FaultHook | null = null;
  const open = new Map<Handle, Inode>();
  const locked = new Set<Inode>();
  const roots = new Map<RootName, Inode>();
  let rootHandles = new Map<RootName, Handle>();
  let pending: NameChange[] = [];

  function makeInode(kind: FileKind, mode: number, target = "" as ByteString): Inode {
    return {
      number: ++inodes,
      kind,
      mode,
      seconds: 0,
      changes: 0,
      bytes: new Uint8Array(0),
      durableBytes: new Uint8Array(0),
      durableMode: mode,
      target,
      entries: new Map(),
      durableEntries: new Map(),
    };
  }

  function inodeOf(handle: Handle, call: FsCall): Inode {
    return open.get(handle) ?? fail("io", call);
  }

  function directoryOf(handle: Handle, call: FsCall): Inode {
    const inode = inodeOf(handle, call);
    return inode.kind === "directory" ? inode : fail("not_a_directory", call);
  }

  function entryOf(dir: Inode, name: FileName, call: FsCall): Inode {
    return dir.entries.get(name) ?? fail("missing", call);
  }

  function openInode(inode: Inode): Handle {
    handles += 1;
    open.set(handles as Handle, inode);
    return handles as Handle;
  }

  function apply(change: NameChange, entries: (inode: Inode) => Map<FileName, Inode>): void {
    for (const { dir, name, inode } of change.clears) {
      if (entries(dir).get(name) === inode) entries(dir).delete(name);
    }
    for (const { dir, name, inode } of change.sets) entries(dir).set(name, inode);
  }

  function change(sets: NameChange["sets"], clears: NameChange["clears"]): void {
    const made: NameChange = { sets, clears };
    apply(made, (inode) => inode.entries);
    for (const { dir } of [...sets, ...clears]) dir.changes += 1;
    pending.push(made);
  }

  function commitNames(touches: (change: NameChange) => boolean): void {
    const rest: NameChange[] = [];
    for (const each of pending) {
      if (touches(each)) apply(each, (inode) => inode.durableEntries);
      else rest.push(each);
    }
    pending = rest;
  }

  function syncInode(inode: Inode): void {
    if (inode.kind === "file") {
      inode.durableBytes = inode.bytes.slice();
      inode.durableMode = inode.mode;
    }
    if (model === "ordered") return commitNames(() => true);
    if (inode.kind === "directory") {
      commitNames((each) => [...each.sets, ...each.clears].some(({ dir }) => dir === inode));
    }
  }

  function syncAll(): void {
    commitNames(() => true);
    const seen = new Set<Inode>();
    const visit = (inode: Inode): void => {
      if (seen.has(inode)) return;
      seen.add(inode);
      if (inode.kind === "file") {
        inode.durableBytes = inode.bytes.slice();
        inode.durableMode = inode.mode;
      }
      for (const each of inode.entries.values()) visit(each);
    };
    for (const each of roots.values()) visit(each);
    for (const each of open.values()) visit(each);
  }

  function linksOf(target: Inode): number {
    let count = 0;
    const visit = (inode: Inode): void => {
      for (const each of inode.entries.values()) {
        if (each === target) count += 1;
        if (each.kind === "directory") visit(each);
      }
    };
    for (const each of roots.values()) visit(each);
    return count;
  }

  function statOf(inode: Inode): FileStat {
    return {
      kind: inode.kind,
      size: inode.bytes.length,
      mode: inode.mode,
      links: inode.kind === "file" ? linksOf(inode) : 1,
      own: true,
      identity: `sim:${inode.number}`,
      changed: `${inode.changes}:${inode.seconds}`,
    };
  }

  function insert(dir: Inode, name: FileName, inode: Inode, call: FsCall): void {
    if (dir.entries.has(name)) fail("exists", call);
    change([{ dir, name, inode }], []);
  }

  function rename(call: Extract<FsCall, { call: "rename" }>): void {
    const fromDir = directoryOf(call.fromDir, call);
    const toDir = directoryOf(call.toDir, call);
    const inode = entryOf(fromDir, call.from, call);
    const there = toDir.entries.get(call.to);
    if (call.mode === "exchange") {
      if (there === undefined) fail("missing", call);
      return change(
        [
          { dir: toDir, name: call.to, inode },
          { dir: fromDir, name: call.from, inode: there },
        ],
        [],
      );
    }
    if (there !== undefined) {
      if (call.mode === "keep") fail("exists", call);
      if (there === inode) return; // two names of one file: rename(2) does nothing
      if (there.kind === "directory" && inode.kind !== "directory") fail("is_a_directory", call);
      if (there.kind !== "directory" && inode.kind === "directory") fail("not_a_directory", call);
      if (there.entries.size > 0) fail("exists", call);
    }
    change([{ dir: toDir, name: call.to, inode }], [{ dir: fromDir, name: call.from, inode }]);
  }

  function writeBytes(inode: Inode, offset: number, bytes: Uint8Array): void {
    if (offset + bytes.length > inode.bytes.length) resize(inode, offset + bytes.length);
    inode.bytes.set(bytes, offset);
    inode.changes += 1;
  }

  function resize(inode: Inode, size: number): void {
    const bytes = new Uint8Array(size);
    bytes.set(inode.bytes.subarray(0, size));
    inode.bytes = bytes;
    inode.changes += 1;
  }

  function perform(call: FsCall): FsValue {
    switch (call.call) {
      case "root": {
        const held = rootHandles.get(call.root);
        if (held !== undefined) return held;
        const handle = openInode(roots.get(call.root) ?? fail("missing", call));
        rootHandles.set(call.root, handle);
        return handle;
      }
      case "open_directory": {
        const inode = entryOf(directoryOf(call.dir, call), call.name, call);
        return inode.kind === "directory" ? openInode(inode) : fail("not_a_directory", call);
      }
      case "open_file": {
        const inode = entryOf(directoryOf(call.dir, call), call.name, call);
        return inode.kind === "link" ? fail("is_a_link", call) : openInode(inode);
      }
      case "open_for_write": {
        const inode = entryOf(directoryOf(call.dir, call), call.name, call);
        if (inode.kind === "link") fail("is_a_link", call);
        return inode.kind === "directory" ? fail("is_a_directory", call) : openInode(inode);
      }
      case "create_file": {
        const inode = makeInode("file", 0o644);
        insert(directoryOf(call.dir, call), call.name, inode, call);
        return openInode(inode);
      }
      case "close":
        if (!open.delete(call.handle)) fail("io", call);
        return undefined;
      case "stat":
        return statOf(inodeOf(call.handle, call));
      case "stat_name":
        return statOf(entryOf(directoryOf(call.dir, call), call.name, call));
      case "list":
        return [...directoryOf(call.dir, call).entries.keys()].toSorted((a, b) => (a < b ? -1 : 1));
      case "read": {
        const inode = inodeOf(call.handle, call);
        if (inode.kind === "directory") fail("is_a_directory", call);
        return inode.bytes.slice(call.offset, call.offset + call.length);
      }
      case "write":
        return writeBytes(inodeOf(call.handle, call), call.offset, call.bytes);
      case "truncate":
        return resize(inodeOf(call.handle, call), call.size);
      case "set_mode": {
        const inode = inodeOf(call.handle, call);
        inode.mode = call.mode;
        inode.changes += 1;
        return undefined;
      }
      case "set_times": {
        const inode = inodeOf(call.handle, call);
        inode.seconds = call.seconds;
        inode.changes += 1;
        return undefined;
      }
      case "sync":
        return syncInode(inodeOf(call.handle, call));
      case "sync_file_system":
        return syncAll();
      case "make_directory":
        return insert(directoryOf(call.dir, call), call.name, makeInode("directory", 0o755), call);
      case "link": {
        const inode = inodeOf(call.handle, call);
        if (inode.kind === "directory") fail("not_permitted", call);
        if (linksOf(inode) >= LINKS_MAX) fail("too_many_links", call);
        insert(directoryOf(call.dir, call), call.name, inode, call);
        inode.changes += 1;
        return undefined;
      }
      case "make_link":
        return insert(directoryOf(call.dir, call), call.name, makeInode("link", 0o777, call.target), call);
      case "read_link": {
        const inode = entryOf(directoryOf(call.dir, call), call.name, call);
        return inode.kind === "link" ? inode.target : fail("unsupported", call);
      }
      case "rename":
        return rename(call);
      case "unlink": {
        const dir = directoryOf(call.dir, call);
        const inode = entryOf(dir, call.name, call);
        if (inode.kind === "directory") fail("is_a_directory", call);
        return change([], [{ dir, name: call.name, inode }]);
      }
      case "remove_directory": {
        const dir = directoryOf(call.dir, call);
        const inode = entryOf(dir, call.name, call);
        if (inode.kind !== "directory") fail("not_a_directory", call);
        if (inode.entries.size > 0) fail("exists", call);
        return change([], [{ dir, name: call.name, inode }]);
      }
      case "lock": {
        const inode = inodeOf(call.handle, call);
        if (locked.has(inode)) fail("busy", call);
        locked.add(inode);
        return undefined;
      }
      case "digest_blocks": {
        const inode = inodeOf(call.handle, call);
        const bytes = inode.bytes.subarray(call.offset, call.offset + call.length);
        if (bytes.length < call.length) fail("io", call);
        const hashes = new Uint8Array(Math.ceil(call.length / call.blockBytes) * 32);
        for (let at = 0; at * call.blockBytes < call.length; at++) {
          const block = bytes.subarray(at * call.blockBytes, (at + 1) * call.blockBytes);
          hashes.set(digestBytes("blake2b/256", block), at * 32);
        }
        return hashes;
      }
      case "digest":
        return digestBytes(call.algorithm, call.bytes);
      case "checkpoint":
        return undefined;
      default:
        return unreachable(call);
    }
  }

  function endHandles(): void {
    open.clear();
    locked.clear();
    rootHandles = new Map();
  }

  return {
    perform(call) {
      calls += 1;
      const code = hook?.(call) ?? null;
      if (code !== null) {
        // A sync that fails says so once: the pages count as clean from here, and are not on the disk.
        if (call.call === "sync") dropPages(inodeOf(call.handle, call));
        fail(code, call);
      }
      return perform(call);
    },
    makeRoot(root) {
      roots.set(root, makeInode("directory", 0o755));
    },
    tree(root) {
      const found = new Map<string, TreeEntry>();
      const visit = (inode: Inode, prefix: string): void => {
        for (const [name, each] of [...inode.entries].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
          found.set(prefix + name, treeEntryOf(each, linksOf));
          visit(each, `${prefix}${name}/`);
        }
      };
      const inode = roots.get(root);
      if (inode !== undefined) visit(inode, "");
      return found;
    },
    crash(below) {
      const kept = model === "ordered" ? below(pending.length + 1) : pending.length;
      for (const [at, each] of pending.entries()) {
        if (model === "ordered" ? at < kept : below(2) === 0) apply(each, (inode) => inode.durableEntries);
      }
      pending = [];
      const seen = new Set<Inode>();
      const visit = (inode: Inode): void => {
        if (seen.has(inode)) return;
        seen.add(inode);
        if (inode.kind === "file") settleFile(inode, below);
        inode.entries.clear();
        for (const [name, each] of inode.durableEntries) {
          inode.entries.set(name, each);
          visit(each);
        }
      };
      for (const each of roots.values()) visit(each);
      endHandles();
    },
    kill: endHandles,
    setFaultHook(next) {
      hook = next;
    },
    callCount: () => calls,
    openHandles: () => open.size - rootHandles.size,
  };
}

function fail(code: FsCode, call: FsCall): never {
  throw new FsFailure(code, call.call, code);
}

function treeEntryOf(inode: Inode, linksOf: (inode: Inode) => number): TreeEntry {
  if (inode.kind === "directory") return { kind: "directory" };
  if (inode.kind === "link") return { kind: "link", target: inode.target };
  const { bytes, mode, number } = inode;
  return { kind: "file", bytes: bytes.slice(), mode, inode: number, links: linksOf(inode) };
}

function digestBytes(algorithm: HashName, bytes: Uint8Array): Uint8Array {
  return algorithm === "blake2b/256" ? blake2b(bytes, { dkLen: 32 }) : sha512_256(bytes);
}

function dropPages(inode: Inode): void {
  inode.bytes = inode.durableBytes.slice();
  inode.changes += 1;
}

/** Of the pages that differ from what was synced, each stays, goes, or is torn at a sector; so does the size. */
function settleFile(inode: Inode, below: Below): void {
  const { bytes, durableBytes } = inode;
  const size = below(2) === 0 ? bytes.length : durableBytes.length;
  const settled = new Uint8Array(size);
  settled.set(durableBytes.subarray(0, size));
  for (let page = 0; page < bytes.length; page += PAGE_BYTES) {
    const sectors = PAGE_BYTES / SECTOR_BYTES;
    const choice = below(4);
    const kept = choice === 0 ? 0 : choice === 1 ? below(sectors) * SECTOR_BYTES : PAGE_BYTES;
    settled.set(bytes.subarray(page, Math.min(page + kept, size, bytes.length)), Math.min(page, size));
  }
  if (bytes.length === durableBytes.length && bytes.every((byte, at) => byte === durableBytes[at])) {
    settled.set(bytes);
  }
  inode.bytes = settled;
  inode.durableBytes = settled.slice();
  inode.mode = below(2) === 0 ? inode.mode : inode.durableMode;
  inode.durableMode = inode.mode;
  inode.changes += 1;
}
