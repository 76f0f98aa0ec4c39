import fc from "fast-check";
import { expect, test } from "vitest";
import type { BlockHash, ImageId, OpId, VPath } from "../../kernel/ids.ts";
import type { RootName } from "../../kernel/storage/call.ts";
import {
  createDispatch,
  type DispatchState,
  enqueue,
  finished,
  next,
  STORAGE_QUEUE_MAX,
} from "../../kernel/storage/dispatch.ts";
import type { DiskRequest } from "../../kernel/storage/request.ts";
import type { ByteString } from "../../kernel/text.ts";

const IMAGE = "ab".repeat(32) as ImageId;
const FILE = "/f" as ByteString;

function place(path: string) {
  return { path: path as VPath, root: "/srv" as RootName };
}
function read(path: string): DiskRequest {
  return { kind: "read_block", place: place(path), stage: null, file: FILE, offset: 0, length: 1 };
}
function write(path: string): DiskRequest {
  const hash = "cd".repeat(32) as BlockHash;
  const bytes = new Uint8Array(1);
  return {
    kind: "write_block",
    place: place(path),
    image: IMAGE,
    stage: "t",
    file: FILE,
    offset: 0,
    hash,
    bytes,
  };
}
function commit(path: string): DiskRequest {
  return { kind: "commit", place: place(path), image: IMAGE, stage: "t", mode: "replace", again: false };
}
function queued(...requests: readonly DiskRequest[]): DispatchState {
  const state = createDispatch();
  for (const [at, request] of requests.entries()) expect(enqueue(state, at as OpId, request)).toBe(true);
  return state;
}
function startAll(state: DispatchState): readonly number[] {
  const started: number[] = [];
  for (let each = next(state); each !== null; each = next(state)) started.push(each.op);
  return started;
}

test("blocks of one path run side by side, and a commit waits until they are done", () => {
  const state = queued(write("/a/x"), write("/a/x"), commit("/a/x"), commit("/a/y"));
  expect(startAll(state)).toEqual([0, 1, 3]);
  finished(state, 0 as OpId);
  expect(startAll(state)).toEqual([]);
  finished(state, 1 as OpId);
  expect(startAll(state)).toEqual([2]);
});

test("reads go first", () => {
  expect(startAll(queued(commit("/a/y"), read("/a/x")))).toEqual([1, 0]);
});

test("nothing overtakes a commit that waits for the same path", () => {
  const state = queued(write("/a/x"));
  expect(startAll(state)).toEqual([0]);
  enqueue(state, 1 as OpId, commit("/a/x"));
  enqueue(state, 2 as OpId, read("/a/x"));
  enqueue(state, 3 as OpId, write("/a/x"));
  expect(startAll(state)).toEqual([]);
  finished(state, 0 as OpId);
  expect(startAll(state)).toEqual([1]);
  finished(state, 1 as OpId);
  expect(startAll(state)).toEqual([2, 3]);
});

test("a read that was asked for before a commit of its path runs before it, whatever both have waited for", () => {
  const state = queued(commit("/a/x"), read("/a/x"), commit("/a/x"), read("/a/x"));
  expect(startAll(state)).toEqual([0]);
  finished(state, 0 as OpId);
  expect(startAll(state)).toEqual([1]);
  finished(state, 1 as OpId);
  expect(startAll(state)).toEqual([2]);
  finished(state, 2 as OpId);
  expect(startAll(state)).toEqual([3]);
});

test("counters are saved one after the other: what they are written to first has one name", () => {
  const none = { bytes: 0, blocks: 0 };
  const transfer = { fetched: none, reused: none, linked: none, served: none };
  const state = queued({ kind: "save_transfer", transfer }, { kind: "save_transfer", transfer });
  expect(startAll(state)).toEqual([0]);
  finished(state, 0 as OpId);
  expect(startAll(state)).toEqual([1]);
});

test("a full queue refuses the newest", () => {
  const state = createDispatch();
  for (let op = 0; op < STORAGE_QUEUE_MAX; op++) enqueue(state, op as OpId, read("/a/x"));
  expect(enqueue(state, STORAGE_QUEUE_MAX as OpId, read("/a/x"))).toBe(false);
});

test("whatever the order of ends: what runs alone is alone on its path, and everything runs once", () => {
  const request = fc.tuple(fc.constantFrom("/a/x", "/a/y"), fc.constantFrom(read, write, commit));
  let alone = 0;
  fc.assert(
    fc.property(fc.array(request, { maxLength: 20 }), fc.infiniteStream(fc.nat()), (plan, choices) => {
      const state = queued(...plan.map(([path, make]) => make(path)));
      const running = new Map<number, string>();
      const done: number[] = [];
      while (done.length < plan.length) {
        for (const op of startAll(state)) running.set(op, plan[op]?.[0] ?? "");
        expect(running.size).toBeGreaterThan(0);
        for (const [op, path] of running) {
          if (plan[op]?.[1] !== commit) continue;
          expect([...running.values()].filter((other) => other === path)).toHaveLength(1);
          alone += 1;
        }
        const ops = [...running.keys()];
        const end = ops[(choices.next().value ?? 0) % ops.length] ?? 0;
        finished(state, end as OpId);
        running.delete(end);
        done.push(end);
      }
      expect(done.toSorted((a, b) => a - b)).toEqual(plan.map((_, at) => at));
    }),
  );
  expect(alone).toBeGreaterThan(0);
});
