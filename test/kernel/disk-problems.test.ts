import { expect, test } from "vitest";
import { statusPage } from "../../kernel/status.ts";
import { createRig, imageOf, indexOf, sentFrames, stageLacking } from "./rig.ts";

/** A download of 20 blocks, of which the first has come and is being written. */
function writing() {
  const rig = createRig();
  rig.start();
  rig.open(2);
  const image = imageOf(7);
  rig.frame(2, { kind: "notification", notification: { type: "PublishImage", image } });
  rig.upload(2, 1, "a", image);
  rig.done("put_intent");
  const blocks = Array.from({ length: 20 }, (_, at) => at);
  const prepare = () => {
    rig.done("load_index", { kind: "index", index: indexOf(image, 20) });
    return rig.done("prepare_stage", stageLacking(20, blocks));
  };
  const [first] = sentFrames(prepare(), 2).filter((message) => message.kind === "request");
  rig.respond(2, first!.id, { type: "GetBlock", data: new Uint8Array(32_768) });
  const problems = () => (statusPage(rig.node, "/status/") as { problems: unknown }).problems;
  return { rig, prepare, problems };
}

test("a block that the disk does not take is a problem on the status page", () => {
  const { rig, problems } = writing();
  expect(problems()).toEqual([]);
  rig.disk("write_block", { ok: false, code: "no_space", detail: "write: ENOSPC" });
  expect(problems()).toEqual([
    { about: "download /site/a", what: expect.stringMatching(/^no_space: write: ENOSPC; make room/) },
  ]);
});

test("a block that is not the one of its hash is no problem of this disk", () => {
  const { rig, problems } = writing();
  rig.disk("write_block", { ok: false, code: "block_hash_mismatch", detail: "file" });
  expect(problems()).toEqual([]);
});

test("the problem is gone when the download has been committed", () => {
  const { rig, problems } = writing();
  rig.disk("write_block", { ok: false, code: "no_space", detail: "write: ENOSPC" });
  rig.wait(1_000);
  rig.done("load_index", { kind: "index", index: indexOf(imageOf(7), 20) });
  rig.done("prepare_stage", stageLacking(20, []));
  expect(problems()).toHaveLength(1);
  rig.done("commit");
  expect(problems()).toEqual([]);
});
