/**
 * Reads a visible image against its index: bits that a disk has lost, and files that another program has changed. First
 * names, kinds, sizes, modes and links, then blocks, some at a time. Of the image nothing is changed; an index file that is
 * not what its name says is set aside, as whenever one is loaded.
 */
import { nameOf } from "../ids.ts";
import type { PackedIndex } from "../index/packed.ts";
import { FsFailure, type Handle, type RootName, type StorageProgram } from "./call.ts";
import { openDirectory, openFile, root, using, usingPath } from "./calls.ts";
import { digestRange, sameHash } from "./digest-range.ts";
import { loadIndex } from "./index-file.ts";
import { imageFolders, imageName, partsOfPath } from "./names.ts";
import type { DiskRequest, Place } from "./request.ts";
import { shapeDifference } from "./verify.ts";

/** What is not as the index says, in words; null when nothing was found. */
type Wrong = string | null;
type ScrubBlocks = Extract<DiskRequest, { kind: "scrub_blocks" }>;

/** What tells that a tree is not the image, and not that the disk fails. */
const OTHER: readonly string[] = ["missing", "not_a_directory", "is_a_link", "is_a_directory"];

export function* scrubShape(
  db: RootName,
  { place, image }: Extract<DiskRequest, { kind: "scrub_shape" }>,
): StorageProgram<{ readonly wrong: Wrong; readonly index: PackedIndex }> {
  const index = yield* loadIndex(db, image);
  const wrong = yield* inImage(place, (tree) => shapeDifference(tree, index));
  return { wrong, index };
}

export function scrubBlocks(request: ScrubBlocks): StorageProgram<Wrong> {
  return inImage(request.place, (tree) => differenceOfBlocks(tree, request));
}

function* inImage(place: Place, compare: (tree: Handle) => StorageProgram<Wrong>): StorageProgram<Wrong> {
  return yield* usingPath(yield* root(place.root), imageFolders(place.path), function* (base) {
    try {
      return yield* using(openDirectory(base, imageName(nameOf(place.path))), compare);
    } catch (failure) {
      // Bytes that cannot be read are lost, as those that read otherwise are.
      if (failure instanceof FsFailure && (OTHER.includes(failure.code) || failure.code === "io"))
        return failure.message;
      throw failure;
    }
  });
}

function* differenceOfBlocks(
  tree: Handle,
  { pieces, hashes, blockBytes, hashName }: ScrubBlocks,
): StorageProgram<Wrong> {
  let expected = 0;
  for (const { file, offset, length } of pieces) {
    const parts = partsOfPath(file);
    const name = parts.at(-1);
    if (name === undefined) return `${file} has no name`;
    const digests = yield* usingPath(tree, parts.slice(0, -1), (dir) =>
      using(openFile(dir, name), (opened) => digestRange(opened, offset, length, blockBytes, hashName)),
    );
    for (let block = 0; block < digests.length / 32; block++, expected++)
      if (!sameHash(digests, block, hashes, expected)) return `${file} has other bytes`;
  }
  return null;
}
