/** What a view calls durable is judged by power cuts: none may change it. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type FileName, FsFailure, type RootName, type StorageProgram } from "../../kernel/storage/call.ts";
import * as calls from "../../kernel/storage/calls.ts";
import { runProgram } from "../../kernel/storage/run.ts";
import { createSimDisk, type SimDisk } from "../../sim/disk.ts";

const ROOT = "/db" as RootName;
const NAMES = ["a", "b"] as FileName[];

function newDisk(): SimDisk {
  const disk = createSimDisk("weak");
  disk.makeRoot(ROOT);
  return disk;
}

const shown = (disk: SimDisk): readonly string[] =>
  disk.layers(ROOT).map(({ path, durability }) => `${path} ${durability}`);

test("a new file becomes durable name first, bytes second, and its removal last", () => {
  const disk = newDisk();
  const seen: (readonly string[])[] = [];
  const look = (): void => void seen.push(shown(disk));
  runProgram(
    disk,
    (function* (): StorageProgram<void> {
      const top = yield* calls.root(ROOT);
      const file = yield* calls.createFile(top, NAMES[0] as FileName);
      yield* calls.write(file, 0, Uint8Array.of(1, 2));
      look();
      yield* calls.sync(top);
      look();
      yield* calls.sync(file);
      look();
      yield* calls.unlink(top, NAMES[0] as FileName);
      look();
      yield* calls.sync(top);
      look();
    })(),
  );
  expect(seen).toEqual([
    ["a name_volatile"],
    ["a bytes_volatile"],
    ["a durable"],
    ["a removed_volatile"],
    [],
  ]);
});

type Act = { readonly what: number; readonly dir: boolean; readonly name: number; readonly other: number };

/** One small change at the root or in the directory `d`; what is impossible is left out. */
function* perform(disk: SimDisk, { what, dir, name, other }: Act): StorageProgram<void> {
  const top = yield* calls.root(ROOT);
  const inner = disk.tree(ROOT).has("d") ? yield* calls.openDirectory(top, "d" as FileName) : top;
  const at = dir ? inner : top;
  const [first, second] = [NAMES[name] as FileName, NAMES[other] as FileName];
  switch (what) {
    case 0:
      return yield* calls.makeDirectory(top, "d" as FileName);
    case 1: {
      const file = yield* calls.createFile(at, first);
      return yield* calls.write(file, 0, Uint8Array.of(name, other));
    }
    case 2:
      return yield* calls.write(yield* calls.openForWrite(at, first), 0, Uint8Array.of(7, 7, 7));
    case 3:
      return yield* calls.sync(yield* calls.openFile(at, first));
    case 4:
      return yield* calls.sync(at);
    case 5:
      return yield* calls.unlink(at, first);
    case 6:
      return yield* calls.rename(at, first, dir ? top : inner, second, "replace");
    default:
      return yield* calls.syncFileSystem(top);
  }
}

const acts = fc.array(fc.record({ what: fc.nat(7), dir: fc.boolean(), name: fc.nat(1), other: fc.nat(1) }), {
  minLength: 1,
  maxLength: 14,
});

test("what is called durable survives every power cut, and what is durable at all is called so", () => {
  const counts = new Map<string, number>();
  fc.assert(
    fc.property(acts, fc.array(fc.nat(1000), { maxLength: 60 }), (todo, choices) => {
      const disk = newDisk();
      for (const act of todo) {
        try {
          runProgram(disk, perform(disk, act));
        } catch (error) {
          if (!(error instanceof FsFailure)) throw error;
        }
      }
      const layers = disk.layers(ROOT);
      const volatile = layers.filter(({ durability }) => durability !== "durable");
      for (const { durability } of layers) counts.set(durability, (counts.get(durability) ?? 0) + 1);
      const before = disk.tree(ROOT);
      let at = 0;
      disk.crash((bound) => (choices[at++] ?? 0) % bound);
      const after = disk.tree(ROOT);
      for (const { path, durability } of layers) {
        if (durability !== "durable" || volatile.some((each) => path.startsWith(`${each.path}/`))) continue;
        expect(after.get(path)).toMatchObject(contentOf(before.get(path)));
      }
      if (volatile.length === 0) expect([...after.keys()]).toEqual([...before.keys()]);
      // Nothing comes back that was not shown as what may.
      for (const path of after.keys()) expect(layers.map((each) => each.path)).toContain(path);
    }),
    { numRuns: 3_000 },
  );
  for (const kind of ["durable", "bytes_volatile", "name_volatile", "removed_volatile"])
    expect(counts.get(kind) ?? 0).toBeGreaterThan(20);
});

function contentOf(
  entry: ReturnType<SimDisk["tree"]> extends ReadonlyMap<string, infer E> ? E | undefined : never,
) {
  if (entry?.kind === "file") return { kind: entry.kind, bytes: entry.bytes };
  return { kind: entry?.kind };
}
