/**
 * The storage of a client. Sources are listed and blocks are read in this thread, where no message is needed for them;
 * so are digests, one at a time. When many wait, threads are started and take the others.
 */
import type { RootName, StorageProgram } from "../../kernel/storage/call.ts";
import { programOf } from "../../kernel/storage/program.ts";
import type { DiskRequest, DiskResult } from "../../kernel/storage/request.ts";
import { resume } from "../../kernel/storage/run.ts";
import { compiledUrl } from "../compiled.ts";
import { createFileSystem } from "../file-system.ts";
import type { Storage } from "../port.ts";

/** Threads take 150 ms of a processor each to start: they do when so many digests wait at once, each of 8 MiB. */
const WAITING_MIN = 6;
const AHEAD = 2; // requests a thread: the next is there when one ends
const CONTEXT = { db: "" as RootName, roots: [] }; // a client has no database

type Asked = { readonly request: DiskRequest; readonly done: (result: DiskResult) => void };
type Running = { readonly program: StorageProgram<DiskResult>; readonly done: Asked["done"] };

/** @param threads  that digest, this one included; with 0 or 1 it is the only one */
export async function createSourceStorage(threads: number): Promise<Storage> {
  const fs = await createFileSystem();
  const helpers = Math.max(0, threads - 1);
  let running: Running[] = [];
  let ticking = false;
  const long: Asked[] = [];
  let longHere = false;
  let longElsewhere = 0;
  let elsewhere: Storage | null = null;
  let opening = false;

  function turn(): void {
    ticking = false;
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
    if (running.length > 0) tick();
  }

  /** Later, which lets the network in. */
  function tick(): void {
    if (!ticking) setImmediate(turn);
    ticking = true;
  }

  function runHere({ request, done }: Asked): void {
    running.push({ program: programOf(request, CONTEXT), done });
    tick();
  }

  /** Deals out what is long, whoever is free. */
  function deal(): void {
    while (long.length > 0) {
      const threadIsFree = elsewhere !== null && longElsewhere < helpers * AHEAD;
      if (longHere && !threadIsFree) return;
      const asked = long.shift();
      if (asked === undefined) return;
      if (elsewhere !== null && threadIsFree) {
        longElsewhere += 1;
        elsewhere.run(asked.request, (result) => {
          longElsewhere -= 1;
          asked.done(result);
          deal();
        });
      } else {
        longHere = true;
        runHere({
          request: asked.request,
          done(result) {
            longHere = false;
            asked.done(result);
            deal();
          },
        });
      }
    }
  }

  async function open(): Promise<void> {
    opening = true;
    const { openStorageThreads } = await import("../storage-threads.ts");
    elsewhere = await openStorageThreads({
      threads: helpers === 1 ? 1 : helpers + 1, // of several, the first takes nothing that is long
      program: compiledUrl("../../kernel/storage/program.ts", import.meta.url).href,
      context: CONTEXT,
      died(error) {
        throw error; // nobody would answer what that thread was asked
      },
    });
    deal();
  }

  return {
    run(request, done) {
      if (request.kind !== "digest_files") return runHere({ request, done });
      long.push({ request, done });
      if (helpers > 0 && !opening && long.length >= WAITING_MIN) void open();
      deal();
    },
  };
}
