/** A story on a disk of its own, with one thing that goes wrong in it. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Disk } from "./disk.ts";
import type { Place } from "./places.ts";
import type { Scene } from "./scene.ts";
import { check, rest, type Seen } from "./seen.ts";
import type { Fault, Server, Watch } from "./server.ts";
import type { Story } from "./stories.ts";

export type Trouble = { readonly place: Place; readonly what: Fault["what"] };
export type Played = {
  readonly disk: Disk;
  readonly own: string;
  readonly server: Server;
  /** What the client was told. */
  readonly reports: readonly string[];
  /** The call was met. */
  readonly reached: boolean;
};

/** @param host  last number of the server's address, of this story alone while it runs */
export async function play<T>(
  scene: Scene,
  story: Story,
  host: number,
  { trouble, library }: { readonly trouble: Trouble | null; readonly library?: string },
  use: (played: Played) => Promise<T>,
): Promise<T> {
  const { disk, own } = scene.mount(story.start);
  const trace = join(own, "trace");
  const server = scene.server(disk, own, host, story.yaml, watchOf(trouble, trace), library);
  try {
    const reports = (await server.listens()) ? await story.act(scene, server, disk.root) : [];
    return await use({ disk, own, server, reports, reached: isReached(trouble, server, trace) });
  } finally {
    await server.stop("SIGKILL");
    disk.end();
    rmSync(own, { recursive: true });
  }
}

function watchOf(trouble: Trouble | null, trace: string): Watch | null {
  if (trouble === null) return null;
  const { place, what } = trouble;
  return { ...place.look, trace, fault: { call: place.call, nth: place.nth, what } };
}

function isReached(trouble: Trouble | null, server: Server, trace: string): boolean {
  if (trouble === null) return true;
  if (trouble.what === "KILL") return server.hasEnded();
  return existsSync(trace) && readFileSync(trace, "utf8").includes("(INJECTED)");
}

/** A start without a client and without peers, until the disk is at rest. */
export async function startAlone(scene: Scene, disk: Disk, own: string, host: number): Promise<Seen> {
  const server = scene.server(disk, own, host, "", null);
  try {
    if (!(await server.listens())) throw new Error(`it does not start again: ${server.log()}`);
    await rest(disk.root);
    return check(disk.root);
  } finally {
    await server.stop("SIGTERM");
  }
}

/**
 * The same after a look at the disk. One on which nothing is unfinished, and which was seen to stay as it is, is not
 * tried again.
 */
export async function startAgain(
  scene: Scene,
  disk: Disk,
  own: string,
  host: number,
  before: Seen,
): Promise<Seen> {
  const text = JSON.stringify(before);
  if (scene.steady.has(text)) return before;
  const after = await startAlone(scene, disk, own, host);
  const finished =
    before.left.length === 0 && Object.values(before.paths).every(({ intent }) => intent === null);
  if (finished && JSON.stringify(after) === text) scene.steady.add(text);
  return after;
}
