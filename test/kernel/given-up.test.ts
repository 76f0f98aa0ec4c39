/** A download that nobody can serve ends, and nothing of it stays. */
import { expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../kernel/config.ts";
import type { ConnId } from "../../kernel/ids.ts";
import { createRig, imageOf, indexOf, pathOf, sentFrames, stageLacking } from "./rig.ts";

/** A client alone has the image. */
function begin() {
  const rig = createRig({ peers: 0 });
  rig.start();
  rig.open(2);
  rig.upload(2, 1, "x", imageOf(7));
  rig.done("put_intent");
  return rig;
}

test("what nobody has is given up, and its stage goes from the disk", () => {
  const rig = begin();
  rig.done("load_index", { kind: "index", index: indexOf(imageOf(7), 1) });
  const stage = rig.node.downloads.get(pathOf("x"))?.intent.stage;
  rig.done("prepare_stage", stageLacking(1, [0]));
  rig.feed({ kind: "conn_closed", conn: 2 as ConnId, why: "closed" });
  const isGivenUp = () => !rig.node.downloads.has(pathOf("x"));
  for (let ms = 0; ms < DEFAULT_LIMITS.abandonMs - 1_000; ms += 1_000) rig.wait(1_000);
  expect(isGivenUp()).toBe(false);
  for (let second = 0; second < 5; second++) rig.wait(1_000);
  expect(isGivenUp()).toBe(true);
  const aborts = rig.pending.flatMap(({ request }) => (request.kind === "abort" ? [request.stage] : []));
  expect(aborts).toEqual([stage]);
});

test("who answers with an error is asked again later each time", () => {
  const rig = begin();
  let effects = rig.disk("load_index", { ok: false, code: "index_missing", detail: "" });
  const asked: number[] = [];
  for (let ms = 0; ms < 20_000; ms += 250) {
    for (const message of sentFrames(effects, 2)) {
      if (message.kind !== "request") continue;
      asked.push(ms);
      effects = rig.respond(2, message.id, { type: "Error", text: "broken" });
      expect(sentFrames(effects, 2)).toEqual([]);
    }
    effects = rig.wait(250);
  }
  expect(asked.length).toBeGreaterThan(3);
  const pauses = asked.slice(1).map((at, nth) => at - (asked[nth] ?? 0));
  expect(pauses).toEqual(pauses.toSorted((a, b) => a - b));
  expect(pauses.at(-1)).toBeGreaterThan(3_000);
});
