/** What is learnt of an image that is here. */
import { expect, test } from "vitest";
import type { VPath } from "../../kernel/ids.ts";
import { createRig, found, imageOf, NOTHING, pathOf, sentPackets, stateOf, WALL } from "./rig.ts";

test("a signature that is learnt of what is here is told at once", () => {
  const rig = createRig();
  rig.start([found(pathOf("x"), stateOf(imageOf(1), WALL))]);
  rig.gossip(1, NOTHING);
  rig.gossip(1, { type: "ConfigSync", paths: ["/site" as VPath] });
  const told = (effects: ReturnType<typeof rig.feed>) =>
    sentPackets(effects).flatMap(({ packet: { message } }) =>
      message.type === "Reconcile" ? [message.digest] : [],
    );
  const before = rig.node.digests.get("/site" as VPath)?.digest;
  expect(before).toBeDefined();
  rig.open(2);
  rig.upload(2, 5, "x", imageOf(1));
  const after = told([...rig.done("put_state"), ...rig.wait(250)]);
  expect(after).toHaveLength(1);
  expect(after).not.toContain(before);
});
