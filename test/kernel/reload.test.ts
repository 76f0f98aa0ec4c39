/** A configuration that changes while a node runs: what begins, what ends, and what goes on. */
import { expect, test } from "vitest";
import type { DirectoryConfig } from "../../kernel/config.ts";
import type { Effect } from "../../kernel/effect.ts";
import type { Digest, VPath } from "../../kernel/ids.ts";
import type { PublicKey } from "../../kernel/signature/public-key.ts";
import { statusPage } from "../../kernel/status.ts";
import type { RootName } from "../../kernel/storage/call.ts";
import type { FoundImage } from "../../kernel/storage/request.ts";
import { encodePacket } from "../../kernel/wire/packet.ts";
import {
  addressOf,
  createRig,
  directoryOf,
  found,
  imageOf,
  indexOf,
  machineOf,
  pathOf,
  type Rig,
  sentFrames,
  sentPackets,
  stageLacking,
  stateOf,
  WALL,
} from "./rig.ts";

const [A, B] = [imageOf(1), imageOf(2)];
const X = pathOf("x");

const SITE = directoryOf("site");
const OTHER = directoryOf("other");

function here(path: VPath, image = A, timestamp = WALL): FoundImage {
  return found(path, stateOf(image, timestamp));
}

const change = (rig: Rig, ...directories: readonly DirectoryConfig[]): readonly Effect[] =>
  rig.feed({ kind: "config_changed", directories });
const adopted = (rig: Rig, ...found: readonly FoundImage[]): readonly Effect[] =>
  rig.done("adopt", { kind: "adopted", found, problems: [], unread: [], complete: true });
const open = (rig: Rig): readonly string[] => rig.pending.map(({ request }) => request.kind);
const aborted = { notification: { type: "AbortedImage", reason: "no_config" } };
const problemsOf = (rig: Rig): unknown =>
  (statusPage(rig.node, "/status/") as { problems: unknown }).problems;
const refusal = (effects: readonly Effect[]): unknown => sentFrames(effects).at(-1);

function offer(path: VPath) {
  return { oldImage: null, path, image: B, timestamp: WALL + 1, signatures: [new Uint8Array(64)] };
}

function refused(reason: string): unknown {
  return expect.objectContaining({
    response: expect.objectContaining({ type: "ReplaceDir", accepted: false, reason }),
  });
}

/** A node that is downloading an image whose uploader is connected. */
function downloading(found: readonly FoundImage[] = []): Rig {
  const rig = createRig();
  rig.start(found);
  rig.open(2);
  rig.frame(2, { kind: "notification", notification: { type: "PublishImage", image: B } });
  rig.upload(2, 1, "x", B, WALL + 1);
  rig.done("put_intent");
  return rig;
}

test("a directory that is added is served as soon as the disk has said what is there", () => {
  const rig = createRig();
  rig.start();
  rig.open(2);
  change(rig, OTHER, SITE);
  expect(rig.pending).toMatchObject([{ request: { kind: "adopt", key: "other", root: "/srv/other" } }]);
  const path = "/other/x" as VPath;
  expect(sentFrames(rig.request(2, 1, { type: "ReplaceDir", ...offer(path) }))).toEqual([
    refused("no_config"),
  ]);
  adopted(rig, here(path));
  expect(statusPage(rig.node, "/base-dirs/")).toHaveProperty("/other");
  expect(statusPage(rig.node, "/configs/")).toMatchObject({ other: { num_levels: 1 }, site: {} });
  rig.request(2, 2, { type: "ReplaceDir", ...offer(path) });
  expect(rig.verifies.length).toBe(1);
  expect(rig.node.reload).toBe(null);
});

test("a directory that is removed ends its downloads, tells their clients, and is asked for no more", () => {
  const rig = downloading([here(pathOf("y"))]);
  const said = change(rig);
  expect(sentFrames(said, 2)).toMatchObject([aborted]);
  expect(open(rig).filter((kind) => kind === "abort")).toEqual(["abort"]);
  expect(rig.node.downloads.size).toBe(0);
  expect(statusPage(rig.node, "/base-dirs/")).toEqual({});
  expect(sentPackets(said)).toEqual([]); // an empty listing is no news: nothing is listed
  const answer = rig.request(2, 9, { type: "GetBaseDir", path: "/site" as VPath });
  expect(refusal(answer)).toMatchObject({ response: { type: "Error", text: "No such config" } });
  rig.done("load_index", { kind: "index", index: indexOf(B, 1) }); // comes late, and finds nobody
  expect(open(rig)).toEqual(["abort"]);
});

test("of a commit that runs the disk decides: nothing is deleted under it, and it is waited for", () => {
  const rig = downloading();
  rig.done("load_index", { kind: "index", index: indexOf(B, 1) });
  rig.done("prepare_stage", stageLacking(1, []));
  change(rig);
  expect(open(rig)).toEqual(["commit"]);
  change(rig, SITE);
  expect(open(rig)).toEqual(["commit"]); // recovery would meet it
  rig.done("commit");
  expect(open(rig)).toEqual(["adopt"]);
  adopted(rig, here(X, B, WALL + 1));
  expect(statusPage(rig.node, "/list-dir/site")).toMatchObject({ x: { image: B } });
});

test("an upload whose promise is being written is refused, and the promise is taken back", () => {
  const rig = createRig();
  rig.start();
  rig.open(2);
  rig.upload(2, 1, "x", B);
  rig.request(2, 2, { type: "ReplaceDir", ...offer(X) });
  change(rig);
  expect(refusal(rig.done("put_intent"))).toEqual(refused("no_config"));
  expect(open(rig)).toEqual(["abort"]);
  expect(refusal(rig.verify())).toEqual(refused("no_config"));
});

test("an upload that is being verified or waits for its turn meets the new rules", () => {
  const rig = createRig();
  rig.start();
  rig.open(2);
  rig.upload(2, 1, "x", A);
  rig.upload(2, 2, "x", B, WALL + 1);
  rig.request(2, 3, { type: "ReplaceDir", ...offer(pathOf("y")) });
  change(rig, directoryOf("site", { appendOnly: true }));
  expect(refusal(rig.done("put_intent"))).toEqual(refused("dir_is_append_only"));
  expect(refusal(rig.verify())).toEqual(refused("dir_is_append_only"));
  expect(rig.node.downloads.size).toBe(1); // what was accepted goes on
});

test("another place or other levels: it goes, what it had ends, and it comes again from there", () => {
  const rig = downloading([here(X)]);
  change(rig, directoryOf("site", { root: "/mnt/site" as RootName }));
  expect(open(rig)).toEqual(["load_index", "abort"]);
  rig.disk("load_index", { ok: false, code: "index_missing", detail: "" });
  rig.done("abort");
  expect(rig.pending).toMatchObject([{ request: { kind: "adopt", root: "/mnt/site" } }]);
  adopted(rig);
  expect(statusPage(rig.node, "/list-dir/site")).toBe(null);
});

test("what the disk does not let us serve is a problem, and is tried again when the operator says so", () => {
  const rig = createRig();
  rig.start();
  change(rig, OTHER, SITE);
  rig.disk("adopt", { ok: false, code: "exchange_unsupported", detail: "/srv/other: no" });
  expect(problemsOf(rig)).toEqual([
    { about: "directory other", what: "/srv/other is not served: exchange_unsupported: /srv/other: no" },
  ]);
  rig.wait(1_000);
  expect(open(rig)).toEqual([]);
  change(rig, OTHER, SITE);
  expect([open(rig), problemsOf(rig)]).toEqual([["adopt"], []]);
  adopted(rig);
  expect(statusPage(rig.node, "/configs/")).toHaveProperty("other");
});

test("a directory that goes while it is being looked at is not served", () => {
  const rig = createRig();
  rig.start();
  change(rig, OTHER, SITE);
  change(rig, SITE);
  adopted(rig, here("/other/x" as VPath));
  expect(statusPage(rig.node, "/configs/")).not.toHaveProperty("other");
  expect(statusPage(rig.node, "/base-dirs/")).toEqual({});
});

test("a directory that moves while it is being looked at is looked at where it is", () => {
  const rig = createRig();
  rig.start();
  change(rig, OTHER, SITE);
  change(rig, directoryOf("other", { root: "/mnt/other" as RootName }), SITE);
  adopted(rig, here("/other/x" as VPath));
  expect(rig.pending).toMatchObject([{ request: { kind: "adopt", root: "/mnt/other" } }]);
  adopted(rig);
  expect(statusPage(rig.node, "/base-dirs/")).toEqual({});
  expect(statusPage(rig.node, "/configs/")).toHaveProperty("other");
});

test("a peer that knows the old list is told the new one", () => {
  const rig = createRig();
  rig.start();
  const before = rig.node.configDigest;
  change(rig, SITE, directoryOf("zone"));
  adopted(rig);
  const packet = { machine: machineOf(1), message: { type: "CompleteAck", path: X } } as const;
  const hear = (yourConfig: Digest): unknown =>
    sentPackets(
      rig.feed({ kind: "datagram", from: addressOf(1), bytes: encodePacket({ ...packet, yourConfig }) }),
    ).map((each) => each.packet.message);
  expect(hear(before)).toEqual([{ type: "ConfigSync", paths: ["/site", "/zone"] }]);
  expect(hear(rig.node.configDigest)).toEqual([]);
});

test("rules of cleaning count from the next look: a directory that is cleaned no more shows all it has", () => {
  const cleaned = directoryOf("site", { autoClean: true, keepMin: 1, keepMax: 1, keepRecentMs: 1 });
  const rig = createRig({ settings: { autoClean: true, keepMin: 1, keepMax: 1, keepRecentMs: 1 } });
  rig.start([here(pathOf("a"), A, WALL - 9_000), here(pathOf("b"), B, WALL - 1_000)]);
  for (let look = 0; look < 12; look++) rig.wait(1_000);
  expect([...rig.node.catalog.hidden]).toEqual([pathOf("a")]);
  change(rig, SITE);
  for (let look = 0; look < 25; look++) rig.wait(1_000);
  expect([[...rig.node.catalog.hidden], open(rig)]).toEqual([[], []]);
  change(rig, cleaned);
  for (let look = 0; look < 25; look++) rig.wait(1_000);
  expect(open(rig)).toEqual(["remove"]);
});

test("removals that wait are judged again by the new rules", () => {
  const rig = createRig({ settings: { autoClean: true, keepMin: 1, keepMax: 1, keepRecentMs: 1 } });
  rig.start([1, 2, 3, 4, 5, 6, 7].map((at) => here(pathOf(`v${at}`), imageOf(at), WALL - 9_000 + at)));
  for (let look = 0; look < 25; look++) rig.wait(1_000);
  expect(open(rig)).toEqual(["remove", "remove", "remove", "remove"]);
  change(rig, SITE);
  rig.disk("remove", { ok: false, code: "io", detail: "" });
  rig.wait(1_000);
  expect(open(rig)).toEqual(["remove", "remove", "remove"]);
});

test("a new keep list protects before it is read: until then nothing is removed", () => {
  const rules = { autoClean: true, keepMin: 1, keepMax: 1, keepRecentMs: 1 };
  const rig = createRig({ settings: { ...rules, keepListFile: "/before" } });
  rig.start([here(pathOf("a"), A, WALL - 9_000), here(pathOf("b"), B, WALL - 1_000)]);
  rig.feed({ kind: "keep_list", key: "site", paths: [pathOf("a")] });
  change(rig, directoryOf("site", { ...rules, keepListFile: "/keep" }));
  for (let look = 0; look < 25; look++) rig.wait(1_000);
  expect(open(rig)).toEqual([]);
  expect(problemsOf(rig)).toMatchObject([{ about: "keep list of site" }]);
  rig.feed({ kind: "keep_list", key: "site", paths: [] });
  for (let look = 0; look < 25; look++) rig.wait(1_000);
  expect(open(rig)).toEqual(["remove"]);
});

test("a name in upload-keys that no key has is a problem as long as that is so, and only then", () => {
  const rig = createRig({ settings: { uploadKeys: ["ci", "robot"] } });
  rig.start();
  rig.wait(1_000);
  const what = "no key ci, robot: put it into keys/, or take its name out of upload-keys of site";
  expect(problemsOf(rig)).toEqual([{ about: "upload-keys of site", what }]);
  const key = "22".repeat(32) as PublicKey;
  const named = new Map([
    ["ci", [key]],
    ["robot", []],
  ]);
  rig.feed({ kind: "keys_changed", keys: { master: [], named, ending: [] } });
  rig.wait(1_000);
  expect(problemsOf(rig)).toEqual([]);
});

test("files that are wrong are a problem until they are sound", () => {
  const rig = createRig();
  rig.start();
  rig.feed({ kind: "files_kept", files: "configuration", why: "a.yaml:1:1: no" });
  expect(problemsOf(rig)).toEqual([{ about: "configuration", what: "a.yaml:1:1: no" }]);
  rig.feed({ kind: "files_kept", files: "configuration", why: null });
  expect(problemsOf(rig)).toEqual([]);
});
