/** Uploads of every mode, to either kind of server, and what they leave on every disk. */
import { statSync } from "node:fs";
import { readState, stateFile } from "./disk.ts";
import {
  added,
  flipped,
  indexCut,
  modeLost,
  removed,
  signatureBroken,
  stateGone,
  touched,
} from "./faults.ts";
import { imageOf } from "./image.ts";
import type { Row } from "./row.ts";
import type { Scene } from "./scene.ts";
import { LARGE, MANY, ODD, site, SIZES } from "./trees.ts";
import type { Tree } from "./tree.ts";
import { holds, same } from "./wrong.ts";

const V1 = site("one");
const V2 = site("two");
const PATH = "/site/current";

/** One upload to a server, which gives it to the others. */
function spread(
  id: string,
  title: string,
  cluster: string,
  entry: number,
  content: Tree,
  plant: Row["plant"],
): Row {
  return {
    id,
    title,
    cluster,
    async run(scene) {
      await scene.startWith(PATH, content, entry);
      await scene.at("spread");
      await scene.haveAll(PATH, content);
    },
    plant,
  };
}

function replaced(id: string, title: string, first: number, second: number, plant: Row["plant"]): Row {
  return {
    id,
    title,
    cluster: "so",
    async run(scene) {
      await scene.startWith(PATH, V1, first);
      await scene.upload("replace", V2, PATH, scene.hosts(second));
      await scene.haveAll(PATH, V2);
      await scene.at("replaced");
      await scene.haveAll(PATH, V2);
    },
    plant,
  };
}

const conditional = (id: string, title: string, entry: number, plant: Row["plant"], good: boolean): Row => ({
  id,
  title,
  cluster: "so",
  async run(scene) {
    await scene.startWith(PATH, V1);
    const old = good ? imageOf(V1).id : imageOf(V2).id;
    const ended = await scene.sync("replace", V2, `${PATH}:${old}`, scene.hosts(entry), {
      options: ["-t", "6s"],
    });
    scene.ends(ended, good ? 0 : 3);
    await scene.at("ended");
    await scene.haveAll(PATH, good ? V2 : V1);
  },
  plant,
});

export const UPLOADS: readonly Row[] = [
  spread(
    "append-to-server",
    "append to the first kind, which gives it to the second",
    "so",
    1,
    V1,
    flipped("spread", 2, PATH, "/data/own"),
  ),
  spread(
    "append-to-other",
    "append to the second kind, which gives it to the first",
    "so",
    2,
    V1,
    touched("spread", 1, PATH, "/data/own"),
  ),
  spread(
    "append-odd-names",
    "names, links, empty folders and programs are what they were",
    "so",
    1,
    ODD,
    modeLost("spread", 2, PATH, "/bin/tool"),
  ),
  spread(
    "append-odd-names-to-other",
    "the same to the second kind",
    "so",
    2,
    ODD,
    removed("spread", 1, PATH, "/empty-too/inside"),
  ),
  spread(
    "append-sizes",
    "files of no byte, of whole blocks, and of one more and less",
    "so",
    1,
    SIZES,
    removed("spread", 2, PATH, "/of-0"),
  ),
  spread("append-many-files", "two thousand files", "os", 1, MANY, indexCut("spread", 2, PATH)),
  spread(
    "append-large",
    "more blocks than one chunk of every slice, to the first kind",
    "so",
    1,
    LARGE,
    flipped("spread", 2, PATH, "/two"),
  ),
  spread(
    "append-large-to-other",
    "the same to the second kind",
    "so",
    2,
    LARGE,
    flipped("spread", 1, PATH, "/one"),
  ),
  spread(
    "spread-to-five",
    "five servers of both kinds, of which the client is told one",
    "sosos",
    2,
    V1,
    stateGone("spread", 5, PATH),
  ),
  replaced(
    "replace-to-server",
    "a replace through the first kind",
    2,
    1,
    signatureBroken("replaced", 2, PATH),
  ),
  replaced("replace-to-other", "a replace through the second kind", 1, 2, added("replaced", 1, PATH)),
  conditional(
    "replace-if-server",
    "a conditional replace whose condition holds, through the first kind",
    1,
    flipped("ended", 2, PATH, "/run"),
    true,
  ),
  conditional(
    "replace-if-other",
    "the same through the second kind",
    2,
    flipped("ended", 1, PATH, "/run"),
    true,
  ),
  conditional(
    "replace-unless-server",
    "a conditional replace whose condition does not hold changes nothing",
    1,
    flipped("ended", 1, PATH, "/index.html"),
    false,
  ),
  conditional(
    "replace-unless-other",
    "the same through the second kind",
    2,
    flipped("ended", 2, PATH, "/index.html"),
    false,
  ),
  {
    id: "append-again",
    title: "the same image once more is taken, and its state has the newer signature too",
    cluster: "so",
    async run(scene) {
      await scene.startWith(PATH, V1);
      const newest = () =>
        Math.max(
          0,
          ...(readState(stateFile(scene.db(2), PATH))?.signatures ?? []).map(({ timestamp }) => timestamp),
        );
      const before = newest();
      await scene.at("there");
      scene.ends(await scene.sync("append", V1, PATH, scene.hosts(2), { options: ["-t", "10s"] }), 0);
      await scene.until("server 2 has the newer signature", () =>
        newest() > before ? null : `its newest is still of ${before}`,
      );
      await scene.haveAll(PATH, V1);
    },
    plant: {
      at: "there",
      what: "the server is not to take the key any more",
      act(scene) {
        scene.setup(2).masterKeys = [scene.stranger];
        scene.writeConfig(2);
      },
      says: /the client ended with 3/,
    },
  },
  {
    id: "append-weak-new",
    title: "a weak append where nothing is appends",
    cluster: "os",
    async run(scene) {
      await scene.startAll();
      await scene.upload("append-weak", V1, PATH, scene.hosts(1));
      await scene.at("sent");
      await scene.haveAll(PATH, V1);
    },
    plant: removed("sent", 1, PATH, "/data/own"),
  },
  {
    id: "append-weak-conflict",
    title: "a weak append over another image is no error, and changes nothing",
    cluster: "so",
    async run(scene) {
      await scene.startWith(PATH, V1);
      await scene.at("there");
      for (const node of scene.all) await scene.upload("append-weak", V2, PATH, scene.hosts(node));
      await scene.haveAll(PATH, V1);
    },
    plant: {
      at: "there",
      what: "another client replaces it meanwhile",
      act: (scene) => scene.upload("replace", V2, PATH, scene.hosts(1)),
      says: /has other bytes|is not in the tree/,
    },
  },
  {
    id: "hard-links-replace",
    title: "files that a replace leaves as they are keep their inodes on either kind",
    cluster: "so",
    async run(scene) {
      await scene.startWith(PATH, V1);
      await scene.at("there");
      await keepsInode(scene, "replace", PATH);
    },
    plant: { ...flipped("there", 2, PATH, "/data/same"), says: /inodes of what has not changed/ },
  },
  {
    id: "hard-links-append",
    title: "files that an append has in common with a neighbour are links to them on either kind",
    cluster: "so",
    async run(scene) {
      await scene.startWith(PATH, V1);
      await scene.at("there");
      await keepsInode(scene, "append", "/site/next");
    },
    plant: { ...flipped("there", 1, PATH, "/data/same"), says: /inodes of what has not changed/ },
  },
];

async function keepsInode(scene: Scene, mode: "append" | "replace", path: string): Promise<void> {
  const inode = (node: number, where: string) => statSync(`${scene.folderOf(node, where)}/data/same`).ino;
  const before = scene.all.map((node) => inode(node, PATH));
  await scene.upload(mode, V2, path, scene.hosts(1));
  await scene.haveAll(path, V2);
  same(
    "inodes of what has not changed",
    scene.all.map((node) => inode(node, path)),
    before,
  );
  for (const node of scene.all)
    holds(
      `/index.html of server ${node} is new`,
      statSync(`${scene.folderOf(node, path)}/index.html`).size > 0,
    );
}
