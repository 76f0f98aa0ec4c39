/** A run of entries as an index body of its own, to be digested elsewhere. */
import type { IndexBody } from "./builder.ts";
import { firstBlockOf, sizeOf } from "./view.ts";

/**
 * The entries from `from` up to before `to`, numbered from 0. The hashes stay behind: they are what is asked for. The
 * arrays are copies of the length needed, so that nothing else travels with them.
 */
export function sliceOf(index: IndexBody, from: number, to: number): IndexBody {
  const firstBlock = firstBlockOf(index, from);
  const firstPath = index.pathStarts[from] ?? 0;
  const firstTarget = index.targetStarts[from] ?? 0;
  let totalBytes = 0;
  for (let entry = from; entry < to; entry++) totalBytes += sizeOf(index, entry);
  return {
    hashName: index.hashName,
    blockBytes: index.blockBytes,
    entryCount: to - from,
    blockCount: firstBlockOf(index, to) - firstBlock,
    totalBytes,
    kinds: index.kinds.slice(from, to),
    paths: index.paths.slice(firstPath, index.pathStarts[to]),
    pathStarts: index.pathStarts.slice(from, to + 1).map((start) => start - firstPath),
    targets: index.targets.slice(firstTarget, index.targetStarts[to]),
    targetStarts: index.targetStarts.slice(from, to + 1).map((start) => start - firstTarget),
    sizes: index.sizes.slice(from, to),
    firstBlocks: index.firstBlocks.slice(from, to + 1).map((block) => block - firstBlock),
    hashes: new Uint8Array(0),
  };
}
