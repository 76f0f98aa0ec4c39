/** A database that passes from one kind of server to the other, and what a start makes of what it finds. */
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { readState, runningFile, stateFile } from "./disk.ts";
import { flipped, removed, stateGone } from "./faults.ts";
import { RawClient } from "./raw-client.ts";
import type { Role } from "./role.ts";
import type { Row } from "./row.ts";
import type { Scene } from "./scene.ts";
import { LARGE, ODD, site } from "./trees.ts";
import { holds, same } from "./wrong.ts";

const PATH = "/site/current";
const [V1, V2, V3] = [site("one"), site("two"), site("three")];

async function become(scene: Scene, node: number, role: Role): Promise<void> {
  await scene.stop(node, "SIGTERM");
  scene.setup(node).role = role;
  await scene.start(node);
}

async function baseHash(scene: Scene, node: number): Promise<string> {
  const page = (await scene.page(node, "/base-dirs/")) as Record<string, { hash?: string }>;
  return page["/site"]?.hash ?? "none";
}

const inode = (scene: Scene, node: number): number => statSync(`${scene.folderOf(node, PATH)}/data/same`).ino;

/** Each role in turn has the database; what it finds is whole, and what it writes the next one finds. */
function handed(id: string, title: string, roles: readonly [Role, ...Role[]], plant: Row["plant"]): Row {
  return {
    id,
    title,
    cluster: roles[0] === "server" ? "s" : "o",
    async run(scene) {
      await scene.startAll();
      await scene.upload("append", V1, PATH, scene.hosts(1));
      await scene.upload("append", ODD, "/site/odd", scene.hosts(1));
      await scene.haveAll(PATH, V1);
      await scene.haveAll("/site/odd", ODD);
      const first = inode(scene, 1);
      for (const [turn, role] of roles.slice(1).entries()) {
        const hash = await baseHash(scene, 1);
        await scene.at("handed over");
        await become(scene, 1, role);
        await scene.until("the next has the same listing", async () => {
          const found = await baseHash(scene, 1);
          return found === hash ? null : `the hash of /site is ${found}, not ${hash}`;
        });
        await scene.haveAll(PATH, V1);
        await scene.haveAll("/site/odd", ODD);
        same("the inode of a file that nobody replaced", inode(scene, 1), first);
        const path = `/site/turn-${turn}`;
        await scene.upload("append", V2, path, scene.hosts(1));
        await scene.haveAll(path, V2);
        const linked = statSync(`${scene.folderOf(1, path)}/data/same`).ino;
        same("what the one has written is a link for the other", linked, first);
      }
      await scene.upload("replace", V3, PATH, scene.hosts(1));
      await scene.haveAll(PATH, V3);
    },
    plant,
  };
}

/** A download that one kind has begun, the other takes over or forgets; the upload is then made again. */
function halfDone(id: string, title: string, from: Role, to: Role): Row {
  return {
    id,
    title,
    cluster: from === "server" ? "s" : "o",
    async run(scene) {
      await scene.startAll();
      const client = await RawClient.connect(scene, 1);
      client.serve(V1);
      client.shut();
      same("upload", await client.upload("AppendDir", { key: scene.key, path: PATH, content: V1 }), null);
      await scene.until("it asks for blocks", () => (client.asked.length > 0 ? null : "not yet"));
      holds("the download is in the database", existsSync(runningFile(scene.db(1), PATH)));
      await scene.stop(1);
      scene.setup(1).role = to;
      await scene.start(1);
      await scene.at("handed over");
      await scene.upload("append", V1, PATH, scene.hosts(1), { options: ["-t", "20s"] });
      await scene.haveAll(PATH, V1);
      await scene.at("again");
      await scene.haveAll(PATH, V1);
    },
    plant: removed("again", 1, PATH, "/data/own"),
  };
}

/** The next server does not find what the one before had. */
function lost(at: string, path: string): Row["plant"] {
  return { ...stateGone(at, 1, path), says: /the next has the same listing: the hash of \/site is/ };
}

export const DATABASES: readonly Row[] = [
  handed(
    "handed-to-other",
    "a database passes from the first kind to the second",
    ["server", "other-server"],
    lost("handed over", "/site/odd"),
  ),
  handed(
    "handed-to-server",
    "a database passes from the second kind to the first",
    ["other-server", "server"],
    lost("handed over", PATH),
  ),
  handed(
    "handed-and-back",
    "a database passes to the second kind and back",
    ["server", "other-server", "server"],
    {
      ...flipped("handed over", 1, "/site/odd", "/ab"),
      what: "a byte of a file changes while the database is handed over",
    },
  ),
  halfDone(
    "handed-half-done-to-other",
    "a download that the first kind has begun, the second ends",
    "server",
    "other-server",
  ),
  halfDone(
    "handed-half-done-to-server",
    "a download that the second kind has begun, the first ends",
    "other-server",
    "server",
  ),
  {
    id: "database-broken-state",
    title: "a state that cannot be read is put aside, the others stay, and a replace heals it",
    cluster: "so",
    async run(scene) {
      await scene.startAll();
      await scene.upload("append", V1, PATH, scene.hosts(1));
      await scene.upload("append", ODD, "/site/odd", scene.hosts(1));
      await scene.haveAll("/site/odd", ODD);
      await scene.haveAll(PATH, V1);
      for (const node of scene.all) {
        await scene.stop(node);
        writeFileSync(stateFile(scene.db(node), PATH), "no state");
        await scene.start(node);
        await scene.haveAll("/site/odd", ODD, [node]);
        await scene.until("the state is put aside", () => {
          const names = readdirSync(dirname(stateFile(scene.db(node), PATH)));
          return names.some((name) => name.startsWith(".current.state.backup")) ? null : names.join(" ");
        });
      }
      await scene.at("aside");
      await scene.upload("replace", V2, PATH, scene.hosts(1));
      await scene.haveAll(PATH, V2);
      await scene.haveAll("/site/odd", ODD);
    },
    plant: stateGone("aside", 2, "/site/odd"),
  },
  {
    id: "database-image-gone",
    title: "an image whose directory is gone comes back at the start of either kind",
    cluster: "so",
    async run(scene) {
      await scene.startWith(PATH, V1);
      for (const node of scene.all) {
        await scene.stop(node);
        rmSync(scene.folderOf(node, PATH), { recursive: true });
        await scene.at("gone");
        await scene.start(node);
        await scene.haveAll(PATH, V1, [node]);
      }
    },
    plant: {
      at: "gone",
      what: "the peer has gone as well",
      act: (scene) => scene.stop(2),
      says: /server 1 has .*ENOENT/,
    },
  },
  {
    id: "database-foreign-tree",
    title: "a directory that nobody uploaded stays, until a replace goes there",
    cluster: "so",
    async run(scene) {
      await scene.startAll();
      for (const node of scene.all) {
        mkdirSync(scene.folderOf(node, "/site/mine"));
        writeFileSync(`${scene.folderOf(node, "/site/mine")}/note`, "mine");
        mkdirSync(scene.folderOf(node, PATH));
        writeFileSync(`${scene.folderOf(node, PATH)}/note`, "mine too");
      }
      await scene.at("there");
      await scene.upload("replace", V1, PATH, scene.hosts(1));
      await scene.haveAll(PATH, V1);
      for (const node of scene.all) {
        await scene.stop(node);
        await scene.start(node);
        holds(
          `what nobody uploaded is still on server ${node}`,
          existsSync(`${scene.folderOf(node, "/site/mine")}/note`),
        );
        same("its state", readState(stateFile(scene.db(node), "/site/mine")), null);
      }
    },
    plant: { ...removed("there", 2, "/site", "/mine"), says: /what nobody uploaded is still on server 2/ },
  },
  {
    id: "database-large-again",
    title: "both kinds start with a large image, and reuse it",
    cluster: "so",
    async run(scene) {
      await scene.startWith("/site/large", LARGE);
      const number = (node: number, path: string) => statSync(`${scene.folderOf(node, path)}/one`).ino;
      for (const node of scene.all) await become(scene, node, scene.setup(node).role);
      await scene.at("restarted");
      const before = scene.all.map((node) => number(node, "/site/large"));
      await scene.upload("append", LARGE, "/site/again", scene.hosts(2));
      await scene.haveAll("/site/again", LARGE);
      same(
        "its inodes",
        scene.all.map((node) => number(node, "/site/again")),
        before,
      );
    },
    plant: { ...flipped("restarted", 2, "/site/large", "/one"), says: /its inodes/ },
  },
];
