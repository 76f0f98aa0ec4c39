/** Between scrubbing and the rest of the node: what is damaged is fetched again under the state that it has. */
import type { About } from "../about.ts";
import { assert } from "../assert.ts";
import { basesOf, entriesOf, getEntry, type Intent, putIntent } from "../catalog.ts";
import type { Effect } from "../effect.ts";
import { type ImageId, joinVPath, keyOf, type MonoMs, type Now, type VPath } from "../ids.ts";
import { piecesOf } from "../index/pieces.ts";
import { next } from "../prng.ts";
import {
  isKnownWrong,
  type ScrubAnswer,
  type ScrubAsk,
  type ScrubView,
  scrubAgainAt,
  scrubbed,
  scrubNext,
} from "../scrub/scrub.ts";
import type { DiskRequest, DiskResult } from "../storage/request.ts";
import { stateOf } from "../winner.ts";
import { wordsOfDisk } from "./problems.ts";
import { type NodeState, disk, problem, tell, trace } from "./state.ts";

/** Of the downloads that may run at once, so many are of damaged images: a disk that rots leaves room for what is new. */
const REPAIRS_MAX = 5;
/** A repair that has to wait for others looks at its image again after so long. */
const REPAIR_LATER_MS = 60_000;

export function scrub(node: NodeState, now: Now, out: Effect[]): void {
  const asked = scrubNext(node.scrub, scrubView(node, now));
  if (asked !== null) disk(node, { kind: "scrub", path: asked.path }, requestOf(node, asked), out);
}

function requestOf(node: NodeState, asked: ScrubAsk): DiskRequest {
  const { path } = asked;
  const directory = node.config.directories.find(({ key }) => key === keyOf(path));
  assert(directory !== undefined, "an image that rests has a directory");
  const place = { path, root: directory.root };
  if (asked.kind === "shape") return { kind: "scrub_shape", place, image: asked.image };
  return { kind: "scrub_blocks", place, ...piecesOf(asked.index, asked.from, asked.end) };
}

function scrubView(node: NodeState, now: Now): ScrubView {
  const { limits } = node.config;
  return {
    now: now.mono,
    everyMs: limits.scrubEveryMs,
    againMs: limits.scrubAfterMs,
    blocks: limits.scrubBlocks,
    bases: () => basesOf(node.catalog),
    imagesOf: (base) => entriesOf(node.catalog, base).flatMap(([name]) => joinVPath(base, name) ?? []),
    restingAt: (path) => restingAt(node, path),
  };
}

function restingAt(node: NodeState, path: VPath): ImageId | null {
  const { committed, intent } = getEntry(node.catalog, path);
  const busy =
    intent !== null ||
    node.downloads.has(path) ||
    node.missing.has(path) ||
    node.publish.turns.has(path) ||
    node.retention.running.has(path) ||
    !node.config.directories.some(({ key }) => key === keyOf(path));
  return busy ? null : (committed?.image ?? null);
}

/** A part was read. What is not as its index says is told, and fetched anew; what is whole there is linked. */
export function scrubAnswered(
  node: NodeState,
  asked: VPath,
  result: DiskResult,
  now: Now,
  out: Effect[],
): void {
  if (!result.ok && result.code !== "index_missing")
    trace(out, "disk_failed", { what: "scrub", path: asked, code: result.code, detail: result.detail });
  const read = scrubbed(node.scrub, answerOf(result), scrubView(node, now));
  if (read === null) return;
  const { path, image, is } = read;
  if (is.kind === "whole") return problem(node, aboutDamage(path), null);
  if (is.kind === "unread") {
    const why = result.ok ? "unexpected" : wordsOfDisk(result);
    const remedy = !result.ok && result.code === "missing" ? "; see that its directory is mounted" : "";
    const what = `${path}: cannot be read again: ${why}${remedy}; it is tried later`;
    return tell(node, aboutDamage(path), what, out);
  }
  const detail = result.ok ? "" : result.detail;
  if (is.isNews) trace(out, "image_damaged", { path, image, what: is.what, detail });
  const mend = "it is fetched again as soon as another server has it; look at the disk";
  tell(node, aboutDamage(path), `${path}: ${is.what}: ${mend}`, out);
  if (repairsOf(node) < REPAIRS_MAX) repair(node, path, out);
  else scrubAgainAt(node.scrub, path, (now.mono + REPAIR_LATER_MS) as MonoMs);
}

function answerOf(result: DiskResult): ScrubAnswer {
  if (!result.ok) return { kind: result.code === "index_missing" ? "no_index" : "failed" };
  const { value } = result;
  if (value.kind === "shape") return value;
  return value.kind === "scrubbed" ? { kind: "blocks", wrong: value.wrong } : { kind: "failed" };
}

function repairsOf(node: NodeState): number {
  let count = 0;
  for (const path of node.scrub.damaged.keys()) if (getEntry(node.catalog, path).intent !== null) count += 1;
  return count;
}

/** Fetches the image at a path again, under the state that it has. */
function repair(node: NodeState, path: VPath, out: Effect[]): void {
  const { committed } = getEntry(node.catalog, path);
  assert(committed !== null, "what is repaired is here");
  const directory = node.config.directories.find(({ key }) => key === keyOf(path));
  assert(directory !== undefined, "what is repaired has a directory");
  const intent: Intent = { ...committed, stage: next(node.prng).toString(16), mode: "replace" };
  const place = { path, root: directory.root };
  const { stage, mode } = intent;
  const request: DiskRequest = { kind: "put_intent", place, state: stateOf(intent), stage, mode };
  putIntent(node.catalog, path, intent);
  disk(node, { kind: "restore", path, directory, intent }, request, out);
}

/** An upload brings the image that is here: false when nothing is known to be wrong with that, so that nothing has to come. */
export function repairFrom(node: NodeState, path: VPath, image: ImageId, out: Effect[]): boolean {
  const { committed, intent } = getEntry(node.catalog, path);
  if (!isKnownWrong(node.scrub, path) || committed?.image !== image || intent !== null) return false;
  repair(node, path, out);
  return true;
}

function aboutDamage(path: VPath): About {
  return `damage of ${path}`;
}
