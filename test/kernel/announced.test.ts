/** Anybody can say that he has an image: it costs nothing, and proves nothing. */
import { expect, test } from "vitest";
import type { ConnId } from "../../kernel/ids.ts";
import { createRig, imageOf, indexOf, sentFrames, stageLacking } from "./rig.ts";

const BLOCKS = 20;
const LIARS = [2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32];
const UPLOADER = 40;
const image = imageOf(7);

/** Sixteen who announce it, and then the one who uploads it, until the blocks are asked for. */
function begin() {
  const rig = createRig();
  rig.start();
  for (const conn of [...LIARS, UPLOADER]) {
    rig.open(conn);
    rig.frame(conn, { kind: "notification", notification: { type: "PublishImage", image } });
  }
  rig.upload(UPLOADER, 1, "a", image);
  rig.done("put_intent");
  rig.done("load_index", { kind: "index", index: indexOf(image, BLOCKS) });
  const all = Array.from({ length: BLOCKS }, (_, at) => at);
  return { rig, effects: rig.done("prepare_stage", stageLacking(BLOCKS, all)) };
}

const blocksAsked = (effects: ReturnType<typeof begin>["effects"], conn: number) =>
  sentFrames(effects, conn).filter((each) => each.kind === "request" && each.request.type === "GetBlock")
    .length;

test("who has only announced an image is not asked while its uploader is there", () => {
  const { effects } = begin();
  expect(blocksAsked(effects, UPLOADER)).toBeGreaterThan(0);
  for (const liar of LIARS) expect(blocksAsked(effects, liar)).toBe(0);
});

test("when the uploader has gone and no server is known to have it, whoever announced it is asked", () => {
  const { rig } = begin();
  const gone = rig.feed({ kind: "conn_closed", conn: UPLOADER as ConnId, why: "closed" });
  const later = [...gone, ...rig.wait(2_000), ...rig.wait(2_000)];
  expect(LIARS.reduce((sum, liar) => sum + blocksAsked(later, liar), 0)).toBeGreaterThan(0);
});
