/**
 * Everything that a power cut may leave of a disk just now: each change of names that is not synced is there or not, and
 * each file that is not shows nothing of its new bytes, some of its writes, zeros where they will be, or all.
 */
import { below as belowOf, keyed } from "../../kernel/prng.ts";
import type { CrashModel, DiskImage, SimDisk } from "../disk.ts";
import { type Below, descendants, type FileNode, momentOf, settledAs } from "../disk-node.ts";
import { byteString } from "../../kernel/text.ts";
import { resized, wholeOf } from "../file-bytes.ts";
import { createRollingHash } from "../rolling-hash.ts";

/** Up to so many changes all subsets are tried. */
export const EXHAUSTIVE_MAX = 12;
/** Of more, so many by chance. */
const SAMPLES = 4_096;

/** In the order of a walk over all choices; the first keeps what it can, and the last loses it. */
export function* everyCut(disk: SimDisk, how: CrashModel, seed: string): Generator<DiskImage> {
  if (disk.unsynced() > EXHAUSTIVE_MAX) {
    const stream = keyed("sweep", seed);
    for (let nth = 0; nth < SAMPLES; nth++) yield disk.leftBy((bound) => belowOf(stream, bound), how, settle);
    return;
  }
  const path: { chosen: number; readonly bound: number }[] = [];
  for (;;) {
    let at = 0;
    const choose: Below = (bound) => {
      const step = path[at] ?? { chosen: 0, bound };
      path[at] = step;
      at += 1;
      return step.chosen;
    };
    yield disk.leftBy(choose, how, settle);
    for (let last = path.at(-1); last !== undefined && last.chosen + 1 >= last.bound; last = path.at(-1))
      path.pop();
    const last = path.at(-1);
    if (last === undefined) return;
    last.chosen += 1;
  }
}

function settle(node: FileNode, below: Below): FileNode {
  const { log, durable, durableMode, mode } = node;
  let bytes = durable;
  if (log.length > 0) {
    const moment = below(log.length + 2);
    bytes = moment <= log.length ? momentOf(node, moment) : resized(durable, node.bytes.size);
  }
  return settledAs(node, bytes, mode !== durableMode && below(2) === 0 ? mode : durableMode);
}

/** Equal for disks on which everything is equal, also which names are of one file. */
export function keyOf(image: DiskImage): string {
  const hash = createRollingHash();
  const files = new Map<number, number>();
  for (const [root, dir] of image) {
    hash.text(root);
    for (const { path, node } of descendants(dir)) {
      hash.text(`${node.kind} ${path}`);
      if (node.kind === "link") hash.text(node.target);
      if (node.kind !== "file") continue;
      const known = files.get(node.id);
      if (known === undefined) files.set(node.id, files.size);
      hash.number(known ?? -1);
      hash.number(node.mode);
      if (known === undefined) hash.text(byteString(wholeOf(node.bytes)));
    }
  }
  return hash.digest();
}
