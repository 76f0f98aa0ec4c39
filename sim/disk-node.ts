/** What a simulated disk is made of, and what a power cut leaves of one file. */
import { assert } from "../kernel/assert.ts";
import type { FileName, FileStat } from "../kernel/storage/call.ts";
import type { ByteString } from "../kernel/text.ts";
import { type FileBytes, fileBytesOf, resized, wholeOf, written } from "./file-bytes.ts";

const PAGE_BYTES = 4096;
const SECTOR_BYTES = 512;
const MOMENTS_MAX = 8; // of one file's log that a crash mixes: each is a copy of the file

/** A whole number from 0 up to below `bound`. */
export type Below = (bound: number) => number;

export type TreeEntry =
  | { readonly kind: "directory" }
  | {
      readonly kind: "file";
      readonly content: FileBytes;
      /** All of the content; not to be changed. */
      readonly bytes: Uint8Array;
      readonly mode: number;
      readonly inode: number;
      readonly links: number;
    }
  | { readonly kind: "link"; readonly target: ByteString };

type Change =
  | { readonly kind: "write"; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly size: number };

export type Common = {
  readonly id: number;
  readonly device: number;
  mode: number;
  modified: string;
  changed: number;
};
export type FileNode = Common & {
  readonly kind: "file";
  bytes: FileBytes;
  durable: FileBytes;
  durableMode: number;
  log: Change[];
  links: number;
};
export type DirectoryNode = Common & {
  readonly kind: "directory";
  readonly entries: Map<FileName, Node>;
  /** Entries before the log of names. */
  readonly base: Map<FileName, Node>;
  parent: DirectoryNode | null;
  removed: boolean;
  /** Counts changes of names in it and anywhere below. */
  version: number;
};
export type LinkNode = Common & { readonly kind: "link"; readonly target: ByteString; links: number };
export type Node = FileNode | DirectoryNode | LinkNode;

/** One name of one directory before and after an operation. */
export type Edit = {
  readonly dir: DirectoryNode;
  readonly name: FileName;
  readonly from: Node | null;
  readonly to: Node | null;
};
export function apply(entries: Map<FileName, Node>, edit: Edit): void {
  if (edit.to === null) entries.delete(edit.name);
  else entries.set(edit.name, edit.to);
}

export function directoriesOf(edit: Edit): readonly Node[] {
  return [edit.from, edit.to].filter((node) => node?.kind === "directory") as readonly Node[];
}

/** True when `dir` is `node` or below it. */
export function isWithin(dir: DirectoryNode, node: Node): boolean {
  for (let at: DirectoryNode | null = dir; at !== null; at = at.parent) if (at === node) return true;
  return false;
}

/** The file's bytes on the disk after the first `count` changes of the log. */
export function momentOf(node: FileNode, count: number): FileBytes {
  let bytes = node.durable;
  for (let at = 0; at < count; at++) {
    const change = node.log[at] as Change;
    bytes =
      change.kind === "truncate" ? resized(bytes, change.size) : written(bytes, change.offset, change.bytes);
  }
  return bytes;
}

/** Each page, and each side of a tear in it, shows a moment of the log of its own. */
export function settledFile(node: FileNode, below: Below): FileNode {
  let { durable, durableMode } = node;
  if (node.log.length > 0) {
    const counts = [0, node.log.length];
    while (counts.length < MOMENTS_MAX) counts.push(below(node.log.length + 1));
    const moments = counts.map((count) => wholeOf(momentOf(node, count)));
    const moment = (): Uint8Array => {
      const chosen = moments[below(moments.length)];
      assert(chosen !== undefined, "one of the moments is drawn");
      return chosen;
    };
    const bytes = new Uint8Array(moment().length);
    for (let page = 0; page < bytes.length; page += PAGE_BYTES) {
      const end = Math.min(page + PAGE_BYTES, bytes.length);
      const tear = Math.min(end, page + SECTOR_BYTES * below(PAGE_BYTES / SECTOR_BYTES));
      bytes.set(moment().subarray(page, tear), page);
      bytes.set(moment().subarray(tear, end), tear);
    }
    durable = fileBytesOf(bytes);
  }
  if (node.mode !== durableMode && below(2) === 0) durableMode = node.mode;
  return settledAs(node, durable, durableMode);
}

/** A file of which nothing is volatile. */
export function settledAs(node: FileNode, durable: FileBytes, durableMode: number): FileNode {
  return { ...node, bytes: durable, durable, mode: durableMode, durableMode, log: [] };
}

export function sortedNames(dir: DirectoryNode): readonly FileName[] {
  return Array.from(dir.entries.keys()).toSorted((a, b) => (a < b ? -1 : 1));
}

export function descendants(top: DirectoryNode): readonly { readonly path: string; readonly node: Node }[] {
  const out: { path: string; node: Node }[] = [];
  const walk: { path: string; dir: DirectoryNode }[] = [{ path: "", dir: top }];
  for (let at = walk.pop(); at !== undefined; at = walk.pop()) {
    for (const name of sortedNames(at.dir)) {
      const node = at.dir.entries.get(name);
      assert(node !== undefined, "a listed name is there");
      const path = at.path === "" ? name : `${at.path}/${name}`;
      out.push({ path, node });
      if (node.kind === "directory") walk.push({ path, dir: node });
    }
  }
  return out.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

export function entryOf(node: Node): TreeEntry {
  if (node.kind === "directory") return { kind: "directory" };
  if (node.kind === "link") return { kind: "link", target: node.target };
  const { bytes: content, mode, id: inode, links } = node;
  return {
    kind: "file",
    content,
    get bytes() {
      return wholeOf(content);
    },
    mode,
    inode,
    links,
  };
}

/** A directory and all above it have changed. */
export function changeNames(dir: DirectoryNode): void {
  for (let at: DirectoryNode | null = dir; at !== null; at = at.parent) at.version += 1;
}

function identityOf(node: Node): string {
  return `${node.device}:${node.id}`;
}

export function statOf(node: Node): FileStat {
  return {
    kind: node.kind,
    size: node.kind === "file" ? node.bytes.size : node.kind === "link" ? node.target.length : 0,
    mode: node.mode,
    links: node.kind === "directory" ? linksOfDirectory(node) : node.links,
    own: true,
    identity: identityOf(node),
    changed: `${node.modified}:${node.changed}`,
  };
}

function linksOfDirectory(dir: DirectoryNode): number {
  if (dir.removed) return 0;
  return 2 + Array.from(dir.entries.values()).filter((node) => node.kind === "directory").length;
}

/** A copy of all that is visible, durable and with the same hard links. */
export function copyTree(top: DirectoryNode): DirectoryNode {
  const files = new Map<Node, Node>();
  const copyDirectory = (from: DirectoryNode, parent: DirectoryNode | null): DirectoryNode => {
    const made: DirectoryNode = { ...from, entries: new Map(), base: new Map(), parent, removed: false };
    for (const [name, node] of from.entries) {
      const copied = node.kind === "directory" ? copyDirectory(node, made) : copyLeaf(node);
      made.entries.set(name, copied);
      made.base.set(name, copied);
    }
    return made;
  };
  const copyLeaf = (from: FileNode | LinkNode): Node => {
    const known = files.get(from);
    if (known !== undefined) return known;
    const made: Node = from.kind === "link" ? { ...from } : settledAs(from, from.bytes, from.mode);
    files.set(from, made);
    return made;
  };
  return copyDirectory(top, null);
}

/** Every name of a file below, sorted by path. */
export function filesBelow(
  top: DirectoryNode,
): readonly { readonly path: string; readonly file: FileNode }[] {
  return descendants(top).flatMap(({ path, node }) => (node.kind === "file" ? [{ path, file: node }] : []));
}
