/** Between scrubbing and the rest of the node: what is damaged is fetched again under the state that it has. */
import type { About } from "../about.ts";
import { assert } from "../assert.ts";
import { basesOf, entriesOf, getEntry, type Intent, putIntent } from "../catalog.ts";
import type { Effect } from "../effect.ts";
import { type ImageId, joinVPath, keyOf, type Now, type VPath } from "../ids.ts";
import { next } from "../prng.ts";
import { type ScrubView, scrubbed, scrubNext } from "../scrub/scrub.ts";
import type { DiskRequest, DiskResult } from "../storage/request.ts";
import { stateOf } from "../winner.ts";
import { type NodeState, disk, problem, tell, trace } from "./state.ts";

export function scrub(node: NodeState, now: Now, out: Effect[]): void {
  const asked = scrubNext(node.scrub, scrubView(node, now));
  if (asked === null) return;
  const { path, image, from } = asked;
  const directory = node.config.directories.find(({ key }) => key === keyOf(path));
  assert(directory !== undefined, "an image that rests has a directory");
  const place = { path, root: directory.root };
  const count = node.config.limits.scrubBlocks;
  disk(node, { kind: "scrub", path }, { kind: "scrub", place, image, from, count }, out);
}

function scrubView(node: NodeState, now: Now): ScrubView {
  const { limits } = node.config;
  return {
    now: now.mono,
    everyMs: limits.scrubEveryMs,
    againMs: limits.scrubAfterMs,
    images: () =>
      basesOf(node.catalog).flatMap((base) =>
        entriesOf(node.catalog, base).flatMap(([name]) => joinVPath(base, name) ?? []),
      ),
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
export function scrubAnswered(node: NodeState, result: DiskResult, now: Now, out: Effect[]): void {
  const answer = result.ok && result.value.kind === "scrubbed" ? result.value : null;
  if (!result.ok && result.code !== "index_missing")
    trace(out, "disk_failed", { what: "scrub", code: result.code, detail: result.detail });
  const read = scrubbed(node.scrub, answer, scrubView(node, now));
  if (read === null) return;
  const { path, image, wrong } = read;
  if (wrong === null) return problem(node, aboutDamage(path), null);
  const { committed } = getEntry(node.catalog, path);
  if (restingAt(node, path) !== image || committed === null) return;
  trace(out, "image_damaged", { path, image, what: wrong });
  tell(node, aboutDamage(path), `${path}: ${wrong}: it is fetched again; look at the disk`, out);
  const directory = node.config.directories.find(({ key }) => key === keyOf(path));
  assert(directory !== undefined, "an image that rests has a directory");
  const intent: Intent = { ...committed, stage: next(node.prng).toString(16), mode: "replace" };
  const place = { path, root: directory.root };
  const { stage, mode } = intent;
  const request: DiskRequest = { kind: "put_intent", place, state: stateOf(intent), stage, mode };
  putIntent(node.catalog, path, intent);
  disk(node, { kind: "restore", path, directory, intent }, request, out);
}

function aboutDamage(path: VPath): About {
  return `damage of ${path}`;
}
