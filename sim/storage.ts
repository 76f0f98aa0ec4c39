/**
 * The storage port over a simulated disk: programs advance call by call on a few virtual threads, between each other
 * and between everything else in the world, and answer later. A crash ends them between any two calls.
 */
import { below } from "../kernel/prng.ts";
import type { OpId } from "../kernel/ids.ts";
import { type FsCall, FsFailure, type FsValue, type StorageProgram } from "../kernel/storage/call.ts";
import { createDispatch, enqueue, finished, next } from "../kernel/storage/dispatch.ts";
import type { DiskRequest, DiskResult } from "../kernel/storage/request.ts";
import type { SimDisk } from "./disk.ts";
import type { Draws, Source } from "./draw.ts";
import { MachineFailure } from "./failure.ts";
import type { Timeline } from "./timeline.ts";

/** What a request does. A failure that the program does not catch is answered with its code. */
export type ProgramOf = (request: DiskRequest) => StorageProgram<DiskResult>;

export type StorageOptions = {
  readonly host: string;
  readonly timeline: Timeline;
  readonly draws: Draws;
  readonly disk: SimDisk;
  readonly programOf: ProgramOf;
  /** Told of each call that was performed, and for what, before the program goes on. */
  readonly performed: (call: FsCall, request: DiskRequest["kind"], op: OpId) => void;
  /** How much longer than usual this call takes, in microseconds. */
  readonly stallOf: (call: FsCall) => number;
  /** Told when a request comes or ends. */
  readonly changed: () => void;
};

export type SimStorage = {
  run(request: DiskRequest, done: (result: DiskResult) => void): void;
  /** Everything in flight is gone; nothing is answered any more. */
  kill(): void;
  /** Stops between two calls, and goes on later. */
  setPaused(paused: boolean): void;
  /** How many times slower than usual. */
  setSlowness(factor: number): void;
  /** Kinds of the requests that run or wait. */
  kinds(): ReadonlySet<DiskRequest["kind"]>;
};

type Job = {
  readonly op: OpId;
  readonly kind: DiskRequest["kind"];
  readonly program: StorageProgram<DiskResult>;
  readonly done: (result: DiskResult) => void;
  /** What asked for it. */
  readonly cause: number;
  answer: { readonly failure: FsFailure } | { readonly value: FsValue } | null;
};

const THREADS = 4; // libuv's number; production has fewer or as many
const ANSWER_MICROS_MAX = 60; // from a storage thread to the main one

export function createSimStorage(options: StorageOptions): SimStorage {
  const { host, timeline, draws, disk } = options;
  const dispatch = createDispatch();
  const jobs = new Map<OpId, Job>();
  const ready: Job[] = [];
  let kinds: ReadonlySet<DiskRequest["kind"]> | null = null;
  let idle = THREADS;
  let ops = 0;
  let dead = false;
  let paused = false;
  let slowness = 1;
  const waiting: (() => void)[] = [];

  const wakes = draws.source("thread", host);
  const answers = draws.source("answer", host);
  const costs = new Map<FsCall["call"], Source>();
  function sourceOf(call: FsCall["call"]): Source {
    let source = costs.get(call);
    if (source === undefined) costs.set(call, (source = draws.source("call", host, call)));
    return source;
  }

  function start(): void {
    if (dead) return;
    for (let found = next(dispatch); found !== null; found = next(dispatch)) {
      const job = jobs.get(found.op);
      if (job !== undefined) ready.push(job);
    }
    while (idle > 0 && ready.length > 0) {
      idle -= 1;
      timeline.after(wakeMicros(), thread);
    }
  }

  function wakeMicros(): number {
    return 1 + below(wakes.next(), 40);
  }

  /** One thread takes programs until none is ready. */
  function thread(): void {
    if (dead) return;
    if (paused) return void waiting.push(thread);
    const job = ready.shift();
    if (job === undefined) {
      idle += 1;
      return;
    }
    advance(job);
  }

  /** Calls of one program, as many as nothing else in the world comes between. */
  function advance(job: Job): void {
    for (;;) {
      if (dead) return;
      if (paused) return void waiting.push(() => advance(job));
      timeline.setCause(job.cause);
      const call = resume(job);
      if (call === null) return thread();
      if (call.call === "checkpoint") {
        job.answer = { value: undefined };
        ready.push(job);
        return thread();
      }
      perform(job, call);
      const due = timeline.now() + costOf(call) + options.stallOf(call);
      if (!timeline.proceed(due)) return timeline.at(due, () => advance(job));
    }
  }

  function perform(job: Job, call: FsCall): void {
    try {
      job.answer = { value: disk.perform(call) };
    } catch (failure) {
      if (!(failure instanceof FsFailure)) throw failure;
      job.answer = { failure };
    }
    options.performed(call, job.kind, job.op);
  }

  /** The next call that a program wants, or null at its end. */
  function resume(job: Job): FsCall | null {
    const { answer, program } = job;
    job.answer = null;
    let step: IteratorResult<FsCall, DiskResult>;
    try {
      step =
        answer === null
          ? program.next()
          : "failure" in answer
            ? program.throw(answer.failure)
            : program.next(answer.value);
    } catch (failure) {
      if (!(failure instanceof FsFailure)) throw new MachineFailure(host, `in ${job.kind}`, failure);
      step = { done: true, value: { ok: false, code: failure.code, detail: failure.message } };
    }
    if (step.done !== true) return step.value;
    finish(job, step.value);
    return null;
  }

  function finish(job: Job, result: DiskResult): void {
    finished(dispatch, job.op);
    jobs.delete(job.op);
    kinds = null;
    options.changed();
    timeline.after(1 + below(answers.next(), ANSWER_MICROS_MAX), () => {
      if (!dead) job.done(result);
    });
    start();
  }

  function costOf(call: FsCall): number {
    const [least, spread] = COSTS[call.call] ?? [2, 8];
    const bytes = call.call === "write" ? call.bytes.length : "length" in call ? call.length : 0;
    const drawn = spread === 0 ? 0 : below(sourceOf(call.call).next(), spread);
    return (least + drawn + (bytes >> 10)) * slowness;
  }

  return {
    run(request, done) {
      ops += 1;
      const op = ops as OpId;
      if (!enqueue(dispatch, op, request)) {
        timeline.after(1, () => {
          if (!dead) done({ ok: false, code: "queue_full", detail: "too many requests wait" });
        });
        return;
      }
      const program = options.programOf(request);
      jobs.set(op, { op, kind: request.kind, program, done, cause: timeline.cause(), answer: null });
      kinds = null;
      options.changed();
      start();
    },
    kill() {
      dead = true;
    },
    setPaused(next) {
      paused = next;
      if (paused) return;
      for (const each of waiting.splice(0)) timeline.after(0, each);
    },
    setSlowness(factor) {
      slowness = factor;
    },
    kinds: () => (kinds ??= new Set(Array.from(jobs.values(), ({ kind }) => kind))),
  };
}

/** Microseconds: the least, and below what more. A sync waits for the device. */
const COSTS: { readonly [call in FsCall["call"]]?: readonly [number, number] } = {
  sync: [100, 4_000],
  sync_file_system: [500, 20_000],
  open_file: [2, 10],
  create_file: [10, 30],
  rename: [10, 30],
  link: [10, 30],
  list: [5, 20],
  digest: [10, 0],
  digest_blocks: [10, 0],
};
