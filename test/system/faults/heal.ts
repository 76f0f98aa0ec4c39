/** After something went wrong: how a server comes to what the story was to bring, and whether anything was lost. */
import { type Played, startAgain } from "../rig/play.ts";
import { isDone, losses, strangers, violations } from "../rig/promises.ts";
import type { Scene } from "../rig/scene.ts";
import { check, NOTHING, rest } from "../rig/seen.ts";
import type { Story } from "../rig/stories.ts";

/** What it took, the least that sufficed. */
export type Healed =
  | "by itself"
  | "by asking again"
  | "by a restart"
  | "by a restart and asking again"
  | "never";
export type Outcome = {
  /** Of a server that ended by itself. */
  readonly status: number | null;
  readonly healed: Healed;
  readonly wrong: readonly string[];
};

/** Of `docs/exit-codes.md`; 70 is there too, and is a bug. */
const DOCUMENTED = [74, 75, 78];
const LOG_SHOWN = 600;
/** Two looks at what is old, and a try again of what failed. */
const PATIENCE_MS = 45_000;
const LOOK_MS = 1_000;

type Way = { healed: Healed; readonly told: string[]; readonly wrong: string[] };

/** Ends with a power cut, so that what was told is true of the disk and not only of the memory. */
export async function heal(scene: Scene, story: Story, host: number, played: Played): Promise<Outcome> {
  const { disk, own, server } = played;
  const status = server.status();
  const way: Way = { healed: "never", told: [...played.reports], wrong: [] };
  if (status !== null && !DOCUMENTED.includes(status))
    way.wrong.push(`ended with ${status}: ${server.log().slice(-LOG_SHOWN)}`);
  await tryAll(scene, story, host, played, way);
  await server.stop("SIGKILL");
  disk.cut("lost");
  const before = check(disk.root);
  const after = await startAgain(scene, disk, own, host, before);
  const wrong = violations(scene, story, { before, after, again: after, reports: way.told });
  if (way.healed === "never") way.wrong.push(`does not heal: ${JSON.stringify(after)}`);
  return { status, healed: way.healed, wrong: [...way.wrong, ...wrong, ...strangers(disk.root)] };
}

async function tryAll(
  scene: Scene,
  story: Story,
  host: number,
  { disk, own, server }: Played,
  way: Way,
): Promise<void> {
  /** Whether the story has come to its end; and nothing that was told until now is lost. */
  const done = (): boolean => {
    const seen = check(disk.root).paths[story.path] ?? NOTHING;
    way.wrong.push(...losses(scene.images, seen, way.told));
    return isDone(scene.images, story, check(disk.root));
  };
  if (!server.hasEnded()) {
    way.healed = "by itself";
    if (done()) return;
    // Nobody waits for these: the server comes back to them by itself, and looks for it take a while.
    for (
      const deadline = performance.now() + PATIENCE_MS;
      !isAwaited(story) && performance.now() < deadline;
    ) {
      await new Promise((again) => setTimeout(again, LOOK_MS));
      if (done()) return;
      if (server.hasEnded()) break;
    }
    way.healed = "by asking again";
    if (story.ask !== null && !server.hasEnded() && !way.told.includes("received")) {
      way.told.push(...(await story.ask(scene, server, disk.root)));
      if (done()) return;
    }
    await server.stop("SIGTERM");
  }
  const next = scene.server(disk, own, host, story.yaml, null);
  try {
    if (!(await next.listens())) throw new Error(`it does not start again: ${next.log()}`);
    await rest(disk.root);
    way.healed = "by a restart";
    if (done()) return;
    way.told.push(...(await (story.ask ?? story.act)(scene, next, disk.root)));
    way.healed = done() ? "by a restart and asking again" : "never";
  } finally {
    await next.stop("SIGTERM");
  }
}

/** A client is there who asks again. */
function isAwaited({ name }: Story): boolean {
  return name === "upload" || name === "replace";
}
