/** What chaos plans, and what its judge says of disks: each rule with a disk that breaks it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { NOTHING, type SeenPath } from "../system/rig/seen.ts";
import { Judge, type Look, type Uploaded } from "./judge.ts";
import { parseOptions } from "./options.ts";
import { Attacks } from "./attacks.ts";
import { ATTACKS, FROM, isServerFault, LINE_FAULTS, planFaults, SERVER_FAULTS } from "./plan.ts";
import { stopped } from "./stop.ts";

const MINUTE_MS = 60_000;
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

describe("the plan of fifteen minutes", () => {
  test.each(SEEDS)("of seed %i has 200 faults, every kind often, and leaves three servers alone", (seed) => {
    const faults = planFaults(seed, MINUTE_MS, 15 * MINUTE_MS);
    expect(faults.length).toBeGreaterThanOrEqual(200);
    for (const kind of [...SERVER_FAULTS, ...LINE_FAULTS, "hostile"])
      expect(faults.filter((fault) => fault.kind === kind).length).toBeGreaterThanOrEqual(10);
    const journals = faults.flatMap((fault) => (fault.kind === "power_cut" ? [fault.journal] : []));
    for (const journal of ["lost", "written"])
      expect(journals.filter((each) => each === journal).length).toBeGreaterThanOrEqual(5);
    const attacks = faults.flatMap((fault) =>
      fault.kind === "hostile" ? [`${fault.attack} ${fault.from}`] : [],
    );
    expect(new Set(attacks).size).toBe(ATTACKS.length * FROM.length);
    for (const { atMs } of faults) {
      const hit = faults.filter(
        (fault) => isServerFault(fault.kind) && fault.atMs <= atMs && atMs < fault.atMs + fault.forMs,
      );
      const servers = hit.map((fault) => ("server" in fault ? fault.server : null));
      expect(new Set(servers).size).toBe(servers.length);
      expect(servers.length).toBeLessThanOrEqual(2);
    }
    expect(faults.every(({ atMs, forMs }) => atMs >= MINUTE_MS && atMs + forMs <= 15 * MINUTE_MS)).toBe(true);
    expect(planFaults(seed, MINUTE_MS, 15 * MINUTE_MS)).toEqual(faults);
    expect(planFaults(seed + 1, MINUTE_MS, 15 * MINUTE_MS)).not.toEqual(faults);
  });
});

const [OLD, YOUNG, OTHER] = ["a".repeat(64), "b".repeat(64), "c".repeat(64)];
const PATH = "/site/x";

/** Two images of one path, one after the other, the first of which all had; and the second, server 1. */
function judge(): Judge {
  const out = new Judge();
  const all = new Map(([1, 2, 3, 4, 5] as const).map((each) => [each, 150] as const));
  out.begin({ path: PATH, image: OLD, from: 100, to: 110, accepted: true, received: all });
  const young: Uploaded = {
    path: PATH,
    image: YOUNG,
    from: 200,
    to: 210,
    accepted: true,
    received: new Map([[1, 250]]),
  };
  out.begin(young);
  return out;
}

function look(own: Partial<SeenPath>, more: Partial<Look> = {}, wrong: readonly string[] = []): Look {
  const seen = { paths: { [PATH]: { ...NOTHING, ...own } }, wrong, left: [] };
  return { server: 1, at: 300, seen, names: ["x"], beside: ["db", "site"], ...more };
}

const has = (image: string, signed: Record<string, number> = {}) => ({ tree: image, state: image, signed });

describe("a judge", () => {
  test("has nothing against what clients were told, nor against more than that", () => {
    expect(judge().judge(look(has(YOUNG)))).toEqual([]);
    expect(judge().judge(look(has(OLD), { server: 2 }))).toEqual([]);
    expect(judge().judge(look(has(YOUNG), { server: 2 }))).toEqual([]);
    // Asked before the second was received.
    expect(judge().judge(look(has(OLD), { at: 240 }))).toEqual([]);
    // Between the exchange and the state.
    expect(judge().judge(look({ tree: YOUNG, state: OLD, intent: YOUNG }))).toEqual([]);
    expect(judge().judge(look({}, { at: 120, names: [".tmp.x.1"] }))).toEqual([]);
  });

  test.each([
    ["an image that is gone", look({}), "lost: a client was told that an image is here, and none is"],
    ["an image older than what was received", look(has(OLD)), "lost: aaaaaaaa is there, older than bbbbbbbb"],
    ["a tree that nobody uploaded", look(has(OTHER)), "cccccccc was never uploaded there"],
    [
      "a tree that nobody promised",
      look({ tree: YOUNG, state: OLD }),
      "bbbbbbbb is there, and aaaaaaaa and nothing are promised",
    ],
    ["a foreign name among the images", look(has(YOUNG), { names: ["x", "passwd"] }), "foreign: passwd"],
    ["a foreign name beside them", look(has(YOUNG), { beside: ["db", "site", "y"] }), "foreign: y"],
    ["a file that is not what its name says", look(has(YOUNG), {}, ["x.state: short"]), "x.state: short"],
  ])("sees %s", (_, seen, says) => {
    expect(judge().judge(seen)).toEqual([expect.stringContaining(says)]);
  });

  test("sees a rollback of what nobody was told, and lets a power cut take it", () => {
    const one = judge();
    expect(one.judge(look(has(YOUNG), { server: 2 }))).toEqual([]);
    expect(one.judge(look(has(OLD), { server: 2 }))).toEqual([expect.stringContaining("rolled back")]);
    const other = judge();
    expect(other.judge(look(has(YOUNG), { server: 2 }))).toEqual([]);
    other.powerCut(2);
    expect(other.judge(look(has(OLD), { server: 2 }))).toEqual([]);
  });

  test("compares by what is signed where disks tell it", () => {
    const one = judge();
    // At once by clients' clocks, and the other way round by what they signed.
    one.begin({ path: PATH, image: OTHER, from: 190, to: 220, accepted: true, received: new Map() });
    expect(one.judge(look({ tree: OTHER, state: OTHER }))).toEqual([]);
    const signed = { [OTHER]: 205, [YOUNG]: 206 };
    expect(one.judge(look(has(OTHER, signed)))).toEqual([expect.stringContaining("older than bbbbbbbb")]);
  });

  test("wants all servers alike, at rest, and with the newest", () => {
    const one = judge();
    const alike = [look(has(YOUNG)), look(has(YOUNG), { server: 2 })];
    expect(one.unlike(alike)).toEqual([]);
    expect(one.notTheWinner(alike)).toEqual([]);
    expect(one.unlike([look(has(YOUNG)), look(has(OLD), { server: 2 })])).toEqual([
      `${PATH}: bbbbbbbb aaaaaaaa`,
    ]);
    expect(one.unlike([look({ ...has(YOUNG), intent: OTHER })])).toEqual([`${PATH}: promised on 1`]);
    const left = look(has(YOUNG));
    expect(one.unlike([{ ...left, seen: { ...left.seen, left: [".tmp.x"] } }])).toEqual([
      "server 1: left over: .tmp.x",
    ]);
    expect(one.notTheWinner([look(has(OLD)), look(has(OLD), { server: 2 })])).toEqual([
      `${PATH}: aaaaaaaa is everywhere, and bbbbbbbb is newer`,
    ]);
  });
});

test.each([
  [["--minutes", "0"], "--minutes is a whole number from 1 to 10000"],
  [["--seed", "x"], "--seed is a whole number"],
  [["--plant", "weeds"], "--plant is one of content, lost, foreign, rollback"],
  [["--what"], "Unknown option '--what'"],
])("%j is a wrong command line", (line, says) => {
  expect(parseOptions(line)).toEqual({ kind: "wrong", what: expect.stringContaining(says) });
});

test("an attack of which nothing shows that it came is wrong, and one on a server that is away is not", () => {
  const attacks = new Attacks();
  const garbage = { attack: "garbage", target: "10.77.1.2", begun: 500, tries: 9, how: "" } as const;
  expect(attacks.add("peer", { ...garbage, seen: { undecodable: 8 }, outcome: "reached" }, 100)).toBe(null);
  expect(attacks.add("peer", { ...garbage, tries: 0, seen: {}, outcome: "away" }, 100)).toBe(null);
  const missed = { ...garbage, seen: { unlisted: 0 }, outcome: "missed" } as const;
  expect(attacks.add("stranger", missed, 100)).toBe(
    'garbage of a stranger never came to 10.77.1.2: {"tries":9,"seen":{"unlisted":0}}',
  );
  // It has begun anew in the middle.
  expect(attacks.add("stranger", missed, 501)).toBe(null);
  const { "garbage peer": peer, "garbage stranger": stranger, "replay peer": none } = attacks.counts();
  expect(peer).toMatchObject({ attacks: 2, reached: 1, away: 1, tries: 9, seen: { undecodable: 8 } });
  expect(stranger).toMatchObject({ attacks: 2, reached: 0, away: 1, missed: 1 });
  expect(none).toMatchObject({ attacks: 0 });
});

test("a process that does not end is told with what it is doing, and not waited for", async () => {
  const script = 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log("here")';
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "ignore"] });
  try {
    await once(child.stdout, "data");
    expect(await stopped(child, "SIGTERM", 100)).toMatch(
      /^has not ended 100 ms after SIGTERM: node S in \S+, /,
    );
  } finally {
    expect(await stopped(child, "SIGKILL", 60_000)).toBe(null);
  }
});
