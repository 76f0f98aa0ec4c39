/** A listing with a signature for later is not asked for again before its time has come, by whichever clock. */
import { expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../kernel/config.ts";
import type { VPath } from "../../kernel/ids.ts";
import type { FoundImage } from "../../kernel/storage/request.ts";
import type { Listing } from "../../kernel/wire/signed-state.ts";
import { digestOfListing } from "../../kernel/wire/state-file.ts";
import { createRig, found, imageOf, NOTHING, pathOf, sentFrames, sentPackets, stateOf, WALL } from "./rig.ts";

const SITE = "/site" as VPath;
const AHEAD_MS = 40_000;
/** So long after the start it is no further ahead than a signature may be. */
const listing: Listing = [["x", stateOf(imageOf(1), WALL + DEFAULT_LIMITS.futureSkewMs + AHEAD_MS)]];
const digest = digestOfListing(listing);

function asked(here: readonly FoundImage[] = []) {
  const rig = createRig();
  rig.start(here);
  /** A round of a peer that has this listing: how many questions follow, and each is answered. */
  const round = (): number => {
    const before = rig.all.length;
    rig.gossip(1, { ...NOTHING, baseDirs: new Map([[SITE, digest]]) });
    const dial = rig.all.slice(before).find((each) => each.kind === "dial");
    if (dial?.kind === "dial")
      rig.feed({ kind: "conn_open", conn: dial.conn, address: dial.address, side: "dialled" });
    let count = 0;
    for (const effect of rig.all.slice(before)) {
      if (effect.kind !== "send_frame") continue;
      for (const frame of sentFrames([effect])) {
        if (frame.kind !== "request" || frame.request.type !== "GetBaseDir") continue;
        count += 1;
        const answer = { type: "GetBaseDir", configHash: digest, keepListHash: digest, listing } as const;
        rig.respond(effect.conn, frame.id, answer);
      }
    }
    return count;
  };
  return { rig, round };
}

test("it is asked for once, and again when its time has come", () => {
  const { rig, round } = asked();
  expect(round()).toBe(1);
  expect(rig.verifies).toHaveLength(0);
  for (let nth = 1; nth < AHEAD_MS / 1_000; nth++) {
    rig.wait(1_000);
    expect(round()).toBe(0);
  }
  rig.wait(1_000);
  expect(round()).toBe(1);
  expect(rig.verifies).toHaveLength(1);
});

test("a clock that is set to that time is believed at once", () => {
  const { rig, round } = asked();
  round();
  rig.wait(1_000);
  rig.setClock(AHEAD_MS);
  expect(round()).toBe(1);
  expect(rig.verifies).toHaveLength(1);
});

test.each([
  ["whoever is only ahead is not told that it is behind", [], 0],
  [
    "whoever is ahead and lacks something of ours is told so",
    [found(pathOf("y"), stateOf(imageOf(2), WALL))],
    1,
  ],
])("%s", (_, here, times) => {
  const { rig, round } = asked(here);
  round();
  rig.wait(2_000);
  const before = rig.all.length;
  round();
  const told = sentPackets(rig.all.slice(before)).filter(({ packet }) => packet.message.type === "Reconcile");
  expect(told).toHaveLength(times);
});
