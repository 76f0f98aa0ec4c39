/** Every reason for which a server refuses an upload, from either kind, by hand and through the client. */
import { configured } from "./faults.ts";
import { imageOf, type Key } from "./image.ts";
import { type Offer, RawClient } from "./raw-client.ts";
import { type Need, type Plant, type Row, servers } from "./row.ts";
import type { Options, Scene } from "./scene.ts";
import { site } from "./trees.ts";
import { holds, same } from "./wrong.ts";

const PATH = "/site/current";
const [V1, V2, V3] = [site("one"), site("two"), site("three")];
const FIVE_MINUTES_MS = 300_000;

type Ask = {
  readonly type: "AppendDir" | "ReplaceDir";
  readonly offer: Omit<Offer, "key"> & { readonly key?: Key };
};
type Refusal = {
  readonly id: string;
  readonly title: string;
  readonly reason: string;
  readonly directories?: Record<string, Options>;
  /** Committed on each server before. */
  readonly before?: readonly (readonly [string, typeof V1])[];
  readonly asks: (scene: Scene) => readonly Ask[];
  /** The same through the client: words of `sync`, or null where it cannot be asked for that. */
  readonly words?: (scene: Scene) => readonly string[];
  readonly strange?: boolean;
  readonly needs?: readonly Need[];
  readonly plant: Plant;
};

const append = (path: string, content = V1, more: Partial<Offer> = {}): Ask => ({
  type: "AppendDir",
  offer: { path, content, ...more },
});
const replace = (path: string, content = V1, more: Partial<Offer> = {}): Ask => ({
  type: "ReplaceDir",
  offer: { path, content, ...more },
});

/** One of each kind, each alone: what it refuses must leave its disk as it was. */
function refused({
  id,
  title,
  reason,
  directories,
  before = [],
  asks,
  words,
  strange = false,
  needs = [],
  plant,
}: Refusal): Row {
  return {
    id,
    title,
    cluster: "so",
    needs,
    async run(scene) {
      scene.apart();
      if (directories !== undefined) scene.setupAll((setup) => (setup.directories = { ...directories }));
      await scene.startAll();
      const key = strange ? scene.stranger : scene.key;
      for (const node of scene.all) {
        for (const [path, content] of before) {
          await scene.upload("append", content, path, scene.hosts(node));
          await scene.haveAll(path, content, [node]);
        }
      }
      await scene.at("there");
      for (const node of scene.all) {
        const client = await RawClient.connect(scene, node);
        for (const { type, offer } of asks(scene)) {
          client.serve(offer.content);
          const found = await client.upload(type, { key, ...offer });
          same(`${type} of ${offer.path} to server ${node}`, found, reason);
        }
        if (words !== undefined) {
          const running = scene.client("sync", [...words(scene), "-t", "5s"], scene.hosts(node), { key });
          scene.ends(await running.ended, 3);
          holds(`the client says ${reason}`, running.log().includes(reason));
        }
        for (const [path, content] of before) await scene.haveAll(path, content, [node]);
      }
    },
    plant,
  };
}

const says = (reason: string) => new RegExp(`expected "${reason}", found (?!"${reason}")`);
const unless = (change: (scene: Scene) => void, what: string, reason: string) =>
  configured(what, change, says(reason));

export const REFUSALS: readonly Row[] = [
  refused({
    id: "reject-no-config",
    title: "no_config: no directory of that name",
    reason: "no_config",
    asks: () => [append("/nowhere/current"), replace("/nowhere/current"), append("/nowhere/too/deep")],
    plant: unless(
      (scene) => (scene.setup(2).directories = { site: {}, nowhere: {} }),
      "it is configured",
      "no_config",
    ),
  }),
  refused({
    id: "reject-level",
    title: "config_level_mismatch: another number of levels",
    reason: "config_level_mismatch",
    asks: () => [append("/site/too/deep"), replace("/site/too/deep")],
    words: (scene) => ["--append", `${scene.source(V1)}:/site/too/deep`],
    plant: unless(
      (scene) => (scene.setup(1).directories = { site: { levels: 2 } }),
      "it has that many",
      "config_level_mismatch",
    ),
  }),
  refused({
    id: "reject-signature",
    title: "signature_mismatch: a key that the server does not have",
    reason: "signature_mismatch",
    asks: () => [append(PATH), replace(PATH)],
    words: (scene) => ["--replace", `${scene.source(V1)}:${PATH}`],
    strange: true,
    plant: {
      at: "there",
      what: "the key is in the file after all",
      act(scene) {
        scene.setup(1).masterKeys = [scene.key, scene.stranger];
        scene.writeConfig(1);
      },
      says: /the client ended with 0|expected "signature_mismatch", found null/, // as soon as the file is read again
    },
  }),
  refused({
    id: "reject-signature-of-other-path",
    title: "signature_mismatch: a signature of another path",
    reason: "signature_mismatch",
    asks: (scene) => [append(PATH, V1, { signedPath: scene.planted ? PATH : "/site/other" })],
    plant: {
      at: "there",
      what: "it is of this path",
      act: () => undefined,
      says: says("signature_mismatch"),
    },
  }),
  refused({
    id: "reject-exists",
    title: "already_exists: an append over another image",
    reason: "already_exists",
    before: [[PATH, V1]],
    asks: () => [append(PATH, V2)],
    words: (scene) => ["--append", `${scene.source(V2)}:${PATH}`],
    plant: {
      at: "there",
      what: "it has become the same image meanwhile",
      act: (scene) => scene.upload("replace", V2, PATH, scene.hosts(2)),
      says: says("already_exists"),
    },
  }),
  refused({
    id: "reject-append-only",
    title: "dir_is_append_only: a replace where nothing may be replaced",
    reason: "dir_is_append_only",
    directories: { site: { appendOnly: true } },
    before: [[PATH, V1]],
    asks: () => [replace(PATH, V2), replace("/site/new", V2)],
    words: (scene) => ["--replace", `${scene.source(V2)}:${PATH}`],
    plant: unless(
      (scene) => (scene.setup(2).directories = { site: {} }),
      "one of them may be replaced",
      "dir_is_append_only",
    ),
  }),
  refused({
    id: "reject-other-than-old",
    title: "replace_doesnt_match_index: another image is there",
    reason: "replace_doesnt_match_index",
    before: [[PATH, V1]],
    asks: () => [replace(PATH, V2, { old: imageOf(V3).id })],
    words: (scene) => ["--replace", `${scene.source(V2)}:${PATH}:${imageOf(V3).id}`],
    plant: {
      at: "there",
      what: "it has become that image meanwhile",
      act: (scene) => scene.upload("replace", V3, PATH, scene.hosts(1)),
      says: says("replace_doesnt_match_index"),
    },
  }),
  refused({
    id: "reject-nothing-to-match",
    title: "replace_doesnt_match_index: nothing is there",
    reason: "replace_doesnt_match_index",
    needs: servers("old_image as a condition where nothing is"),
    asks: () => [replace(PATH, V2, { old: imageOf(V1).id })],
    words: (scene) => ["--replace", `${scene.source(V2)}:${PATH}:${imageOf(V1).id}`],
    plant: {
      at: "there",
      what: "that image is there",
      act: (scene) => scene.upload("append", V1, PATH, scene.hosts(1)),
      says: says("replace_doesnt_match_index"),
    },
  }),
  refused({
    id: "reject-older",
    title: "older_than_present: a replace signed before what is there",
    reason: "older_than_present",
    needs: servers("a comparison of timestamps"),
    before: [[PATH, V1]],
    asks: (scene) => [replace(PATH, V2, { timestamp: scene.planted ? Date.now() : 1_600_000_000_000 })],
    plant: { at: "there", what: "it was signed now", act: () => undefined, says: says("older_than_present") },
  }),
  refused({
    id: "reject-future",
    title: "timestamp_in_future: a signature of the day after tomorrow",
    reason: "timestamp_in_future",
    needs: servers("a limit to the future"),
    asks: (scene) => [
      append(PATH, V2, { timestamp: Date.now() + (scene.planted ? 0 : 3 * FIVE_MINUTES_MS) }),
    ],
    plant: { at: "there", what: "it is of now", act: () => undefined, says: says("timestamp_in_future") },
  }),
  refused({
    id: "reject-reserved-name",
    title: "reserved_name: names that 0.6.12 takes for its own files",
    reason: "reserved_name",
    needs: servers("a check of names"),
    asks: (scene) =>
      (scene.planted ? ["/site/x-new"] : ["/site/.x", "/site/x.new"]).map((path) => append(path)),
    plant: {
      at: "there",
      what: "the name is no such name",
      act: () => undefined,
      says: says("reserved_name"),
    },
  }),
  refused({
    id: "reject-long-name",
    title: "name_too_long: a name that leaves no room for what goes around it",
    reason: "name_too_long",
    needs: servers("a check of names"),
    asks: (scene) => [append(`/site/${"n".repeat(scene.planted ? 20 : 250)}`)],
    plant: { at: "there", what: "the name is short", act: () => undefined, says: says("name_too_long") },
  }),
  {
    id: "reject-during-upload",
    title: "already_uploading_different_version: another image is on its way there",
    cluster: "so",
    async run(scene) {
      scene.apart();
      await scene.startAll();
      for (const node of scene.all) {
        const first = await begin(scene, node);
        const second = await RawClient.connect(scene, node);
        second.serve(V2);
        await scene.at("on its way");
        if (scene.planted) await finish(scene, first, node);
        same(
          `append to server ${node}`,
          await second.upload("AppendDir", { key: scene.key, path: PATH, content: V2 }),
          "already_uploading_different_version",
        );
        await finish(scene, first, node);
      }
    },
    plant: {
      at: "on its way",
      what: "it has arrived",
      act: () => undefined,
      says: says("already_uploading_different_version"),
    },
  },
  {
    id: "reject-other-old-during-upload",
    title: "replace_doesnt_match_index: another image is on its way there",
    cluster: "so",
    async run(scene) {
      scene.apart();
      await scene.startAll();
      for (const node of scene.all) {
        const first = await begin(scene, node);
        const second = await RawClient.connect(scene, node);
        second.serve(V2);
        await scene.at("on its way");
        const old = imageOf(scene.planted ? V1 : V3).id;
        same(
          `replace at server ${node}`,
          await second.upload("ReplaceDir", { key: scene.key, path: PATH, content: V2, old }),
          "replace_doesnt_match_index",
        );
        await finish(scene, first, node);
      }
    },
    plant: {
      at: "on its way",
      what: "that image was meant",
      act: () => undefined,
      says: says("replace_doesnt_match_index"),
    },
  },
  {
    id: "replace-during-upload",
    title: "a newer replace goes before the download that runs",
    cluster: "so",
    needs: servers("replaces that supersede a download"),
    async run(scene) {
      scene.apart();
      await scene.startAll();
      for (const node of scene.all) {
        await begin(scene, node);
        const second = await RawClient.connect(scene, node);
        second.serve(V2);
        await scene.at("on its way");
        if (scene.planted) second.shut();
        same("replace", await second.upload("ReplaceDir", { key: scene.key, path: PATH, content: V2 }), null);
        await scene.haveAll(PATH, V2, [node]);
      }
    },
    plant: {
      at: "on its way",
      what: "the newer one gives no block",
      act: () => undefined,
      says: /server 1 has .*ENOENT/,
    },
  },
];

/** An upload whose blocks are held back. */
async function begin(scene: Scene, node: number): Promise<RawClient> {
  const client = await RawClient.connect(scene, node);
  client.serve(V1);
  client.shut();
  same("upload", await client.upload("AppendDir", { key: scene.key, path: PATH, content: V1 }), null);
  await scene.until("the server asks for blocks", () => (client.asked.length > 0 ? null : "not yet"));
  return client;
}

async function finish(scene: Scene, client: RawClient, node: number): Promise<void> {
  client.open();
  await scene.haveAll(PATH, V1, [node]);
}
