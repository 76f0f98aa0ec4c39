/**
 * Reads a visible image against its index, some blocks at a time: bits that a disk has lost, and files that another
 * program has changed. Reads only; before the first block names, kinds, sizes, modes and links are compared.
 */
import { nameOf } from "../ids.ts";
import type { PackedIndex } from "../index/packed.ts";
import { hashesOf, firstBlockOf, pathOf, sizeOf } from "../index/view.ts";
import { FsFailure, type Handle, type RootName, type StorageProgram } from "./call.ts";
import { openDirectory, openFile, root, using, usingPath } from "./calls.ts";
import { digestRange, sameHash } from "./digest-range.ts";
import { loadIndex } from "./index-file.ts";
import { imageFolders, imageName, partsOfPath } from "./names.ts";
import type { DiskRequest } from "./request.ts";
import { shapeDifference } from "./verify.ts";

export type Scrub = Extract<DiskRequest, { kind: "scrub" }>;
export type Scrubbed = {
  /** What is not as the index says, in words; null when nothing was found. */
  readonly wrong: string | null;
  /** The block to go on with; null when the last one was read. */
  readonly next: number | null;
};

/** What tells that a tree is not the image, and not that the disk fails. */
const OTHER: readonly string[] = ["missing", "not_a_directory", "is_a_link", "is_a_directory"];

export function* scrub(db: RootName, { place, image, from, count }: Scrub): StorageProgram<Scrubbed> {
  const index = yield* loadIndex(db, image);
  const end = Math.min(from + count, index.blockCount);
  const wrong = yield* usingPath(yield* root(place.root), imageFolders(place.path), function* (base) {
    try {
      return yield* using(openDirectory(base, imageName(nameOf(place.path))), function* (tree) {
        const shape = from === 0 ? yield* shapeDifference(tree, index) : null;
        return shape ?? (yield* differenceOfBlocks(tree, index, from, end));
      });
    } catch (failure) {
      // Bytes that cannot be read are lost, as those that read otherwise are.
      if (failure instanceof FsFailure && (OTHER.includes(failure.code) || failure.code === "io"))
        return failure.message;
      throw failure;
    }
  });
  return { wrong, next: wrong === null && end < index.blockCount ? end : null };
}

function* differenceOfBlocks(
  tree: Handle,
  index: PackedIndex,
  from: number,
  end: number,
): StorageProgram<string | null> {
  for (let entry = 0; entry < index.entryCount; entry++) {
    const [first, last] = [firstBlockOf(index, entry), firstBlockOf(index, entry + 1)];
    const [begin, stop] = [Math.max(first, from), Math.min(last, end)];
    if (begin >= stop) continue;
    const offset = (begin - first) * index.blockBytes;
    const length = Math.min(sizeOf(index, entry), (stop - first) * index.blockBytes) - offset;
    const path = pathOf(index, entry);
    const parts = partsOfPath(path);
    const name = parts.at(-1);
    if (name === undefined) continue;
    const digests = yield* usingPath(tree, parts.slice(0, -1), (dir) =>
      using(openFile(dir, name), (file) =>
        digestRange(file, offset, length, index.blockBytes, index.hashName),
      ),
    );
    const expected = hashesOf(index, entry);
    for (let block = begin; block < stop; block++) {
      if (!sameHash(digests, block - begin, expected, block - first)) return `${path} has other bytes`;
    }
  }
  return null;
}
