import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Effect } from "../../kernel/effect.ts";
import type { MonoMs } from "../../kernel/ids.ts";
import { below } from "../../kernel/prng.ts";
import { keyed } from "../../kernel/prng.ts";
import { createHeap } from "../../sim/heap.ts";
import { MachineFailure } from "../../sim/failure.ts";
import { MILLISECOND, SECOND } from "../../sim/timeline.ts";
import { createWorld, type World } from "../../sim/world.ts";
import {
  addressOf,
  addToy,
  bytes,
  COUNT,
  countAt,
  type Heard,
  NEVER,
  ofKind,
  op,
  processOf,
  textOf,
  toy,
} from "./toys.ts";

test("a heap gives times in order, and equal times in the order in which they came", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(9)), (times) => {
      const heap = createHeap();
      const out: [number, number][] = [];
      for (const [at, time] of times.entries()) heap.push(time, () => out.push([time, at]));
      while (heap.pop()) heap.run();
      expect(out).toEqual(
        times.map((time, at) => [time, at]).toSorted((a, b) => a[0]! - b[0]! || a[1]! - b[1]!),
      );
    }),
  );
});

/** Two hosts: n1 sends a numbered datagram each 10 ms, n2 keeps them. */
function pings(seed: string, change: (world: World) => void = () => {}): { world: World; heard: Heard[] } {
  const world = createWorld({ seed });
  const heard: Heard[] = [];
  addToy(world, "n1", () => {
    let sent = 0;
    let due = 10;
    return processOf(
      toy(
        (event, now) => {
          if (event.kind !== "wake" || now.mono < due) return [];
          due += 10;
          sent += 1;
          return [{ kind: "send_datagram", to: addressOf("n2"), bytes: bytes(String(sent)) }];
        },
        [],
        () => due as MonoMs,
      ),
    );
  });
  addToy(world, "n2", () => processOf(toy(() => [], heard)));
  change(world);
  for (const host of world.hosts()) host.start();
  return { world, heard };
}

const numbers = (heard: readonly Heard[]) =>
  ofKind(heard, "datagram").map(({ event }) => Number(textOf(event.bytes)));

const lossy = (world: World) =>
  world.network.addRule("*", "*", {
    loss: { hits: 1, outOf: 5 },
    dup: { hits: 1, outOf: 5 },
    delayMax: 50_000,
  });

const run = (seed: string) => {
  const { world, heard } = pings(seed, lossy);
  world.runUntil(5 * SECOND);
  return { digest: world.digest(), heard: numbers(heard) };
};

describe("one seed is one run", () => {
  test("the same seed gives the same digest, and another seed another", () => {
    expect(run("7")).toEqual(run("7"));
    expect(run("7").digest).not.toBe(run("8").digest);
  });

  test("stopping in between changes nothing", () => {
    const { world } = pings("7", lossy);
    for (let time = 0; time <= 5 * SECOND; time += 37_003) world.runUntil(time);
    world.runUntil(5 * SECOND);
    expect(world.digest()).toBe(run("7").digest);
  });

  test("a machine that asks for the real clock or for entropy fails", () => {
    for (const ask of [() => Date.now(), () => Math.random(), () => performance.now()]) {
      const world = createWorld({ seed: "1" });
      const host = addToy(world, "n1", () =>
        processOf(
          toy((event) => {
            if (event.kind === "stop") ask();
            return [];
          }),
        ),
      );
      host.start();
      world.timeline.after(1, () => host.feed({ kind: "stop" }));
      expect(() => world.runUntil(1)).toThrow(MachineFailure);
      expect(Date.now()).toBeGreaterThan(0);
    }
  });
});

const withNoise = (faulty: boolean) => {
  const { world, heard } = pings("3", (made) => {
    made.network.addRule("n1", "n2", { loss: { hits: 1, outOf: 4 } });
    const noise: Heard[] = [];
    addToy(made, "n3", () =>
      processOf(
        toy(
          (event) =>
            event.kind === "wake"
              ? Array.from(
                  { length: 50 },
                  () => ({ kind: "send_datagram", to: addressOf("n2"), bytes: bytes("0") }) as const,
                )
              : [],
          noise,
        ),
      ),
    );
    if (faulty) made.network.addRule("n3", "n2", { loss: { hits: 1, outOf: 2 }, dup: { hits: 1, outOf: 2 } });
  });
  world.runUntil(3 * SECOND);
  return ofKind(heard, "datagram").filter(({ event }) => event.from === addressOf("n1"));
};

describe("datagrams", () => {
  test("arrive, late and overtaken, but all of them, when nothing is wrong", () => {
    const { world, heard } = pings("1", ({ network }) =>
      network.addRule("*", "*", { delayMax: 45 * MILLISECOND }),
    );
    world.runUntil(2 * SECOND);
    const got = numbers(heard);
    expect(got.length).toBeGreaterThan(190);
    expect(got.toSorted((a, b) => a - b)).toEqual(got.map((_, at) => at + 1));
    expect(got).not.toEqual(got.toSorted((a, b) => a - b));
  });

  test("a loss of 1 in 10 loses about that", () => {
    const { world, heard } = pings("1", ({ network }) =>
      network.addRule("n1", "*", { loss: { hits: 1, outOf: 10 } }),
    );
    world.runUntil(20 * SECOND);
    expect(numbers(heard).length).toBeGreaterThan(1_700);
    expect(numbers(heard).length).toBeLessThan(1_900);
  });

  test("a second copy may come much later", () => {
    const { world, heard } = pings("1", ({ network }) =>
      network.addRule("*", "*", { dup: { hits: 1, outOf: 50 }, late: 60 * SECOND }),
    );
    world.runUntil(70 * SECOND);
    const times = new Map<number, number[]>();
    for (const { at, event } of ofKind(heard, "datagram")) {
      const name = Number(textOf(event.bytes));
      times.set(name, [...(times.get(name) ?? []), at.mono]);
    }
    expect(world.network.counts.doubled).toBeGreaterThan(5);
    expect([...times.values()].some(([first = 0, second = 0]) => second > first + 2_000)).toBe(true);
  });

  test("removing one fault leaves every draw of another pair as it was", () => {
    expect(withNoise(true)).toEqual(withNoise(false));
  });

  test("one that is longer than UDP allows is not sent", () => {
    const world = createWorld({ seed: "1" });
    const heard: Heard[] = [];
    addToy(world, "n1", () =>
      processOf(
        toy((event) =>
          event.kind === "wake"
            ? [65_507, 65_508].map((size) => ({
                kind: "send_datagram",
                to: addressOf("n2"),
                bytes: new Uint8Array(size),
              }))
            : [],
        ),
      ),
    );
    addToy(world, "n2", () => processOf(toy(() => [], heard)));
    for (const host of world.hosts().toReversed()) host.start();
    world.runUntil(SECOND);
    expect(ofKind(heard, "datagram").map(({ event }) => event.bytes.length)).toEqual([65_507]);
    expect(world.network.counts.tooLong).toBe(1);
  });

  test("a slow line makes what follows wait, and drops what would wait too long", () => {
    const sizes = Array.from({ length: 100 }, () => 1_000);
    const world = createWorld({ seed: "1" });
    const heard: Heard[] = [];
    const sender = addToy(world, "n1", () =>
      processOf(
        toy((event) =>
          event.kind === "wake"
            ? sizes.map((size) => ({
                kind: "send_datagram",
                to: addressOf("n2"),
                bytes: new Uint8Array(size),
              }))
            : [],
        ),
      ),
    );
    sender.station.up.bitsPerSecond = 1_000_000; // about 8 ms each
    addToy(world, "n2", () => processOf(toy(() => [], heard)));
    for (const host of world.hosts().toReversed()) host.start();
    world.runUntil(SECOND);
    const got = ofKind(heard, "datagram");
    expect(got.length).toBeGreaterThan(20);
    expect(got.length).toBeLessThan(30);
    expect(got.at(-1)!.at.mono).toBeGreaterThan(190);
  });
});

describe("partitions", () => {
  test("a cut is one way, and ends where it is healed", () => {
    const { world, heard } = pings("1", ({ network }) => network.cut([["n2", "n1"]]));
    world.runUntil(SECOND);
    expect(numbers(heard).length).toBeGreaterThan(90);
    world.network.cut([["n1", "n2"]]);
    world.runUntil(2 * SECOND);
    const before = numbers(heard).length;
    world.network.heal([["*", "*"]]);
    world.runUntil(3 * SECOND);
    expect(before).toBeLessThanOrEqual(101);
    expect(numbers(heard).length).toBeGreaterThan(before + 90);
  });

  test("a host that is down hears nothing, and its successor only what comes later", () => {
    const { world, heard } = pings("1");
    world.timeline.at(SECOND, () => world.host("n2")?.crash("weak"));
    world.timeline.at(2 * SECOND, () => world.host("n2")?.start());
    world.runUntil(3 * SECOND);
    const got = numbers(heard);
    expect(got.length).toBeGreaterThan(190);
    expect(got.filter((each) => each > 102 && each < 198)).toEqual([]);
  });

  test("a paused host hears everything afterwards", () => {
    const { world, heard } = pings("1");
    world.timeline.at(SECOND, () => world.host("n2")?.pause());
    world.timeline.at(2 * SECOND, () => world.host("n2")?.resume());
    world.runUntil(1_900 * MILLISECOND);
    expect(numbers(heard).length).toBeLessThan(101);
    world.runUntil(3 * SECOND);
    expect(numbers(heard).length).toBeGreaterThan(290);
  });
});

/** Counts on disk, one after the other, until it is stopped from outside. */
const counter = (answers: string[]) => () =>
  processOf(
    toy((event) => {
      if (event.kind === "disk_done" && event.result.ok && event.result.value.kind === "bytes") {
        answers.push(textOf(event.result.value.bytes));
      }
      return event.kind === "wake" || event.kind === "disk_done"
        ? [{ kind: "disk", op: op(1), request: COUNT }]
        : [];
    }),
  );

describe("disks and clocks", () => {
  test("what was answered is there after any crash, and at most one more", () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.integer({ min: 1_000, max: 400_000 }),
        fc.constantFrom("weak" as const, "ordered" as const, "kept" as const),
        (seed, at, how) => {
          const world = createWorld({ seed: String(seed) });
          const answers: string[] = [];
          const host = addToy(world, "n1", counter(answers));
          host.start();
          world.runUntil(at);
          host.crash(how);
          world.runUntil(at + SECOND);
          const sure = Number(answers.at(-1) ?? 0);
          const entry = host.disk.tree("/db" as never).get("count");
          const found = entry?.kind === "file" ? Number(textOf(entry.bytes)) : 0;
          expect(found).toBeGreaterThanOrEqual(sure);
          expect(found).toBeLessThanOrEqual(sure + 1);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("a crash falls between any two calls", () => {
    const calls = new Set<number>();
    for (let seed = 0; seed < 300; seed++) {
      const world = createWorld({ seed: String(seed) });
      const host = addToy(world, "n1", counter([]));
      host.start();
      world.runUntil(below(keyed(seed), seed % 2 === 0 ? 120 : 30_000));
      host.crash("weak");
      calls.add(host.disk.callCount());
      const before = host.disk.callCount();
      world.runUntil(SECOND);
      expect(host.disk.callCount()).toBe(before);
    }
    for (let count = 1; count <= 5; count++) expect(calls).toContain(count);
    expect(calls.size).toBeGreaterThan(20);
  });

  test("requests of several paths advance between each other", () => {
    const order: string[] = [];
    const world = createWorld({
      seed: "1",
      observer: {
        performed: (_host, call) => order.push(`${call.call}${"handle" in call ? call.handle : ""}`),
      },
    });
    const host = addToy(world, "n1", () =>
      processOf(
        toy((event) =>
          event.kind === "wake"
            ? [1, 2, 3].map((at) => ({ kind: "disk", op: op(at), request: countAt(at) }))
            : [],
        ),
      ),
    );
    host.start();
    world.runUntil(SECOND);
    expect(order.filter((each) => each === "root")).toHaveLength(3);
    expect(order.lastIndexOf("root")).toBeLessThan(order.indexOf("rename"));
  });

  test("a paused host's disk stands still", () => {
    const world = createWorld({ seed: "1" });
    const answers: string[] = [];
    const host = addToy(world, "n1", counter(answers));
    host.start();
    world.runUntil(100 * MILLISECOND);
    host.pause();
    world.runUntil(200 * MILLISECOND);
    const count = host.disk.callCount();
    world.runUntil(5 * SECOND);
    expect(host.disk.callCount()).toBe(count);
    host.resume();
    world.runUntil(6 * SECOND);
    expect(host.disk.callCount()).toBeGreaterThan(count + 50);
  });

  test("clocks drift and are set, the monotonic one never goes back, and begins anew with a process", () => {
    const world = createWorld({ seed: "1" });
    const heard: Heard[] = [];
    let due = 100;
    const host = addToy(world, "n1", () => {
      due = 100;
      return processOf(
        toy(
          (_event, now) => {
            if (now.mono >= due) due = now.mono + 100;
            return [];
          },
          heard,
          () => due as MonoMs,
        ),
      );
    });
    host.start();
    world.timeline.at(2 * SECOND, () => host.clock.stepWall(-3_600_000));
    world.timeline.at(3_050 * MILLISECOND, () => host.clock.setDrift(100_000));
    world.runUntil(5_050 * MILLISECOND);
    const wakes = heard.slice(1);
    expect(wakes.every(({ at }, index) => index === 0 || at.mono > wakes[index - 1]!.at.mono)).toBe(true);
    expect(wakes.map(({ at }) => at.mono)).toEqual(wakes.map((_, index) => (index + 1) * 100));
    expect(wakes.at(-1)!.at.mono).toBe(5_200); // 2 s at +10 %
    expect(wakes.at(-1)!.at.wall).toBe(1_700_000_000_000 - 3_600_000 + 5_200);
    host.crash("kept");
    host.start();
    expect(heard.at(-1)!.at.mono).toBe(0);
  });

  test("a machine that wants to be woken in the past does not stop the world", () => {
    const world = createWorld({ seed: "1" });
    const heard: Heard[] = [];
    addToy(world, "n1", () =>
      processOf(
        toy(
          () => [],
          heard,
          () => 0 as MonoMs,
        ),
      ),
    ).start();
    addToy(world, "n2", () =>
      processOf(
        toy(
          () => [],
          [],
          () => NEVER,
        ),
      ),
    ).start();
    world.runUntil(SECOND);
    expect(heard.length).toBeLessThan(1_100);
  });

  test("digests, signatures, names and pages are answered later, and never to another process", () => {
    const world = createWorld({ seed: "1" });
    const heard: Heard[] = [];
    const host = addToy(world, "n1", () =>
      processOf(
        toy((event): readonly Effect[] => {
          if (event.kind !== "wake") return [];
          return [
            { kind: "digest", op: op(1), bytes: bytes("") },
            {
              kind: "verify",
              op: op(2),
              checks: [
                { payload: bytes("x"), signature: new Uint8Array(64), publicKey: new Uint8Array(32).fill(1) },
              ],
            },
            { kind: "resolve", op: op(3), name: "n2" },
            { kind: "http_get", op: op(4), address: addressOf("n2"), path: "/base-dirs/" },
          ];
        }, heard),
      ),
    );
    addToy(world, "n2", () =>
      processOf(
        toy(() => []),
        { page: (path) => bytes(`page ${path}`) },
      ),
    ).start();
    host.start();
    host.crash("kept");
    host.start();
    world.runUntil(SECOND);
    const answers = heard.filter(({ event }) => event.kind !== "wake");
    expect(answers.map(({ event }) => event.kind).toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
      "digested",
      "http_got",
      "resolved",
      "verified",
    ]);
    const digested = ofKind(heard, "digested")[0];
    expect(digested?.event.digest).toBe("0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
    expect(ofKind(heard, "verified")[0]?.event.holds).toEqual([false]);
    expect(ofKind(heard, "resolved")[0]?.event.addresses).toEqual([addressOf("n2")]);
    expect(textOf(ofKind(heard, "http_got")[0]?.event.body ?? bytes(""))).toBe("page /base-dirs/");
  });
});
