/** Room on the disks: a reserve is left, so that a server is never quite full and what it has begun can end. */
import type { About } from "../about.ts";
import type { Effect } from "../effect.ts";
import type { Space } from "../event.ts";
import { type NodeState, problem, tell } from "./state.ts";

/** So much of a file system is left, or `RESERVE_BYTES_MAX` of a large one. */
const RESERVE_PART = 1 / 32;
/** Some thousand states and indexes, and what 20 downloads write before they hear of it. */
export const RESERVE_BYTES_MAX = 256 * 1024 * 1024;

/** A file system that says nothing of its size has no reserve. */
export function isShort({ totalBytes, freeBytes }: Space): boolean {
  return freeBytes < reserveOf(totalBytes);
}

function reserveOf(totalBytes: number): number {
  return Math.min(RESERVE_BYTES_MAX, Math.floor(totalBytes * RESERVE_PART));
}

export function spaceFound(node: NodeState, places: readonly Space[], out: Effect[]): void {
  const before = node.short;
  node.short = new Set(places.filter(isShort).map(({ root }) => root));
  for (const root of before) if (!node.short.has(root)) problem(node, aboutSpace(root), null);
  for (const { root, totalBytes } of places) {
    if (!node.short.has(root)) continue;
    const mib = Math.ceil(reserveOf(totalBytes) / 2 ** 20);
    const what = `less than ${mib} MiB are free: no upload begins until there is more; make room`;
    tell(node, aboutSpace(root), what, out);
  }
}

function aboutSpace(root: Space["root"]): About {
  return `space in ${root ?? "the database"}`;
}
