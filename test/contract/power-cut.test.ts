import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type FileName, FsFailure, type RootName, type StorageProgram } from "../../kernel/storage/call.ts";
import * as calls from "../../kernel/storage/calls.ts";
import { runProgram } from "../../kernel/storage/run.ts";
import { type Below, type CrashModel, createSimDisk, type SimDisk } from "../../sim/disk.ts";

const ROOT = "/db" as RootName;
const NAME = "s" as FileName;
const bytes = (text: string) => Uint8Array.from(Buffer.from(text));

/** Numbers from a list, then zeros: fast-check shrinks towards "everything lost, in order". */
function belowOf(choices: readonly number[]): Below {
  let at = 0;
  return (bound) => (choices[at++] ?? 0) % bound;
}

class PowerCut extends Error {}

/** Runs a program and cuts the power before call number `cut`; false when the program ended first. */
function runUntil(disk: SimDisk, cut: number, program: StorageProgram<unknown>): boolean {
  const last = disk.callCount() + cut;
  disk.setFaultHook(() => {
    if (disk.callCount() > last) throw new PowerCut();
    return null;
  });
  try {
    runProgram(disk, program);
    return false;
  } catch (error) {
    if (error instanceof PowerCut) return true;
    throw error;
  } finally {
    disk.setFaultHook(null);
  }
}

function newDisk(model: CrashModel): SimDisk {
  const disk = createSimDisk(model);
  disk.makeRoot(ROOT);
  return disk;
}

function* replace(text: string): StorageProgram<void> {
  yield* calls.durableReplace(yield* calls.root(ROOT), NAME, bytes(text), `t${text.length}`);
}

function contentOf(disk: SimDisk): string | null {
  const entry = disk.tree(ROOT).get(NAME);
  return entry?.kind === "file" ? Buffer.from(entry.bytes).toString() : null;
}

const choices = fc.array(fc.nat(1000), { maxLength: 40 });

describe.each(["weak", "ordered"] as const)("a power cut, %s directories", (model) => {
  test("a durable replace is old or new at every cut, and new once it returned", () => {
    const old = "old".repeat(3000);
    const young = "young".repeat(2500);
    const seen = new Set<string>();
    fc.assert(
      fc.property(fc.nat(12), choices, (cut, picks) => {
        const disk = newDisk(model);
        runProgram(disk, replace(old));
        const wasCut = runUntil(disk, cut, replace(young));
        disk.crash(belowOf(picks));
        const content = contentOf(disk);
        seen.add(`${wasCut} ${content?.slice(0, 3)}`);
        expect(wasCut ? [old, young] : [young]).toContain(content);
      }),
      { numRuns: 500 },
    );
    expect([...seen].toSorted()).toEqual(["false you", "true old", "true you"]);
  });

  test("without the sync of the file the new name can have other bytes", () => {
    let torn = 0;
    fc.assert(
      fc.property(choices, (picks) => {
        const disk = newDisk(model);
        runProgram(
          disk,
          (function* () {
            const dir = yield* calls.root(ROOT);
            yield* calls.using(calls.createFile(dir, NAME), (file) =>
              calls.write(file, 0, bytes("x".repeat(9000))),
            );
            yield* calls.sync(dir);
          })(),
        );
        disk.crash(belowOf(picks));
        if (contentOf(disk) !== "x".repeat(9000)) torn += 1;
      }),
    );
    expect(torn).toBeGreaterThan(10);
  });

  test("without the sync of the directory a new name can be gone; with it never", () => {
    const lost = { without: 0, with: 0 };
    fc.assert(
      fc.property(choices, fc.constantFrom("without" as const, "with" as const), (picks, sync) => {
        const disk = newDisk(model);
        runProgram(
          disk,
          (function* () {
            const dir = yield* calls.root(ROOT);
            yield* calls.makeDirectory(dir, NAME);
            if (sync === "with") yield* calls.sync(dir);
          })(),
        );
        disk.crash(belowOf(picks));
        if (!disk.tree(ROOT).has(NAME)) lost[sync] += 1;
      }),
    );
    expect(lost.without).toBeGreaterThan(10);
    expect(lost.with).toBe(0);
  });

  test("an exchange is whole or not there", () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(choices, (picks) => {
        const disk = newDisk(model);
        runProgram(
          disk,
          (function* () {
            const dir = yield* calls.root(ROOT);
            yield* calls.durableReplace(dir, "a" as FileName, bytes("A"), "t");
            yield* calls.durableReplace(dir, "b" as FileName, bytes("B"), "t");
            yield* calls.rename(dir, "a" as FileName, dir, "b" as FileName, "exchange");
          })(),
        );
        disk.crash(belowOf(picks));
        const of = (name: string) => {
          const entry = disk.tree(ROOT).get(name);
          return entry?.kind === "file" ? Buffer.from(entry.bytes).toString() : "-";
        };
        seen.add(of("a") + of("b"));
      }),
    );
    expect([...seen].toSorted()).toEqual(["AB", "BA"]);
  });

  test("a sync that fails loses the pages, and a second one does not bring them back", () => {
    const disk = newDisk(model);
    const code = runProgram(
      disk,
      (function* () {
        const dir = yield* calls.root(ROOT);
        const file = yield* calls.createFile(dir, NAME);
        yield* calls.sync(dir);
        yield* calls.write(file, 0, bytes("hello"));
        disk.setFaultHook((call) => (call.call === "sync" ? "io" : null));
        try {
          yield* calls.sync(file);
        } catch (failure) {
          if (!(failure instanceof FsFailure)) throw failure;
          disk.setFaultHook(null);
          yield* calls.sync(file);
          return failure.code;
        }
        return null;
      })(),
    );
    disk.crash(belowOf([]));
    expect(code).toBe("io");
    expect(contentOf(disk)).toBe("");
  });
});
