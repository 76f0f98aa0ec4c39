/** Removal with identical settings: what goes, what is kept, and what is said about it (config.md 5). */
import { writeFileSync } from "node:fs";
import { imagesIn } from "./disk.ts";
import { configured } from "./faults.ts";
import { imageOf } from "./image.ts";
import type { Plant, Row } from "./row.ts";
import type { Scene } from "./scene.ts";
import { site } from "./trees.ts";

const LOOK_MS = 70_000; // 0.6.12 looks at a directory every ten or twenty seconds; ours removes at the second look
const NAMES = ["v1", "v2", "v3", "v4"];

function settings(scene: Scene, keepList: boolean, keep = 2): readonly string[] {
  return [
    "auto-clean: true",
    `keep-min-directories: ${keep}`,
    `keep-max-directories: ${keep}`,
    "keep-recent: 1s",
    ...(keepList ? [`keep-list-file: ${scene.path("keep")}`] : []),
  ];
}

/** Four versions come, and two stay, the same on both. */
function cleans(
  id: string,
  title: string,
  keepList: boolean,
  kept: readonly string[],
  judge: (scene: Scene) => Promise<void>,
  plant: Plant,
): Row {
  return {
    id,
    title,
    cluster: "so",
    async run(scene) {
      writeFileSync(scene.path("keep"), "# for the archive\nv1\n");
      scene.setupAll((setup) => (setup.directories = { site: { more: settings(scene, keepList) } }));
      await scene.startAll();
      for (const name of NAMES) await scene.upload("append", site(name), `/site/${name}`, scene.hosts(1));
      for (const name of kept) await scene.haveAll(`/site/${name}`, site(name));
      await scene.at("uploaded");
      for (const node of scene.all)
        await scene.until(
          `server ${node} has ${kept.join(", ")} alone`,
          () => {
            const found = imagesIn(scene.root(node)).join();
            return found === kept.join() ? null : `it has ${found}`;
          },
          scene.planted ? LOOK_MS / 2 : LOOK_MS,
        );
      await scene.at("cleaned");
      await judge(scene);
      for (const name of kept) await scene.haveAll(`/site/${name}`, site(name));
    },
    plant,
  };
}

/** A removed image on a page, as `[vpath, image id]`. */
async function told(scene: Scene, page: string, nodes: readonly number[]): Promise<void> {
  const entry = JSON.stringify(["/site/v2", imageOf(site("v2")).id]);
  for (const node of nodes)
    await scene.until(`${page} of server ${node} tells of it`, async () => {
      const text = JSON.stringify(await scene.page(node, page));
      return text.includes(entry) ? null : `it shows ${text.slice(0, 300)}`;
    });
}

const nothing = () => Promise.resolve();

export const CLEANUPS: readonly Row[] = [
  cleans(
    "clean-oldest",
    "the oldest go on both kinds, and come back from neither",
    false,
    ["v3", "v4"],
    nothing,
    {
      ...configured(
        "server 2 keeps three",
        (scene) => (scene.setup(2).directories = { site: { more: settings(scene, false, 3) } }),
        /server 2 has v3, v4 alone: it has v2,v3,v4/,
      ),
    },
  ),
  cleans(
    "clean-keep-list",
    "what the keep list names stays, and counts for the least that is kept",
    true,
    ["v1", "v4"],
    nothing,
    configured(
      "server 1 has no keep list",
      (scene) => (scene.setup(1).directories = { site: { more: settings(scene, false) } }),
      /server 1 has v1, v4 alone: it has v3,v4/,
    ),
  ),
  cleans(
    "page-deleted",
    "/deleted/: what was removed here",
    false,
    ["v3", "v4"],
    (scene) => told(scene, "/deleted/", scene.all),
    {
      at: "cleaned",
      what: "server 2 starts anew, and so has removed nothing",
      async act(scene) {
        await scene.stop(2);
        await scene.start(2);
      },
      says: /\/deleted\/ of server 2 tells of it: it shows \[\]/,
    },
  ),
];
