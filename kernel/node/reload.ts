/**
 * A configuration that changes while the server runs.
 *
 *   wanted -> what goes has ended, what stays has its new rules -> nothing of a new key is on its way any more
 *          -> adopting (the disk says what is there, or cannot just now and is asked again) -> served, or a problem
 *
 * A directory that moves to another place, or has other levels, goes and comes again. One that goes leaves its images
 * and their states on the disk, as a start without it would; only what was on its way is dropped.
 */
import type { About } from "../about.ts";
import { forgetKey, setHidden } from "../catalog.ts";
import type { DirectoryConfig } from "../config.ts";
import type { Effect } from "../effect.ts";
import { type Download, commitOf } from "../fetch/state.ts";
import { type Now, type VPath, keyOf } from "../ids.ts";
import { commitEnded } from "../publish/publish.ts";
import { forgetContainedOf } from "../reconcile/reconcile.ts";
import { directoryGone, rulesChanged } from "../retention/retention.ts";
import type { DiskResult } from "../storage/request.ts";
import { digestOfConfigList } from "../wire/state-file.ts";
import { cleanUp } from "./cleaning.ts";
import { againOf, askLook, lookedAt, tellFound } from "./looking.ts";
import { keyForgotten } from "./problems.ts";
import { tellAborted } from "./receipts.ts";
import { takeAll } from "./start.ts";
import { type NodeState, problem, tell, trace } from "./state.ts";
import { perform, publishView } from "./uploads.ts";

export function configChanged(
  node: NodeState,
  wanted: readonly DirectoryConfig[],
  now: Now,
  out: Effect[],
): void {
  if (node.phase === "stopping" || node.phase === "failed") return;
  const last = node.reload;
  for (const key of last?.failed ?? []) problem(node, aboutDirectory(key), null);
  const isWanted = ({ directory }: { readonly directory: DirectoryConfig }): boolean =>
    wanted.some((each) => isSamePlace(each, directory));
  const looks = [...(last?.looks ?? [])].filter(([, look]) => isWanted(look));
  node.reload = { wanted, failed: new Set(), looks: new Map(looks) };
  if (node.phase === "running") change(node, wanted, now, out); // a start ends first with what it has begun with
}

/** A start is over: what has changed meanwhile changes now. */
export function configCame(node: NodeState, now: Now, out: Effect[]): void {
  if (node.phase === "running" && node.reload !== null) change(node, node.reload.wanted, now, out);
}

function change(node: NodeState, wanted: readonly DirectoryConfig[], now: Now, out: Effect[]): void {
  const before = new Map(node.config.directories.map((each) => [each.key, each]));
  const stay = wanted.filter((each) => isSamePlace(each, before.get(each.key)));
  const staying = new Set(stay.map(({ key }) => key));
  setDirectories(node, stay);
  for (const key of before.keys()) if (!staying.has(key)) drop(node, key, now, out);
  for (const each of stay) {
    const old = before.get(each.key);
    if (old !== undefined && JSON.stringify(old) !== JSON.stringify(each)) newRules(node, old, each);
  }
  const removed = before.size - stay.length;
  trace(out, "config_changed", { directories: wanted.length, added: wanted.length - stay.length, removed });
}

function isSamePlace(a: DirectoryConfig, b: DirectoryConfig | undefined): boolean {
  return a.key === b?.key && a.root === b.root && a.numLevels === b.numLevels;
}

function setDirectories(node: NodeState, directories: readonly DirectoryConfig[]): void {
  const paths = directories.map(({ key }) => `/${key}` as VPath);
  node.config = { ...node.config, directories };
  node.configPaths = new Set(paths);
  node.configDigest = digestOfConfigList(paths);
  node.keysChecked = false;
}

function drop(node: NodeState, key: string, now: Now, out: Effect[]): void {
  const isOfKey = (path: VPath): boolean => keyOf(path) === key;
  for (const download of node.downloads.values())
    if (isOfKey(download.path)) dropDownload(node, download, out);
  // Images of a directory that is not configured keep their indexes: nobody knows which they are.
  if (forgetKey(node.catalog, key)) node.collect = null;
  directoryGone(node.retention, key);
  forgetContainedOf(node.reconcile, key);
  problem(node, `keep list of ${key}`, null);
  keyForgotten(node, key);
  for (const paths of [node.digests, node.missing, node.reconcile.conflicts])
    for (const path of paths.keys()) if (isOfKey(path)) paths.delete(path);
  for (const [name, { path }] of node.avoided) if (isOfKey(path)) node.avoided.delete(name);
  node.deleted.splice(0, node.deleted.length, ...node.deleted.filter(({ path }) => !isOfKey(path)));
  for (const path of node.publish.turns.keys())
    if (isOfKey(path)) perform(node, commitEnded(node.publish, path, publishView(node, now)), now, out);
}

function dropDownload(node: NodeState, download: Download, out: Effect[]): void {
  const { path, intent, directory } = download;
  node.downloads.delete(path);
  problem(node, `download ${path}`, null);
  const place = { path, root: directory.root };
  // Of a commit that runs or has failed nobody knows how far it is: a recovery finds out, when there is one.
  if (commitOf(download) === null) cleanUp(node, "abort", { kind: "abort", place, stage: intent.stage }, out);
  trace(out, "download_aborted", { path, image: intent.image, reason: GONE });
  tellAborted(node, path, intent.image, GONE, out);
}

/** What an upload to a path that is not configured is refused with. */
const GONE = "no_config";

function newRules(node: NodeState, old: DirectoryConfig, { key, ...rules }: DirectoryConfig): void {
  rulesChanged(node.retention, key);
  forgetContainedOf(node.reconcile, key);
  // Whoever reads the files tells the new list; until then nothing is removed.
  if (rules.keepListFile !== old.keepListFile) node.retention.keepLists.delete(key);
  if (rules.autoClean && rules.keepListFile !== null) return;
  problem(node, `keep list of ${key}`, null);
  if (rules.autoClean) return;
  for (const path of node.catalog.hidden) if (keyOf(path) === key) setHidden(node.catalog, path, false);
}

/** Asks the disk for the next directory that is wanted and not served, once nothing else is under way there. */
export function adoptNext(node: NodeState, now: Now, out: Effect[]): void {
  const { reload } = node;
  if (reload === null) return;
  for (const { kind } of node.waiting.values()) if (kind === "adopt") return;
  const coming = reload.wanted.filter(
    ({ key }) => !node.configPaths.has(`/${key}` as VPath) && !reload.failed.has(key),
  );
  if (coming.length === 0 && reload.failed.size === 0) node.reload = null;
  const isDue = (key: string): boolean => now.mono >= (reload.looks.get(key)?.at ?? 0);
  const directory = coming.find(({ key }) => isDue(key) && !isBusy(node, key));
  if (directory !== undefined) askLook(node, { kind: "adopt", directory }, out);
}

/** Something of this key is still on its way to the disk. */
function isBusy(node: NodeState, key: string): boolean {
  const isOfKey = ({ path }: { readonly path: VPath }): boolean => keyOf(path) === key;
  for (const each of node.waiting.values()) if ("path" in each && isOfKey(each)) return true;
  for (const upload of node.publish.uploads.values()) if (isOfKey(upload)) return true;
  for (const removal of node.retention.running.values()) if (isOfKey(removal)) return true;
  return node.oldTrees.some(isOfKey);
}

export function adopted(
  node: NodeState,
  asked: DirectoryConfig,
  result: DiskResult,
  now: Now,
  out: Effect[],
): void {
  const { reload } = node;
  const directory = reload?.wanted.find((each) => isSamePlace(each, asked));
  if (reload === null || directory === undefined) return; // it was changed again meanwhile
  const { key, root } = directory;
  const look = reload.looks.get(key);
  const after = result.ok && result.value.kind === "adopted" ? result.value : look?.inventory;
  if (after === undefined) {
    reload.failed.add(key);
    const why = result.ok ? "unexpected" : `${result.code}: ${result.detail}`;
    return tell(node, aboutDirectory(key), `${root} is not served: ${why}`, out);
  }
  const inventory = look === undefined ? after : lookedAt(look.inventory, directory, after);
  const again = againOf(inventory, look?.looks ?? 0, now, out);
  if (again !== null) return void reload.looks.set(key, { ...again, directory });
  reload.looks.delete(key);
  const isServed = ({ key: each }: DirectoryConfig): boolean =>
    each === key || node.configPaths.has(`/${each}` as VPath);
  setDirectories(node, reload.wanted.filter(isServed));
  tellFound(node, inventory, out);
  const found = inventory.found.filter(({ path }) => keyOf(path) === key);
  takeAll(node, found, now, out); // of another key there may be downloads that run
  node.rounds.nextAt = now.mono;
  node.pollAt = now.mono; // a peer may have more
  trace(out, "directory_added", { directory: key, images: found.length });
}

function aboutDirectory(key: string): About {
  return `directory ${key}`;
}

/** Names in `upload-keys` that no key has: 0.6.12 goes on without them, and so do we. Once a round, when it may differ. */
export function checkKeyNames(node: NodeState, out: Effect[]): void {
  if (node.keysChecked) return;
  node.keysChecked = true;
  const gone = new Set([...node.problems.keys()].filter((about) => about.startsWith(UPLOAD_KEYS)));
  for (const { key, uploadKeys } of node.config.directories) {
    const absent = uploadKeys.filter(
      (name) => !node.keys.named.has(name) && !node.keys.ending.some((each) => each.name === name),
    );
    if (absent.length === 0) continue;
    const what = `no key ${absent.join(", ")}: put it into keys/, or take its name out of upload-keys of ${key}`;
    gone.delete(`${UPLOAD_KEYS}${key}`);
    tell(node, `${UPLOAD_KEYS}${key}`, what, out);
  }
  for (const about of gone) problem(node, about, null);
}

const UPLOAD_KEYS = "upload-keys of ";
