/**
 * An uploader's tree: listed without digests, digested piece by piece, and read back block by block. Links below the
 * root are recorded and never followed. What cannot be read ends the walk; what has no content is skipped and named.
 *
 * Source: specification of the index format, sections 4 and 6.
 */
import {
  type IndexBody,
  type IndexBuilder,
  addDirectory,
  addFile,
  addLink,
  build,
  createBuilder,
} from "../index/builder.ts";
import { DEPTH_MAX, ENTRIES_MAX, PATH_BYTES_MAX } from "../index/limits.ts";
import { BLOCK_BYTES } from "../index/packed.ts";
import { entryOf } from "../index/view.ts";
import type { ByteString } from "../text.ts";
import { type FileName, FsFailure, type Handle, type RootName, type StorageProgram } from "./call.ts";
import {
  checkpoint,
  list,
  openDirectory,
  openFile,
  readLink,
  root,
  stat,
  statName,
  using,
  usingPath,
} from "./calls.ts";
import { digestFile } from "./digest-range.ts";
import { partsOfPath } from "./names.ts";
import { readRange } from "./block.ts";
import { refuse } from "./refusal.ts";

const EXECUTABLE_BIT = 0o100;

export type Walked = { readonly tree: IndexBody; readonly skipped: readonly ByteString[] };

export function* walk(rootName: RootName): StorageProgram<Walked> {
  const builder = createBuilder("blake2b/256", BLOCK_BYTES);
  const skipped: ByteString[] = [];
  addDirectory(builder, "/" as ByteString);
  yield* walkFolder(yield* root(rootName), "/" as ByteString, 0, builder, skipped);
  return { tree: build(builder), skipped };
}

/** Files and links first, then the directories: the order of an index. */
function* walkFolder(
  dir: Handle,
  prefix: ByteString,
  depth: number,
  builder: IndexBuilder,
  skipped: ByteString[],
): StorageProgram<void> {
  const folders: FileName[] = [];
  for (const name of yield* naming(prefix, list(dir))) {
    const path = (prefix + name) as ByteString;
    if (path.length > PATH_BYTES_MAX) throw new FsFailure("name_too_long", "list", path);
    if (builder.entryCount >= ENTRIES_MAX) throw new FsFailure("unsupported", "list", "too many entries");
    const found = yield* naming(path, statName(dir, name));
    if (found.kind === "directory") folders.push(name);
    else if (found.kind === "link") addLink(builder, path, yield* naming(path, readLink(dir, name)));
    else if (found.kind === "file") addFile(builder, path, (found.mode & EXECUTABLE_BIT) !== 0, found.size);
    else skipped.push(path);
  }
  yield* checkpoint();
  if (folders.length > 0 && depth >= DEPTH_MAX) throw new FsFailure("name_too_long", "list", prefix);
  for (const name of folders) {
    const path = (prefix + name) as ByteString;
    addDirectory(builder, path);
    yield* using(naming(path, openDirectory(dir, name)), (inner) =>
      walkFolder(inner, `${path}/` as ByteString, depth + 1, builder, skipped),
    );
  }
}

/** Says at which path of the tree a call has failed. */
function* naming<T>(path: ByteString, program: StorageProgram<T>): StorageProgram<T> {
  try {
    return yield* program;
  } catch (failure) {
    if (!(failure instanceof FsFailure)) throw failure;
    throw new FsFailure(failure.code, failure.call, `${failure.detail} at ${path}`);
  }
}

/** Digests of the files among the entries from `from` up to before `to`. */
export function* digestFiles(
  rootName: RootName,
  tree: IndexBody,
  from: number,
  to: number,
): StorageProgram<Uint8Array> {
  const top = yield* root(rootName);
  const first = tree.firstBlocks[from] ?? 0;
  const hashes = new Uint8Array(((tree.firstBlocks[to] ?? tree.blockCount) - first) * 32);
  for (let at = from; at < to; at++) {
    const entry = entryOf(tree, at);
    if (entry.kind !== "file") continue;
    const parts = partsOfPath(entry.path);
    const own = parts.at(-1);
    if (own === undefined) continue;
    const inFolder = usingPath(top, parts.slice(0, -1), (dir) =>
      using(openFile(dir, own), function* (file) {
        const before = yield* stat(file);
        const executable = (before.mode & EXECUTABLE_BIT) !== 0;
        if (before.kind !== "file" || before.size !== entry.size || executable !== entry.executable) {
          return refuse("source_changed", entry.path);
        }
        const digests = yield* digestFile(file, entry.size, tree.blockBytes, tree.hashName);
        const after = yield* stat(file);
        if (after.size !== before.size || after.changed !== before.changed)
          refuse("source_changed", entry.path);
        return digests;
      }),
    );
    const made = yield* naming(entry.path, inFolder);
    hashes.set(made, ((tree.firstBlocks[at] ?? 0) - first) * 32);
    yield* checkpoint();
  }
  return hashes;
}

export function* readSource(
  rootName: RootName,
  file: ByteString,
  offset: number,
  length: number,
): StorageProgram<Uint8Array> {
  return yield* readRange(yield* root(rootName), partsOfPath(file), offset, length);
}
