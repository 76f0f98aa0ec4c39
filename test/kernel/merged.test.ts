/** What is learnt of an image that is here. */
import { expect, test } from "vitest";
import type { VPath } from "../../kernel/ids.ts";
import { createRig, imageOf, NOTHING, pathOf, sentPackets, WALL } from "./rig.ts";

test("a signature that is learnt of what is here is told at once", () => {
  const rig = createRig();
  const signatures = [{ timestamp: WALL, bytes: new Uint8Array(64) }];
  const committed = { image: imageOf(1), signatures };
  rig.start([{ path: pathOf("x"), committed, missing: false, intent: null, floor: null, published: null }]);
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
