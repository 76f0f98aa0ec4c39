/**
 * A removal, cut before every call: the image is there whole with its state, or it is decided that it goes, and the next
 * start ends that. Then each sync is taken away in turn.
 */
import { describe, expect, test } from "vitest";
import type { ImageId } from "../../kernel/ids.ts";
import { type FileSystem, FsFailure } from "../../kernel/storage/call.ts";
import { programOf } from "../../kernel/storage/program.ts";
import type { DiskRequest } from "../../kernel/storage/request.ts";
import { runProgram } from "../../kernel/storage/run.ts";
import type { CrashModel } from "../../sim/disk.ts";
import {
  type Garden,
  PATH,
  PowerCut,
  type SimWorld,
  below,
  belowOf,
  codeOf,
  done,
  grown,
  placeAt,
  plant,
  recoverRequest,
  run,
  seal,
  simWorld,
  stateOf,
  upload,
  worlds,
} from "./world.ts";
import { valueOf } from "../../sim/sweep/stories.ts";

const TREE: Garden = { file: "content ".repeat(100), "in/side": { run: "tool" } };
const TIMESTAMP = 7; // of every upload of these worlds
const OTHER = "ab".repeat(32) as ImageId;

type Told = { readonly world: SimWorld; readonly image: ImageId; readonly request: DiskRequest };

function begin(model: CrashModel): Told {
  const world = simWorld(model);
  plant(world, world.roots.source, TREE);
  const sealed = seal(world);
  upload(world, { place: placeAt(world), sealed, stage: "s1", mode: "append" });
  const { image } = sealed.index;
  const floor = { timestamp: TIMESTAMP, image };
  return { world, image, request: { kind: "remove", place: placeAt(world), floor, stage: "r1" } };
}

/** Calls of a removal, and whether it said that it is done; the sync number `dropped` does nothing. */
function tell({ world, request }: Told, cut: number, dropped: number | null) {
  let [calls, syncs, ended] = [0, 0, false];
  const fs: FileSystem = {
    perform(call) {
      if (calls++ >= cut) throw new PowerCut();
      if (call.call === "sync" && syncs++ === dropped) return undefined;
      return world.fs.perform(call);
    },
  };
  try {
    ended = runProgram(fs, programOf(request, world.context)).ok;
  } catch (error) {
    if (!(error instanceof PowerCut)) throw error;
  }
  return { calls, syncs, ended };
}

const shown = (map: Map<string, string>): string =>
  JSON.stringify([...map].toSorted(([a], [b]) => (a < b ? -1 : 1)));

let rolledForward = 0;

function judge({ world, image }: Told, ended: boolean): string | null {
  const seen = (): string => shown(below(world.tree(world.roots.images), "group/app"));
  const first = run(world, recoverRequest(world, "t1"));
  const { found, problems } = valueOf("recovered", first);
  if (problems.length > 0) return problems.join("; ");
  const own = found.find((each) => each.path === PATH);
  if (own === undefined) return "neither its state nor its floor";
  const { committed, floor, missing } = own;
  if (missing) return "a state without its image";
  if (committed === null && floor?.image !== image) return "gone, and nobody knows what";
  if (committed === null && seen() !== "[]") return "gone, and still to be seen";
  if (committed !== null && seen() !== shown(grown(TREE))) return "there, and not whole";
  if (committed !== null && ended) return "removed, and back";
  if (committed === null && !ended) rolledForward += 1;
  const left = [...world.tree(world.roots.images).keys(), ...world.tree(world.roots.db).keys()];
  if (left.some((name) => name.includes(".tmp."))) return `left over: ${left.join(" ")}`;
  world.restart();
  const again = valueOf("recovered", run(world, recoverRequest(world, "t2")));
  return JSON.stringify(again.found) === JSON.stringify(found) ? null : "a second start says something else";
}

function cutAt(model: CrashModel, cut: number, seed: number, dropped: number | null): string | null {
  const told = begin(model);
  const { ended } = tell(told, cut, dropped);
  told.world.disk.crash(belowOf(seed * 1000 + cut));
  return judge(told, ended);
}

describe("a removal, cut before every call", () => {
  const whole = tell(begin("weak"), Number.MAX_SAFE_INTEGER, null);

  test.each(["weak", "ordered"] as const)("is undone or done, never half: %s directories", (model) => {
    expect(whole.ended).toBe(true);
    rolledForward = 0;
    const failures: string[] = [];
    for (let cut = 0; cut <= whole.calls; cut++) {
      for (let seed = 0; seed < 4; seed++) {
        const wrong = cutAt(model, cut, seed, null);
        if (wrong !== null) failures.push(`cut ${cut} seed ${seed}: ${wrong}`);
      }
    }
    expect(failures.slice(0, 5)).toEqual([]);
    expect(rolledForward).toBeGreaterThan(3);
  });

  test("every sync is missed when it does nothing", () => {
    const missed = Array.from({ length: whole.syncs }, (_, dropped) => {
      for (let seed = 0; seed < 6; seed++) {
        for (let cut = whole.calls; cut >= 0; cut--) {
          if (cutAt("weak", cut, seed, dropped) !== null) return true;
        }
      }
      return false;
    });
    // The last one makes durable that the removal is done: without it, it is done once more.
    expect(missed).toEqual([...Array.from({ length: whole.syncs - 1 }, () => true), false]);
  });
});

describe.each(worlds)("in $world", ({ make }) => {
  test("an image goes, its floor stays, and readers keep what they have until it is deleted", async () => {
    const world = await make();
    plant(world, world.roots.source, TREE);
    const sealed = seal(world);
    const place = placeAt(world);
    upload(world, { place, sealed, stage: "s1", mode: "append" });
    const floor = { timestamp: TIMESTAMP, image: sealed.index.image };
    done(world, "done", { kind: "remove", place, floor, stage: "r1" });
    expect([...world.tree(world.roots.images).keys()]).toContain("group/.tmp.app.r1/file");
    done(world, "done", { kind: "delete_old", place, stage: "r1" });
    expect([...world.tree(world.roots.images).keys()]).toEqual(["group"]);
    world.restart();
    const { found } = done(world, "recovered", recoverRequest(world));
    expect(found).toMatchObject([{ path: PATH, committed: null, intent: null, floor }]);
    world.end();
  });

  test("what was signed again, or is about to be replaced, stays", async () => {
    const world = await make();
    plant(world, world.roots.source, TREE);
    const sealed = seal(world);
    const place = placeAt(world);
    const { image } = sealed.index;
    upload(world, { place, sealed, stage: "s1", mode: "append" });
    done(world, "done", { kind: "put_state", place, state: stateOf(image, 9), supersedes: null });
    const remove = (timestamp: number): string =>
      codeOf(run(world, { kind: "remove", place, floor: { timestamp, image }, stage: "r1" }));
    const before = world.tree(world.roots.images);
    expect(remove(TIMESTAMP)).toBe("state_changed");
    done(world, "done", {
      kind: "put_intent",
      place,
      state: stateOf(OTHER, 10),
      stage: "s2",
      mode: "replace",
    });
    expect(remove(9)).toBe("state_changed");
    expect(world.tree(world.roots.images)).toEqual(before);
    world.end();
  });

  test("a state that 0.6.12 has brought back below the floor stays, and is not removed again by a start", async () => {
    const world = await make();
    plant(world, world.roots.source, TREE);
    const sealed = seal(world);
    const place = placeAt(world);
    const floor = { timestamp: TIMESTAMP, image: sealed.index.image };
    upload(world, { place, sealed, stage: "s1", mode: "append" });
    done(world, "done", { kind: "remove", place, floor, stage: "r1" });
    upload(world, { place, sealed, stage: "s2", mode: "append" });
    world.restart();
    const { found } = done(world, "recovered", recoverRequest(world));
    expect(found).toMatchObject([{ path: PATH, committed: { image: floor.image }, floor }]);
    world.end();
  });

  test("a call that fails once, wherever that is, is made good by the next try", async () => {
    for (let failing = 0; ; failing++) {
      const world = await make();
      plant(world, world.roots.source, TREE);
      const sealed = seal(world);
      upload(world, { place: placeAt(world), sealed, stage: "s1", mode: "append" });
      const floor = { timestamp: TIMESTAMP, image: sealed.index.image };
      const request = { kind: "remove", place: placeAt(world), floor, stage: "r1" } as const;
      let calls = 0;
      const fs: FileSystem = {
        perform(call) {
          if (calls++ === failing && call.call !== "close") throw new FsFailure("io", call.call, "EIO");
          return world.fs.perform(call);
        },
      };
      const first = codeOf(run({ ...world, fs }, request));
      const stands = [...world.tree(world.roots.images).keys()].includes("group/app");
      if (first !== "fine") {
        expect([failing, stands, first]).toEqual([failing, stands, stands ? "io" : "removal_begun"]);
        // What still stands is judged again: until then no start ends what a keep list may forbid by now.
        world.restart();
        const { found } = done(world, "recovered", recoverRequest(world));
        expect([failing, found[0]?.committed !== null]).toEqual([failing, stands]);
        expect(`${failing}: ${codeOf(run(world, { ...request, stage: "r2" }))}`).toBe(`${failing}: fine`);
        done(world, "done", { kind: "delete_old", place: placeAt(world), stage: "r2" });
      }
      done(world, "done", { kind: "delete_old", place: placeAt(world), stage: "r1" });
      expect([...world.tree(world.roots.images).keys()].filter((path) => path !== "group")).toEqual([]);
      const files = [...world.tree(world.roots.db).keys()].filter((path) => /app/.test(path));
      expect(files).toEqual(["signatures/key/group/app.floor"]);
      world.end();
      if (calls <= failing) break;
    }
  });

  test("a start that cannot look at a floor does not promise again what was being removed, and the next one ends it", async () => {
    const world = await make();
    plant(world, world.roots.source, TREE);
    const sealed = seal(world);
    const place = placeAt(world);
    upload(world, { place, sealed, stage: "s1", mode: "append" });
    const floor = { timestamp: TIMESTAMP, image: sealed.index.image };
    // The power goes before the state does.
    const half: FileSystem = {
      perform(call) {
        if (call.call === "unlink" && call.name === "app.state") throw new FsFailure("io", call.call, "EIO");
        return world.fs.perform(call);
      },
    };
    expect(codeOf(run({ ...world, fs: half }, { kind: "remove", place, floor, stage: "r1" }))).toBe(
      "removal_begun",
    );
    world.restart();
    const full: FileSystem = {
      perform(call) {
        if (call.call === "open_file" && call.name === "app.floor")
          throw new FsFailure("too_many_open", call.call, "EMFILE");
        return world.fs.perform(call);
      },
    };
    const states = () => [...world.tree(world.roots.db)].filter(([path]) => path.startsWith("signatures"));
    const before = states();
    const { found, unread } = done({ ...world, fs: full }, "recovered", recoverRequest(world));
    expect(found).toEqual([]);
    expect(unread).toEqual([{ key: "key", what: expect.stringContaining(PATH) }]);
    expect(states()).toEqual(before);
    world.restart();
    expect(done(world, "recovered", recoverRequest(world)).found).toMatchObject([{ committed: null, floor }]);
    const files = [...world.tree(world.roots.db).keys()].filter((path) => /app/.test(path));
    expect(files).toEqual(["signatures/key/group/app.floor"]);
    world.end();
  });

  test("without its directory nothing is decided", async () => {
    const world = await make();
    plant(world, world.roots.source, TREE);
    const sealed = seal(world);
    const place = placeAt(world);
    upload(world, { place, sealed, stage: "s1", mode: "append" });
    plant(world, world.roots.images, {}); // another disk is mounted, or none
    const floor = { timestamp: TIMESTAMP, image: sealed.index.image };
    const before = world.tree(world.roots.db);
    expect(codeOf(run(world, { kind: "remove", place, floor, stage: "r1" }))).toBe("missing");
    expect(world.tree(world.roots.db)).toEqual(before);
    world.end();
  });
});
