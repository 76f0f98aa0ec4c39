/**
 * What a disk did not let us look at is looked at again: it may say yes a moment later, and nobody would look before the
 * next start.
 *
 *   a look -> all was read: over
 *          -> not all of some keys -> a while later those once more -> ... -> over at the bound, with what there is
 *
 * Nothing of such a key is in use meanwhile, so that a later look finds all that an earlier one has left there.
 */
import type { DirectoryConfig } from "../config.ts";
import type { Effect } from "../effect.ts";
import { compareVPath, keyOf, type MonoMs, type Now } from "../ids.ts";
import { next } from "../prng.ts";
import type { Inventory } from "../storage/request.ts";
import { type Look, type NodeState, type Waiting, disk, tell, trace } from "./state.ts";

/** Half a second, 1, 2 and 4 s after the one before: a disk that is mended by then needs no restart. */
const LOOKS_AGAIN_MAX = 4;
const AGAIN_MS = 500;

/** When it is looked again, and what is known by then; null when it is over. */
export function againOf(inventory: Inventory, looks: number, now: Now, out: Effect[]): Look | null {
  const [first] = inventory.unread;
  if (first === undefined || looks >= LOOKS_AGAIN_MAX) return null;
  const ms = AGAIN_MS * 2 ** looks;
  trace(out, "looks_again", { what: first.what, ms });
  return { inventory, looks: looks + 1, at: (now.mono + ms) as MonoMs };
}

/** @param waiting  whose answer it is */
export function askLook(
  node: NodeState,
  waiting: Extract<Waiting, { kind: "adopt" | "look" }>,
  out: Effect[],
): void {
  const { key, root, numLevels } = waiting.directory;
  disk(node, waiting, { kind: "adopt", key, root, numLevels, tag: next(node.prng).toString(16) }, out);
}

/** A later look at a key takes the place of an earlier one; what that has set aside stays said. */
export function lookedAt(
  before: Inventory,
  { key }: Pick<DirectoryConfig, "key">,
  after: Inventory,
): Inventory {
  const found = [...before.found.filter(({ path }) => keyOf(path) !== key), ...after.found];
  return {
    found: found.toSorted((a, b) => compareVPath(a.path, b.path)),
    problems: [...new Set([...before.problems, ...after.problems])],
    unread: [...before.unread.filter((each) => each.key !== key), ...after.unread],
    complete: before.complete && after.complete,
  };
}

/** What the disk could not read or understand; a look that is over. */
export function tellFound(node: NodeState, { problems, unread, complete }: Inventory, out: Effect[]): void {
  if (!complete || unread.length > 0) node.collect = null;
  for (const what of [...problems, ...unread.map((each) => each.what)])
    tell(node, `start: ${what}`, what, out);
}
