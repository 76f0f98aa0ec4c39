/** One file of what stands at a path: `edit` and `put-file`. */
import { existsSync, writeFileSync } from "node:fs";
import { flipped, killed, removed } from "./faults.ts";
import { client, type Need, type Plant, type Row } from "./row.ts";
import { pause, type Scene } from "./scene.ts";
import { site } from "./trees.ts";
import { EMPTY, noise, program, tree, type Leaf, type Tree } from "./tree.ts";
import { wrong } from "./wrong.ts";

const PATH = "/site/current";
const SHORT = ["-t", "15s"];
const BEFORE = site("one");

function changed(content: Tree, entries: Readonly<Record<string, Leaf>>): Tree {
  return new Map([...content, ...tree(entries)]);
}

/** An editor as a shell script that gets the file as `$1`. */
function editor(scene: Scene, script: string): Readonly<Record<string, string>> {
  const file = scene.path("editor");
  writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return { CIRUELA_EDITOR: file };
}

function edit(scene: Scene, file: string, script: string, node: number) {
  const words = ["-d", PATH, "-f", file, ...SHORT];
  return scene.client("edit", words, scene.hosts(node), { env: editor(scene, script) });
}

function put(scene: Scene, bytes: Buffer | string, file: string, node: number) {
  const local = scene.path("local");
  writeFileSync(local, bytes);
  return scene.client("put-file", ["-d", PATH, "-s", local, "-f", file, ...SHORT], scene.hosts(node));
}

function edited(id: string, title: string, node: number, plant: Plant): Row {
  return {
    id,
    title,
    cluster: "so",
    async run(scene) {
      await scene.startWith(PATH, BEFORE);
      scene.ends(await edit(scene, "/index.html", `printf 'more\\n' >> "$1"`, node).ended, 0);
      await scene.at("ended");
      await scene.haveAll(PATH, changed(BEFORE, { "/index.html": "<p>one</p>\nmore\n" }));
    },
    plant,
  };
}

function puts(
  id: string,
  title: string,
  cluster: string,
  file: string,
  bytes: Buffer | string,
  node: number,
  plant: Plant,
  more: { needs?: readonly Need[]; before?: Tree; leaf?: Leaf } = {},
): Row {
  const { needs = [], before = BEFORE, leaf = bytes } = more;
  return {
    id,
    title,
    cluster,
    needs,
    async run(scene) {
      await scene.startWith(PATH, before);
      scene.ends(await put(scene, bytes, file, node).ended, 0);
      await scene.at("ended");
      await scene.haveAll(PATH, changed(before, { [file]: leaf }));
    },
    plant,
  };
}

const UNLIKE_0612 = client("files of whole blocks and above one block in edit and put-file");
const KEEPS_TREE = client("empty folders and programs kept by edit and put-file");
const WITH_CORNERS = tree({ "/tool": program("#!/bin/sh\n"), "/empty/inside": EMPTY, "/data": "1\n" });

export const FILES: readonly Row[] = [
  edited(
    "edit-server",
    "a file is edited through the first kind",
    1,
    flipped("ended", 2, PATH, "/index.html"),
  ),
  edited(
    "edit-other",
    "a file is edited through the second kind",
    2,
    flipped("ended", 1, PATH, "/data/same"),
  ),
  {
    id: "edit-unchanged",
    title: "an editor that changes nothing ends with 0, and nothing is uploaded",
    cluster: "so",
    async run(scene) {
      await scene.startWith(PATH, BEFORE);
      await scene.at("there");
      const script = scene.planted ? `printf x >> "$1"` : "exit 0";
      scene.ends(await edit(scene, "/index.html", script, 2).ended, 0);
      await scene.haveAll(PATH, BEFORE);
    },
    plant: { at: "there", what: "the editor changes a byte", act: () => undefined, says: /has other bytes/ },
  },
  {
    id: "edit-given-up",
    title: "an editor that fails changes nothing, and the client does not end with 0",
    cluster: "so",
    async run(scene) {
      await scene.startWith(PATH, BEFORE);
      await scene.at("there");
      const script = scene.planted ? `printf x >> "$1"` : `printf x >> "$1"; exit 1`;
      const { status } = await edit(scene, "/index.html", script, 1).ended;
      if (status === 0) wrong("the client ended with 0");
      await scene.haveAll(PATH, BEFORE);
    },
    plant: { at: "there", what: "the editor does not fail", act: () => undefined, says: /ended with 0/ },
  },
  {
    id: "edit-second-writer",
    title: "who edits what somebody else has replaced meanwhile is told, and changes nothing",
    cluster: "so",
    async run(scene) {
      const after = site("two");
      await scene.startWith(PATH, BEFORE);
      const [begun, go] = [scene.path("begun"), scene.path("go")];
      const script = `touch ${begun}; while [ ! -e ${go} ]; do sleep 0.05; done; printf x >> "$1"`;
      const running = edit(scene, "/index.html", script, 1);
      await scene.until("the editor runs", () => (existsSync(begun) ? null : "not yet"));
      await scene.at("editing");
      if (!scene.planted) await scene.upload("replace", after, PATH, scene.hosts(2));
      if (!scene.planted) await scene.haveAll(PATH, after);
      writeFileSync(go, "");
      scene.ends(await running.ended, 3);
      await pause();
      await scene.haveAll(PATH, after);
    },
    plant: { at: "editing", what: "nobody replaces it", act: () => undefined, says: /ended with 0/ },
  },
  puts(
    "put-file-over",
    "a file is replaced through the first kind",
    "so",
    "/data/rates.json",
    "{}\n",
    1,
    flipped("ended", 2, PATH, "/data/rates.json"),
  ),
  puts(
    "put-file-new",
    "a file is added through the second kind",
    "so",
    "/new.txt",
    "new\n",
    2,
    removed("ended", 1, PATH, "/new.txt"),
  ),
  puts(
    "put-file-deep",
    "folders on its way are made",
    "os",
    "/a/b/c/new.txt",
    "deep\n",
    1,
    removed("ended", 2, PATH, "/a/b/c/new.txt"),
  ),
  {
    id: "put-file-through-a-file",
    title: "a file in the middle of the path is an error, and changes nothing",
    cluster: "so",
    async run(scene) {
      await scene.startWith(PATH, BEFORE);
      await scene.at("there");
      const { status } = await put(scene, "x", scene.planted ? "/x" : "/index.html/x", 1).ended;
      if (status === 0) wrong("the client ended with 0");
      await scene.haveAll(PATH, BEFORE);
    },
    plant: { at: "there", what: "there is no file in its way", act: () => undefined, says: /ended with 0/ },
  },
  ...[0, 32_768, 65_536, 1_000_000].map((size) =>
    puts(
      `put-file-of-${size}`,
      `a file of ${size} bytes is put`,
      "so",
      "/of-a-size",
      noise("put", size),
      2,
      removed("ended", 1, PATH, "/of-a-size"),
      { needs: UNLIKE_0612 },
    ),
  ),
  puts(
    "put-file-keeps-tree",
    "empty folders and programs stay what they are",
    "so",
    "/tool",
    "#!/bin/sh\n# new\n",
    2,
    removed("ended", 2, PATH, "/empty/inside"),
    {
      needs: KEEPS_TREE,
      before: WITH_CORNERS,
      leaf: program("#!/bin/sh\n# new\n"),
    },
  ),
  {
    id: "edit-absent",
    title: "a directory that is not there ends the client",
    cluster: "s",
    needs: client("an end where a directory is absent; 0.6.12 waits for ever"),
    async run(scene) {
      await scene.startAll();
      await scene.at("started");
      scene.ends(await edit(scene, "/index.html", "exit 0", 1).ended, 3);
    },
    plant: {
      at: "started",
      what: "it is there",
      act: (scene) => scene.upload("append", BEFORE, PATH, scene.hosts(1)),
      says: /ended with 0/,
    },
  },
  {
    id: "edit-servers-live",
    title: "both kinds live on after an edit of a file that is not there",
    cluster: "so",
    async run(scene) {
      await scene.startWith(PATH, BEFORE);
      const { status } = await edit(scene, "/no-such-file", `printf x >> "$1"`, 2).ended;
      if (status === 0) wrong("the client ended with 0");
      await scene.at("ended");
      for (const node of scene.all) await scene.page(node, "/status/");
      await scene.haveAll(PATH, BEFORE);
    },
    plant: killed("ended", 1),
  },
];
