/** Makes the disks that stories begin with: by real servers, which are killed where the disk is to be unfinished. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "../../adapters/built.ts";
import { CHANGING, callsOf } from "./calls.ts";
import { fileOf, makeImage, mountImage, runPython } from "./disk.ts";
import { type Look, record } from "./places.ts";
import { CANARY, Scene, type Start } from "./scene.ts";
import { check } from "./seen.ts";
import { push, type Story, STORIES } from "./stories.ts";

/** The call that never comes. */
const HALVES: readonly (readonly [Start, story: Story["name"], last: RegExp])[] = [
  ["half_uploaded", "replace", /^renameat2 site\/.* exchange$/],
  ["half_replaced", "replace", /^renameat .*\/current\.new\.state .*\/current\.state/],
  ["half_removed", "removal", /^unlinkat .*\/current\.state/],
];

/** @param net  first three numbers of the servers' addresses, of this rig alone */
export async function makeScene(net: string): Promise<Scene> {
  await build();
  const scene = await Scene.create(net);
  await makeBase(scene);
  makeOldLayout(scene);
  for (const [start, name, last] of HALVES) await makeHalf(scene, start, name, last);
  return scene;
}

async function makeBase(scene: Scene): Promise<void> {
  const file = scene.imageOf("base");
  makeImage(file);
  const disk = mountImage(file, join(scene.folder, "base"));
  for (const each of ["db", "site", "canary"]) mkdirSync(join(disk.root, each));
  writeFileSync(join(disk.root, "canary/file"), CANARY);
  const server = scene.server(disk, join(scene.folder, "base-config"), 250, "", null);
  if (!(await server.listens())) throw new Error(server.log());
  for (const [tree, path] of [
    ["old", "/site/current"],
    ["beside", "/site/beside"],
  ] as const) {
    await push(scene, server, disk.root, ["--replace", `${scene.tree(tree)}:${path}`]);
    if (check(disk.root).paths[path]?.tree !== scene.images[tree]) throw new Error(`${path} is not ${tree}`);
  }
  await server.stop("SIGTERM");
  disk.end();
}

function makeOldLayout(scene: Scene): void {
  const { disk, own } = scene.mount("base");
  runPython("old_layout.py", join(disk.root, "db"));
  disk.end();
  keep(scene, "old_layout", own);
}

/** What was a copy is what stories begin with. */
function keep(scene: Scene, start: Start, own: string): void {
  renameSync(fileOf(own), scene.imageOf(start));
  rmSync(own, { recursive: true });
}

/** The story up to one call, and an unmount in order: the power stays. */
async function makeHalf(scene: Scene, start: Start, name: Story["name"], last: RegExp): Promise<void> {
  const story = STORIES.find((each) => each.name === name);
  if (story === undefined) throw new Error(`there is no story ${name}`);
  const look: Look = { from: "listening", calls: CHANGING };
  const { trace, root } = await record(scene, story, look);
  const point = callsOf(trace, root).findLast(({ text }) => last.test(text));
  if (point === undefined) throw new Error(`${name} has no ${last}: ${trace}`);
  const { disk, own } = scene.mount(story.start);
  const fault = { call: point.call, nth: point.nth, what: "KILL" } as const;
  const server = scene.server(disk, own, 250, story.yaml, { ...look, trace: join(own, "trace"), fault });
  if (await server.listens()) await story.act(scene, server, disk.root);
  if (!server.hasEnded()) throw new Error(`${name} was not killed at ${point.text}`);
  disk.end();
  keep(scene, start, own);
}
