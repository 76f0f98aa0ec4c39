/** What was said of an image is over when the image is another one, or gone. */
import { type VPath, keyOf } from "../ids.ts";
import { scrubForget } from "../scrub/scrub.ts";
import { type NodeState, problem } from "./state.ts";

/** Another tree stands at the path, or none. */
export function imageChanged(node: NodeState, path: VPath): void {
  scrubForget(node.scrub, path);
  problem(node, `damage of ${path}`, null);
  startMended(node, path);
}

/** What the start found at the path does not count any more. */
export function startMended(node: NodeState, path: VPath): void {
  for (const about of node.problems.keys())
    if (about === `start: ${path}` || about.startsWith(`start: ${path}: `)) problem(node, about, null);
}

/** A directory is not served any more: whoever serves it next looks anew. */
export function keyForgotten(node: NodeState, key: string): void {
  for (const path of node.scrub.damaged.keys()) if (keyOf(path) === key) scrubForget(node.scrub, path);
  const own = [`damage of /${key}/`, `removal of /${key}/`, `start: /${key}/`, `start: /${key}: `];
  for (const about of node.problems.keys())
    if (own.some((each) => about.startsWith(each))) problem(node, about, null);
}
