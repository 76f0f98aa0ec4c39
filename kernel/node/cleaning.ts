/** What is left on a disk and not wanted any more is deleted; when the disk says no, again and again, each time later. */
import type { About } from "../about.ts";
import { type MonoMs, type Now, type VPath, keyOf } from "../ids.ts";
import type { Effect } from "../effect.ts";
import type { DiskResult } from "../storage/request.ts";
import { wordsOfDisk } from "./problems.ts";
import { type Cleanup, type NodeState, type Waiting, disk, problem, tell, trace } from "./state.ts";

const AGAIN_MS = 1_000;
const AGAIN_MS_MAX = 60_000; // a disk that was mended is used again within a minute

/** When the disk is asked once more, after so many times. */
export function againAt(tries: number, now: Now): MonoMs {
  return (now.mono + Math.min(AGAIN_MS * 2 ** Math.min(tries, 10), AGAIN_MS_MAX)) as MonoMs;
}

/** Beyond that the next start finds it. */
const UNCLEANED_MAX = 10_000;

/** `what`: for the log. */
export function cleanUp(node: NodeState, what: string, request: Cleanup, out: Effect[], tries = 0): void {
  disk(node, { kind: "cleanup", what, path: request.place.path, request, tries }, request, out);
}

export function cleaned(
  node: NodeState,
  waiting: Extract<Waiting, { kind: "cleanup" }>,
  result: DiskResult,
  now: Now,
  out: Effect[],
): void {
  const { what, path, request, tries } = waiting;
  const isMore = node.uncleaned.some((each) => each.request.place.path === path);
  if (result.ok) return isMore ? undefined : problem(node, aboutCleanup(path), null);
  const { code, detail } = result;
  if (tries === 0) trace(out, "disk_failed", { what, path, code, detail }); // once: it is tried for as long as it takes
  // It belongs to a promise: then it is not for us to delete.
  if (code === "stage_incomplete" && !isMore) problem(node, aboutCleanup(path), null);
  if (code === "stage_incomplete" || node.uncleaned.length >= UNCLEANED_MAX) return;
  tell(node, aboutCleanup(path), `${wordsOfDisk(result)}; it is tried until it can be deleted`, out);
  node.uncleaned.push({ what, request, tries: tries + 1, at: againAt(tries, now) });
}

/** Once a round. What is of a directory that is not served any more is left to whoever serves it next. */
export function cleanAgain(node: NodeState, now: Now, out: Effect[]): void {
  if (node.uncleaned.length === 0) return;
  for (const each of node.uncleaned.splice(0)) {
    const { path, root } = each.request.place;
    const isServed = node.config.directories.some((one) => one.key === keyOf(path) && one.root === root);
    if (!isServed) problem(node, aboutCleanup(path), null);
    else if (each.at > now.mono) node.uncleaned.push(each);
    else cleanUp(node, each.what, each.request, out, each.tries);
  }
}

function aboutCleanup(path: VPath): About {
  return `cleanup of ${path}`;
}
