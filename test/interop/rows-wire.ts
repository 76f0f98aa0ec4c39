/** Frames, answers and notices of wire.md, as either kind gives them to a connection that is made by hand. */
import { writeFileSync } from "node:fs";
import { request } from "node:http";
import { asHex, asMap, encode, map } from "./cbor.ts";
import { indexFile } from "./disk.ts";
import { hash, imageOf } from "./image.ts";
import { RawClient } from "./raw-client.ts";
import { type Need, type Plant, type Row, servers } from "./row.ts";
import { pause, type Scene } from "./scene.ts";
import { listingHash } from "./rows-page.ts";
import { site } from "./trees.ts";
import { holds, same, wrong } from "./wrong.ts";

const PATH = "/site/current";
const [V1, V2] = [site("one"), site("two")];
const FILE = "/data/own";

/** Each server, alone, has an image; a connection by hand asks it. */
function asks(
  id: string,
  title: string,
  ask: (scene: Scene, client: RawClient, node: number) => Promise<void>,
  plant: Plant,
  needs: readonly Need[] = [],
): Row {
  return {
    id,
    title,
    cluster: "so",
    needs,
    async run(scene) {
      scene.apart();
      await scene.startAll();
      for (const node of scene.all) {
        await scene.upload("append", V1, PATH, scene.hosts(node));
        await scene.haveAll(PATH, V1, [node]);
      }
      await scene.at("there");
      for (const node of scene.all) await ask(scene, await RawClient.connect(scene, node), node);
    },
    plant,
  };
}

const replaced = (node: number, says: RegExp): Plant => ({
  at: "there",
  what: `server ${node} gets another image`,
  act: (scene) => scene.upload("replace", V2, PATH, scene.hosts(node)),
  says,
});
const unseen = (what: string, says: RegExp): Plant => ({ at: "there", what, act: () => undefined, says });

function upgrade(
  scene: Scene,
  node: number,
  headers: Readonly<Record<string, string>>,
): Promise<{ readonly status: number; readonly headers: Readonly<Record<string, unknown>> }> {
  const asked = request({
    host: scene.address(node),
    port: scene.port,
    path: "/",
    headers: { Host: "ciruela", Connection: "upgrade", Upgrade: "websocket", ...headers },
  });
  return new Promise((done, fail) => {
    asked.on("upgrade", ({ headers: found }, socket) => {
      socket.destroy();
      done({ status: 101, headers: found });
    });
    asked.on("response", ({ statusCode = 0, headers: found }) => {
      asked.destroy();
      done({ status: statusCode, headers: found });
    });
    asked.on("error", fail);
    asked.end();
  });
}

const KEY = { "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==" };
const VERSION = { "Sec-WebSocket-Version": "13" };
const sample = (image: string) => Buffer.from(image, "hex");
const blockOf = (file: string) =>
  [...imageOf(V1).blocks].find(([, block]) => block.file === file) ?? wrong("no such block");

export const WIRES: readonly Row[] = [
  asks(
    "wire-handshake",
    "101 with the key of RFC 6455, and neither subprotocol nor extension",
    async (scene, _, node) => {
      const key = scene.planted ? { "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==" } : KEY;
      const good = await upgrade(scene, node, {
        ...key,
        ...VERSION,
        "Sec-WebSocket-Extensions": "permessage-deflate",
      });
      same("status", good.status, 101);
      same("the accepted key", good.headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
      same(
        "subprotocol and extension",
        [good.headers["sec-websocket-protocol"], good.headers["sec-websocket-extensions"]],
        [undefined, undefined],
      );
      same("status without a key", (await upgrade(scene, node, VERSION)).status, 400);
      same(
        "status of version 8",
        (await upgrade(scene, node, { ...KEY, "Sec-WebSocket-Version": "8" })).status,
        400,
      );
    },
    unseen("another key is sent", /the accepted key/),
  ),
  asks(
    "wire-ping",
    "a ping is answered with its bytes",
    async (scene, client) => {
      client.ping("are you there");
      await scene.until("the pong comes", () =>
        client.pongs.includes(scene.planted ? "nobody" : "are you there") ? null : client.pongs.join(),
      );
    },
    unseen("other bytes are waited for, as a server would send that mixes them up", /the pong comes/),
  ),
  asks(
    "wire-noise",
    "text, unknown messages and bytes that are no CBOR get no answer, and the connection lives",
    async (scene, client, node) => {
      client.text("a text frame");
      client.raw(Buffer.from("ff00ff", "hex"));
      client.raw(encode([1, "NoSuchRequest", 77, map({})]));
      client.raw(encode([7, "GetBaseDir", 78, map({})]));
      if (scene.planted) client.close();
      const listing = await client.get("GetBaseDir", { path: "/site" });
      same(`names at server ${node}`, [...asMap(listing.get("dirs")).keys()], ["current"]);
    },
    unseen("the connection ends", /no answer to GetBaseDir/),
  ),
  asks(
    "wire-get-index",
    "GetIndex gives the bytes of the index, and an error for what is not there",
    async (_, client) => {
      const { id, index } = imageOf(V1);
      const found = await client.get("GetIndex", { id: sample(id), hint: PATH });
      same("the hash of the index", hash(found.get("data") as Buffer), hash(index));
      same(
        "without a hint",
        hash((await client.get("GetIndex", { id: sample(id), hint: null })).get("data") as Buffer),
        hash(index),
      );
      same(
        "of no image",
        (await client.ask("GetIndex", { id: sample("ee".repeat(32)), hint: PATH })).kind,
        "error",
      );
    },
    {
      at: "there",
      what: "the index on the disk of server 2 is another one",
      act: (scene) => writeFileSync(indexFile(scene.db(2), imageOf(V1).id), imageOf(V2).index),
      says: /GetIndex was answered with an error|the hash of the index/,
    },
  ),
  asks(
    "wire-get-index-at",
    "GetIndexAt gives the index of what is committed, and null where nothing is",
    async (_, client) => {
      const found = await client.get("GetIndexAt", { path: PATH });
      same("the hash of the index", hash(found.get("data") as Buffer), hash(imageOf(V1).index));
      same(
        "of an absent image",
        (await client.get("GetIndexAt", { path: "/site/absent" })).get("data"),
        null,
      );
      same(
        "of a directory that is not configured",
        (await client.get("GetIndexAt", { path: "/nowhere/x" })).get("data"),
        null,
      );
    },
    replaced(2, /the hash of the index/),
  ),
  asks(
    "wire-get-block",
    "GetBlock gives the bytes that its hint means, and an error without a hint",
    async (_, client) => {
      const [digest, { file, offset, bytes }] = blockOf(FILE);
      const found = await client.get("GetBlock", { hash: sample(digest), hint: [PATH, file, offset] });
      same("the hash of the block", hash(found.get("data") as Buffer), hash(bytes));
      const answer = await client.ask("GetBlock", { hash: sample(digest), hint: null });
      same("without a hint", answer, {
        kind: "error",
        text: "Hint is required for fetching blocks from server",
      });
    },
    replaced(1, /the hash of the block|GetBlock was answered with an error/),
  ),
  asks(
    "wire-get-block-elsewhere",
    "GetBlock gives nothing outside of an image",
    async (scene, client) => {
      const [digest] = blockOf(FILE);
      const file = scene.planted ? FILE : "/../../../config/master.key";
      same(
        "an escape",
        (await client.ask("GetBlock", { hash: sample(digest), hint: [PATH, file, 0] })).kind,
        "error",
      );
    },
    unseen("the path leads nowhere else", /an escape: expected "error", found "response"/),
    servers("hints that are held against the index"),
  ),
  asks(
    "wire-get-base-dir",
    "GetBaseDir gives the listing whose hash is that of the state files",
    async (scene, client, node) => {
      const found = await client.get("GetBaseDir", { path: "/site" });
      same("its members", [...found.keys()], ["config_hash", "keep_list_hash", "dirs"]);
      same(
        "lengths of its hashes",
        [asHex(found.get("config_hash")).length, asHex(found.get("keep_list_hash")).length],
        [64, 64],
      );
      same("the hash of the listing", hash(encode(found.get("dirs"))), listingHash(scene, node, ["current"]));
      const none = await client.ask("GetBaseDir", { path: "/nowhere" });
      same("of a directory that is not configured", none, { kind: "error", text: "No such config" });
    },
    {
      at: "there",
      what: "server 1 has one image more",
      act: (scene) => scene.upload("append", V2, "/site/more", scene.hosts(1)),
      says: /the hash of the listing/,
    },
  ),
  asks(
    "wire-received-present",
    "who uploads what is there already hears ReceivedImage before the answer",
    async (scene, client, node) => {
      client.serve(V1);
      same("upload", await client.upload("AppendDir", { key: scene.key, path: PATH, content: V1 }), null);
      const [first] = client.notices;
      same("the first notice", first?.type, "ReceivedImage");
      const { fields } = first ?? wrong("there is no notice");
      const told = [
        asHex(fields.get("id")),
        fields.get("path"),
        asHex(fields.get("machine_id")),
        fields.get("hostname"),
        fields.get("forwarded"),
      ];
      same("what it says", told, [imageOf(V1).id, PATH, String(node).padStart(32, "0"), `n${node}`, false]);
    },
    replaced(2, /upload: expected null, found "already_exists"/),
  ),
  {
    id: "wire-received-forwarded",
    title: "who watches one server hears of the other by its machine id and its name in peers.txt",
    cluster: "so",
    async run(scene) {
      await scene.startAll();
      await scene.at("started");
      const client = await RawClient.connect(scene, 1);
      client.serve(V1);
      same("upload", await client.upload("AppendDir", { key: scene.key, path: PATH, content: V1 }), null);
      await scene.until("server 2 is forwarded", () => {
        const told = client.notices
          .filter(({ fields }) => fields.get("forwarded") === true)
          .map(({ fields }) => [
            asHex(fields.get("machine_id")),
            fields.get("hostname"),
            asHex(fields.get("id")),
          ]);
        const expected = JSON.stringify([scene.setup(2).machine, scene.address(2), imageOf(V1).id]);
        return told.some((each) => JSON.stringify(each) === expected) ? null : JSON.stringify(told);
      });
    },
    plant: {
      at: "started",
      what: "server 2 is killed",
      act: (scene) => scene.stop(2),
      says: /server 2 is forwarded/,
    },
  },
  {
    id: "wire-block-poisoned",
    title: "a block of other bytes is asked for again, and never written",
    cluster: "so",
    async run(scene) {
      scene.apart();
      await scene.startAll();
      for (const node of scene.all) {
        const client = await RawClient.connect(scene, node);
        let left = 1; // of three lies at once ours would rest for half a minute
        await scene.at("started");
        client.spoil = () => (left-- > 0 || scene.planted ? Buffer.from("poison") : null);
        client.serve(V1);
        same("upload", await client.upload("AppendDir", { key: scene.key, path: PATH, content: V1 }), null);
        await scene.haveAll(PATH, V1, [node]);
      }
    },
    plant: {
      at: "started",
      what: "all that is sent is poisoned",
      act: () => undefined,
      says: /server 1 has .*ENOENT/,
    },
  },
  {
    id: "wire-index-poisoned",
    title: "an index that is not of the image that was signed is not taken",
    cluster: "so",
    needs: servers("a check of indexes against the image id"),
    async run(scene) {
      scene.apart();
      await scene.startAll();
      await scene.at("started");
      for (const node of scene.all) {
        const client = await RawClient.connect(scene, node);
        client.serve(V1);
        if (!scene.planted) client.pretend(imageOf(V1).id, imageOf(V2).index);
        same("upload", await client.upload("AppendDir", { key: scene.key, path: PATH, content: V1 }), null);
        await scene.until("it asks for the index", () =>
          client.indexesAsked > 1 || scene.planted ? null : "not yet",
        );
        for (let look = 0; look < 25; look++) await pause();
        holds(`server ${node} has taken nothing`, scene.lacks(node, PATH, V1) !== null);
      }
    },
    plant: {
      at: "started",
      what: "it is the right one",
      act: () => undefined,
      says: /server 1 has taken nothing/,
    },
  },
];
