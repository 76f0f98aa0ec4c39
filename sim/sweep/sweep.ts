/**
 * One story under one model of directories, cut before and after every call that changes something, and every sync: all
 * that a cut may leave is judged, once for each state that differs. Of these the starts are cut in the same way.
 */
import type { FileSystem, FsCall, FsValue } from "../../kernel/storage/call.ts";
import { programOf } from "../../kernel/storage/program.ts";
import { runProgram } from "../../kernel/storage/run.ts";
import type { CrashModel, DiskImage, SimDisk } from "../disk.ts";
import { everyCut, EXHAUSTIVE_MAX, keyOf } from "./cuts.ts";
import { type Answered, judgeLeft, judgeStarts } from "./judge.ts";
import { CONTEXT, newDisk, type Plot, RECOVER, type Story } from "./stories.ts";

export type Swept = {
  readonly story: string;
  readonly how: CrashModel;
  /** Before and after each call that changes or syncs; and how many of these were cut at. */
  readonly points: number;
  readonly covered: number;
  /** What a cut may leave, all together, and those that differ in what is there or was promised. */
  readonly subsets: number;
  readonly states: number;
  /** The same of cuts in the starts after a cut. */
  readonly again: { readonly points: number; readonly subsets: number; readonly states: number };
  /** The first states that are not as they must be. */
  readonly wrong: readonly string[];
};

export type SweepOptions = {
  /** A bug: it stands between the story and its disk. Then the first state that is wrong is enough. */
  readonly fault?: Fault;
};

export type Fault = (disk: FileSystem) => FileSystem;

const CHANGES: ReadonlySet<FsCall["call"]> = new Set([
  "create_file",
  "write",
  "truncate",
  "set_mode",
  "set_times",
  "sync",
  "sync_file_system",
  "make_directory",
  "link",
  "make_link",
  "rename",
  "unlink",
  "remove_directory",
]);
const WRONG_MAX = 5;
/** Of states that were drawn by chance, one in so many is started and cut again. */
const AGAIN_EACH = 64;

class Enough extends Error {}

export function changes({ call }: FsCall): boolean {
  return CHANGES.has(call);
}

export function sweepStory(story: Story, how: CrashModel, { fault }: SweepOptions = {}): Swept {
  const { disk, plot, requests } = story.begin(how);
  const seen = new Set<string>();
  const seenAgain = new Set<string>();
  const wrong: string[] = [];
  const count = { points: 0, covered: 0, subsets: 0, states: 0 };
  const again = { points: 0, subsets: 0, states: 0 };
  let answered: Answered = { promised: plot.promised, done: false, started: false };
  let where = "the beginning";

  function fail(what: string | null): void {
    if (what === null) return;
    wrong.push(`${where}: ${what}`);
    if (fault !== undefined || wrong.length >= WRONG_MAX) throw new Enough();
  }

  function judge(image: DiskImage, key: string): void {
    if (seen.has(key)) return;
    seen.add(key);
    count.states += 1;
    const left = newDisk(how);
    left.restore(image);
    fail(judged(left, plot, answered));
    const isDrawn = disk.unsynced() > EXHAUSTIVE_MAX;
    if (fault === undefined && (!isDrawn || count.states % AGAIN_EACH === 0)) cutAgain(image);
  }

  function cutAgain(image: DiskImage): void {
    const left = newDisk(how);
    left.restore(image);
    const fs = cutting(left, () => {
      again.points += 1;
      for (const each of everyCut(left, how, `again ${again.points}`)) {
        again.subsets += 1;
        const key = keyWith(each, answered);
        if (seen.has(key) || seenAgain.has(key)) continue;
        seenAgain.add(key);
        again.states += 1;
        const twice = newDisk(how);
        twice.restore(each);
        const what = judged(twice, plot, answered);
        fail(what === null ? null : `and cut again in the start: ${what}`);
      }
    });
    runProgram(fs, programOf(RECOVER, CONTEXT));
  }

  function cutHere(): void {
    for (const image of everyCut(disk, how, `${story.name} ${how} ${count.points}`)) {
      count.subsets += 1;
      judge(image, keyWith(image, answered));
    }
  }

  const inner = cutting(disk, (call, after) => {
    count.points += 1;
    where = `${after ? "after" : "before"} call ${Math.ceil(count.points / 2)}, ${printCall(call)}`;
    cutHere();
    count.covered += 1;
  });
  const fs = fault === undefined ? inner : fault(inner);
  try {
    const asked = requests();
    let next = asked.next();
    while (next.done !== true) {
      const { kind } = next.value;
      const result = runProgram(fs, programOf(next.value, CONTEXT));
      if (!result.ok) fail(`${kind} fails: ${result.code} ${result.detail}`);
      if (kind === "put_intent") answered = { ...answered, promised: true };
      if (kind === "commit" || kind === "remove") answered = { ...answered, done: true };
      if (kind === "recover") answered = { ...answered, started: true };
      where = `the answer to ${kind}`;
      cutHere();
      next = asked.next(result);
    }
  } catch (failure) {
    if (failure instanceof Enough) return { story: story.name, how, ...count, again, wrong };
    if (fault === undefined || !(failure instanceof Error)) throw failure;
    wrong.push(`${where}: the story ends: ${failure.message}`);
  }
  return { story: story.name, how, ...count, again, wrong };
}

function judged(disk: SimDisk, plot: Plot, answered: Answered): string | null {
  try {
    return judgeLeft(disk, plot, answered) ?? judgeStarts(disk, plot, answered);
  } catch (failure) {
    if (failure instanceof Error) return `a start throws: ${failure.message}`;
    throw failure;
  }
}

function keyWith(image: DiskImage, { promised, done, started }: Answered): string {
  return `${keyOf(image)} ${promised ? "promised" : ""} ${done ? "done" : ""} ${started ? "started" : ""}`;
}

/** Calls `cut` before and after each call that changes something. */
function cutting(disk: FileSystem, cut: (call: FsCall, after: boolean) => void): FileSystem {
  return {
    perform(call): FsValue {
      if (!changes(call)) return disk.perform(call);
      cut(call, false);
      const value = disk.perform(call);
      cut(call, true);
      return value;
    },
  };
}

export function printCall(call: FsCall): string {
  const name = "name" in call ? call.name : "to" in call ? `${call.from} to ${call.to}` : "";
  return name === "" ? call.call : `${call.call} ${name}`;
}
