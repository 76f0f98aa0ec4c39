/** What a cluster at rest is spared, and that it is spared no longer when something happens. */
import { expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../kernel/config.ts";
import type { Effect } from "../../kernel/effect.ts";
import type { Digest, VPath } from "../../kernel/ids.ts";
import { hasCalls } from "../../kernel/rpc/links.ts";
import {
  addressOf,
  createRig,
  found,
  imageOf,
  indexOf,
  machineOf,
  NOTHING,
  pathOf,
  sentFrames,
  sentPackets,
  stageLacking,
  stateOf,
  WALL,
} from "./rig.ts";

const ROUND_MS = 1_000;
const SITE = "/site" as VPath;
const X = pathOf("x");
const OTHER = "ab".repeat(32) as Digest;
const HERE = found(X, stateOf(imageOf(1), WALL));

const packetsOf = (effects: readonly Effect[]) =>
  effects.flatMap((each) => (each.kind === "send_datagram" ? [each.bytes] : []));
const digestsIn = (effects: readonly Effect[]) =>
  sentPackets(effects).map(({ packet: { message } }) =>
    message.type === "BaseDirs" ? message.baseDirs.get(SITE) : message.type,
  );

test("a round that says the same sends the bytes of the one before, and the next change is in the next round", () => {
  const rig = createRig({ peers: 1 });
  rig.start([HERE]);
  rig.gossip(1, NOTHING);
  const [first] = packetsOf(rig.wait(ROUND_MS));
  const [second] = packetsOf(rig.wait(ROUND_MS));
  expect(second).toBe(first);
  // Nothing is on its way, and yet the directory is another one, as after signatures that were learnt.
  const known = rig.node.digests.get(SITE);
  if (known === undefined) throw new Error("a directory with an image has a digest");
  rig.node.digests.set(SITE, { ...known, digest: OTHER });
  expect(digestsIn(rig.wait(ROUND_MS))).toEqual([OTHER]);
});

test("a packet that says nothing takes back what the one before has said", () => {
  const rig = createRig();
  rig.start([HERE]);
  rig.gossip(1, { ...NOTHING, watching: [X] });
  expect(rig.node.view.peers.get(machineOf(1))?.watching).toEqual(new Set([X]));
  rig.gossip(1, NOTHING);
  expect(rig.node.view.peers.get(machineOf(1))?.watching).toEqual(new Set());
});

test("a peer at rest that others say is waiting is told what is here", () => {
  const rig = createRig();
  rig.start([HERE]);
  rig.gossip(1, NOTHING);
  rig.gossip(2, NOTHING);
  const digest = rig.node.digests.get(SITE)?.digest;
  if (digest === undefined) throw new Error("a directory with an image has a digest");
  rig.gossip(1, { type: "Reconcile", path: SITE, digest, watches: new Map([[X, [machineOf(2)]]]) });
  const told = sentPackets(rig.wait(ROUND_MS)).filter(
    ({ to, packet: { message } }) =>
      to === addressOf(2) && message.type === "BaseDirs" && message.complete.get(X) === imageOf(1),
  );
  expect(told).toHaveLength(1);
});

test("no question is waited for that an answer, its deadline or the end of its connection has closed", () => {
  const asking = () => {
    const rig = createRig();
    rig.start();
    rig.gossip(1, { ...NOTHING, baseDirs: new Map([[SITE, OTHER]]) });
    const dialled = rig.all.find((each) => each.kind === "dial");
    if (dialled?.kind !== "dial") throw new Error("a listing is asked for");
    rig.feed({ kind: "conn_open", conn: dialled.conn, address: dialled.address, side: "dialled" });
    expect(hasCalls(rig.node.links)).toBe(true);
    return { rig, conn: dialled.conn };
  };
  const closed = asking();
  closed.rig.feed({ kind: "conn_closed", conn: closed.conn, why: "closed" });
  expect(hasCalls(closed.rig.node.links)).toBe(false);
  const answered = asking();
  const [question] = sentFrames(answered.rig.all, answered.conn);
  if (question?.kind !== "request") throw new Error("a listing is asked for");
  answered.rig.respond(answered.conn, question.id, {
    type: "GetBaseDir",
    configHash: OTHER,
    keepListHash: OTHER,
    listing: [],
  });
  expect(hasCalls(answered.rig.node.links)).toBe(false);
  const late = asking();
  // It is asked a few times.
  for (let time = 0; time < 5 * DEFAULT_LIMITS.requestMs; time += ROUND_MS) late.rig.wait(ROUND_MS);
  expect(late.rig.node.links.conns.get(late.conn)?.calls.size).toBe(0);
  expect(hasCalls(late.rig.node.links)).toBe(false);
});

test("who uploads an image is asked for it, also when he never announced it", () => {
  const rig = createRig();
  rig.start();
  rig.open(2);
  const image = imageOf(7);
  rig.upload(2, 1, "x", image);
  rig.done("put_intent");
  rig.done("load_index", { kind: "index", index: indexOf(image, 1) });
  const effects = rig.done("prepare_stage", stageLacking(1, [0]));
  const asked = sentFrames(effects, 2).filter((each) => each.kind === "request");
  expect(asked.map((each) => each.request.type)).toEqual(["GetBlock"]);
});
