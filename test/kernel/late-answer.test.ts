import { expect, test } from "vitest";
import { createRig, hashOfNumber, imageOf, indexOf, pathOf, sentFrames, stageLacking, WALL } from "./rig.ts";

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at);

test("an answer to what was asked before a rest of the disk is not taken for another block", () => {
  const rig = createRig();
  rig.start();
  rig.open(2);
  const image = imageOf(7);
  rig.frame(2, { kind: "notification", notification: { type: "PublishImage", image } });
  rig.upload(2, 1, "a", image);
  rig.done("put_intent");
  rig.done("load_index", { kind: "index", index: indexOf(image, 20) });
  const asked = sentFrames(rig.done("prepare_stage", stageLacking(20, range(0, 20))), 2).filter(
    (message) => message.kind === "request",
  );
  expect(asked.length).toBeGreaterThan(10);
  const [first, ...others] = asked;
  rig.respond(2, first!.id, { type: "GetBlock", data: new Uint8Array(32_768) });
  rig.disk("write_block", { ok: false, code: "no_space", detail: "" });
  rig.wait(1_000);
  rig.done("load_index", { kind: "index", index: indexOf(image, 20) });
  rig.done("prepare_stage", stageLacking(20, [19]));
  for (const { id } of others) rig.respond(2, id, { type: "GetBlock", data: new Uint8Array(32_768) });
  const written = rig.pending.flatMap(({ request }) =>
    request.kind === "write_block" ? [request.hash] : [],
  );
  expect(written.filter((hash) => hash !== hashOfNumber(19))).toEqual([]);
});

test("a block that was read after its image had been replaced is no answer", () => {
  const rig = createRig();
  rig.start();
  rig.open(2);
  const publish = (id: number): void => {
    rig.upload(2, id, "a", imageOf(id), WALL + id);
    rig.done("put_intent");
    rig.done("load_index", { kind: "index", index: indexOf(imageOf(id), 1) });
    rig.done("prepare_stage", stageLacking(1, []));
  };
  publish(1);
  rig.done("commit");
  publish(2); // its commit waits for the disk
  const hint = { path: pathOf("a"), file: "/file", offset: 0 };
  rig.request(2, 9, { type: "GetBlock", hash: hashOfNumber(0), hint });
  rig.done("commit");
  const answer = sentFrames(rig.done("read_block", { kind: "bytes", bytes: new Uint8Array(32_768) }), 2);
  expect(answer).toMatchObject([{ kind: "response", id: 9, response: { type: "GetBlock" } }]);
  // That one was asked while its image was being committed. One that waits for two commits comes too late.
  publish(3);
  rig.request(2, 10, { type: "GetBlock", hash: hashOfNumber(0), hint: { ...hint } });
  rig.done("commit");
  publish(4);
  rig.done("commit");
  const late = sentFrames(rig.done("read_block", { kind: "bytes", bytes: new Uint8Array(32_768) }), 2);
  expect(late).toMatchObject([{ kind: "response", id: 10, response: { type: "Error" } }]);
});
