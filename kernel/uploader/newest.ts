/**
 * What servers list of the paths before anything is signed: ours is signed later than the newest of it, whatever the
 * clock says. Status pages are read, which servers of 0.6.12 have too, so that no question can do harm; as a rule while
 * the sources are digested, so that it takes no time of its own. Who cannot say is not waited for.
 *
 *   of each server:  base directories -> listings of those that ours go to -> done | failed (then another one is asked)
 *
 * Source: specification of behaviour, section 9.
 */
import type { Effect } from "../effect.ts";
import { type Address, joinVPath, type MonoMs, type Now, parentOf, type VPath } from "../ids.ts";
import { operation } from "../operations.ts";
import { isPage, listPagePath, type Page, pageOf, textIn } from "../page.ts";
import { parseRfc3339 } from "../rfc3339.ts";
import type { Cluster, Look, Transfer, UploaderState, Waiting } from "./state.ts";

/** Servers of a cluster that are asked at once: as many as it is uploaded to. */
const LOOKS_MAX = 3;
/** What a server of ours lets a signature be ahead of its own clock. */
const AHEAD_MS_MAX = 300_000;
/** One has answered: what the others are waited for. */
const LOOK_ON_MS = 250;

/** Asks where nobody has been asked yet, or somebody has failed; but nobody for a source that is not there. */
export function look(state: UploaderState, now: Now, out: Effect[]): void {
  if (state.config.lookMs === 0) return;
  for (const source of state.sources.values()) if (source.phase === "walking") return;
  state.lookUntil ??= (now.mono + state.config.lookMs) as MonoMs;
  if (now.mono >= state.lookUntil) return;
  for (const cluster of state.clusters) {
    if (pathsOf(state, cluster).length === 0) continue;
    for (const address of cluster.initial) {
      if ([...cluster.looks.values()].filter(({ phase }) => phase !== "failed").length >= LOOKS_MAX) break;
      if (cluster.looks.has(address)) continue;
      const own: Look = { phase: "asked", open: 0, newest: new Map() };
      cluster.looks.set(address, own);
      askPage(state, cluster, address, own, null, out);
    }
  }
}

/** Whether something may be learnt of a transfer that would change its signature. */
export function isLooking(state: UploaderState, transfer: Transfer, now: Now): boolean {
  const { cluster } = transfer;
  if (now.mono >= (state.lookUntil ?? 0) || !isUnknown(state, transfer)) return false;
  if (cluster.resolving > 0) return true;
  const { answeredAt } = cluster;
  if (answeredAt !== null && now.mono >= answeredAt + LOOK_ON_MS) return false;
  return [...cluster.looks.values()].some(({ phase }) => phase === "asked");
}

/** What a server has said, or that it has not. */
export function looked(
  state: UploaderState,
  { cluster, address, own, base }: Extract<Waiting, { kind: "page" }>,
  body: Uint8Array | null,
  now: Now,
  out: Effect[],
): void {
  const page = pageOf(body);
  own.open -= 1;
  if (page === null) own.phase = "failed";
  else if (base !== null) learn(state, cluster, own, base, page);
  else
    for (const each of new Set(pathsOf(state, cluster).map(parentOf)))
      if (each !== null && Object.hasOwn(page, each)) askPage(state, cluster, address, own, each, out);
  if (own.open > 0 || own.phase === "failed") return;
  own.phase = "done";
  cluster.answeredAt ??= now.mono;
}

/**
 * When the newest was signed of all that stands where it goes. Pages are signed by nobody: a time that our clock finds far
 * ahead counts where two servers have it, or only one has answered, so that one that lies makes nobody sign for then.
 */
export function newestOf({ job, cluster, newest }: Transfer, now: Now): number {
  const answers = [...cluster.looks.values()].filter(({ phase }) => phase === "done");
  const times = answers.map((each) => each.newest.get(job.path) ?? 0).toSorted((a, b) => b - a);
  const [first = 0, second = first] = times;
  return Math.max(newest, first > now.wall + AHEAD_MS_MAX ? second : first);
}

function askPage(
  state: UploaderState,
  cluster: Cluster,
  address: Address,
  own: Look,
  base: VPath | null,
  out: Effect[],
): void {
  own.open += 1;
  const op = operation(state, { kind: "page", cluster, address, own, base });
  out.push({ kind: "http_get", op, address, path: base === null ? "/base-dirs/" : listPagePath(base) });
}

function learn(state: UploaderState, cluster: Cluster, own: Look, base: VPath, page: Page): void {
  const listed = new Map(Object.entries(page).map(([name, entry]) => [joinVPath(base, name), entry]));
  for (const transfer of state.transfers) {
    const entry = transfer.cluster === cluster ? listed.get(transfer.job.path) : undefined;
    if (isPage(entry)) own.newest.set(transfer.job.path, newestIn(entry));
  }
}

function newestIn({ signatures }: Page): number {
  const times = (Array.isArray(signatures) ? signatures : []).map((each: unknown) =>
    isPage(each) ? (parseRfc3339(textIn(each, "timestamp") ?? "") ?? 0) : 0,
  );
  return Math.max(0, ...times);
}

function pathsOf(state: UploaderState, cluster: Cluster): readonly VPath[] {
  return state.transfers
    .filter((transfer) => transfer.cluster === cluster && isUnknown(state, transfer))
    .map(({ job }) => job.path);
}

/** Whoever says what it has seen has read it of the first cluster. */
function isUnknown(state: UploaderState, { job, cluster, signed }: Transfer): boolean {
  return signed === null && (job.newest === undefined || cluster !== state.clusters[0]);
}
