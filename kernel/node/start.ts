/** What was found on disk at the start becomes the catalog; what was on its way goes on. */
import { assert } from "../assert.ts";
import {
  type Intent,
  abortIntent,
  getEntry,
  putCommitted,
  putIntent,
  putSince,
  roomFor,
} from "../catalog.ts";
import type { Effect } from "../effect.ts";
import { type Now, keyOf, levelOf } from "../ids.ts";
import { next } from "../prng.ts";
import { lastRunKnown } from "../retention/clock.ts";
import { isPast, isRemoved } from "../retention/retention.ts";
import { scrubAtOnce } from "../scrub/scrub.ts";
import type { DiskRequest, DiskResult, FoundImage, Inventory } from "../storage/request.ts";
import { compareVersions, type Rank, stateOf, versionOf } from "../winner.ts";
import { cleanUp } from "./cleaning.ts";
import { removeOn } from "./retaining.ts";
import { forgetMissing, startFetch } from "./downloads.ts";
import { againOf, askLook, lookedAt, tellFound } from "./looking.ts";
import { aboutImages } from "./problems.ts";
import { tellAborted } from "./receipts.ts";
import { type NodeState, type Waiting, disk, tell, trace } from "./state.ts";

export function recovered(node: NodeState, result: DiskResult, now: Now, out: Effect[]): void {
  if (node.phase !== "starting") return; // it is to stop
  if (!result.ok || result.value.kind !== "recovered") {
    node.phase = "failed";
    const why = result.ok ? { code: "unexpected", detail: "" } : { code: result.code, detail: result.detail };
    trace(out, "start_failed", why);
    out.push({ kind: "failed", ...why });
    return;
  }
  const { transfer, wasClean, ranUntil, found } = result.value;
  node.transfer = transfer;
  if (!wasClean) {
    scrubAtOnce(node.scrub, now.mono);
    if (found.length > 0) trace(out, "last_run_cut", { images: found.length });
  }
  const clock = lastRunKnown(node.retention.clock, ranUntil, now);
  if (clock !== null) tell(node, "clock", clock, out);
  lookedThrough(node, result.value, 0, now, out);
}

function lookedThrough(node: NodeState, inventory: Inventory, looks: number, now: Now, out: Effect[]): void {
  const again = againOf(inventory, looks, now, out);
  node.look = again === null ? null : { ...again, asked: [] };
  if (again === null) begin(node, inventory, now, out);
}

/** One key after the other: two of one place would try its exchange at once. */
export function lookAgain(node: NodeState, now: Now, out: Effect[]): void {
  const { look } = node;
  if (look === null || look.asked.length > 0 || now.mono < look.at) return;
  look.asked.push(...new Set(look.inventory.unread.map(({ key }) => key)));
  askNext(node, look.asked, out);
}

function askNext(node: NodeState, [key]: readonly string[], out: Effect[]): void {
  const directory = node.config.directories.find((each) => each.key === key);
  assert(directory !== undefined, "a start looks at what is configured");
  askLook(node, { kind: "look", directory }, out);
}

export function looked(
  node: NodeState,
  { directory }: Extract<Waiting, { kind: "look" }>,
  result: DiskResult,
  now: Now,
  out: Effect[],
): void {
  const { look } = node;
  if (look === null || node.phase !== "starting") return; // it is to stop
  const { inventory: before } = look;
  const after = result.ok && result.value.kind === "adopted" ? result.value : null;
  const inventory = after === null ? before : lookedAt(before, directory, after);
  const asked = look.asked.slice(1);
  node.look = { ...look, inventory, asked };
  if (asked.length > 0) askNext(node, asked, out);
  else lookedThrough(node, inventory, look.looks, now, out);
}

function begin(node: NodeState, inventory: Inventory, now: Now, out: Effect[]): void {
  tellFound(node, inventory, out);
  node.phase = "running";
  takeAll(node, inventory.found, now, out);
  node.rounds.nextAt = now.mono;
  node.pollAt = now.mono;
  node.sweepAt = now.mono;
  trace(out, "recovered", { images: node.catalog.images, downloads: node.downloads.size });
  out.push({ kind: "ready" });
}

export function takeAll(node: NodeState, found: readonly FoundImage[], now: Now, out: Effect[]): void {
  for (const each of found) takeFound(node, each, now, out);
  const counts = new Map<string, { images: number; gone: number }>();
  for (const { path, committed } of found) {
    if (committed === null) continue;
    const key = keyOf(path);
    const { images, gone } = counts.get(key) ?? { images: 0, gone: 0 };
    counts.set(key, { images: images + 1, gone: gone + (node.missing.has(path) ? 1 : 0) });
  }
  for (const { key, root } of node.config.directories) {
    const { images, gone } = counts.get(key) ?? { images: 0, gone: 0 };
    if (gone === 0) continue;
    const remedy = gone === images ? "; if its file system is not mounted, stop, mount it, and start" : "";
    const what = `${gone} of ${images} images are not in ${root}: they are fetched again${remedy}`;
    tell(node, aboutImages(key), what, out);
  }
}

function takeFound(node: NodeState, found: FoundImage, now: Now, out: Effect[]): void {
  const directory = node.config.directories.find(({ key }) => key === keyOf(found.path));
  if (directory === undefined || levelOf(found.path) !== directory.numLevels) return;
  if (found.floor !== null) {
    const { timestamp, image } = found.floor;
    node.retention.floors.set(found.path, { timestamp, image });
  }
  readPublished(node, found, out);
  if (found.committed === null && found.intent === null) return;
  const room = roomFor(node.catalog, found.path, 0);
  if (!room.ok) {
    const what = `${found.path}: ${room.code} (${room.detail})`;
    return tell(node, `start: ${found.path}`, what, out);
  }
  const committed = found.committed === null ? null : versionOf(found.committed);
  if (found.committed !== null && committed !== null) {
    putCommitted(node.catalog, found.path, committed);
    for (const { timestamp } of found.committed.signatures) putSince(node.catalog, found.path, timestamp);
    if (
      found.floor?.removing === true &&
      found.intent === null &&
      compareVersions(committed, found.floor) <= 0
    )
      return removeOn(node, { path: found.path, directory, version: committed }, now);
    if (isRemoved(node.retention, found.path, committed)) {
      const isSame = found.floor !== null && compareVersions(committed, found.floor) === 0;
      const past = isSame ? "removed here" : "older than what was removed here";
      const what = `${found.path}: ${past}, and here again: upload it anew, or delete it`;
      tell(node, `start: ${found.path}`, what, out);
    }
  }
  if (committed !== null && found.missing) node.missing.add(found.path);
  if (committed !== null && found.missing && found.intent === null) {
    // The state is a promise, not proof: the tree is fetched again under it.
    trace(out, "image_missing", { path: found.path, image: committed.image });
    const intent: Intent = { ...committed, stage: next(node.prng).toString(16), mode: "append" };
    const place = { path: found.path, root: directory.root };
    const request: DiskRequest = {
      kind: "put_intent",
      place,
      state: stateOf(intent),
      stage: intent.stage,
      mode: intent.mode,
    };
    putIntent(node.catalog, found.path, intent);
    return disk(node, { kind: "restore", path: found.path, directory, intent }, request, out);
  }
  const version = found.intent === null ? null : versionOf(found.intent.state);
  if (found.intent === null || version === null) return;
  if (committed !== null && compareVersions(version, committed) < 0) {
    // It lost, and the power went before it was dropped.
    const place = { path: found.path, root: directory.root };
    const { stage } = found.intent;
    return cleanUp(node, "stale_intent", { kind: "abort", place, stage }, out);
  }
  const intent = { ...version, stage: found.intent.stage, mode: found.intent.mode };
  putIntent(node.catalog, found.path, intent);
  startFetch(node, found.path, directory, now, out);
}

/** What is here is the floor of its path, unless something greater was published. */
function readPublished(
  node: NodeState,
  { path, committed, intent, floor, published }: FoundImage,
  out: Effect[],
): void {
  const here = committed === null ? null : versionOf(committed);
  const isSaid = (by: Rank | null): boolean =>
    by !== null && published !== null && compareVersions(by, published) >= 0;
  if (published === null || isSaid(here) || isSaid(floor)) return;
  node.retention.published.set(path, published);
  const when = `what was published here, ${published.image.slice(0, 8)} of ${published.timestamp}`;
  const mend = "another server brings that or a newer one, or upload it anew";
  const what = `${path}: ${here === null ? "the state is lost of" : "older than"} ${when}: ${mend}`;
  const isTold = here === null ? intent === null : isPast(node.retention, path, here);
  if (isTold) tell(node, `start: ${path}`, what, out);
}

/** What was missing is promised again, or not: then it counts as never here, and a peer's listing brings it. */
export function restored(
  node: NodeState,
  { path, directory, intent }: Extract<Waiting, { kind: "restore" }>,
  result: DiskResult,
  now: Now,
  out: Effect[],
): void {
  if (getEntry(node.catalog, path).intent?.stage !== intent.stage) return; // an upload has taken its place
  if (result.ok) return startFetch(node, path, directory, now, out);
  trace(out, "disk_failed", { what: "restore", path, code: result.code, detail: result.detail });
  abortIntent(node.catalog, path, intent.stage);
  forgetMissing(node, path);
  tellAborted(node, path, intent.image, result.code, out);
}
