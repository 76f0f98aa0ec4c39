/** Parsed indexes that are held for serving and comparing, the least recently used first to go. */
import type { ImageId } from "./ids.ts";
import type { PackedIndex } from "./index/packed.ts";

export type IndexCache = {
  readonly held: Map<ImageId, PackedIndex>;
  bytes: number;
  readonly bytesMax: number;
};

export function createIndexCache(bytesMax: number): IndexCache {
  return { held: new Map(), bytes: 0, bytesMax };
}

export function cachedIndex(cache: IndexCache, image: ImageId): PackedIndex | null {
  const index = cache.held.get(image);
  if (index === undefined) return null;
  cache.held.delete(image);
  cache.held.set(image, index);
  return index;
}

export function cacheIndex(cache: IndexCache, index: PackedIndex): void {
  if (cache.held.has(index.image)) return;
  cache.held.set(index.image, index);
  cache.bytes += bytesOfIndex(index);
  for (const [image, oldest] of cache.held) {
    if (cache.bytes <= cache.bytesMax || cache.held.size === 1) break;
    cache.held.delete(image);
    cache.bytes -= bytesOfIndex(oldest);
  }
}

export function dropCached(cache: IndexCache, image: ImageId): void {
  const index = cache.held.get(image);
  if (index === undefined) return;
  cache.held.delete(image);
  cache.bytes -= bytesOfIndex(index);
}

function bytesOfIndex(index: PackedIndex): number {
  return index.hashes.length + index.paths.length + index.targets.length + index.entryCount * 21;
}
