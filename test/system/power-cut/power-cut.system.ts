/**
 * The power is cut under real servers on a real ext4: the server is killed before each system call that changes its disk,
 * and at that moment the disk loses what was not made to last, once with the names that it had in memory and once
 * without. What is there afterwards is said by `check.py`, which shares nothing with the server, before and after the
 * server has started again, alone and until its disk is at rest; and once more, after which nothing may be different.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Journal } from "../rig/disk.ts";
import { expectNeeds } from "../rig/needs.ts";
import { type Place, placesOf } from "../rig/places.ts";
import { play, startAgain, startAlone } from "../rig/play.ts";
import { strangers, type Told, violations } from "../rig/promises.ts";
import type { Scene } from "../rig/scene.ts";
import { check } from "../rig/seen.ts";
import { makeScene } from "../rig/starts.ts";
import { type Story, STORIES } from "../rig/stories.ts";
import { inTurn } from "../rig/turns.ts";
import { buildNoSync } from "./no-sync.ts";

const WORKERS = 6; // most of a story is waiting
const CUTS_MIN = 300;

type Cut = { /** Null: after the last call. */ readonly place: Place | null; readonly journal: Journal };
type Outcome = { readonly reached: boolean; readonly wrong: readonly string[] };

let scene: Scene;
let cuts = 0;

beforeAll(async () => {
  expectNeeds("strace", "mkfs.ext4", "losetup", "/usr/bin/python3", "cc");
  scene = await makeScene("127.0.41");
}, 300_000);
afterAll(() => scene.close());

test.each(STORIES)("the $name, cut before every call", { timeout: 3_600_000 }, async (story) => {
  const places = (await placesOf(scene, story)).filter(({ call, creates }) => call !== "openat" || creates);
  const todo: Cut[] = [];
  for (const place of [...places, null]) todo.push({ place, journal: "lost" }, { place, journal: "written" });
  const failures: string[] = [];
  const unreached: string[] = [];
  await inTurn(todo, WORKERS, async ({ place, journal }, worker) => {
    const name = `${story.name}, ${place === null ? "at its end" : `before ${place.text}`}, journal ${journal}`;
    const { reached, wrong } = await cutAt(story, worker + 1, { place, journal });
    if (reached) cuts += 1;
    else unreached.push(name);
    failures.push(...wrong.map((what) => `${name}: ${what}`));
    for (const what of wrong) process.stdout.write(`${name}: ${what}\n`);
  });
  process.stdout.write(
    `${story.name}: ${places.length} calls, ${todo.length - unreached.length} cuts, ${failures.length} violations (${cuts} cuts so far)\n`,
  );
  expect(failures).toEqual([]);
  expect(unreached).toEqual([]);
});

test("there were enough cuts", () => {
  expect(cuts).toBeGreaterThanOrEqual(CUTS_MIN);
});

test("a disk whose syncs do nothing is found out", { timeout: 300_000 }, async () => {
  const library = buildNoSync(scene.folder);
  for (const story of STORIES.filter(({ name }) => name === "upload" || name === "replace")) {
    const { told, wrong } = await tell(story, 1, "lost", null, library);
    expect(told.reports).toContain("received");
    expect(wrong).toContain("receipt lost");
  }
});

/** Some calls come in another order once in a while: then the place is tried again. */
const TRIES = 4;

async function cutAt(story: Story, host: number, { place, journal }: Cut): Promise<Outcome> {
  for (let left = TRIES; ; left--) {
    const { reached, wrong } = await tell(story, host, journal, place);
    if (reached || wrong.length > 0 || left === 1) return { reached, wrong };
  }
}

/** The story with a cut, and what is there afterwards. */
async function tell(
  story: Story,
  host: number,
  journal: Journal,
  place: Place | null,
  library?: string,
): Promise<{ readonly told: Told; readonly reached: boolean; readonly wrong: readonly string[] }> {
  const trouble = place === null ? null : ({ place, what: "KILL" } as const);
  const more = library === undefined ? {} : { library };
  return play(scene, story, host, { trouble, ...more }, async ({ disk, own, server, reports, reached }) => {
    await server.stop("SIGKILL");
    disk.cut(journal);
    const before = check(disk.root);
    const after = await startAlone(scene, disk, own, host);
    const again = await startAgain(scene, disk, own, host, after);
    const told = { before, after, again, reports };
    return { told, reached, wrong: [...violations(scene, story, told), ...strangers(disk.root)] };
  });
}
