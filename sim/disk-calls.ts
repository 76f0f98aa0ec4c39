/** What each call of the file-system port does to a simulated disk. */
import { assert, unreachable } from "../kernel/assert.ts";
import {
  type FileName,
  type FsCall,
  type FsCode,
  FsFailure,
  type FsValue,
  type Handle,
  type RootName,
} from "../kernel/storage/call.ts";
import type { Crypto } from "./crypto.ts";
import { type DiskLog, dropPages, syncFile } from "./disk-log.ts";
import {
  descendants,
  type DirectoryNode,
  type FileNode,
  isWithin,
  type LinkNode,
  type Node,
  sortedNames,
  statOf,
} from "./disk-node.ts";
import { type FileBytes, NO_BYTES, resized, sliceOf, written } from "./file-bytes.ts";

const LINKS_MAX = 65_000; // ext4
const TARGET_BYTES_MAX = 4095; // PATH_MAX without its NUL

/** `under` is the root by which it was reached. */
export type Open = {
  readonly node: Node;
  readonly writable: boolean;
  readonly root: boolean;
  readonly under: RootName;
};

/** What a file system makes of names. */
export type NameRule = {
  /** Names of one fold are one name; the first that was made is the one that is listed. */
  readonly fold: (name: FileName) => string;
  /** A longer one is `name_too_long`. */
  readonly bytesMax: number;
};

/** Called before each call; a code makes the call fail. What it throws reaches whoever drives the program. */
export type FaultHook = (call: FsCall) => FsCode | null;

export type DiskCalls = {
  readonly perform: (call: FsCall) => FsValue;
  readonly handles: ReadonlyMap<Handle, Open>;
  /** All handles end, and all locks. */
  readonly endHandles: () => void;
  readonly setFaultHook: (hook: FaultHook | null) => void;
  readonly setNames: (root: RootName, rule: NameRule) => void;
  readonly setCapacity: (bytes: number) => void;
  readonly callCount: () => number;
};

export function createDiskCalls(
  roots: ReadonlyMap<RootName, DirectoryNode>,
  log: DiskLog,
  crypto: Crypto,
): DiskCalls {
  const { common, newDirectory, touch, operate } = log;
  const held = new Map<RootName, Handle>();
  const handles = new Map<Handle, Open>();
  const locks = new Map<Node, Handle>();
  let hook: FaultHook | null = null;
  const rules = new Map<RootName, NameRule>();
  let capacityBytes = Number.MAX_SAFE_INTEGER;
  let calls = 0;
  let handleCount = 2; // as descriptors, counted from 3
  /** The call that is being performed. */
  let current: FsCall["call"] = "checkpoint";

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

  /** The name that a directory has for this one, if it has one. */
  function stored(dir: Handle, name: FileName): FileName {
    const rule = rules.get(under(dir));
    if (rule === undefined) return name;
    if (name.length > rule.bytesMax) return fail("name_too_long");
    const at = directory(dir);
    if (at.entries.has(name)) return name;
    return sortedNames(at).find((each) => rule.fold(each) === rule.fold(name)) ?? name;
  }
  function asStored(call: FsCall): FsCall {
    if (call.call === "rename")
      return { ...call, from: stored(call.fromDir, call.from), to: stored(call.toDir, call.to) };
    return "name" in call ? { ...call, name: stored(call.dir, call.name) } : call;
  }

  function perform(asked: FsCall): FsValue {
    calls += 1;
    current = asked.call;
    const call = rules.size === 0 ? asked : asStored(asked);
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
        if (node.kind === "directory") log.syncNames(node);
        return undefined;
      }
      case "sync_file_system": {
        const { device } = directory(call.dir);
        for (const node of allNodes(device)) if (node.kind === "file") syncFile(node);
        log.syncAllNames(device);
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
    for (const { edits } of log.operations())
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
    handles,
    endHandles() {
      handles.clear();
      held.clear();
      locks.clear();
    },
    setFaultHook(next) {
      hook = next;
    },
    setNames(root, rule) {
      rules.set(root, rule);
    },
    setCapacity(bytes) {
      capacityBytes = bytes;
    },
    callCount: () => calls,
  };
}
