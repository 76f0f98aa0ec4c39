/** What views show of a run: the parts that compute, without a browser. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { kernelCast } from "../../sim/cast.ts";
import { createCrypto } from "../../sim/crypto.ts";
import { contentBytes, contentOf } from "../../sim/content.ts";
import { linesOf } from "../../sim/lines.ts";
import { parseScript } from "../../sim/parse.ts";
import { planScript } from "../../sim/plan.ts";
import { runScript } from "../../sim/run.ts";
import type { Script } from "../../sim/script.ts";
import { diagramOf } from "../../sim/view/diagram.ts";
import { faultLanesOf } from "../../sim/view/fault-lanes.ts";
import { flatten } from "../../sim/view/flatten.ts";
import { flowsUntil } from "../../sim/view/flow.ts";
import { lanesThatFit, layRows, ROW_HEIGHT, TIME_WIDTH } from "../../sim/view/layout.ts";
import { differenceOf, tableAt } from "../../sim/view/moment.ts";
import { recordRun } from "../../sim/view/record.ts";
import type { Change, Entry, Recording } from "../../sim/view/recording.ts";
import { lanesOf, type Row, rowsOf } from "../../sim/view/rows.ts";
import { treeOf } from "../../sim/view/tree.ts";

const crypto = createCrypto();
const record = (script: Script): Recording => recordRun(script, kernelCast, { crypto, states: "all" });

function scriptOf(text: string): Script {
  const parsed = parseScript(text);
  if (!parsed.ok) throw new Error(parsed.what);
  return parsed.script;
}

const SMALL = scriptOf(`seed 3
cluster 2 levels=1 append=no disk=weak
at 500ms upload c1 /site/current #7 files=3 bytes=40000 to n1
at 900ms crash n2 disk=weak
at 1500ms start n2
`);

describe("a recording", () => {
  test("changes nothing of the run", () => {
    for (const script of [planScript(5), SMALL]) {
      expect(record(script).digest).toBe(runScript(script, kernelCast, { crypto }).digest);
    }
  });

  test("of some hosts has what they knew, and else the same", () => {
    const { states, disks, whole, ...rest } = recordRun(SMALL, kernelCast, { crypto, states: ["n2", "n9"] });
    const all = record(SMALL);
    expect(states).toEqual({ n2: all.states["n2"], n9: [] });
    expect(disks).toEqual({ n2: all.disks["n2"] });
    expect([whole, all.whole]).toEqual([false, true]);
    expect(all).toMatchObject(rest);
  });

  test("has every event and every message, in the order of time, and ends with the verdict", () => {
    const { entries, steps, verdict } = record(SMALL);
    expect(entries.filter(({ kind }) => kind === "message" || kind === "local").length).toBe(steps);
    expect(entries.map(({ time }) => time)).toEqual(
      entries.map(({ time }) => time).toSorted((a, b) => a - b),
    );
    expect(entries.at(-1)).toMatchObject({ kind: "end", text: verdict });
    const messages = entries.filter((entry) => entry.kind === "message");
    expect(messages.length).toBeGreaterThan(30);
    for (const { from, sent, host, word } of messages) {
      expect(word).toMatch(/^[A-Z]\w+( answer)?$/);
      expect(entries[sent]?.host).toBe(from);
      expect(from).not.toBe(host);
    }
  });

  test("shows who knew what and who had what: a process that ends knows nothing any more", () => {
    const { entries, states, disks } = record(SMALL);
    const at = (text: string): number =>
      entries.findLastIndex((entry) => entry.kind === "fault" && entry.text === text);
    const list = states["n2"] ?? [];
    expect(tableAt(list, at("crash n2 weak")).get("process")).toBe("running");
    expect(tableAt(list, at("crash n2 weak") + 1).get("process")).toBe("down");
    expect(tableAt(list, at("crash n2 weak") + 1).has("phase")).toBe(false);
    expect(tableAt(list, entries.length).get("phase")).toBe("running");
    const disk = tableAt(disks["n2"] ?? [], entries.length);
    expect(disk.get("/srv/site/current/number")).toMatch(/^\w+ file 1$/);
  });

  test("follows each block from its sender to its receiver, by the names of the script", () => {
    const { blocks, entries, hosts } = record(SMALL);
    const sums = new Map<string, number>();
    for (const { from, to, image, block, bytes } of blocks) {
      expect(hosts).toContain(from);
      expect(image).toBe("/site/current #7");
      expect(block).toMatch(/ \d+$/);
      sums.set(to, (sums.get(to) ?? 0) + bytes);
    }
    // Each server got all of it; an asker that was cut short may have asked again.
    const all = contentBytes(contentOf(7, 3, 40_000));
    for (const server of ["n1", "n2"]) expect(sums.get(server)).toBeGreaterThanOrEqual(all);
    const flows = flowsUntil(blocks, entries.length);
    expect(flows.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(
      blocks.reduce((sum, { bytes }) => sum + bytes, 0),
    );
    expect(flowsUntil(blocks, (blocks[0]?.entry ?? 0) - 1)).toEqual([]);
  });
});

test("a trace of lines has all that happened, in one order, each thing with what caused it", () => {
  const script = scriptOf(
    "seed 3\ncluster 2 levels=1 append=no disk=weak\nlink *>* loss=1/4\nat 3s crash n1 disk=weak\n",
  );
  const lines = linesOf(script, kernelCast, crypto).map(
    (line) => JSON.parse(line) as Record<string, unknown>,
  );
  const { entries, steps, digest } = record(script);
  const kinds = { message: "event", local: "event", fault: "fault", mishap: "mishap", end: "end" } as const;
  expect(lines.map(({ type }) => type)).toEqual(entries.map(({ kind }) => kinds[kind]));
  expect(lines.filter(({ type }) => type === "event").map(({ step }) => step)).toEqual(
    Array.from({ length: steps }, (_, at) => at + 1),
  );
  const ids = new Set(lines.map(({ id }) => id));
  const mishaps = lines.filter(({ type }) => type === "mishap");
  expect(mishaps.length).toBeGreaterThan(0);
  for (const { cause, from, bytes } of mishaps) {
    expect(ids).toContain(cause);
    expect(["n1", "n2"]).toContain(from);
    expect(bytes).toMatch(/^([0-9a-f]{2})+$/);
  }
  expect(lines.at(-1)).toEqual({ type: "end", failure: null, digest });
});

test("a moment and a difference give the later moment", () => {
  const change = fc.tuple(fc.nat(20), fc.constantFrom("a", "b", "c"), fc.option(fc.constantFrom("1", "2")));
  fc.assert(
    fc.property(fc.array(change), fc.nat(20), fc.nat(20), (all, one, other) => {
      const changes: readonly Change[] = all.toSorted((a, b) => a[0] - b[0]);
      const [before, after] = [tableAt(changes, one), tableAt(changes, other)];
      const table = new Map(before);
      for (const { key, before: was, after: is } of differenceOf(before, after)) {
        expect(table.get(key) ?? null).toBe(was);
        if (is === null) table.delete(key);
        else table.set(key, is);
      }
      expect(Object.fromEntries(table)).toEqual(Object.fromEntries(after));
    }),
  );
});

test("state is shown member by member, shared parts once, secrets and long lists not at all", () => {
  const shared = { x: 1 };
  const state = {
    config: { secret: "no" },
    phase: "running",
    id: "0123456789abcdef0123456789abcdef",
    views: new Map<string, object>([["n1", { heard: 5, tags: new Set(["a", "b"]) }]]),
    shared,
    again: shared,
    many: Array.from({ length: 50 }, (_, at) => at),
    bytes: new Uint8Array(7),
    nothing: null,
  };
  expect([...flatten(state)].map(([key, value]) => `${key} = ${value}`)).toEqual([
    "phase = running",
    "id = 01234567\u2026",
    "views.n1.heard = 5",
    "views.n1.tags = a, b",
    "shared.x = 1",
    "again = the same as shared",
    "many = 50 of them",
    "bytes = 7 bytes",
    "nothing = none",
  ]);
});

test("a disk is a tree whose directories come before what is in them, with what is new and gone", () => {
  const before = new Map([
    ["/srv/a", "durable directory"],
    ["/srv/a/x", "durable file 3"],
  ]);
  const now = new Map([
    ["/srv/a", "durable directory"],
    ["/srv/a.y", "name_volatile file 1"],
    ["/srv/a/z", "bytes_volatile file 9"],
  ]);
  const shown = treeOf(before, now).map(({ depth, name, durability, change }) => [
    depth,
    name,
    durability,
    change,
  ]);
  expect(shown).toEqual([
    [0, "/srv/a", "durable", null],
    [1, "x", "durable", "gone"],
    [1, "z", "bytes_volatile", "new"],
    [0, "/srv/a.y", "name_volatile", "new"],
  ]);
});

const fault = (text: string, host: string | null = null): Entry => ({ kind: "fault", time: 0, host, text });

test("faults are spans in lanes of their own, from where they begin to where they end", () => {
  const entries: readonly Entry[] = [
    fault("link *>* loss=1/10"),
    fault("cut n1 n2"),
    fault("cut n2>n3"),
    fault("crash n1 disk=weak"),
    fault("crash n1 weak"),
    fault("heal n2>n3"),
    fault("start n1"),
    fault("heal all"),
    fault("crash n3 kept"),
    { kind: "end", time: 0, host: null, text: "" },
  ];
  const shown = faultLanesOf(entries).map(({ name, spans }) => [
    name,
    ...spans.map(({ from, to }) => `${from}-${to}`),
  ]);
  expect(shown).toEqual([
    ["partitions", "1-7", "2-5"],
    ["down", "3-6", "8-9"],
    ["links", "0-7"],
  ]);
});

const HOSTS = ["n1", "n2", "n3", "a-host-with-a-long-name", "c1"];
const row = fc.record({
  entry: fc.nat(),
  time: fc.nat(),
  kind: fc.constantFrom("message", "lost", "fault", "mark", "local", "end"),
  host: fc.option(fc.constantFrom(...HOSTS)),
  peer: fc.option(fc.constantFrom(...HOSTS)),
  text: fc.string({ maxLength: 90 }),
  fate: fc.constant(null),
}) as fc.Arbitrary<Row>;

describe("the layout", () => {
  test("lets no label overlap another or leave the drawing, at any width and with any lanes", () => {
    fc.assert(
      fc.property(
        fc.array(row, { maxLength: 30 }),
        fc.subarray(HOSTS, { minLength: 1 }),
        fc.integer({ min: 280, max: 1600 }),
        (rows, lanes, width) => {
          const drawn = layRows(rows, lanes.slice(0, lanesThatFit(width)), width, { top: 0, height: 10_000 });
          expect(drawn.length).toBe(rows.length);
          for (const [at, { label, top, arrow }] of drawn.entries()) {
            expect(label.x).toBeGreaterThanOrEqual(TIME_WIDTH - 1);
            expect(label.x + label.width).toBeLessThanOrEqual(width);
            expect(label.y).toBeGreaterThanOrEqual(top);
            expect(label.y + label.height).toBeLessThanOrEqual(top + ROW_HEIGHT);
            expect(top).toBe(at * ROW_HEIGHT);
            for (const x of [arrow?.from ?? TIME_WIDTH, arrow?.to ?? TIME_WIDTH]) {
              expect(x).toBeGreaterThanOrEqual(0);
              expect(x).toBeLessThanOrEqual(width);
            }
          }
        },
      ),
    );
  });

  test("lays out what can be seen of very many rows, and no more", () => {
    const rows = Array.from({ length: 200_000 }, (_, entry): Row => {
      return { entry, time: entry, kind: "mark", host: "n1", peer: null, text: "x", fate: null };
    });
    const drawn = layRows(rows, ["n1"], 800, { top: 150_000 * ROW_HEIGHT, height: 400 });
    expect(drawn.length).toBeLessThan(20);
    expect(drawn.map(({ row: { entry } }) => entry)).toContain(150_005);
  });
});

const FAILED: Recording = {
  ...record(scriptOf("seed 1\ncluster 1 levels=1 append=no disk=weak\n")),
  hosts: ["n1", "n2", "n3"],
  entries: [
    { ...fault("cut n1 n2", "n1"), time: 1_000 },
    {
      kind: "mishap",
      time: 2_000,
      host: "n1",
      to: "n2",
      what: "datagram",
      word: "BaseDirs",
      bytes: 9,
      sent: 0,
      fate: "cut",
    },
    {
      kind: "message",
      time: 3_000,
      host: "n1",
      from: "n3",
      sent: 0,
      fate: null,
      what: "frame",
      word: "GetBlock",
      bytes: 9,
      marks: ["download_done /site/current"],
      effects: [],
    },
    { kind: "local", time: 4_000, host: "n1", word: "wake", marks: [], effects: [] },
    {
      kind: "end",
      time: 5_000,
      host: "n1",
      text: "acked_lost: broken is the promise that it stays there for ever and ever",
    },
  ],
  failure: { code: "acked_lost", detail: "n1 lost it", host: "n1", step: 2, time: 5_000 },
  story: [0, 1, 2].map((entry) => ({ entry, time: entry, hit: false, text: "" })),
};

describe("the diagram of plain text", () => {
  test("has a lane for each host, faults across them, what was lost, and the verdict at the end", () => {
    expect(diagramOf(FAILED, 60)).toEqual([
      "           n1              n2              n3",
      "      1ms ! cut n1 n2",
      "      2ms │──────────────\u2717│ BaseDirs: stopped by a cut",
      "      3ms │◀────────── GetBlock ──────────│",
      "      3ms ● download_done /site/current   │",
      "      5ms # acked_lost: broken is the promise that it stays",
      "          # there for ever and ever",
    ]);
  });

  test("keeps to the width, and names the hosts that have no lane", () => {
    const hosts = Array.from({ length: 40 }, (_, at) => `n${at + 1}`);
    const lines = diagramOf({ ...FAILED, hosts }, 60);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(60);
    expect(lines.at(-1)).toMatch(/^without n\d+, .* and \d+ more$/);
    for (const line of diagramOf(record(SMALL), 80)) expect(line.length).toBeLessThanOrEqual(80);
  });
});

test("hosts next to the failure come first when not all have a lane, and those that are asked for before them", () => {
  const hosts = Array.from({ length: 120 }, (_, at) => `n${at + 1}`);
  const recording = { ...FAILED, hosts: [...hosts, "c1"] };
  const rows = rowsOf(recording, "story");
  expect(lanesOf(recording, rows, 3)).toEqual(["n1", "n2", "n3"]);
  expect(lanesOf(recording, rows, 5, ["c*", "n99"])).toEqual(["n99", "c1"]);
  expect(rowsOf(recording, "all").some(({ text }) => text === "wake")).toBe(true);
});
