/** What happens to a server while something goes wrong. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { until } from "../../e2e/rig.ts";
import type { Scene, Start } from "./scene.ts";
import { inodeOf, rest, written } from "./seen.ts";
import type { Server } from "./server.ts";

export type Story = {
  readonly name:
    | "upload"
    | "replace"
    | "removal"
    | "start"
    | "start_old"
    | "start_replace"
    | "start_upload"
    | "start_removal";
  readonly start: Start;
  /** What it is about. */
  readonly path: "/site/new" | "/site/current";
  /** Whether the start of the server is what it is about. */
  readonly from: "start" | "listening";
  readonly yaml: string;
  /** Until the disk is at rest or the server has ended; what its client was told. */
  readonly act: Act;
  /** A client that wants the same again; null where there is none. */
  readonly ask: Act | null;
};
type Act = (scene: Scene, server: Server, root: string) => Promise<readonly string[]>;

const UPLOAD_MS_MAX = 120_000;
const GONE_MS_MAX = 45_000; // what is retained is looked at twice, ten seconds apart; what fails rests for 30 seconds
const STATE = "db/signatures/site/current.state";
const INTENT = "db/signatures/site/current.new.state";
/** Lines of a directory's YAML that make its older image go. */
export const CLEAN = "auto-clean: true\nkeep-min-directories: 1\nkeep-max-directories: 1\nkeep-recent: 1s\n";

/** A start that has this disk to put in order; `ends` is a file that is gone afterwards. */
const starting = (name: Story["name"], start: Start, ends: string, ask: Act | null): Story => ({
  name,
  start,
  path: "/site/current",
  from: "start",
  yaml: "",
  async act(_, server, root) {
    const counted = inodeOf(root, "transfer");
    await untilGone(server, root, ends);
    if (name === "start_upload") await written(root, "transfer", counted, () => server.hasEnded());
    return [];
  },
  ask,
});

const append: Act = (scene, server, root) =>
  push(scene, server, root, ["--append", `${scene.tree("young")}:/site/new`]);
const replace: Act = (scene, server, root) =>
  push(scene, server, root, ["--replace", `${scene.tree("young")}:/site/current`]);

export const STORIES: readonly Story[] = [
  {
    name: "upload",
    start: "base",
    path: "/site/new",
    from: "listening",
    yaml: "",
    act: append,
    ask: append,
  },
  {
    name: "replace",
    start: "base",
    path: "/site/current",
    from: "listening",
    yaml: "",
    act: replace,
    ask: replace,
  },
  {
    name: "removal",
    start: "base",
    path: "/site/current",
    from: "listening",
    yaml: CLEAN,
    async act(_, server, root) {
      await untilGone(server, root, STATE);
      return [];
    },
    ask: null,
  },
  starting("start", "base", INTENT, null),
  starting("start_old", "old_layout", INTENT, null),
  // What a sync has failed for is not used again: its blocks have to come once more, from whoever has them.
  starting("start_upload", "half_uploaded", INTENT, replace),
  starting("start_replace", "half_replaced", INTENT, replace),
  starting("start_removal", "half_removed", STATE, null),
];

async function untilGone(server: Server, root: string, file: string): Promise<void> {
  const end = performance.now() + GONE_MS_MAX;
  const over = (): boolean => server.hasEnded() || !existsSync(join(root, file)) || performance.now() > end;
  await until("its end", over, GONE_MS_MAX * 2);
  await rest(root, () => server.hasEnded());
}

/** An upload, told to its end. */
export async function push(
  scene: Scene,
  server: Server,
  root: string,
  how: readonly string[],
): Promise<readonly string[]> {
  const counted = inodeOf(root, "transfer");
  const { child, reports } = server.upload(scene.keyFile, how);
  const over = (): boolean => server.hasEnded() || child.exitCode !== null;
  await until("the upload ends, or the server does", over, UPLOAD_MS_MAX);
  if (!server.hasEnded()) await rest(root, () => server.hasEnded());
  await written(root, "transfer", counted, () => server.hasEnded());
  child.kill("SIGKILL");
  return reports;
}
