/** Every place of a story where something can go wrong: one system call each, in the order in which it makes them. */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { BY_PATH, type Call, CHANGING, callsOf, directoriesOf } from "./calls.ts";
import type { Scene } from "./scene.ts";
import type { Watch } from "./server.ts";
import type { Story } from "./stories.ts";

const RECORDS_MAX = 5;

export type Look = Omit<Watch, "trace" | "fault">;
export type Place = Call & { /** How strace gets there again. */ readonly look: Look };

/**
 * Calls below the disk, `openat` included. A storage thread that is looked at alone makes them all; from the start all
 * threads are, and each counts what it opens, so that only calls which name a directory of the disk are counted.
 */
export async function placesOf(scene: Scene, story: Story): Promise<readonly Place[]> {
  const all: Look = { from: story.from, calls: [...CHANGING, ...BY_PATH, "openat"] };
  const { trace, root } = await recordQuick(scene, story, all);
  const seen = callsOf(trace, root);
  const strange = seen.find(({ call }) => BY_PATH.some((each) => each === call));
  if (strange !== undefined) throw new Error(`a call by path: ${strange.text}`);
  if (story.from === "listening") return seen.map((each) => ({ ...each, look: all }));
  const changes: Look = { from: "start", calls: CHANGING };
  const opens: Look = { from: "start", calls: ["openat"], directories: [...directoriesOf(trace, root)] };
  const opened = await record(scene, story, opens);
  return [
    ...seen.filter(({ call }) => call !== "openat").map((each) => ({ ...each, look: changes })),
    ...callsOf(opened.trace, opened.root).map((each) => ({ ...each, look: opens })),
  ];
}

/**
 * Counters are saved at the end of a download, and also by each round of gossip that finds it under way: such a round is no
 * part of the story, and not there in most of the runs.
 */
async function recordQuick(scene: Scene, story: Story, look: Look): ReturnType<typeof record> {
  for (let left = RECORDS_MAX; ; left--) {
    const seen = await record(scene, story, look);
    const saved = seen.trace.match(/\brenameat\(.*"\.tmp\.transfer\.counters"/g) ?? [];
    if (saved.length <= 1 || left === 1) return seen;
  }
}

/** A story that nothing disturbs: what strace saw of it. */
export async function record(
  scene: Scene,
  story: Story,
  look: Look,
): Promise<{ readonly trace: string; readonly root: string }> {
  const { disk, own } = scene.mount(story.start);
  const trace = join(own, "trace");
  const server = scene.server(disk, own, 250, story.yaml, { ...look, trace, fault: null });
  try {
    if (!(await server.listens())) throw new Error(server.log());
    await story.act(scene, server, disk.root);
    return { trace: readFileSync(trace, "utf8"), root: disk.root };
  } finally {
    await server.stop("SIGKILL");
    disk.end();
    rmSync(own, { recursive: true });
  }
}
