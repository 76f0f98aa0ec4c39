/** What a listing offers, and which of it is taken while the downloads of its base directory are as many as may run. */
import { expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../kernel/config.ts";
import type { Digest, ImageId, VPath } from "../../kernel/ids.ts";
import { createRig, imageOf, NOTHING, pathOf, sentFrames, WALL } from "./rig.ts";

const SITE = "/site" as VPath;
const OTHER = "ab".repeat(32) as Digest;
const MOST = DEFAULT_LIMITS.downloadsPerBaseMax;

/** A server whose downloads are all that may run in one base directory, and a peer that has a listing to tell. */
function full() {
  const rig = createRig();
  rig.start();
  rig.open(9);
  for (let each = 0; each < MOST; each++) {
    rig.upload(9, each + 1, `v${each}`, imageOf(each + 1));
    rig.done("put_intent");
  }
  rig.gossip(1, { ...NOTHING, baseDirs: new Map([[SITE, OTHER]]) });
  const dialled = rig.all.find((each) => each.kind === "dial");
  if (dialled?.kind !== "dial") throw new Error("a listing is asked for");
  rig.feed({ kind: "conn_open", conn: dialled.conn, address: dialled.address, side: "dialled" });
  const question = sentFrames(rig.all, dialled.conn).find(
    (each) => each.kind === "request" && each.request.type === "GetBaseDir",
  );
  const offer = (name: string, image: ImageId, timestamp: number): void => {
    if (question?.kind !== "request") throw new Error("a listing is asked for");
    const signatures = [{ timestamp, bytes: new Uint8Array(64).fill(1) }];
    rig.respond(dialled.conn, question.id, {
      type: "GetBaseDir",
      configHash: OTHER,
      keepListHash: OTHER,
      listing: [[name, { image, signatures }]],
    });
  };
  return { rig, offer };
}

test("an offer of another path waits while as many downloads run as may", () => {
  const { rig, offer } = full();
  offer("more", imageOf(50), WALL + 1);
  expect(rig.verifies).toHaveLength(0);
  expect(rig.node.reconcile.backlog).toHaveLength(1);
});

test("a newer version of what is being fetched has the place of the older one, which nobody may have any more", () => {
  const { rig, offer } = full();
  offer("v0", imageOf(50), WALL + 1);
  expect(rig.node.reconcile.backlog).toHaveLength(0);
  rig.verify();
  rig.done("put_intent");
  expect(rig.node.downloads.get(pathOf("v0"))?.intent.image).toBe(imageOf(50));
  expect(rig.node.downloads.size).toBe(MOST);
});
