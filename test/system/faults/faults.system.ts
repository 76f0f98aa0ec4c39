/**
 * At every system call of a server that changes its disk, in turn: the server is killed there, or the call fails with
 * EIO or ENOSPC; and at every open below its disk there is no descriptor left (EMFILE). A server stays up or ends with a
 * status that says so; nothing that a client was told is lost; and the story comes to its end, by itself, when it is asked
 * again, or after a restart. At the end the power is cut: a receipt after a sync that failed is true all the same.
 *
 * Prints a table of each story, of what it took, which `docs/crash-tables.md` keeps.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { expectNeeds } from "../rig/needs.ts";
import { placesOf } from "../rig/places.ts";
import { play, type Trouble } from "../rig/play.ts";
import type { Scene } from "../rig/scene.ts";
import { makeScene } from "../rig/starts.ts";
import { type Story, STORIES } from "../rig/stories.ts";
import { inTurn } from "../rig/turns.ts";
import { heal, type Outcome } from "./heal.ts";
import { Table } from "./table.ts";

const WORKERS = 8; // most of a story is waiting
/** A call may come earlier or later by one once in a while: then it is tried again. */
const TRIES = 4;

let scene: Scene;

beforeAll(async () => {
  expectNeeds("strace", "mkfs.ext4", "losetup", "/usr/bin/python3");
  scene = await makeScene("127.0.42");
}, 300_000);
afterAll(() => scene.close());

test.each(STORIES)("the $name, with trouble at every call", { timeout: 7_200_000 }, async (story) => {
  const places = await placesOf(scene, story);
  const changing = places.filter(({ call, creates }) => call !== "openat" || creates);
  const opening = places.filter(({ call }) => call === "openat");
  const failures: string[] = [];
  const table = new Table();
  for (const [what, at] of [
    ["KILL", changing],
    ["EIO", changing],
    ["ENOSPC", changing],
    ["EMFILE", opening],
  ] as const) {
    await inTurn(at, WORKERS, async (place, worker) => {
      const name = `${story.name}, ${what} at ${place.text}`;
      const outcome = await troubleAt(story, worker + 1, { place, what }).catch((error: unknown) =>
        brokenBy(error),
      );
      table.add(place.call, what, outcome);
      const wrong = outcome === null ? ["never reached"] : outcome.wrong;
      failures.push(...wrong.map((each) => `${name}: ${each}`));
      for (const each of wrong) process.stdout.write(`${name}: ${each}\n`);
    });
    process.stdout.write(`${story.name}, ${what}: ${at.length} calls, ${failures.length} failures so far\n`);
  }
  process.stdout.write(`${table.text()}\n`);
  expect(failures).toEqual([]);
});

async function troubleAt(story: Story, host: number, trouble: Trouble): Promise<Outcome | null> {
  for (let left = TRIES; left > 0; left--) {
    const outcome = await play(scene, story, host, { trouble }, async (played) =>
      played.reached ? heal(scene, story, host, played) : null,
    );
    if (outcome !== null) return outcome;
  }
  return null;
}

/** What the rig itself could not do is wrong too, and hides nothing of what comes after it. */
function brokenBy(error: unknown): Outcome {
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { status: null, healed: "never", wrong: [what] };
}
