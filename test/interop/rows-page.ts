/** Every page of behaviour.md 9, from either kind, as a script of an operator reads it. */
import { readFileSync, writeFileSync } from "node:fs";
import { readState, stateFile } from "./disk.ts";
import { configured } from "./faults.ts";
import { hash, imageOf, isSignedBy, payload } from "./image.ts";
import { encode } from "./cbor.ts";
import { RawClient } from "./raw-client.ts";
import { configHash, RawPeer } from "./raw-peer.ts";
import type { Plant, Row } from "./row.ts";
import type { Scene } from "./scene.ts";
import { site } from "./trees.ts";
import { holds, same, wrong } from "./wrong.ts";

type Page = Readonly<Record<string, unknown>>;

const PATH = "/site/current";
const V1 = site("one");

function fieldsOf(value: unknown): Page {
  return typeof value === "object" && value !== null ? (value as Page) : {};
}

/** The page of every server, once it says what it must: null, or what is the matter. */
function shows(
  scene: Scene,
  page: string,
  matter: (body: unknown, node: number) => string | null,
  nodes = scene.all,
): Promise<void> {
  return nodes.reduce<Promise<void>>(
    (before, node) =>
      before.then(() =>
        scene.until(`${page} of server ${node}`, async () => matter(await scene.page(node, page), node)),
      ),
    Promise.resolve(),
  );
}

/** Null when both are the same as JSON. */
function unlike(found: unknown, expected: unknown): string | null {
  const [left, right] = [JSON.stringify(found), JSON.stringify(expected)];
  return left === right ? null : `it shows ${left?.slice(0, 500)}, not ${right}`;
}

const other = (scene: Scene, node: number) => scene.setup(3 - node);

/** A page of servers that have one image each. */
function page(id: string, title: string, matter: (scene: Scene) => Promise<void>, plant: Plant): Row {
  return {
    id,
    title,
    cluster: "so",
    async run(scene) {
      await scene.startWith(PATH, V1);
      await scene.at("there");
      await matter(scene);
    },
    plant,
  };
}

/** A page while an upload waits for its blocks at server 1, or at both. */
function during(id: string, title: string, matter: (scene: Scene) => Promise<void>, plant?: Plant): Row {
  return {
    id,
    title,
    cluster: "so",
    async run(scene) {
      await scene.startAll();
      const client = await RawClient.connect(scene, 1);
      client.serve(V1);
      client.shut();
      same("upload", await client.upload("AppendDir", { key: scene.key, path: PATH, content: V1 }), null);
      await scene.until("server 1 asks for blocks", () => (client.asked.length > 0 ? null : "not yet"));
      await scene.at("running");
      if (scene.planted) {
        client.open();
        await scene.haveAll(PATH, V1);
        client.close();
      }
      await matter(scene);
    },
    plant: plant ?? {
      at: "running",
      what: "the download ends and the uploader goes",
      act: () => undefined,
      says: /page|\/(downloading|watching|watched)/,
    },
  };
}

/** What a peer made by hand says of itself, as pairs of a path and an image. */
function byHand(
  id: string,
  title: string,
  name: string,
  said: (image: Buffer) => Readonly<Record<string, unknown>>,
): Row {
  return {
    id,
    title,
    cluster: "so",
    async run(scene) {
      scene.setupAll((setup) => (setup.peers = [1, 2, scene.hand()]));
      await scene.startAll();
      const peer = await RawPeer.open(scene);
      const image = imageOf(V1).id;
      await scene.at("started");
      for (const node of scene.all)
        await scene.until(`${name} of server ${node}`, async () => {
          peer.beat(node, null, said(Buffer.from(scene.planted ? "ee".repeat(32) : image, "hex")));
          return unlike(fieldsOf(await scene.page(node, name))[peer.machine], [[PATH, image]]);
        });
    },
    plant: {
      at: "started",
      what: "the peer says another image",
      act: () => undefined,
      says: /it shows \[\["\/site\/current","eeee/,
    },
  };
}

const named = (what: string, act: (scene: Scene) => void, says: RegExp) => configured(what, act, says);

export const PAGES: readonly Row[] = [
  page(
    "page-status",
    "/status/: who it is, and of which version",
    (scene) =>
      shows(scene, "/status/", (body, node) => {
        const { machine_id, hostname, version } = fieldsOf(body);
        if (typeof version !== "string" || version === "") return "there is no version";
        return unlike([machine_id, hostname], [String(node).padStart(32, "0"), `n${node}`]);
      }),
    named(
      "one server has another host name",
      (scene) => (scene.setup(2).hostname = "liar"),
      /it shows .*liar/,
    ),
  ),
  page(
    "page-configs",
    "/configs/: its directories",
    async (scene) => {
      await shows(scene, "/configs/", (body) => {
        const { append_only, num_levels, auto_clean } = fieldsOf(fieldsOf(body)["site"]);
        return unlike([append_only, num_levels, auto_clean], [false, 1, false]);
      });
    },
    named(
      "one cleans up",
      (scene) => (scene.setup(1).directories = { site: { more: ["auto-clean: true"] } }),
      /it shows \[false,1,true\]/,
    ),
  ),
  page(
    "page-base-dirs",
    "/base-dirs/: the hash of what the state files say, the same on both",
    async (scene) => {
      await shows(scene, "/base-dirs/", (body, node) => {
        const { hash: found, num_subdirs, num_downloading } = fieldsOf(fieldsOf(body)["/site"]);
        const expected = listingHash(scene, node, ["current"]);
        return unlike([found, num_subdirs, num_downloading], [expected, 1, 0]);
      });
      const [first, second] = await Promise.all(scene.all.map((node) => scene.page(node, "/base-dirs/")));
      same(
        "the hashes",
        fieldsOf(fieldsOf(first)["/site"])["hash"],
        fieldsOf(fieldsOf(second)["/site"])["hash"],
      );
    },
    {
      at: "there",
      what: "the state on a disk gets another date",
      act: (scene) => redate(scene, 2),
      says: /base-dirs.* of server 2/,
    },
  ),
  page(
    "page-list-dir",
    "/list-dir/site: each image with its signatures, which hold",
    (scene) =>
      shows(scene, "/list-dir/site", (body, node) => {
        const { image, signatures } = fieldsOf(fieldsOf(body)["current"]);
        if (image !== imageOf(V1).id) return unlike(image, imageOf(V1).id);
        const [first] = Array.isArray(signatures) ? (signatures as unknown[]) : [];
        const { timestamp, signature } = fieldsOf(first);
        const [kind, text] = String(signature).split(" ");
        if (kind !== "ssh-ed25519") return `a signature of kind ${kind}`;
        const signed = payload(PATH, imageOf(V1).id, Date.parse(String(timestamp)));
        const good = isSignedBy(
          scene.setup(node).masterKeys[0] ?? scene.key,
          signed,
          Buffer.from(text ?? "", "base64"),
        );
        return good ? null : `the signature of ${String(timestamp)} does not hold`;
      }),
    {
      at: "there",
      what: "it is replaced by another image",
      act: (scene) => scene.upload("replace", site("two"), PATH, scene.hosts(1)),
      says: /list-dir.* it shows/,
    },
  ),
  page(
    "page-peers",
    "/peers/: the others by machine id, with address and name of peers.txt",
    (scene) =>
      shows(scene, "/peers/", (body, node) => {
        const { id, addr, name } = fieldsOf(fieldsOf(body)[String(3 - node).padStart(32, "0")]);
        const address = scene.address(3 - node);
        return unlike([id, addr, name], [other(scene, node).machine, `${address}:${scene.port}`, address]);
      }),
    {
      at: "there",
      what: "one starts anew and lists nobody",
      async act(scene) {
        await scene.stop(1);
        scene.setup(1).peers = [];
        await scene.start(1);
      },
      says: /peers.* of server 1/,
    },
  ),
  page(
    "page-cluster-configs",
    "/cluster/configs/: what each peer has, with the hash of the list",
    (scene) =>
      shows(scene, "/cluster/configs/", (body, node) => {
        const { hash: found, configs } = fieldsOf(fieldsOf(body)[String(3 - node).padStart(32, "0")]);
        return unlike([found, configs], [configHash(["/site"]), ["/site"]]);
      }),
    named(
      "one has a directory more",
      (scene) => (scene.setup(2).directories = { site: {}, more: {} }),
      /cluster\/configs.* of server 1/,
    ),
  ),
  page(
    "page-cluster-dirs",
    "/cluster/dirs/: who has which directory",
    (scene) =>
      shows(scene, "/cluster/dirs/", (body, node) => {
        const found = fieldsOf(body)["/site"];
        return Array.isArray(found) && found.includes(String(3 - node).padStart(32, "0"))
          ? null
          : unlike(found, ["..."]);
      }),
    named(
      "one has another machine id",
      (scene) => (scene.setup(2).machine = "f".repeat(32)),
      /cluster\/dirs.* of server 1/,
    ),
  ),
  during("page-downloading", "/downloading/: what arrives just now", (scene) =>
    shows(
      scene,
      "/downloading/",
      (body) => {
        const { image_id, mask, stalled, source } = fieldsOf(fieldsOf(body)[PATH]);
        if (typeof mask !== "number" || mask < 0 || mask > 0xfffe) return `the mask is ${String(mask)}`;
        return unlike([image_id, typeof stalled, source], [imageOf(V1).id, "boolean", true]);
      },
      [1],
    ),
  ),
  during("page-cluster-downloading", "/cluster/downloading/: what arrives at the others", (scene) =>
    shows(
      scene,
      "/cluster/downloading/",
      (body) => {
        const { image_id, mask, source } = fieldsOf(fieldsOf(fieldsOf(body)["1".padStart(32, "0")])[PATH]);
        return unlike([image_id, typeof mask, source], [imageOf(V1).id, "number", true]);
      },
      [2],
    ),
  ),
  during("page-watching", "/watching/: what a connection here waits for", (scene) =>
    shows(scene, "/watching/", (body) => unlike(body, [PATH]), [1]),
  ),
  during("page-cluster-watching", "/cluster/watching/: what connections to the others wait for", (scene) =>
    shows(scene, "/cluster/watching/", (body) => unlike(fieldsOf(body)["1".padStart(32, "0")], [PATH]), [2]),
  ),
  during("page-watched", "/watched/: what others wait for, and whether it is here", (scene) =>
    shows(
      scene,
      "/watched/",
      (body) => {
        const state = fieldsOf(body)[PATH];
        return state === "absent" || state === "checking" ? null : unlike(state, "absent");
      },
      [2],
    ),
  ),
  byHand(
    "page-cluster-complete",
    "/cluster/complete/: what the others have that somebody waits for",
    "/cluster/complete/",
    (image) => ({
      complete: new Map([[PATH, image]]),
    }),
  ),
  byHand(
    "page-cluster-deleted",
    "/cluster/deleted/: what the others have removed",
    "/cluster/deleted/",
    (image) => ({
      deleted: [[PATH, image]],
    }),
  ),
  {
    id: "page-missing",
    title: "404 for what is no page: no final slash, a query, and the root",
    cluster: "so",
    async run(scene) {
      await scene.startAll();
      await scene.at("started");
      for (const node of scene.all) {
        for (const path of [
          "/status",
          "/status/?x=1",
          "/nothing/",
          "/list-dir/../etc",
          scene.planted ? "/status/" : "/",
        ]) {
          const { status, body } = await scene.answer(node, path);
          if (path !== "/list-dir/../etc") same(`${path} of server ${node}`, status, 404);
          if (path === "/nothing/") same("its words", body.trim(), "Not found");
        }
        const { type } = await scene.answer(node, "/status/");
        holds(`a page of server ${node} is JSON`, type.startsWith("application/json"));
      }
    },
    plant: {
      at: "started",
      what: "a page that is there is asked for",
      act: () => undefined,
      says: /\/status\/ of server 1: expected 404, found 200/,
    },
  },
];

/** The hash of a listing (gossip.md 5), from the state files of a server. */
export function listingHash(scene: Scene, node: number, names: readonly string[]): string {
  const states = names.map((name) => {
    const state =
      readState(stateFile(scene.db(node), `/site/${name}`)) ?? wrong(`there is no state of ${name}`);
    const signatures = state.signatures.map(({ timestamp, bytes }) => [
      BigInt(timestamp),
      ["ssh-ed25519", bytes],
    ]);
    return [
      name,
      new Map<string, unknown>([
        ["image", Buffer.from(state.image, "hex")],
        ["signatures", signatures],
      ]),
    ] as const;
  });
  return hash(encode(new Map(states)));
}

function redate(scene: Scene, node: number): void {
  const file = stateFile(scene.db(node), PATH);
  const bytes = readFileSync(file);
  const at = bytes.indexOf(0x1b); // a number of eight bytes: the timestamp
  bytes[at + 8] = (bytes[at + 8] ?? 0) ^ 1;
  writeFileSync(file, bytes);
}
