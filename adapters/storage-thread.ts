/**
 * One storage thread: runs programs with synchronous calls, several in turn, each up to its next checkpoint. What
 * arrives waits for the end of the turn; what ended is sent in one message a turn, or sooner when a turn takes long.
 */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { assert } from "../kernel/assert.ts";
import type { OpId } from "../kernel/ids.ts";
import type { FileSystem, StorageProgram } from "../kernel/storage/call.ts";
import type { DiskRequest, DiskResult } from "../kernel/storage/request.ts";
import { resume } from "../kernel/storage/run.ts";
import { createFileSystem } from "./file-system.ts";
import {
  detachResult,
  type FromThread,
  type ProgramModule,
  SLOT_BYTES,
  type ThreadData,
  type ToThread,
} from "./storage-message.ts";

const HOLD_MS = 2; // longer than this no result waits for the turn's end

type Running = { readonly op: OpId; readonly program: StorageProgram<DiskResult> };

async function main(port: MessagePort, start: ThreadData): Promise<void> {
  const module = (await import(start.program)) as ProgramModule;
  const fs = await createFileSystem();
  let running: readonly Running[] = [];

  function turn(): void {
    const left: Running[] = [];
    let ended: FromThread[number][] = [];
    let sentAt = performance.now();
    for (const each of running) {
      const result = advance(fs, each.program);
      if (result === null) left.push(each);
      else ended.push({ op: each.op, result });
      if (ended.length > 0 && performance.now() - sentAt > HOLD_MS) {
        send(port, ended);
        ended = [];
        sentAt = performance.now();
      }
    }
    if (ended.length > 0) send(port, ended);
    running = left;
    if (left.length > 0) setImmediate(turn); // lets messages in
  }

  port.on("message", (requests: ToThread) => {
    const idle = running.length === 0;
    running = [
      ...requests.map((each) => ({
        op: each.op,
        program: module.programOf(requestOf(each, start.slots), start.context),
      })),
      ...running,
    ];
    if (idle) turn();
  });
  port.postMessage([] satisfies FromThread);
}

function requestOf({ request, slot }: ToThread[number], slots: SharedArrayBuffer): DiskRequest {
  if (slot === null || request.kind !== "write_block") return request;
  return { ...request, bytes: new Uint8Array(slots, slot.at * SLOT_BYTES, slot.length) };
}

function advance(fs: FileSystem, program: StorageProgram<DiskResult>): DiskResult | null {
  const step = resume(fs, program);
  if (step.kind === "paused") return null;
  if (step.kind === "ended") return step.value;
  return { ok: false, code: step.failure.code, detail: step.failure.message };
}

function send(port: MessagePort, ended: FromThread): void {
  const moved = new Set<ArrayBuffer>();
  const message = ended.map(({ op, result }) => ({ op, result: detachResult(result, moved) }));
  port.postMessage(message, [...moved]);
}

assert(parentPort !== null, "a storage thread has a parent");
await main(parentPort, workerData as ThreadData);
