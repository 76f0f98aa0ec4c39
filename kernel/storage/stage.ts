/**
 * U5, U6: a stage is made, or taken up again, and filled with what this disk has already.
 *
 *   resume   what stands in a stage is trusted as little as what arrives: every block is digested again
 *   link     a whole file that a committed image has, here or under another name
 *   copy     single blocks of files that changed
 *
 * A source that is not exactly what its index says is left alone, and the file is fetched.
 */
import type { ImageId, VPath } from "../ids.ts";
import { nameOf } from "../ids.ts";
import { KIND_DIRECTORY, KIND_EXECUTABLE, KIND_LINK, type PackedIndex } from "../index/packed.ts";
import {
  findFile,
  firstBlockOf,
  hashesOf,
  kindOf,
  pathOf,
  placeOfBlock,
  sameContent,
  sizeOf,
} from "../index/view.ts";
import { type ByteString, byteString, equalBytes } from "../text.ts";
import { type FileName, FsFailure, type Handle, type RootName, type StorageProgram } from "./call.ts";
import {
  checkpoint,
  close,
  digest,
  link,
  list,
  makeDirectory,
  openDirectory,
  openFile,
  openForWrite,
  orElse,
  read,
  removeTree,
  root,
  stat,
  statName,
  truncate,
  unless,
  unlink,
  using,
  usingMadePath,
  usingPath,
} from "./calls.ts";
import { inFolder, writeInto } from "./block.ts";
import { digestFile, sameHash } from "./digest-range.ts";
import { loadIndex } from "./index-file.ts";
import { type Folder, entryName, foldersOf } from "./layout.ts";
import { tryNames } from "./name-trial.ts";
import { imageFolders, imageName, partsOfPath, stageName } from "./names.ts";
import { StorageRefusal } from "./refusal.ts";
import type { Place } from "./request.ts";

/** Below every file system's limit (ext4 65,000), and no thrashing at it. */
const LINKS_MAX = 60_000;
/** Files between two places where others may run. */
const FILES_AT_ONCE = 64;

export type Prepared = {
  readonly stored: Uint8Array;
  linkedBlocks: number;
  linkedBytes: number;
  reusedBlocks: number;
  reusedBytes: number;
};
type SourceImage = { readonly path: VPath; readonly image: ImageId };
type Source = { readonly name: FileName; readonly index: PackedIndex };
/** A file of a source. */
type Candidate = { readonly source: Source; readonly entry: number };

export function* prepareStage(
  db: RootName,
  place: Place,
  image: ImageId,
  stage: string,
  sources: readonly SourceImage[],
): StorageProgram<Prepared> {
  const index = yield* loadIndex(db, image);
  const prepared: Prepared = {
    stored: new Uint8Array(Math.ceil(index.blockCount / 8)),
    linkedBlocks: 0,
    linkedBytes: 0,
    reusedBlocks: 0,
    reusedBytes: 0,
  };
  const stageFile = stageName(nameOf(place.path), stage);
  const top = foldersOf(index);
  yield* usingMadePath(yield* root(place.root), imageFolders(place.path), function* (base) {
    yield* tryNames(base, place, stage, index, top);
    const isNew = (yield* unless("exists", makeDirectory(base, stageFile))) !== null;
    if (!isNew && !(yield* isOwnDirectory(base, stageFile))) {
      yield* removeTree(base, stageFile);
      yield* makeDirectory(base, stageFile);
    }
    yield* using(openDirectory(base, stageFile), function* (dir) {
      if (!isNew) yield* resumeFolder(dir, index, top, prepared);
      const found = yield* loadSources(db, index, sources);
      if (found.length > 0) yield* reuse(base, dir, index, found, prepared);
    });
  });
  return prepared;
}

export function isStored(stored: Uint8Array, block: number): boolean {
  return (((stored[block >> 3] ?? 0) >> (block & 7)) & 1) === 1;
}

function setStored(stored: Uint8Array, block: number): void {
  stored[block >> 3] = (stored[block >> 3] ?? 0) | (1 << (block & 7));
}

function setAbsent(index: PackedIndex, entry: number, stored: Uint8Array): void {
  for (let block = firstBlockOf(index, entry); block < firstBlockOf(index, entry + 1); block++) {
    stored[block >> 3] = (stored[block >> 3] ?? 0) & ~(1 << (block & 7));
  }
}

function isWhole(index: PackedIndex, stored: Uint8Array, entry: number): boolean {
  for (let block = firstBlockOf(index, entry); block < firstBlockOf(index, entry + 1); block++) {
    if (!isStored(stored, block)) return false;
  }
  return true;
}

function* isOwnDirectory(dir: Handle, name: FileName): StorageProgram<boolean> {
  const { kind, own } = yield* statName(dir, name);
  return kind === "directory" && own;
}

/** Keeps the files and directories that the index has, removes the rest, and marks the blocks that are right. */
function* resumeFolder(
  dir: Handle,
  index: PackedIndex,
  folder: Folder,
  prepared: Prepared,
): StorageProgram<void> {
  const files = new Map<FileName, number>();
  for (let at = folder.first; at < folder.end; at++) files.set(entryName(index, folder, at), at);
  const folders = new Map(folder.folders.map((each) => [each.name, each]));
  let seen = 0;
  for (const name of yield* list(dir)) {
    if (++seen % FILES_AT_ONCE === 0) yield* checkpoint();
    const inner = folders.get(name);
    if (inner !== undefined && (yield* isOwnDirectory(dir, name))) {
      yield* using(openDirectory(dir, name), (handle) => resumeFolder(handle, index, inner, prepared));
      continue;
    }
    const entry = files.get(name);
    // Links and empty files are made at the end, when nothing is written any more.
    const kept =
      entry !== undefined &&
      sizeOf(index, entry) > 0 &&
      (yield* resumeFile(dir, name, index, entry, prepared));
    if (!kept) yield* removeTree(dir, name);
  }
}

function* resumeFile(
  dir: Handle,
  name: FileName,
  index: PackedIndex,
  entry: number,
  prepared: Prepared,
): StorageProgram<boolean> {
  const { kind, own, links, mode, size } = yield* statName(dir, name);
  const wanted = sizeOf(index, entry);
  if (kind !== "file" || !own) return false;
  const shared = links > 1;
  if (shared && (size !== wanted || mode !== modeOf(index, entry))) return false;
  if (size > wanted) yield* using(openForWrite(dir, name), (file) => truncate(file, wanted));
  const whole = size >= wanted ? wanted : size - (size % index.blockBytes);
  const digests = yield* using(openFile(dir, name), (file) =>
    digestFile(file, whole, index.blockBytes, index.hashName),
  );
  const expected = hashesOf(index, entry);
  if (shared && !equalBytes(digests, expected)) return false;
  for (let at = 0; at < digests.length / 32; at++) {
    if (sameHash(digests, at, expected, at)) setStored(prepared.stored, firstBlockOf(index, entry) + at);
  }
  return true;
}

export function modeOf(index: PackedIndex, entry: number): number {
  return kindOf(index, entry) === KIND_EXECUTABLE ? 0o755 : 0o644;
}

/** Only blocks of one size and one algorithm can be compared. */
function* loadSources(
  db: RootName,
  index: PackedIndex,
  sources: readonly SourceImage[],
): StorageProgram<readonly Source[]> {
  const found: Source[] = [];
  for (const { path, image } of sources) {
    try {
      const own = yield* loadIndex(db, image);
      if (own.hashName === index.hashName && own.blockBytes === index.blockBytes) {
        found.push({ name: imageName(nameOf(path)), index: own });
      }
    } catch (failure) {
      if (!(failure instanceof StorageRefusal) && !(failure instanceof FsFailure)) throw failure;
    }
    yield* checkpoint();
  }
  return found;
}

function* reuse(
  base: Handle,
  stage: Handle,
  index: PackedIndex,
  sources: readonly Source[],
  prepared: Prepared,
): StorageProgram<void> {
  const wanted: number[] = [];
  for (let at = 0; at < index.entryCount; at++) {
    if (sizeOf(index, at) > 0 && !isWhole(index, prepared.stored, at)) wanted.push(at);
  }
  const byContent = filesByContent(index, wanted, sources);
  for (const [count, entry] of wanted.entries()) {
    if (count % FILES_AT_ONCE === 0) yield* checkpoint();
    const path = pathOf(index, entry);
    const samePath = sources
      .map((source) => ({ source, entry: findFile(source.index, path) }))
      .filter((each) => each.entry >= 0);
    const whole = [
      ...samePath.filter((each) => sameContent(index, entry, each.source.index, each.entry)),
      ...(byContent.get(contentKey(index, entry)) ?? []),
    ].filter((each) => kindOf(each.source.index, each.entry) === kindOf(index, entry));
    if (yield* linkFirst(base, stage, index, entry, whole, prepared.stored)) {
      markWhole(index, entry, prepared);
      continue;
    }
    yield* copyBlocks(base, stage, index, entry, [...samePath, ...whole], prepared);
  }
}

function markWhole(index: PackedIndex, entry: number, prepared: Prepared): void {
  for (let block = firstBlockOf(index, entry); block < firstBlockOf(index, entry + 1); block++) {
    setStored(prepared.stored, block);
  }
  prepared.linkedBlocks += firstBlockOf(index, entry + 1) - firstBlockOf(index, entry);
  prepared.linkedBytes += sizeOf(index, entry);
}

/** First hash and size: equal contents have equal keys, and the hash lists are compared after. */
function contentKey(index: PackedIndex, entry: number): string {
  return `${sizeOf(index, entry)} ${byteString(hashesOf(index, entry).subarray(0, 32))}`;
}

/** Where the sources have the wanted contents, whatever the names; best source first. */
function filesByContent(
  index: PackedIndex,
  wanted: readonly number[],
  sources: readonly Source[],
): ReadonlyMap<string, readonly Candidate[]> {
  const entries = new Map(wanted.map((entry) => [contentKey(index, entry), entry]));
  const found = new Map<string, Candidate[]>();
  const sizes = new Set(wanted.map((entry) => sizeOf(index, entry)));
  for (const source of sources) {
    for (let at = 0; at < source.index.entryCount; at++) {
      if (!sizes.has(sizeOf(source.index, at))) continue;
      const kind = kindOf(source.index, at);
      if (kind === KIND_DIRECTORY || kind === KIND_LINK) continue;
      const key = contentKey(source.index, at);
      const entry = entries.get(key);
      if (entry === undefined || !sameContent(index, entry, source.index, at)) continue;
      const list = found.get(key);
      if (list === undefined) found.set(key, [{ source, entry: at }]);
      else if (list.length < CANDIDATES_MAX) list.push({ source, entry: at });
    }
  }
  return found;
}
/** Of one content: more than a few names that all fail are not worth a look. */
const CANDIDATES_MAX = 4;

function* linkFirst(
  base: Handle,
  stage: Handle,
  index: PackedIndex,
  entry: number,
  candidates: readonly Candidate[],
  stored: Uint8Array,
): StorageProgram<boolean> {
  for (const candidate of candidates) {
    const linked = yield* orElse(false, linkFile(base, stage, index, entry, candidate, stored));
    if (linked) return true;
  }
  return false;
}

/** Links through the handle that was digested: what gets the name is what was read. */
function* linkFile(
  base: Handle,
  stage: Handle,
  index: PackedIndex,
  entry: number,
  { source, entry: from }: Candidate,
  stored: Uint8Array,
): StorageProgram<boolean> {
  return yield* usingFile(base, source, from, function* (file) {
    const before = yield* stat(file);
    if (before.kind !== "file" || !before.own || before.links >= LINKS_MAX) return false;
    if (before.size !== sizeOf(index, entry) || before.mode !== modeOf(index, entry)) return false;
    const digests = yield* digestFile(file, before.size, index.blockBytes, index.hashName);
    if (!equalBytes(digests, hashesOf(index, entry))) return false;
    const after = yield* stat(file);
    if (after.changed !== before.changed || after.size !== before.size) return false;
    yield* usingStageFolder(stage, index, entry, function* (dir, name) {
      // Some blocks of it from an earlier try go, and count as gone before anything else can fail.
      const removed = yield* unless("missing", unlink(dir, name));
      if (removed !== null) setAbsent(index, entry, stored);
      yield* link(file, dir, name);
    });
    return true;
  });
}

/** Copies the missing blocks of a file that its candidates have, at whatever offset. */
function* copyBlocks(
  base: Handle,
  stage: Handle,
  index: PackedIndex,
  entry: number,
  candidates: readonly Candidate[],
  prepared: Prepared,
): StorageProgram<void> {
  for (const { source, entry: from } of candidates) {
    const matches = matchingBlocks(index, entry, source.index, from, prepared.stored);
    if (matches.length === 0) continue;
    const file = yield* orElse(null, openCandidate(base, source, from));
    if (file === null) continue;
    try {
      for (const [count, [block, sourceBlock]] of matches.entries()) {
        if (count % FILES_AT_ONCE === FILES_AT_ONCE - 1) yield* checkpoint();
        const place = placeOfBlock(source.index, sourceBlock);
        const { offset, length } = placeOfBlock(index, block);
        if (length !== place.length) continue;
        const bytes = yield* orElse(null, read(file, place.offset, length));
        if (bytes === null) break;
        const made = yield* digest(index.hashName, bytes);
        if (!sameHash(made, 0, index.hashes, block)) continue;
        // From here on a failure is one of our own stage, and is told.
        yield* usingStageFolder(stage, index, entry, (dir, name) => writeInto(dir, name, offset, bytes));
        setStored(prepared.stored, block);
        prepared.reusedBlocks += 1;
        prepared.reusedBytes += length;
      }
    } finally {
      yield* close(file);
    }
  }
}

function matchingBlocks(
  index: PackedIndex,
  entry: number,
  source: PackedIndex,
  from: number,
  stored: Uint8Array,
): readonly (readonly [block: number, sourceBlock: number])[] {
  const byHash = new Map<ByteString, number>();
  for (let at = firstBlockOf(source, from); at < firstBlockOf(source, from + 1); at++) {
    byHash.set(byteString(source.hashes.subarray(at * 32, at * 32 + 32)), at);
  }
  const matches: (readonly [number, number])[] = [];
  for (let at = firstBlockOf(index, entry); at < firstBlockOf(index, entry + 1); at++) {
    if (isStored(stored, at)) continue;
    const there = byHash.get(byteString(index.hashes.subarray(at * 32, at * 32 + 32)));
    if (there !== undefined) matches.push([at, there]);
  }
  return matches;
}

function* openCandidate(base: Handle, source: Source, entry: number): StorageProgram<Handle> {
  const parts = [source.name, ...partsOfPath(pathOf(source.index, entry))];
  const own = parts.at(-1) ?? source.name;
  return yield* usingPath(base, parts.slice(0, -1), (dir) => openFile(dir, own));
}

function* usingFile<T>(
  base: Handle,
  source: Source,
  entry: number,
  use: (file: Handle) => StorageProgram<T>,
): StorageProgram<T> {
  return yield* using(openCandidate(base, source, entry), use);
}

function usingStageFolder(
  stage: Handle,
  index: PackedIndex,
  entry: number,
  use: (dir: Handle, name: FileName) => StorageProgram<void>,
): StorageProgram<void> {
  return inFolder(stage, partsOfPath(pathOf(index, entry)), use);
}
