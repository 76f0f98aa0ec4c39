/** Who sent how much of which image to whom, up to a moment. */
import type { BlockFlow } from "./recording.ts";

export type Flow = {
  readonly image: string;
  readonly from: string;
  readonly to: string;
  readonly blocks: number;
  readonly bytes: number;
  /** The newest block: its file and number, and the entry with which it came. */
  readonly last: string;
  readonly lastEntry: number;
};

export const UNKNOWN_IMAGE = "bytes of no upload";

/** By image, the most bytes first. */
export function flowsUntil(flows: readonly BlockFlow[], entry: number): readonly Flow[] {
  const sums = new Map<string, Flow>();
  for (const { entry: at, from, to, image, block, bytes } of flows) {
    if (at > entry) break;
    const name = image ?? UNKNOWN_IMAGE;
    const key = `${name}\n${from}\n${to}`;
    const before = sums.get(key);
    sums.set(key, {
      image: name,
      from,
      to,
      blocks: (before?.blocks ?? 0) + 1,
      bytes: (before?.bytes ?? 0) + bytes,
      last: block ?? `${bytes} bytes`,
      lastEntry: at,
    });
  }
  return [...sums.values()].toSorted(
    (a, b) =>
      (a.image < b.image ? -1 : a.image > b.image ? 1 : 0) || b.bytes - a.bytes || a.lastEntry - b.lastEntry,
  );
}
