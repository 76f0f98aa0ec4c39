import { expect, test } from "vitest";
import type { Effect } from "../../kernel/effect.ts";
import type { ImageId } from "../../kernel/ids.ts";
import { cacheIndex } from "../../kernel/index-cache.ts";
import type { ByteString } from "../../kernel/text.ts";
import {
  createRig,
  found,
  hashOfNumber,
  imageOf,
  indexOf,
  pathOf,
  type Rig,
  sentFrames,
  stageLacking,
  stateOf,
  WALL,
} from "./rig.ts";

test("a download that loses to what is committed is promised no more, on disk either", () => {
  const rig = createRig();
  const [a, b] = [imageOf(1), imageOf(2)];
  rig.start([found(pathOf("x"), stateOf(a, WALL))]);
  rig.open(2);
  rig.upload(2, 1, "x", b, WALL + 1);
  rig.done("put_intent");
  const stage = rig.node.downloads.get(pathOf("x"))?.intent.stage;
  rig.upload(2, 2, "x", a, WALL + 2);
  const put = rig.pending.find(({ request }) => request.kind === "put_state")?.request;
  expect(put).toMatchObject({ supersedes: stage });
  const told = sentFrames(rig.done("put_state"));
  expect(told.at(-1)).toMatchObject({ response: { type: "ReplaceDir", accepted: true } });
  expect(rig.node.downloads.size).toBe(0);
});

test("a promise that is older than what is committed is not taken up again", () => {
  const rig = createRig();
  const [a, b] = [imageOf(1), imageOf(2)];
  const intent = { state: stateOf(b, WALL + 1), stage: "s", mode: "replace" } as const;
  rig.start([found(pathOf("x"), stateOf(a, WALL + 2), { intent })]);
  expect(rig.node.downloads.size).toBe(0);
  expect(rig.pending.map(({ request }) => request.kind)).toEqual(["abort"]);
});

/** A node in which the image of an upload is about to be committed. */
function committing(images: { readonly committed: ImageId; readonly coming: ImageId }): Rig {
  const rig = createRig();
  rig.start([found(pathOf("x"), stateOf(images.committed, WALL))]);
  rig.open(2);
  rig.upload(2, 1, "x", images.coming, WALL + 1);
  rig.done("put_intent");
  rig.done("load_index", { kind: "index", index: indexOf(images.coming, 1) });
  rig.done("prepare_stage", stageLacking(1, []));
  expect(rig.pending.map(({ request }) => request.kind)).toEqual(["commit"]);
  return rig;
}

test("an upload that comes during a commit is judged when the commit has ended", () => {
  const [a, b] = [imageOf(1), imageOf(2)];
  const rig = committing({ committed: a, coming: b });
  const early = rig.upload(2, 2, "x", a, WALL + 2);
  expect(sentFrames(early)).toEqual([]);
  expect(rig.pending.map(({ request }) => request.kind)).toEqual(["commit"]);
  rig.done("commit");
  const stored = rig.pending.filter(
    ({ request }) => request.kind === "put_intent" || request.kind === "put_state",
  );
  expect(stored.map(({ request }) => request.kind)).toEqual(["put_intent"]);
});

test("after a commit that failed, what was committed is not taken for what stands there", () => {
  const [a, b] = [imageOf(1), imageOf(2)];
  const rig = committing({ committed: a, coming: b });
  rig.disk("commit", { ok: false, code: "io", detail: "" });
  rig.upload(2, 2, "x", a, WALL + 2);
  expect(rig.pending.map(({ request }) => request.kind)).toEqual(["put_intent"]);
});

test("a block of what was committed is not read while another image takes its name, nor after that failed", () => {
  const [a, b] = [imageOf(1), imageOf(2)];
  const hint = { path: pathOf("x"), file: "/file" as ByteString, offset: 0 };
  const rig = committing({ committed: a, coming: b });
  const ask = (id: number): readonly Effect[] =>
    rig.request(2, id, { type: "GetBlock", hash: hashOfNumber(0), hint });
  cacheIndex(rig.node.indexes, indexOf(a, 1)); // its first block is the second one's, too
  ask(2);
  const reads = rig.pending.flatMap(({ request }) => (request.kind === "read_block" ? [request] : []));
  expect(reads).toMatchObject([{ stage: null }]); // of the new one, which stands there by then

  const other = committing({ committed: a, coming: b });
  cacheIndex(other.node.indexes, indexOf(a, 2));
  const second = { type: "GetBlock", hash: hashOfNumber(1), hint: { ...hint, offset: 32_768 } } as const;
  const refused = { response: { type: "Error", text: "block not found" } };
  expect(sentFrames(other.request(2, 2, second))).toMatchObject([refused]);
  other.disk("commit", { ok: false, code: "io", detail: "" });
  expect(sentFrames(other.request(2, 3, second))).toMatchObject([refused]);
  expect(other.pending.some(({ request }) => request.kind === "read_block")).toBe(false);
});

test.each(["exchange_unsupported", "already_exists"] as const)(
  "a commit that says %s is given up, and the client is told why",
  (code) => {
    const [a, b] = [imageOf(1), imageOf(2)];
    const rig = committing({ committed: a, coming: b });
    rig.frame(2, { kind: "notification", notification: { type: "PublishImage", image: b } });
    const told = sentFrames(rig.disk("commit", { ok: false, code, detail: "" }));
    expect(told).toMatchObject([{ notification: { type: "AbortedImage", image: b, reason: code } }]);
    expect(rig.pending.map(({ request }) => request.kind)).toEqual(["abort"]);
  },
);
