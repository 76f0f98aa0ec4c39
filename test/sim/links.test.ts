import { describe, expect, test } from "vitest";
import type { Effect } from "../../kernel/effect.ts";
import type { ConnId } from "../../kernel/ids.ts";
import { MILLISECOND, SECOND } from "../../sim/timeline.ts";
import { createWorld, type World } from "../../sim/world.ts";
import { addressOf, addToy, bytes, type Heard, ofKind, processOf, textOf, toy } from "./toys.ts";

/** n1 dials n2, sends `count` frames once open, and n2 sends each back. */
function linked(count: number, change: (world: World) => void = () => {}) {
  const world = createWorld({ seed: "1" });
  const dialler: Heard[] = [];
  const acceptor: Heard[] = [];
  const conn = 1 as ConnId;
  addToy(world, "n1", () =>
    processOf(
      toy((event): readonly Effect[] => {
        if (event.kind === "wake") return [{ kind: "dial", conn, address: addressOf("n2") }];
        if (event.kind !== "conn_open") return [];
        return Array.from({ length: count }, (_, at) => ({
          kind: "send_frame",
          conn,
          bytes: bytes(String(at)),
          told: false,
        }));
      }, dialler),
    ),
  );
  addToy(world, "n2", () =>
    processOf(
      toy(
        (event) =>
          event.kind === "frame"
            ? [{ kind: "send_frame", conn: event.conn, bytes: event.bytes, told: false }]
            : [],
        acceptor,
      ),
    ),
  );
  change(world);
  return { world, dialler, acceptor, conn };
}

const start = (world: World) => {
  for (const host of world.hosts().toReversed()) host.start();
};
const closings = (heard: readonly Heard[]) => ofKind(heard, "conn_closed").map(({ event }) => event.why);
const frames = (heard: readonly Heard[]) =>
  ofKind(heard, "frame").map(({ event }) => Number(textOf(event.bytes)));

describe("links", () => {
  test("frames keep their order under loss and delay, and both sides learn of the opening", () => {
    const { world, dialler, acceptor } = linked(200, ({ network }) =>
      network.addRule("*", "*", { loss: { hits: 1, outOf: 3 }, delayMax: 90 * MILLISECOND }),
    );
    start(world);
    world.runUntil(30 * SECOND);
    const all = Array.from({ length: 200 }, (_, at) => at);
    expect(frames(acceptor)).toEqual(all);
    expect(frames(dialler)).toEqual(all);
    const [opened] = ofKind(acceptor, "conn_open");
    expect(opened?.event.side).toBe("accepted");
    expect(Number(opened?.event.conn) % 2).toBe(0);
    expect(ofKind(dialler, "conn_open")[0]?.event.address).toBe(addressOf("n2"));
  });

  test("bandwidth delays: 1 MB at 8 Mbit/s takes a second", () => {
    const { world, acceptor } = linked(0, (made) => {
      const host = made.host("n1");
      if (host !== undefined) host.station.up.bitsPerSecond = 8_000_000;
    });
    start(world);
    world.runUntil(SECOND);
    const n1 = world.host("n1")!;
    world.links.send(n1.station, 1 as ConnId, new Uint8Array(1_000_000));
    world.runUntil(1_990 * MILLISECOND);
    expect(ofKind(acceptor, "frame")).toHaveLength(0);
    world.runUntil(2_010 * MILLISECOND);
    expect(ofKind(acceptor, "frame")).toHaveLength(1);
  });

  test("a dial is refused at once by a machine without a process, and after 3 s by silence", () => {
    const quick = linked(0);
    quick.world.host("n1")!.start();
    quick.world.runUntil(100 * MILLISECOND);
    expect(closings(quick.dialler)).toEqual(["refused"]);
    const slow = linked(0, ({ network }) => network.cut([["n2", "n1"]]));
    start(slow.world);
    slow.world.runUntil(2_990 * MILLISECOND);
    expect(closings(slow.dialler)).toEqual([]);
    slow.world.runUntil(3_010 * MILLISECOND);
    expect(closings(slow.dialler)).toEqual(["refused"]);
  });

  test("a close is `asked` here and `closed` there", () => {
    const { world, dialler, acceptor, conn } = linked(1);
    start(world);
    world.runUntil(SECOND);
    world.links.close(world.host("n1")!.station, conn);
    world.runUntil(2 * SECOND);
    expect(closings(dialler)).toEqual(["asked"]);
    expect(closings(acceptor)).toEqual(["closed"]);
    expect(world.links.count()).toBe(0);
  });

  test("a partition of 6 s ends both sides as silent, a short one holds frames back", () => {
    const long = linked(1);
    start(long.world);
    long.world.runUntil(SECOND);
    long.world.network.cut([["n1", "n2"]]);
    long.world.network.cut([["n2", "n1"]]);
    long.world.runUntil(5_990 * MILLISECOND);
    expect([...closings(long.dialler), ...closings(long.acceptor)]).toEqual([]);
    long.world.runUntil(7 * SECOND);
    expect([closings(long.dialler), closings(long.acceptor)]).toEqual([["silent"], ["silent"]]);

    const short = linked(1);
    start(short.world);
    short.world.runUntil(SECOND);
    short.world.network.cut([["n1", "n2"]]);
    short.world.links.send(short.world.host("n1")!.station, short.conn, bytes("77"));
    short.world.runUntil(3 * SECOND);
    expect(frames(short.acceptor)).toEqual([0]);
    short.world.network.heal([["n1", "n2"]]);
    short.world.runUntil(5 * SECOND);
    expect(frames(short.acceptor)).toEqual([0, 77]);
    expect(closings(short.acceptor)).toEqual([]);
  });

  test("a killed process resets its links; a power cut leaves them half open until silence or return", () => {
    const killed = linked(1);
    start(killed.world);
    killed.world.runUntil(SECOND);
    killed.world.host("n2")!.crash("kept");
    killed.world.runUntil(SECOND + 100 * MILLISECOND);
    expect(closings(killed.dialler)).toHaveLength(1);
    expect(["closed", "broken"]).toContain(closings(killed.dialler)[0]);

    const silent = linked(1);
    start(silent.world);
    silent.world.runUntil(SECOND);
    silent.world.host("n2")!.crash("weak");
    silent.world.runUntil(5 * SECOND);
    expect(closings(silent.dialler)).toEqual([]);
    silent.world.runUntil(8 * SECOND);
    expect(closings(silent.dialler)).toEqual(["silent"]);

    const back = linked(1);
    start(back.world);
    back.world.runUntil(SECOND);
    back.world.host("n2")!.crash("weak");
    back.world.runUntil(2 * SECOND);
    back.world.host("n2")!.start();
    back.world.runUntil(4 * SECOND);
    expect(["closed", "broken"]).toContain(closings(back.dialler)[0]);
  });

  test("a pause above the silence bound ends the link on the side that waits", () => {
    const { world, dialler } = linked(1);
    start(world);
    world.runUntil(SECOND);
    world.host("n2")!.pause();
    world.runUntil(8 * SECOND);
    expect(closings(dialler)).toEqual(["silent"]);
  });
});
