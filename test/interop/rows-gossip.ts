/** Datagrams of gossip.md, as either kind sends them to a peer that the suite plays by hand, and takes them from it. */
import { asArray, asHex, asMap, encode } from "./cbor.ts";
import { hash, imageOf, payload, sign } from "./image.ts";
import { configHash, RawPeer, serveByHand } from "./raw-peer.ts";
import type { Plant, Row } from "./row.ts";
import { listingHash } from "./rows-page.ts";
import { type Options, pause, type Scene } from "./scene.ts";
import { site } from "./trees.ts";
import { same } from "./wrong.ts";

const PATH = "/site/current";
const [V1, V2] = [site("one"), site("two")];
const bytesOf = (hex: string) => Buffer.from(hex, "hex");

export const GOSSIPS: readonly Row[] = [
  gossip(
    "gossip-config-sync",
    "who does not know the list of directories is told, in order, and no further once it does",
    async (scene, peer) => {
      const list = ["/another", "/site"];
      for (const node of scene.all) {
        await scene.until(`server ${node} tells its list`, () => {
          peer.beat(node, null);
          const told = peer.heard(node, "ConfigSync").map(({ body }) => body.get("paths"));
          return told.some((paths) => JSON.stringify(paths) === JSON.stringify(list))
            ? null
            : JSON.stringify(told);
        });
        await pause();
        const before = peer.heard(node, "ConfigSync").length;
        const right = scene.planted ? null : configHash(list);
        for (let look = 0; look < 40; look++) {
          if (look % 10 === 0) peer.beat(node, right);
          await pause();
        }
        same(`lists of server ${node} after it was known`, peer.heard(node, "ConfigSync").length, before);
      }
    },
    { what: "it is not known after all", act: () => undefined, says: /lists of server 1 after it was known/ },
    { site: {}, another: {} },
  ),
  gossip(
    "gossip-base-dirs",
    "every second the hashes of its directories come from its listening port",
    async (scene, peer) => {
      for (const node of scene.all)
        await scene.until(`server ${node} tells the hash of /site`, () => {
          peer.beat(node, null);
          const told = peer
            .heard(node, "BaseDirs")
            .map(({ body }) => asHex(asMap(body.get("base_dirs")).get("/site")));
          return told.includes(listingHash(scene, node, ["current"])) ? null : told.slice(-2).join();
        });
      const [packet] = peer.heard(1, "BaseDirs");
      same(
        "members in their order",
        [...(packet?.body.keys() ?? [])],
        ["in_progress", "watching", "deleted", "base_dirs", "complete"],
      );
      same("its sender", packet?.machine, scene.setup(1).machine);
    },
    {
      what: "server 2 is killed",
      act: (scene) => scene.stop(2),
      says: /server 2 tells the hash/,
    },
  ),
  gossip(
    "gossip-complete-ack",
    "a completion is acknowledged to its sender, whether somebody waits for it or not",
    async (scene, peer) => {
      for (const node of scene.all) {
        const path = scene.planted ? "/site/elsewhere" : PATH;
        await scene.until(`server ${node} acknowledges`, () => {
          peer.beat(node, null);
          peer.say(node, null, "Complete", { path, image: bytesOf("ee".repeat(32)) });
          const told = peer.heard(node, "CompleteAck").map(({ body }) => body.get("path"));
          return told.includes(PATH) ? null : `it acknowledges ${told.length} others`;
        });
      }
    },
    { what: "another path is told", act: () => undefined, says: /server 1 acknowledges/ },
  ),
  gossip(
    "gossip-pulls",
    "an image that a peer made by hand announces is fetched from it, by its address and port",
    async (scene, peer) => {
      const image = imageOf(V2);
      const timestamp = Date.now();
      const signature = sign(
        scene.planted ? scene.stranger : scene.key,
        payload("/site/pulled", image.id, timestamp),
      );
      const dirs = new Map([
        [
          "pulled",
          new Map<string, unknown>([
            ["image", bytesOf(image.id)],
            ["signatures", [[BigInt(timestamp), ["ssh-ed25519", signature]]]],
          ]),
        ],
      ]);
      await serveByHand(scene, (type, fields) => {
        if (type === "GetBaseDir")
          return { config_hash: Buffer.alloc(32), keep_list_hash: Buffer.alloc(32), dirs };
        if (type === "GetIndex") return { data: image.index };
        const block = image.blocks.get(asHex(fields.get("hash")));
        const [path, , offset] = asArray(fields.get("hint"));
        // A daemon of 0.6.12 needs the hint, and knows nothing of hashes.
        if (
          type !== "GetBlock" ||
          block === undefined ||
          path !== "/site/pulled" ||
          typeof offset !== "number"
        )
          return null;
        return { data: block.bytes };
      });
      const listing = bytesOf(hash(encode(dirs)));
      for (const node of scene.all)
        await scene.until(`server ${node} has /site/pulled`, () => {
          peer.beat(node, null, { base_dirs: new Map([["/site", listing]]) });
          return scene.lacks(node, "/site/pulled", V2);
        });
    },
    {
      what: "its signature is of a key that nobody has",
      act: () => undefined,
      says: /server 1 has \/site\/pulled: ENOENT/,
    },
  ),
];

/** Servers that list a peer made by hand. */
function gossip(
  id: string,
  title: string,
  talk: (scene: Scene, peer: RawPeer) => Promise<void>,
  plant: Omit<Plant, "at">,
  directories: Record<string, Options> = { site: {} },
): Row {
  return {
    id,
    title,
    cluster: "so",
    async run(scene) {
      scene.setupAll((setup) => {
        setup.peers = [1, 2, scene.hand()];
        setup.directories = directories;
      });
      await scene.startAll();
      await scene.upload("append", V1, PATH, scene.hosts(1), { options: ["-t", "20s"] });
      await scene.haveAll(PATH, V1);
      const peer = await RawPeer.open(scene);
      await scene.at("there");
      await talk(scene, peer);
    },
    plant: { at: "there", ...plant },
  };
}
