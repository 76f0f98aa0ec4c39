/**
 * The storage of a client. Sources are listed and blocks are read in this thread, where no message is needed for them;
 * long digests go to threads, which are started when the first one comes.
 */
import type { RootName, StorageProgram } from "../../kernel/storage/call.ts";
import { programOf } from "../../kernel/storage/program.ts";
import type { DiskRequest, DiskResult } from "../../kernel/storage/request.ts";
import { resume } from "../../kernel/storage/run.ts";
import { compiledUrl } from "../compiled.ts";
import { createFileSystem } from "../file-system.ts";
import type { Storage } from "../port.ts";

/** Below this, threads take longer to start than the digests take here. An entry counts as so many bytes. */
const WORTH_THREADS_BYTES = 16 * 1024 * 1024;
const ENTRY_BYTES = 8 * 1024;
const CONTEXT = { db: "" as RootName, roots: [] }; // a client has no database

type Running = {
  readonly program: StorageProgram<DiskResult>;
  readonly done: (result: DiskResult) => void;
};

/** @param threads  0 or 1: everything is done in this thread */
export async function createSourceStorage(threads: number): Promise<Storage> {
  const fs = await createFileSystem();
  let running: readonly Running[] = [];
  let elsewhere: Promise<Storage> | null = null;

  function turn(): void {
    const all = running;
    running = [];
    const left: Running[] = [];
    for (const each of all) {
      const step = resume(fs, each.program);
      if (step.kind === "paused") left.push(each);
      else if (step.kind === "ended") each.done(step.value);
      else each.done({ ok: false, code: step.failure.code, detail: step.failure.message });
    }
    running = [...left, ...running];
    if (running.length > 0) setImmediate(turn); // lets the network in
  }

  async function onThreads(): Promise<Storage> {
    const { openStorageThreads } = await import("../storage-threads.ts");
    return openStorageThreads({
      threads,
      program: compiledUrl("../../kernel/storage/program.ts", import.meta.url).href,
      context: CONTEXT,
      died(error) {
        throw error; // nobody would answer what that thread was asked
      },
    });
  }

  return {
    run(request, done) {
      if (threads > 1 && isLong(request)) {
        elsewhere ??= onThreads();
        void elsewhere.then((storage) => storage.run(request, done));
        return;
      }
      running = [...running, { program: programOf(request, CONTEXT), done }];
      if (running.length === 1) setImmediate(turn);
    },
  };
}

function isLong(request: DiskRequest): boolean {
  if (request.kind !== "digest_files") return false;
  return request.tree.totalBytes + request.tree.entryCount * ENTRY_BYTES > WORTH_THREADS_BYTES;
}
