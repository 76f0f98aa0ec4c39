/** Floors of what was published: they come with the commit, outlive the state, and never go down. */
import { describe, expect, test } from "vitest";
import type { ImageId } from "../../kernel/ids.ts";
import { type FileSystem, FsFailure, parseFileName } from "../../kernel/storage/call.ts";
import * as calls from "../../kernel/storage/calls.ts";
import { programOf } from "../../kernel/storage/program.ts";
import type { FoundImage } from "../../kernel/storage/request.ts";
import { runProgram } from "../../kernel/storage/run.ts";
import { bytesOf, type ByteString } from "../../kernel/text.ts";
import { decodeFloor, encodeFloor } from "../../kernel/wire/floor-file.ts";
import {
  belowOf,
  codeOf,
  done,
  type Garden,
  PATH,
  placeAt,
  plant,
  PowerCut,
  recoverRequest,
  requestsOf,
  run,
  seal,
  type Sealed,
  simWorld,
  stateOf,
  upload,
  type World,
  worlds,
} from "./world.ts";

const [OLD, NEW]: Garden[] = [{ file: "old ".repeat(90) }, { file: "new ".repeat(99) }];
const OTHER = "ab".repeat(32) as ImageId;

function put(world: World, garden: Garden, mode: "append" | "replace"): Sealed {
  plant(world, world.roots.source, garden);
  const sealed = seal(world);
  upload(world, { place: placeAt(world), sealed, stage: mode, mode });
  return sealed;
}

function start(world: World, tag = "r1"): { own: FoundImage | undefined; problems: readonly string[] } {
  world.restart();
  const { found, problems } = done(world, "recovered", recoverRequest(world, tag));
  return { own: found.find(({ path }) => path === PATH), problems };
}

/** Writes a file of the states, or takes one away. */
function hand(world: World, name: string, bytes: Uint8Array | null): void {
  const parts = ["signatures", "key", "group", name].map((part) => parseFileName(part as ByteString)!);
  runProgram(
    world.fs,
    (function* () {
      const file = parts.pop()!;
      yield* calls.usingPath(yield* calls.root(world.roots.db), parts, function* (dir) {
        if (bytes === null) yield* calls.unlink(dir, file);
        else yield* calls.durableReplace(dir, file, bytes, "hand");
      });
    })(),
  );
}

describe.each(worlds)("in $name", ({ make }) => {
  test("a commit has its floor, and a greater one raises it", async () => {
    const world = await make();
    const old = put(world, OLD!, "append");
    expect(start(world).own?.published).toEqual({ timestamp: 7, image: old.index.image });
    const young = put(world, NEW!, "replace");
    const { own, problems } = start(world);
    expect(own).toMatchObject({ published: { timestamp: 8, image: young.index.image }, floor: null });
    expect(problems).toEqual([]);
    world.end();
  });

  test.each([
    ["lost", null],
    ["damaged", bytesOf("x" as ByteString)],
  ] as const)("a state that is %s leaves its floor, and no image", async (_, bytes) => {
    const world = await make();
    const { index } = put(world, OLD!, "append");
    hand(world, "app.state", bytes);
    const { own } = start(world);
    expect(own).toMatchObject({
      committed: null,
      intent: null,
      published: { timestamp: 7, image: index.image },
    });
    expect(start(world, "r2").own).toEqual(own);
    world.end();
  });

  test("a new signature of what is here raises it, and an older image that comes leaves it", async () => {
    const world = await make();
    const { index } = put(world, OLD!, "append");
    const { image } = index;
    run(world, { kind: "put_state", place: placeAt(world), state: stateOf(image, 50), supersedes: null });
    expect(start(world).own?.published).toEqual({ timestamp: 50, image });
    hand(world, "app.state", null); // else it would be refused
    const young = put(world, NEW!, "replace");
    const { own } = start(world);
    expect(own?.committed?.image).toBe(young.index.image);
    expect(own?.published).toEqual({ timestamp: 50, image });
    world.end();
  });

  test("a removal leaves what was published, and one that fails gives back what the floor was", async () => {
    const world = await make();
    const { index } = put(world, OLD!, "append");
    const [published, place] = [{ timestamp: 7, image: index.image }, placeAt(world)];
    const stuck: FileSystem = {
      perform(call) {
        if (call.call === "rename" && call.from === "app") throw new FsFailure("io", call.call, "EIO");
        return world.fs.perform(call);
      },
    };
    const remove = { kind: "remove", place, floor: published, stage: "r1" } as const;
    expect(codeOf(run({ ...world, fs: stuck }, remove))).toBe("io");
    expect(start(world).own).toMatchObject({ floor: null, published });
    expect(run(world, remove)).toMatchObject({ ok: true });
    expect(start(world).own).toEqual({
      path: PATH,
      committed: null,
      missing: false,
      intent: null,
      floor: { ...published, removing: false },
      published,
    });
    world.end();
  });

  test("what was published and has lost its state is not taken for what is half removed", async () => {
    const world = await make();
    const { index } = put(world, OLD!, "append");
    hand(world, "app.state", null);
    const floor = { timestamp: 7, image: index.image };
    expect(codeOf(run(world, { kind: "remove", place: placeAt(world), floor, stage: "r1" }))).toBe(
      "state_changed",
    );
    expect([...world.tree(world.roots.images).keys()]).toContain("group/app/file");
    world.end();
  });

  test("a disk of before floors is as it was, and the next commit has one", async () => {
    const world = await make();
    put(world, OLD!, "append");
    hand(world, "app.floor", null);
    expect(start(world)).toMatchObject({ own: { published: null, committed: {} }, problems: [] });
    const { index } = put(world, NEW!, "replace");
    expect(start(world).own?.published?.image).toBe(index.image);
    world.end();
  });
});

test("cut before each call of a commit, and after it: a state that is new has its floor, or is it", () => {
  for (const model of ["weak", "ordered"] as const) {
    for (let cut = 0, ended = false; !ended; cut++) {
      for (let seed = 0; seed < 4; seed++) {
        const world = simWorld(model);
        const old = put(world, OLD!, "append");
        plant(world, world.roots.source, NEW!);
        const asked = { place: placeAt(world), sealed: seal(world), stage: "s2", mode: "replace" } as const;
        const requests = requestsOf(world, asked);
        let next = requests.next();
        for (
          ;
          next.done !== true && next.value.kind !== "commit";
          next = requests.next(run(world, next.value))
        );
        if (next.done === true) throw new Error("no commit");
        let calls = 0;
        const fs: FileSystem = {
          perform(call) {
            if (calls++ >= cut) throw new PowerCut();
            return world.fs.perform(call);
          },
        };
        try {
          ended = runProgram(fs, programOf(next.value, world.context)).ok;
        } catch (error) {
          if (!(error instanceof PowerCut)) throw error;
        }
        world.disk.crash(belowOf(cut * 10 + seed));
        const { own, problems } = start(world);
        const [image, young] = [own?.published?.image, asked.sealed.index.image];
        const where = `${model} cut ${cut} seed ${seed}`;
        expect(problems, where).toEqual([]);
        expect([old.index.image, young], where).toContain(image);
        // Nothing of the old one is below a floor while it stands there alone.
        if (image === young)
          expect([own?.committed?.image, own?.intent?.state.image], where).toContain(young);
        if (ended)
          expect(own, where).toMatchObject({ committed: { image: young }, published: { image: young } });
      }
    }
  }
});

describe("the file", () => {
  const removed = { timestamp: 5, image: OTHER, removing: true };
  const published = { timestamp: 9, image: "cd".repeat(32) as ImageId };

  test.each([
    { removed, published: null },
    { removed: null, published },
    { removed, published },
  ])("says what was written: %j", (floor) => {
    expect(decodeFloor(encodeFloor(floor))).toEqual({ ok: true, value: floor });
  });

  test("of a removal alone is as it was before floors of what was published", () => {
    const hex = Buffer.from(encodeFloor({ removed, published: null })).toString("hex");
    expect(hex).toBe(
      `a465696d6167655820${OTHER}6974696d657374616d70056872656d6f76696e67f565636865636b50d825a04805c8e69a2650b99d25b54748`,
    );
  });

  test("with any bit changed says nothing else", () => {
    const bytes = encodeFloor({ removed, published });
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const broken = Uint8Array.from(bytes);
      broken[bit >> 3] = (broken[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decodeFloor(broken).ok, `bit ${bit}`).toBe(false);
    }
  });
});
