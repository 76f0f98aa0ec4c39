/** Servers that come late, go, and come back: each gets what it misses, whichever kind it is. */
import { configured, flipped, killed, removed, stateGone } from "./faults.ts";
import { imageOf } from "./image.ts";
import { RawClient } from "./raw-client.ts";
import { type Row, servers } from "./row.ts";
import type { Scene } from "./scene.ts";
import { ODD, site } from "./trees.ts";
import type { Tree } from "./tree.ts";
import { same } from "./wrong.ts";

const PATH = "/site/current";
const [V1, V2] = [site("one"), site("two")];
const VERSIONS = Array.from({ length: 6 }, (_, at) => [`/site/v${at}`, site(`version ${at}`)] as const);

async function haveVersions(scene: Scene, nodes: readonly number[]): Promise<void> {
  for (const [path, content] of VERSIONS) await scene.haveAll(path, content, nodes);
}

function joins(
  id: string,
  title: string,
  cluster: string,
  first: readonly number[],
  late: number,
  plant: Row["plant"],
): Row {
  return {
    id,
    title,
    cluster,
    async run(scene) {
      await scene.startAll(first);
      const words = VERSIONS.flatMap(([path, content]) => ["--append", `${scene.source(content)}:${path}`]);
      const [entry = 1] = first;
      scene.ends(await scene.client("sync", words, scene.hosts(entry)).ended, 0);
      await scene.upload("append", ODD, PATH, scene.hosts(entry));
      await scene.at("before the join");
      await scene.start(late);
      await haveVersions(scene, [late]);
      await scene.haveAll(PATH, ODD, [late]);
      await scene.at("joined");
      await haveVersions(scene, [late]);
    },
    plant,
  };
}

/** One is down while the others replace; it comes back with what it had. */
function misses(
  id: string,
  title: string,
  cluster: string,
  signal: NodeJS.Signals,
  plant: Row["plant"],
): Row {
  return {
    id,
    title,
    cluster,
    async run(scene) {
      await scene.startWith(PATH, V1);
      await scene.stop(2, signal);
      await scene.upload("replace", V2, PATH, scene.hosts(1), {
        options: ["-e", "1s", "--early-hosts", "1", "--early-fraction", "0.1"],
      });
      await scene.upload("append", ODD, "/site/new", scene.hosts(1), {
        options: ["-e", "1s", "--early-hosts", "1", "--early-fraction", "0.1"],
      });
      await scene.at("missed");
      await scene.start(2);
      await scene.haveAll(PATH, V2);
      await scene.haveAll("/site/new", ODD);
    },
    plant,
  };
}

/** Both are apart, each takes an image for the same path, and then they meet. */
function conflict(id: string, title: string, older: number, append: boolean, plant: Row["plant"]): Row {
  return {
    id,
    title,
    cluster: "so",
    async run(scene) {
      scene.apart();
      if (append) scene.setupAll((setup) => (setup.directories = { site: { appendOnly: true } }));
      await scene.startAll();
      const newer = 3 - older;
      await scene.upload("append", V1, PATH, scene.hosts(older));
      await scene.upload("append", V2, PATH, scene.hosts(newer));
      await scene.at("apart");
      await meet(scene);
      const [there, here]: readonly [Tree, Tree] = append ? [V1, V2] : [V2, V2];
      await scene.upload("append", ODD, "/site/after", scene.hosts(1));
      await scene.haveAll("/site/after", ODD);
      await scene.haveAll(PATH, there, [older]);
      await scene.haveAll(PATH, here, [newer]);
    },
    plant,
  };
}

async function meet(scene: Scene): Promise<void> {
  for (const node of scene.all) {
    await scene.stop(node);
    scene.setup(node).peers = scene.all;
  }
  for (const node of scene.all) await scene.start(node);
}

/** A newer replace at one of them while they are apart decides otherwise. */
function overtaken(node: number): Row["plant"] {
  return {
    at: "apart",
    what: `server ${node} gets a newer image that nobody expects`,
    act: (scene) => scene.upload("replace", site("overtaken"), PATH, scene.hosts(node)),
    says: /has other bytes/,
  };
}

export const JOINS: readonly Row[] = [
  joins(
    "join-server",
    "a server of the first kind joins two of the second and gets all",
    "oos",
    [1, 2],
    3,
    flipped("joined", 3, "/site/v4", "/data/own"),
  ),
  joins(
    "join-other",
    "a server of the second kind joins two of the first",
    "sso",
    [1, 2],
    3,
    stateGone("joined", 3, "/site/v2"),
  ),
  joins(
    "join-mixed",
    "a server joins one of each kind",
    "sos",
    [1, 2],
    3,
    removed("joined", 3, "/site/v0", "/run"),
  ),
  {
    id: "join-unlisted",
    title: "who is in nobody's list but lists somebody gets what it misses",
    cluster: "so",
    needs: servers("answers to servers that it does not list"),
    async run(scene) {
      scene.setup(1).peers = [];
      await scene.startAll([1]);
      await scene.upload("append", V1, PATH, scene.hosts(1));
      await scene.at("before the join");
      await scene.start(2);
      await scene.haveAll(PATH, V1);
    },
    plant: {
      at: "before the join",
      what: "it lists nobody",
      act: (scene) => void (scene.setup(2).peers = []),
      says: /server 2 has/,
    },
  },
  misses(
    "restart-other-killed",
    "a server of the second kind is killed, and comes back to what it missed",
    "so",
    "SIGKILL",
    killed("missed", 1),
  ),
  misses("restart-server-killed", "the same of the first kind", "os", "SIGKILL", killed("missed", 1)),
  misses("restart-other-stopped", "the second kind is asked to stop", "so", "SIGTERM", killed("missed", 1)),
  misses("restart-server-stopped", "the first kind is asked to stop", "os", "SIGTERM", killed("missed", 1)),
  conflict(
    "conflict-newer-at-other",
    "of two images at one path the newer wins on both",
    1,
    false,
    overtaken(1),
  ),
  conflict("conflict-newer-at-server", "the same the other way round", 2, false, overtaken(2)),
  conflict(
    "conflict-append-only",
    "where nothing may be replaced each keeps its own",
    1,
    true,
    configured(
      "both may be replaced",
      (scene) => scene.setupAll((setup) => (setup.directories = { site: {} })),
      /has other bytes/,
    ),
  ),
  {
    id: "conflict-equal-times",
    title: "of two images of one millisecond the same wins on both",
    cluster: "so",
    needs: servers("a decision between equal timestamps"),
    async run(scene) {
      scene.apart();
      await scene.startAll();
      const timestamp = Date.now();
      const [greater, smaller] = imageOf(V1).id > imageOf(V2).id ? [V1, V2] : [V2, V1];
      for (const [node, content] of [
        [1, greater],
        [2, smaller],
      ] as const) {
        const client = await RawClient.connect(scene, node);
        client.serve(content);
        const at = scene.planted && node === 2 ? timestamp + 1 : timestamp;
        same(
          "upload",
          await client.upload("AppendDir", { key: scene.key, path: PATH, content, timestamp: at }),
          null,
        );
        await scene.haveAll(PATH, content, [node]);
        client.close();
        await scene.at("first of two");
      }
      await meet(scene);
      await scene.haveAll(PATH, greater);
    },
    plant: {
      at: "first of two",
      what: "the second is a millisecond newer",
      act: () => undefined,
      says: /has other bytes/,
    },
  },
  {
    id: "killed-in-download-other",
    title: "the second kind is killed in the middle of a download, and has it in the end",
    cluster: "so",
    run: (scene) => killedInDownload(scene, 2),
    plant: killed("restarted", 1),
  },
  {
    id: "killed-in-download-server",
    title: "the first kind is killed in the middle of a download, and has it in the end",
    cluster: "so",
    run: (scene) => killedInDownload(scene, 1),
    plant: killed("restarted", 2),
  },
];

/** The uploader gives the blocks only when the server that was killed is back; it is then connected to the other alone. */
async function killedInDownload(scene: Scene, victim: number): Promise<void> {
  await scene.startAll();
  const both = await Promise.all(scene.all.map((node) => RawClient.connect(scene, node)));
  for (const client of both) {
    client.serve(V1);
    client.shut();
    same(
      "upload",
      await client.upload("AppendDir", {
        key: scene.key,
        path: PATH,
        content: V1,
        timestamp: 1_700_000_000_000,
      }),
      null,
    );
  }
  await scene.until("both ask for blocks", () =>
    both.every(({ asked }) => asked.length > 0) ? null : "not yet",
  );
  await scene.stop(victim);
  await scene.start(victim);
  await scene.at("restarted");
  for (const client of both) client.open();
  await scene.haveAll(PATH, V1);
}
