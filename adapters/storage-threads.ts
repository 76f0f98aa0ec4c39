/**
 * The storage port over threads. The dispatcher of the kernel says what may start; here is only the question where.
 *
 *   run -> waits (dispatch) -> started on a thread -> answered
 *
 * A thread has several requests at once, so that it never waits for a message, and few enough that a read which comes
 * later does not wait long. A request that may sync, scan or verify for long counts as slow: threads share these out,
 * the first thread takes none (when there are several), and reads keep to threads without any.
 */
import { Worker } from "node:worker_threads";
import { assert } from "../kernel/assert.ts";
import type { OpId } from "../kernel/ids.ts";
import { createDispatch, enqueue, finished, next } from "../kernel/storage/dispatch.ts";
import type { DiskRequest, DiskResult } from "../kernel/storage/request.ts";
import { compiledUrl } from "./compiled.ts";
import type { Storage } from "./port.ts";
import {
  detachRequest,
  type FromThread,
  type Slot,
  SLOT_BYTES,
  type ThreadData,
  type ThreadStart,
  type ToThread,
} from "./storage-message.ts";

const QUICK_PER_THREAD_MAX = 16; // half a millisecond of block writes: a message is hidden behind them
const YOUNG_MIB = 4; // Node's 48 cost 25 MiB a thread resident, and are no faster: blocks are not objects
const SLOW_WEIGHT = 8; // a thread with a slow program gets its blocks last

export type StorageThreads = Storage & {
  /** Ends the threads; what they have begun is cut off, as a crash would. */
  close(): Promise<void>;
};

export type StorageThreadsOptions = ThreadStart & {
  readonly threads: number;
  /** A thread ended with a bug. Requests it had will never be answered: the process must end. */
  readonly died: (error: Error) => void;
};

type Placed = { readonly thread: Thread; readonly slow: boolean; readonly slot: Slot | null };
type Thread = { readonly worker: Worker; quick: number; slow: number; outbox: ToThread[number][] };

/** Resolves when all threads are ready; rejects when one cannot start. */
export async function openStorageThreads(options: StorageThreadsOptions): Promise<StorageThreads> {
  assert(options.threads >= 1, "storage has at least one thread");
  const { died, program, context } = options;
  const script = compiledUrl("./storage-thread.ts", import.meta.url);
  const dispatch = createDispatch();
  const waiting = new Map<OpId, (result: DiskResult) => void>();
  const placed = new Map<OpId, Placed>();
  const slotCount = options.threads * QUICK_PER_THREAD_MAX;
  const slots = new SharedArrayBuffer(slotCount * SLOT_BYTES);
  const slotBytes = new Uint8Array(slots);
  const freeSlots = Array.from({ length: slotCount }, (_, at) => at);
  let opened = false;
  let closing = false;
  let ticking = false;
  let count = 0;

  const threads: readonly Thread[] = await Promise.all(
    Array.from({ length: options.threads }, (_, at) => startThread(at)),
  );
  opened = true;

  function startThread(at: number): Promise<Thread> {
    const worker = new Worker(script, {
      name: `storage-${at}`,
      workerData: { program, context, slots } satisfies ThreadData,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
      trackUnmanagedFds: false, // descriptors come from openat, which Node has no part in
    });
    const thread: Thread = { worker, quick: 0, slow: 0, outbox: [] };
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => {
        if (closing) return;
        if (opened) died(error);
        else reject(error);
      };
      worker.on("message", (results: FromThread) => {
        resolve(thread);
        for (const { op, result } of results) answer(op, result);
      });
      worker.on("messageerror", fail);
      worker.on("error", fail);
      worker.on("exit", (code) => fail(new Error(`storage thread ${at} ended with ${code}`)));
    });
  }

  function answer(op: OpId, result: DiskResult): void {
    const place = placed.get(op);
    const done = waiting.get(op);
    assert(place !== undefined && done !== undefined, "a thread answers what it was asked");
    if (place.slow) place.thread.slow -= 1;
    else place.thread.quick -= 1;
    if (place.slot !== null) freeSlots.push(place.slot.at);
    placed.delete(op);
    waiting.delete(op);
    finished(dispatch, op);
    tickSoon();
    done(result);
  }

  /** Once a tick, so that a message carries all that the tick brought. */
  function tickSoon(): void {
    if (ticking) return;
    ticking = true;
    setImmediate(() => {
      ticking = false;
      startWhatMay();
      for (const thread of threads) flush(thread);
    });
  }

  function startWhatMay(): void {
    for (;;) {
      if (closing || threads.every((thread) => thread.quick >= QUICK_PER_THREAD_MAX)) return;
      const started = next(dispatch);
      if (started === null) return;
      const slow = isSlow(started.request);
      const thread = choose(slow, isRead(started.request));
      if (slow) thread.slow += 1;
      else thread.quick += 1;
      const slot = fillSlot(started.request);
      placed.set(started.op, { thread, slow, slot });
      const request = slot === null ? started.request : withoutBytes(started.request);
      thread.outbox.push({ op: started.op, request, slot });
    }
  }

  /** Copies a block to where its thread finds it; null for what has none, and when all slots are taken. */
  function fillSlot(request: DiskRequest): Slot | null {
    if (request.kind !== "write_block" || request.bytes.length > SLOT_BYTES) return null;
    const at = freeSlots.pop();
    if (at === undefined) return null;
    slotBytes.set(request.bytes, at * SLOT_BYTES);
    return { at, length: request.bytes.length };
  }

  function choose(slow: boolean, read: boolean): Thread {
    const places = slow && threads.length > 1 ? threads.slice(1) : threads;
    const slowWeight = slow || read ? QUICK_PER_THREAD_MAX * SLOW_WEIGHT : SLOW_WEIGHT;
    let best: Thread | null = null;
    let bestLoad = Number.POSITIVE_INFINITY;
    for (const thread of places) {
      const load = thread.slow * slowWeight + thread.quick;
      if (load >= bestLoad) continue;
      best = thread;
      bestLoad = load;
    }
    assert(best !== null, "there is a thread for every request");
    return best;
  }

  return {
    run(request, done) {
      if (closing) return; // whoever asks is ending too
      count += 1;
      const op = count as OpId; // ours, for the dispatcher; the node's own id comes back with the answer
      if (!enqueue(dispatch, op, request)) {
        return done({ ok: false, code: "queue_full", detail: "too many storage requests" });
      }
      waiting.set(op, done);
      tickSoon();
    },
    async close() {
      closing = true;
      await Promise.all(threads.map((thread) => thread.worker.terminate()));
    },
  };
}

function flush(thread: Thread): void {
  if (thread.outbox.length === 0) return;
  const moved: ArrayBuffer[] = [];
  const message: ToThread = thread.outbox.map((each) => ({
    ...each,
    request: each.slot === null ? detachRequest(each.request, moved) : each.request,
  }));
  thread.outbox = [];
  thread.worker.postMessage(message, moved);
}

const NO_BYTES = new Uint8Array();

function withoutBytes(request: DiskRequest): DiskRequest {
  return request.kind === "write_block" ? { ...request, bytes: NO_BYTES } : request;
}

/** May sync, list, or read more than one block. */
function isSlow(request: DiskRequest): boolean {
  return !(isRead(request) || request.kind === "write_block");
}

function isRead(request: DiskRequest): boolean {
  return request.kind === "read_block" || request.kind === "read_source";
}
