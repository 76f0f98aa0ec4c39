/**
 * A replace of a tree that has no state, so that it is somebody else's: the power is cut before every call, and each call
 * fails once. Its name is never empty nor mixed, and what stood there is somewhere in the end, whole.
 */
import { describe, expect, test } from "vitest";
import { type FileSystem, type FsCall, FsFailure } from "../../kernel/storage/call.ts";
import { programOf } from "../../kernel/storage/program.ts";
import type { DiskRequest } from "../../kernel/storage/request.ts";
import { runProgram } from "../../kernel/storage/run.ts";
import type { CrashModel } from "../../sim/disk.ts";
import {
  below,
  belowOf,
  done,
  type Garden,
  grown,
  placeAt,
  plant,
  PowerCut,
  recoverRequest,
  requestsOf,
  run,
  seal,
  simWorld,
  type SimWorld,
  type Upload,
} from "./world.ts";

const THEIRS: Garden = { file: "theirs ".repeat(300), "in/side": { run: "tool" } };
const OURS: Garden = { file: "ours", other: "ours, too" };
const shown = (map: Map<string, string>): string =>
  JSON.stringify([...map].toSorted(([a], [b]) => (a < b ? -1 : 1)));
const [WANT_THEIRS, WANT_OURS] = [shown(grown(THEIRS)), shown(grown(OURS))];

type Told = { readonly world: SimWorld; readonly asked: Upload };

function begin(model: CrashModel): Told {
  const world = simWorld(model);
  plant(world, world.roots.source, OURS);
  const asked: Upload = {
    place: placeAt(world),
    sealed: seal(world),
    stage: "s1",
    mode: "replace",
    sources: [],
  };
  plant(world, world.roots.images, THEIRS, ["group", "app"]);
  return { world, asked };
}

const atName = ({ world }: Told) => shown(below(world.tree(world.roots.images), "group/app"));

/** Tells the story; looks at the name after every call. */
function tell(
  told: Told,
  before: (nth: number, call: FsCall) => void,
): { readonly calls: number; readonly torn: string[] } {
  const { world, asked } = told;
  const torn: string[] = [];
  let calls = 0;
  const fs: FileSystem = {
    perform(call) {
      before(calls++, call);
      const value = world.fs.perform(call);
      if (call.call === "rename" && ![WANT_THEIRS, WANT_OURS].includes(atName(told)))
        torn.push(`call ${calls}`);
      return value;
    },
  };
  const perform = (request: DiskRequest) => {
    if (request.kind === "read_source") return run(world, request);
    const result = runProgram(fs, programOf(request, world.context));
    if (!result.ok) throw new FsFailure("io", "sync", result.detail);
    return result;
  };
  try {
    const requests = requestsOf(world, asked);
    let next = requests.next();
    while (next.done !== true) next = requests.next(perform(next.value));
    perform({ kind: "delete_old", place: asked.place, stage: asked.stage });
  } catch (error) {
    if (!(error instanceof PowerCut) && !(error instanceof FsFailure)) throw error;
  }
  return { calls, torn };
}

/** What is wrong with theirs: it stands at the name, or beside it. */
function lost(told: Told): string | null {
  const { world } = told;
  const tree = world.tree(world.roots.images);
  if (atName(told) === WANT_THEIRS) return null;
  if (atName(told) !== WANT_OURS) return `neither of the two: ${atName(told).slice(0, 100)}`;
  const kept = [...tree.keys()].filter((path) => /^group\/\.tmp\.foreign\.[^/]+$/.test(path));
  return kept.some((path) => shown(below(tree, path)) === WANT_THEIRS) ? null : "theirs is gone";
}

describe("somebody else's tree where a replace goes", () => {
  const whole = tell(begin("weak"), () => {});

  test("is kept beside ours, and its name is never empty", () => {
    const told = begin("weak");
    expect(tell(told, () => {}).torn).toEqual([]);
    expect([atName(told) === WANT_OURS, lost(told)]).toEqual([true, null]);
  });

  test.each(["weak", "ordered"] as const)("is kept whenever the power goes: %s directories", (model) => {
    const wrong: string[] = [];
    for (let cut = 0; cut <= whole.calls; cut++) {
      for (let seed = 0; seed < 4; seed++) {
        const told = begin(model);
        tell(told, (nth) => {
          if (nth >= cut) throw new PowerCut();
        });
        told.world.disk.crash(belowOf(seed * 1000 + cut));
        const { problems } = done(told.world, "recovered", recoverRequest(told.world, "t1"));
        const what = lost(told) ?? problems[0];
        if (what !== undefined) wrong.push(`cut ${cut} seed ${seed}: ${what}`);
      }
    }
    expect(wrong.slice(0, 5)).toEqual([]);
  });

  test("is kept whichever call fails, also when another image comes after that", () => {
    const wrong: string[] = [];
    for (let failing = 0; failing < whole.calls; failing++) {
      const told = begin("weak");
      const { world, asked } = told;
      const { torn } = tell(told, (nth, { call }) => {
        if (nth === failing && call !== "close") throw new FsFailure("io", call, "EIO");
      });
      const again = tell({ world, asked: { ...asked, stage: "s2" } }, () => {});
      run(world, { kind: "delete_old", place: asked.place, stage: "s1" });
      const what = lost(told) ?? [...torn, ...again.torn][0];
      if (what !== undefined) wrong.push(`call ${failing}: ${what}`);
    }
    expect(wrong).toEqual([]);
  });
});
