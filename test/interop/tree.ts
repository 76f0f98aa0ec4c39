/** Directories as data, written to a disk, read back, and judged entry by entry. */
import { createHash } from "node:crypto";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";

export type Entry =
  | { readonly kind: "file"; readonly bytes: Buffer; readonly exec: boolean }
  | { readonly kind: "directory" }
  | { readonly kind: "link"; readonly target: string };
/** By path from the root, `/a/b`; directories in between may be left out. */
export type Tree = ReadonlyMap<string, Entry>;

export type Leaf = string | Buffer | Entry;

export const EMPTY: Entry = { kind: "directory" };
export const link = (target: string): Entry => ({ kind: "link", target });
export const program = (text: string): Entry => ({ kind: "file", bytes: Buffer.from(text), exec: true });

export function tree(entries: Readonly<Record<string, Leaf>>): Tree {
  const out = new Map<string, Entry>();
  for (const [path, leaf] of Object.entries(entries)) {
    for (let up = dirname(path); up !== "/"; up = dirname(up)) out.set(up, EMPTY);
    const bytes = typeof leaf === "string" ? Buffer.from(leaf) : leaf;
    out.set(path, Buffer.isBuffer(bytes) ? { kind: "file", bytes, exec: false } : bytes);
  }
  return out;
}

/** Bytes that look like nothing else, the same for the same words. */
export function noise(about: string, length: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < length; at += 64) parts.push(createHash("sha512").update(`${about} ${at}`).digest());
  return Buffer.concat(parts).subarray(0, length);
}

export function writeTree(folder: string, content: Tree): string {
  mkdirSync(folder, { recursive: true });
  for (const [path, entry] of content) {
    const full = `${folder}${path}`;
    if (entry.kind === "directory") {
      mkdirSync(full, { recursive: true });
      continue;
    }
    mkdirSync(dirname(full), { recursive: true });
    if (entry.kind === "link") symlinkSync(entry.target, full);
    else {
      writeFileSync(full, entry.bytes);
      chmodSync(full, entry.exec ? 0o755 : 0o644);
    }
  }
  return folder;
}

const COMMITTED_MS = 1_000; // 0.6.12 gives every file that has bytes the first second of 1970

/** Null when the folder is what a server makes of the tree: content, modes, links, times; else the first difference. */
export function differs(folder: string, content: Tree): string | null {
  const seen = new Set<string>();
  const walk = (path: string): string | null => {
    for (const { name } of readdirSync(`${folder}${path}`, { withFileTypes: true })) {
      const below = `${path}/${name}`;
      const entry = content.get(below);
      if (entry === undefined) return `${below} is not in the tree that was uploaded`;
      seen.add(below);
      const wrongHere = entryDiffers(`${folder}${below}`, entry);
      if (wrongHere !== null) return `${below} ${wrongHere}`;
      const deeper = entry.kind === "directory" ? walk(below) : null;
      if (deeper !== null) return deeper;
    }
    return null;
  };
  try {
    if (!lstatSync(folder).isDirectory()) return `${folder} is no directory`;
    const found = walk("");
    if (found !== null) return found;
  } catch (error) {
    return error instanceof Error ? error.message : "unreadable";
  }
  const missing = [...content.keys()].find((path) => !seen.has(path));
  return missing === undefined ? null : `${missing} is missing`;
}

function entryDiffers(full: string, entry: Entry): string | null {
  const stat = lstatSync(full);
  if (entry.kind === "directory") return stat.isDirectory() ? null : "is no directory";
  if (entry.kind === "link") {
    if (!stat.isSymbolicLink()) return "is no link";
    const target = readlinkSync(full);
    return target === entry.target ? null : `leads to ${target}, not to ${entry.target}`;
  }
  if (!stat.isFile()) return "is no file";
  if (!readFileSync(full).equals(entry.bytes))
    return `has other bytes (${stat.size} of ${entry.bytes.length})`;
  const mode = stat.mode & 0o777;
  if (mode !== (entry.exec ? 0o755 : 0o644)) return `has mode ${mode.toString(8)}`;
  if (entry.bytes.length > 0 && stat.mtimeMs !== COMMITTED_MS)
    return `has the time ${stat.mtime.toISOString()}`;
  return null;
}
