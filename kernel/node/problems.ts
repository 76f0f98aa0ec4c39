/** What was said of an image is over when the image is another one, or gone. */
import type { About } from "../about.ts";
import { type VPath, keyOf } from "../ids.ts";
import { scrubForget } from "../scrub/scrub.ts";
import { type NodeState, problem } from "./state.ts";

/** Another tree stands at the path, or none. */
export function imageChanged(node: NodeState, path: VPath): void {
  scrubForget(node.scrub, path);
  problem(node, `damage of ${path}`, null);
  problem(node, `download ${path}`, null);
  startMended(node, path);
}

export function aboutImages(key: string): About {
  return `images of ${key}`;
}

/** What was not on the disk at the start is here by now, or counts as never here. */
export function missingOver(node: NodeState, path: VPath): boolean {
  if (!node.missing.delete(path)) return false;
  const key = keyOf(path);
  for (const other of node.missing) if (keyOf(other) === key) return true;
  problem(node, aboutImages(key), null);
  return true;
}

/** What the start found at the path does not count any more. */
export function startMended(node: NodeState, path: VPath): void {
  for (const about of node.problems.keys())
    if (about === `start: ${path}` || about.startsWith(`start: ${path}: `)) problem(node, about, null);
}

/** A directory is not served any more: whoever serves it next looks anew. */
export function keyForgotten(node: NodeState, key: string): void {
  for (const path of node.scrub.damaged.keys()) if (keyOf(path) === key) scrubForget(node.scrub, path);
  const own = [
    `damage of /${key}/`,
    `download /${key}/`,
    `removal of /${key}/`,
    `start: /${key}/`,
    `start: /${key}: `,
  ];
  problem(node, aboutImages(key), null);
  for (const about of node.problems.keys())
    if (own.some((each) => about.startsWith(each))) problem(node, about, null);
}

/** What an operator can do about an answer of a disk; what is not here says it by itself. */
const REMEDIES: Readonly<Record<string, string>> = {
  no_space: "make room, in bytes, inodes or quota",
  read_only: "see the kernel's log, and mount it to be written",
  not_permitted: "give the user of this program the right to it",
  too_many_open: "raise the limit of open files",
  index_conflict:
    "rename one in the source, or keep the directory on a file system that tells names apart by case and form",
  index_name_too_long:
    "shorten it in the source, or keep the directory on a file system that takes 255 bytes",
  name_too_long: "give the image a shorter name, or keep the directory on a file system that takes 255 bytes",
  removal_begun: "it is tried until it is gone",
  io: "see the kernel's log: the disk may be failing",
};

/** In words, for the status page and the log. */
export function wordsOfDisk({ code, detail }: { readonly code: string; readonly detail: string }): string {
  const remedy = REMEDIES[code];
  return `${code}: ${detail}${remedy === undefined ? "" : `; ${remedy}`}`;
}
