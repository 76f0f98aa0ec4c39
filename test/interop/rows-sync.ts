/** What `sync` and the old `upload` do besides one upload: several sources, several clusters, keys, and when it is enough. */
import { renameSync } from "node:fs";
import { configured, flipped, killed, removed } from "./faults.ts";
import type { Row } from "./row.ts";
import type { Scene } from "./scene.ts";
import { site } from "./trees.ts";
import { holds } from "./wrong.ts";

const V1 = site("one");
const V2 = site("two");
const V3 = site("three");
const PATH = "/site/current";
const SHORT = ["-t", "6s"];

const strangers = (what: string, node: number, says: RegExp) =>
  configured(what, (scene) => (scene.setup(node).masterKeys = [scene.stranger]), says);

/** `ciruela upload -d DIR HOST:/PATH...` to both servers. */
async function oldUpload(
  scene: Scene,
  options: readonly string[],
  expected: number,
  content = V1,
): Promise<void> {
  const targets = scene.hosts(...scene.all).map((host) => `${host}:${PATH}`);
  const words = ["-d", scene.source(content), ...options];
  scene.ends(await scene.client("upload", words, targets).ended, expected);
}

function old(
  id: string,
  title: string,
  options: readonly string[],
  before: boolean,
  end: number,
  wins: boolean,
): Row {
  return {
    id,
    title,
    cluster: "so",
    async run(scene) {
      await scene.startAll();
      if (before) {
        await scene.upload("append", V2, PATH, scene.hosts(2));
        await scene.haveAll(PATH, V2);
      }
      await oldUpload(scene, options, end);
      await scene.haveAll(PATH, wins ? V1 : V2);
      await scene.at("ended");
      await scene.haveAll(PATH, wins ? V1 : V2);
    },
    plant: flipped("ended", before ? 1 : 2, PATH, "/index.html"),
  };
}

export const SYNCS: readonly Row[] = [
  {
    id: "sync-several-sources",
    title: "an append, a weak append and a replace in one call",
    cluster: "so",
    async run(scene) {
      await scene.startAll();
      await scene.upload("append", V1, "/site/c", scene.hosts(2));
      const [a, b, c] = [V1, V2, V3].map((each) => scene.source(each));
      const words = [
        "--append",
        `${a}:/site/a`,
        "--append-weak",
        `${b}:/site/b`,
        "--replace",
        `${c}:/site/c`,
      ];
      scene.ends(await scene.client("sync", words, scene.hosts(1)).ended, 0);
      await scene.at("sent");
      await scene.haveAll("/site/a", V1);
      await scene.haveAll("/site/b", V2);
      await scene.haveAll("/site/c", V3);
    },
    plant: removed("sent", 2, "/site/b", "/data/own"),
  },
  {
    id: "sync-multiple",
    title: "entry points of both kinds as one cluster",
    cluster: "sos",
    async run(scene) {
      await scene.startAll();
      await scene.upload("append", V1, PATH, scene.hosts(1, 2));
      await scene.haveAll(PATH, V1);
      await scene.at("sent");
      await scene.haveAll(PATH, V1);
    },
    plant: flipped("sent", 3, PATH, "/run"),
  },
  {
    id: "sync-two-clusters",
    title: "two clusters, one of each kind, in one call",
    cluster: "ssoo",
    async run(scene) {
      scene.setupAll((setup, node) => (setup.peers = node < 3 ? [1, 2] : [3, 4]));
      await scene.startAll();
      const upload = ["-m", "--append", `${scene.source(V1)}:${PATH}`];
      scene.ends(
        await scene.client("sync", [...upload, ...SHORT], ["--", ...scene.hosts(1), "--", ...scene.hosts(3)])
          .ended,
        0,
      );
      await scene.haveAll(PATH, V1);
    },
    plant: strangers("one of the clusters has another key", 3, /the client ended with 3/),
  },
  {
    id: "sync-unconfigured-neighbour",
    title: "a server without the directory is no error, and does not get it",
    cluster: "sos",
    async run(scene) {
      scene.setup(2).directories = { other: {} };
      await scene.startAll();
      await scene.upload("append", V1, PATH, scene.hosts(1, 2, 3));
      await scene.haveAll(PATH, V1, [1, 3]);
      holds("server 2 has no image", scene.lacks(2, PATH, V1) !== null);
    },
    plant: configured(
      "the directory is configured there too",
      (scene) => (scene.setup(2).directories = { site: {} }),
      /server 2 has no image/,
    ),
  },
  {
    id: "sync-early-enough",
    title: "after the early timeout a part of the servers is enough",
    cluster: "sos",
    async run(scene) {
      await scene.startAll();
      await scene.until("server 1 knows of server 3", async () =>
        JSON.stringify(await scene.page(1, "/cluster/configs/")).includes(scene.setup(3).machine)
          ? null
          : "not yet",
      );
      await scene.stop(3);
      const early = ["-e", "2s", "--early-hosts", "1", "--early-fraction", "0.5", "-t", "20s"];
      await scene.at("one is down");
      await scene.upload("append", V1, PATH, scene.hosts(1, 2), { options: early });
      await scene.haveAll(PATH, V1, [1, 2]);
    },
    plant: killed("one is down", 2),
  },
  {
    id: "sync-deadline",
    title: "at the deadline an upload that not all have has failed",
    cluster: "so",
    async run(scene) {
      await scene.startAll();
      await scene.until("server 1 knows of server 2", async () =>
        JSON.stringify(await scene.page(1, "/cluster/configs/")).includes(scene.setup(2).machine)
          ? null
          : "not yet",
      );
      await scene.stop(2);
      await scene.at("one is down");
      scene.ends(await scene.sync("append", V1, PATH, scene.hosts(1), { options: ["-t", "4s"] }), 3);
      await scene.haveAll(PATH, V1, [1]);
    },
    plant: {
      at: "one is down",
      what: "it comes back",
      act: (scene) => scene.start(2),
      says: /the client ended with 0/,
    },
  },
  {
    id: "sync-levels",
    title: "a directory of two levels",
    cluster: "so",
    async run(scene) {
      scene.setupAll((setup) => (setup.directories = { site: { levels: 2 } }));
      await scene.startAll();
      await scene.upload("append", V1, "/site/app/v1", scene.hosts(1), { options: SHORT });
      await scene.upload("append", V2, "/site/app/v2", scene.hosts(2), { options: SHORT });
      await scene.haveAll("/site/app/v1", V1);
      await scene.haveAll("/site/app/v2", V2);
    },
    plant: configured(
      "server 1 has one level",
      (scene) => (scene.setup(1).directories = { site: {} }),
      /the client ended with 3/,
    ),
  },
  {
    id: "sync-append-only",
    title: "an append-only directory takes appends",
    cluster: "so",
    async run(scene) {
      scene.setupAll((setup) => (setup.directories = { site: { appendOnly: true } }));
      await scene.startAll();
      await scene.upload("append", V1, "/site/v1", scene.hosts(1));
      await scene.upload("append", V2, "/site/v2", scene.hosts(2));
      await scene.haveAll("/site/v1", V1);
      await scene.at("sent");
      await scene.haveAll("/site/v2", V2);
    },
    plant: removed("sent", 1, "/site/v2", "/current"),
  },
  {
    id: "key-named",
    title: "a key of upload-keys may write, without being in master.key",
    cluster: "so",
    async run(scene) {
      const writer = scene.newKey("writer");
      scene.setupAll((setup) => {
        setup.directories = { site: { more: ["upload-keys: [writers]"] } };
        setup.namedKeys = { writers: [writer] };
      });
      await scene.startAll();
      await scene.upload("append", V1, PATH, scene.hosts(1), { key: writer, options: SHORT });
      await scene.haveAll(PATH, V1);
    },
    plant: configured(
      "one server does not name that file",
      (scene) => (scene.setup(1).directories = { site: {} }),
      /the client ended with 3/,
    ),
  },
  {
    id: "key-from-variable",
    title: "the text of a key in a variable that -k names",
    cluster: "so",
    async run(scene) {
      await scene.startAll();
      const words = ["-k", "DEPLOY_KEY", "--append", `${scene.source(V1)}:${PATH}`, ...SHORT];
      const env = { DEPLOY_KEY: scene.key.privateText };
      scene.ends(await scene.client("sync", words, scene.hosts(1), { key: null, env }).ended, 0);
      await scene.haveAll(PATH, V1);
    },
    plant: strangers("the servers have another key", 1, /the client ended with 3/),
  },
  {
    id: "key-by-default",
    title: "without -i and -k the key of CIRUELA_KEY",
    cluster: "so",
    async run(scene) {
      await scene.startAll();
      const words = ["--append", `${scene.source(V1)}:${PATH}`, ...SHORT];
      const env = { CIRUELA_KEY: scene.key.privateText };
      scene.ends(await scene.client("sync", words, scene.hosts(2), { key: null, env }).ended, 0);
      await scene.haveAll(PATH, V1);
    },
    plant: strangers("the servers have another key", 2, /the client ended with 3/),
  },
  {
    id: "key-two",
    title: "of two keys that sign, one that may write is enough",
    cluster: "so",
    async run(scene) {
      await scene.startAll();
      const words = ["-i", scene.stranger.file, "--append", `${scene.source(V1)}:${PATH}`, ...SHORT];
      scene.ends(await scene.client("sync", words, scene.hosts(1)).ended, 0);
      await scene.haveAll(PATH, V1);
    },
    plant: configured(
      "nobody has either",
      (scene) => scene.setupAll((setup) => (setup.masterKeys = [scene.newKey("third")])),
      /the client ended with 3/,
    ),
  },
  {
    id: "key-missing",
    title: "a key file that is not there ends the client with 2, before anything is sent",
    cluster: "s",
    async run(scene) {
      await scene.startAll();
      const words = ["-i", scene.path("no-such-key"), "--append", `${scene.source(V1)}:${PATH}`, ...SHORT];
      await scene.at("asked");
      scene.ends(await scene.client("sync", words, scene.hosts(1), { key: null }).ended, 2);
      holds("nothing was uploaded", scene.lacks(1, PATH, V1) !== null);
    },
    plant: {
      at: "asked",
      what: "the file is there",
      act: (scene) => void scene.newKey("no-such-key"),
      says: /the client ended with 3/,
    },
  },
  {
    id: "source-missing",
    title: "a source that is not there ends the client with 1",
    cluster: "s",
    async run(scene) {
      await scene.startAll();
      const source = scene.source(V1);
      await scene.at("scanned");
      const words = ["--append", `${source}-gone:${PATH}`, ...SHORT];
      scene.ends(await scene.client("sync", words, scene.hosts(1)).ended, 1);
    },
    plant: {
      at: "scanned",
      what: "it is there",
      act: (scene) => renameSync(scene.path("source-1"), scene.path("source-1-gone")),
      says: /the client ended with 0/,
    },
  },
  {
    id: "destination-wrong",
    title: "the root as a destination ends the client with 1, and the server lives",
    cluster: "so",
    async run(scene) {
      await scene.startAll();
      const word = `${scene.source(V1)}:/`;
      scene.ends(await scene.client("sync", ["--append", word, ...SHORT], scene.hosts(1)).ended, 1);
      await scene.at("refused");
      for (const node of scene.all) await scene.page(node, "/status/");
    },
    plant: killed("refused", 2),
  },
  old("upload-new", "the old command appends", [], false, 0, true),
  old("upload-replace", "the old command replaces when it is told to", ["--replace"], true, 0, true),
  old("upload-conflict", "the old command ends with 1 where another image is", [], true, 1, false),
  old("upload-no-fail-on-conflict", "with -x that is no error, and changes nothing", ["-x"], true, 0, false),
  {
    id: "client-version",
    title: "--version and --help end with 0",
    cluster: "s",
    async run(scene) {
      await scene.at("begun");
      for (const word of ["--version", "--help"]) {
        const ended = await scene.client(scene.planted ? "--no-such-option" : word, [], [], { key: null })
          .ended;
        scene.ends(ended, 0);
        holds(`${word} says something`, `${ended.stdout}${ended.stderr}`.trim() !== "");
      }
    },
    plant: {
      at: "begun",
      what: "it is asked for an option that is none",
      act: () => undefined,
      says: /the client ended with/,
    },
  },
];
