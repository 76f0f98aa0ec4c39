/**
 * The power is cut before every call of an upload, and what the disk keeps is drawn from seeds. Judged by a walk of the
 * tree and by what was answered, never by the programs themselves. Then each sync is taken away in turn: a property
 * that does not notice it is not awake.
 */
import { describe, expect, test } from "vitest";
import type { FileSystem, FsCall } from "../../kernel/storage/call.ts";
import { programOf } from "../../kernel/storage/program.ts";
import type { DiskRequest, DiskResult } from "../../kernel/storage/request.ts";
import { runProgram } from "../../kernel/storage/run.ts";
import type { CrashModel } from "../../sim/disk.ts";
import {
  type Garden,
  PATH,
  PowerCut,
  type Sealed,
  type SimWorld,
  type Upload,
  below,
  belowOf,
  grown,
  placeAt,
  plant,
  recoverRequest,
  requestsOf,
  run,
  seal,
  simWorld,
  upload,
} from "./world.ts";
import { valueOf } from "../../sim/sweep/stories.ts";

const OLD: Garden = {
  same: "same ".repeat(250),
  changes: "before",
  gone: "gone",
  tool: { run: "tool" },
  none: "",
  "in/link": { to: "../same" },
};
const NEW: Garden = {
  same: "same ".repeat(250),
  changes: "after ".repeat(200),
  tool: { run: "tool" },
  new: { run: "new ".repeat(300) },
  none: { run: "" },
  "in/link": { to: "../changes" },
  "in/side/empty": null,
};

type Story = { readonly kind: "first" | "replace" };
type Told = { readonly world: SimWorld; readonly asked: Upload; readonly requests: readonly DiskRequest[] };

/** A world with the old image, or none, and the requests that bring the new one. */
function begin(model: CrashModel, { kind }: Story, sealed: { old: Sealed; young: Sealed }): Told {
  const world = simWorld(model);
  if (kind === "replace") {
    plant(world, world.roots.source, OLD);
    upload(world, { place: placeAt(world), sealed: sealed.old, stage: "old", mode: "append" });
  }
  plant(world, world.roots.source, NEW);
  const asked: Upload = {
    place: placeAt(world),
    sealed: sealed.young,
    stage: "new",
    mode: kind === "replace" ? "replace" : "append",
    sources: kind === "replace" ? [{ path: PATH, image: sealed.old.index.image }] : [],
  };
  return { world, asked, requests: [] };
}

/** Tells the story until the power is cut before call number `cut`; says what was answered by then. */
function tell(
  told: Told,
  cut: number,
  dropped: number | null,
): { answered: string[]; syncs: number; calls: number; sites: string[] } {
  const { world, asked } = told;
  const answered: string[] = [];
  let calls = 0;
  let syncs = 0;
  const sites: string[] = [];
  let [current, last] = ["", ""];
  const fs: FileSystem = {
    perform(call: FsCall) {
      if (calls++ >= cut) throw new PowerCut();
      if (call.call === "sync" || call.call === "sync_file_system") sites.push(`${current} after ${last}`);
      last = `${call.call} ${"name" in call ? call.name : ""}`;
      const isSync = call.call === "sync" || call.call === "sync_file_system";
      if (isSync && syncs++ === dropped) return undefined;
      return world.fs.perform(call);
    },
  };
  const perform = (request: DiskRequest): DiskResult => {
    // What the uploader reads is not part of the story.
    if (request.kind === "read_source") return run(world, request);
    current = request.kind;
    const result = runProgram(fs, programOf(request, world.context));
    if (!result.ok) throw new Error(`${request.kind} ${result.code} ${result.detail}`);
    answered.push(request.kind);
    return result;
  };
  try {
    const requests = requestsOf(world, asked);
    let next = requests.next();
    while (next.done !== true) next = requests.next(perform(next.value));
    if (asked.mode === "replace") perform({ kind: "delete_old", place: asked.place, stage: asked.stage });
  } catch (error) {
    if (!(error instanceof PowerCut)) throw error;
  }
  return { answered, syncs, calls, sites };
}

const shown = (map: Map<string, string>): string =>
  JSON.stringify([...map].toSorted(([a], [b]) => (a < b ? -1 : 1)));
const WANT = { old: shown(grown(OLD)), young: shown(grown(NEW)), none: "[]" };

let rolledForward = 0;

/** What is wrong after a cut, or null. */
function judge(told: Told, { kind }: Story, answered: readonly string[], old: Sealed): string | null {
  const { world, asked } = told;
  const young = asked.sealed.index.image;
  const image = () => shown(below(world.tree(world.roots.images), "group/app"));
  const seen = image();
  // What was answered as committed needs no recovery to be so.
  if (answered.includes("commit") && world.tree(world.roots.db).has("signatures/key/group/app.new.state")) {
    return "the state is not durable";
  }
  if (![kind === "replace" ? WANT.old : WANT.none, WANT.young].includes(seen))
    return `a mixture: ${seen.slice(0, 200)}`;
  const result = run(world, recoverRequest(world, "r1"));
  if (!result.ok) return `recover: ${result.code} ${result.detail}`;
  const { found, problems } = valueOf("recovered", result);
  if (problems.length > 0) return `problems: ${problems.join("; ")}`;
  if (world.openHandles() !== 1) return `${world.openHandles()} handles`;
  const own = found.find((each) => each.path === PATH);
  const committed = own?.committed?.image ?? null;
  if (answered.includes("put_intent") && committed !== young && own?.intent?.state.image !== young)
    return "promise lost";
  if (kind === "replace" && committed !== young && committed !== old.index.image) return "old state lost";
  if (own?.missing === true) return "a state without its image";
  if (answered.includes("commit") && (committed !== young || own?.intent !== null)) return "commit lost";
  if (committed === young && !answered.includes("commit")) rolledForward += 1;
  const now = image();
  if (committed === young && now !== WANT.young) return "new state, but not its image";
  if (committed === old.index.image && now !== WANT.old) return "old state, but not its image";
  if (committed === young) {
    const index = run(world, { kind: "load_index", image: young });
    if (!index.ok) return `index of the new image: ${index.code}`;
  }
  const names = [...world.tree(world.roots.images).keys(), ...world.tree(world.roots.db).keys()];
  const stage = own?.intent === null || own === undefined ? null : `group/.tmp.app.${own.intent.stage}`;
  const left = names.filter(
    (name) => name.includes(".tmp.") && name !== stage && !name.startsWith(`${stage}/`),
  );
  if (left.length > 0) return `left over: ${left.join(" ")}`;
  const before = shown(world.tree(world.roots.images)) + shown(world.tree(world.roots.db));
  world.restart();
  const again = run(world, recoverRequest(world, "r2"));
  if (JSON.stringify(again) !== JSON.stringify(result)) return "a second recovery says something else";
  if (shown(world.tree(world.roots.images)) + shown(world.tree(world.roots.db)) !== before)
    return "changed again";
  return finishes(told, own?.intent?.stage ?? null);
}

/** A promise that survived is kept: the same stage, every block right, the new image. */
function finishes(told: Told, stage: string | null): string | null {
  const { world, asked } = told;
  if (stage === null) return null;
  upload(world, { ...asked, stage });
  return shown(below(world.tree(world.roots.images), "group/app")) === WANT.young ? null : "not finished";
}

function sealBoth(): { old: Sealed; young: Sealed } {
  const world = simWorld("weak");
  plant(world, world.roots.source, OLD);
  const old = seal(world);
  plant(world, world.roots.source, NEW);
  return { old, young: seal(world) };
}

const sealed = sealBoth();
const STORIES: readonly Story[] = [{ kind: "first" }, { kind: "replace" }];
const MODELS: readonly CrashModel[] = ["weak", "ordered"];
const SEEDS = 3;

function cutAt(
  model: CrashModel,
  story: Story,
  cut: number,
  seed: number,
  dropped: number | null,
): string | null {
  const told = begin(model, story, sealed);
  const { answered } = tell(told, cut, dropped);
  told.world.disk.crash(belowOf(seed * 1000 + cut));
  try {
    return judge(told, story, answered, sealed.old);
  } catch (error) {
    if (dropped !== null && error instanceof Error) return error.message;
    throw error;
  }
}

describe.each(STORIES)("the $kind upload, cut before every call", (story) => {
  const whole = tell(begin("weak", story, sealed), Number.MAX_SAFE_INTEGER, null);

  test.each(MODELS)("is old or new, keeps every promise, and goes on: %s directories", (model) => {
    expect(whole.answered).toContain("commit");
    const failures: string[] = [];
    rolledForward = 0;
    for (let cut = 0; cut <= whole.calls; cut++) {
      for (let seed = 0; seed < SEEDS; seed++) {
        const wrong = cutAt(model, story, cut, seed, null);
        if (wrong !== null) failures.push(`cut ${cut} seed ${seed}: ${wrong}`);
      }
    }
    expect(failures.slice(0, 5)).toEqual([]);
    expect(rolledForward).toBeGreaterThan(3);
  });
});

/** Recovery is cut too, at each of its calls in turn, and then has to end as if it had not been. */
test.each(STORIES)("a cut in the recovery of the $kind upload changes nothing", (story) => {
  const whole = tell(begin("weak", story, sealed), Number.MAX_SAFE_INTEGER, null);
  const failures: string[] = [];
  let inner = 0;
  for (let cut = 0; cut <= whole.calls; cut++) {
    const told = begin("weak", story, sealed);
    const { answered } = tell(told, cut, null);
    const { disk, context } = told.world;
    disk.crash(belowOf(cut));
    inner = (inner + 7) % 60; // of about that many calls
    let calls = 0;
    const fs: FileSystem = {
      perform(call) {
        if (calls++ >= inner) throw new PowerCut();
        return disk.perform(call);
      },
    };
    try {
      runProgram(fs, programOf(recoverRequest(told.world, "r0"), context));
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
    }
    disk.crash(belowOf(cut + 5000));
    const wrong = judge(told, story, answered, sealed.old);
    if (wrong !== null) failures.push(`cut ${cut}, then ${inner}: ${wrong}`);
  }
  expect(failures.slice(0, 5)).toEqual([]);
});

/** A killed process loses no page, but what it had not synced is still to be lost by the next power cut. */
test.each(STORIES)("a kill, a new start, and a power cut after the $kind upload ended", (story) => {
  const whole = tell(begin("weak", story, sealed), Number.MAX_SAFE_INTEGER, null);
  const failures: string[] = [];
  for (let cut = 0; cut <= whole.calls; cut++) {
    const told = begin("weak", story, sealed);
    const { answered } = tell(told, cut, null);
    told.world.restart();
    const { found } = valueOf("recovered", run(told.world, recoverRequest(told.world, "r0")));
    const own = found.find((each) => each.path === PATH);
    const promised = own?.intent ?? null;
    const isNew = own?.committed?.image === told.asked.sealed.index.image;
    if (promised !== null) upload(told.world, { ...told.asked, stage: promised.stage });
    const ended = promised !== null || isNew;
    told.world.disk.crash(belowOf(cut));
    const wrong = judge(told, story, ended ? [...answered, "put_intent", "commit"] : answered, sealed.old);
    if (wrong !== null) failures.push(`cut ${cut}: ${wrong}`);
  }
  expect(failures.slice(0, 5)).toEqual([]);
});

/** What notices that a sync does nothing, by some cut; null when nothing does. */
function noticed(story: Story, dropped: number, calls: number): string | null {
  for (let seed = 0; seed < MUTANT_SEEDS; seed++) {
    // The latest cuts first: what was not synced is missed most when all else is done.
    for (let cut = calls; cut >= 0; cut--) {
      const wrong = cutAt("weak", story, cut, seed + 100, dropped);
      if (wrong !== null) return wrong;
    }
  }
  return null;
}
const MUTANT_SEEDS = 3;

/** Syncs that nothing can miss: of an empty directory, and of names that an earlier upload made to last. */
const IDLE: Readonly<Record<Story["kind"], RegExp>> = {
  first: /open_directory empty$/,
  replace: /open_directory empty$|make_directory (signatures|key|group|indexes)$/,
};

test.each(STORIES)("every sync of the $kind upload is missed when it does nothing", (story) => {
  const whole = tell(begin("weak", story, sealed), Number.MAX_SAFE_INTEGER, null);
  const missed = whole.sites.map((site, at) =>
    IDLE[story.kind].test(site) ? "idle" : noticed(story, at, whole.calls),
  );
  expect(whole.sites.filter((_, at) => missed[at] === null)).toEqual([]);
  expect(missed.filter((each) => each !== "idle")).toHaveLength(story.kind === "first" ? 21 : 14);
});
