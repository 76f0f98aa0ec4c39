/**
 * Which waiting storage request may start now: the lock a path, and the order of the queue.
 *
 *   waiting --next--> running --finished--> gone
 *
 * Requests that change the names of one path exclude each other and everything else on that path; blocks of one path
 * are read and written side by side. Reads go before the rest, and apart from that the oldest goes first, but never
 * past an older request that waits for the same path: otherwise a stream of blocks would starve a commit for ever.
 */
import { assert } from "../assert.ts";
import type { OpId } from "../ids.ts";
import type { DiskRequest } from "./request.ts";

/** Requests that wait or run at once. A download keeps some tens in flight, and a server at most 20 downloads. */
export const STORAGE_QUEUE_MAX = 16_384;

type Access = "alone" | "beside";
type Waiting = { readonly op: OpId; readonly request: DiskRequest };

export type DispatchState = {
  /** Oldest first. */
  readonly reads: Waiting[];
  readonly others: Waiting[];
  readonly running: Map<OpId, DiskRequest>;
  /** Running requests a lock: how many, and whether one of them is alone. */
  readonly held: Map<string, { alone: boolean; count: number }>;
};

export function createDispatch(): DispatchState {
  return { reads: [], others: [], running: new Map(), held: new Map() };
}

/** Takes a request into the queue, or says that the queue is full: the newest is refused. */
export function enqueue(state: DispatchState, op: OpId, request: DiskRequest): boolean {
  if (state.reads.length + state.others.length + state.running.size >= STORAGE_QUEUE_MAX) return false;
  (isRead(request) ? state.reads : state.others).push({ op, request });
  return true;
}

/** The request that starts next, now marked as running, or null when none may. */
export function next(state: DispatchState): { readonly op: OpId; readonly request: DiskRequest } | null {
  return startFirst(state, state.reads, waitingAlone(state)) ?? startFirst(state, state.others, new Map());
}

export function finished(state: DispatchState, op: OpId): void {
  const request = state.running.get(op);
  assert(request !== undefined, "only a running request finishes");
  state.running.delete(op);
  const lock = lockOf(request);
  if (lock === null) return;
  const held = state.held.get(lock);
  assert(held !== undefined && held.count > 0, "a running request holds its lock");
  held.count -= 1;
  if (held.count === 0) state.held.delete(lock);
}

/** @param passed  by lock, the request that was asked for first of those that have to go before */
function startFirst(state: DispatchState, queue: Waiting[], passed: Map<string, OpId>): Waiting | null {
  for (let at = 0; at < queue.length; at++) {
    const waiting = queue[at];
    assert(waiting !== undefined, "the queue has no holes");
    const lock = lockOf(waiting.request);
    if (lock !== null && (isBehind(passed, lock, waiting) || !free(state, lock, accessOf(waiting.request)))) {
      if (!isBehind(passed, lock, waiting)) passed.set(lock, waiting.op);
      continue;
    }
    queue.splice(at, 1);
    start(state, waiting, lock);
    return waiting;
  }
  return null;
}

function start(state: DispatchState, waiting: Waiting, lock: string | null): void {
  assert(!state.running.has(waiting.op), "an operation runs once");
  state.running.set(waiting.op, waiting.request);
  if (lock === null) return;
  const held = state.held.get(lock) ?? { alone: false, count: 0 };
  assert(!held.alone, "nothing starts beside one that runs alone");
  held.alone = accessOf(waiting.request) === "alone";
  held.count += 1;
  state.held.set(lock, held);
}

function free(state: DispatchState, lock: string, access: Access): boolean {
  const held = state.held.get(lock);
  return held === undefined || (access === "beside" && !held.alone);
}

function isBehind(passed: ReadonlyMap<string, OpId>, lock: string, { op }: Waiting): boolean {
  const first = passed.get(lock);
  return first !== undefined && first < op;
}

/** A read may not overtake a change of its path that was asked for before it, nor be overtaken by a later one. */
function waitingAlone(state: DispatchState): Map<string, OpId> {
  const first = new Map<string, OpId>();
  for (const { op, request } of state.others) {
    const lock = lockOf(request);
    if (lock !== null && accessOf(request) === "alone" && !first.has(lock)) first.set(lock, op);
  }
  return first;
}

function isRead(request: DiskRequest): boolean {
  return (
    request.kind === "read_block" ||
    request.kind === "read_source" ||
    request.kind === "read_index" ||
    request.kind === "load_index"
  );
}

const BESIDE: readonly DiskRequest["kind"][] = [
  "read_block",
  "read_source",
  "write_block",
  "copy_block",
  "scrub_shape",
  "scrub_blocks",
];

function accessOf(request: DiskRequest): Access {
  return BESIDE.includes(request.kind) ? "beside" : "alone";
}

/**
 * Images lock their path, indexes their id, files of the server itself each other; recovery runs before anything else of
 * its key is asked.
 */
function lockOf(request: DiskRequest): string | null {
  switch (request.kind) {
    case "recover":
    case "adopt":
    case "list_index_folders":
    case "list_indexes":
    case "walk":
    case "digest_files":
    case "check_index":
    case "seal_index":
    case "read_source":
      return null;
    case "copy_block":
    case "finish_copy":
    case "drop_copy":
      return `copy ${request.root} ${request.name}`;
    case "save_transfer":
    case "save_time":
    case "mark_clean":
      return "own"; // each has a temporary of one name, and the mark comes last
    case "store_index":
    case "load_index":
    case "read_index":
    case "drop_index":
      return `index ${request.image}`;
    default:
      return `path ${request.place.path}`;
  }
}
