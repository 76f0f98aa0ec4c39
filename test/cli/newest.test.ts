/** What is looked at before an upload is signed, so that a clock that is behind is no reason to be refused. */
import { expect, test } from "vitest";
import { Bench, BODY } from "./bench.ts";

const WALL = 1_700_000_000_000; // of the bench
const LOOK_MS = 2_000;
const looking = (hold: readonly string[] = [], newest: number | null = null): Bench =>
  new Bench(["a"], hold, newest, null, LOOK_MS);
const BASES = { "/site": {}, "/other": {} };
const listing = (...times: readonly (number | string)[]) => ({
  current: {
    image: "cd".repeat(32),
    signatures: times.map((time) => ({
      timestamp: typeof time === "string" ? time : new Date(time).toISOString(),
      signature: "",
    })),
  },
  another: { image: "ef".repeat(32), signatures: [{ timestamp: new Date(WALL + 99_000).toISOString() }] },
});
const warnings = (bench: Bench) => bench.reports.filter(({ type }) => type === "slow_clock");

test("what is listed is older than the clock: it is signed now, and nothing is said", () => {
  const bench = looking();
  expect(bench.signedAt).toBe(0);
  for (let both = 2; both > 0; both--) bench.page("/base-dirs/", BASES);
  for (let both = 2; both > 0; both--) bench.page("/list-dir/site", listing(WALL - 5));
  expect([bench.signedAt, warnings(bench)]).toEqual([WALL, []]);
  expect(bench.asked).toHaveLength(2);
});

test("what is listed is newer: it is signed a millisecond later than the newest of all, and that is said", () => {
  const bench = looking();
  for (let both = 2; both > 0; both--) bench.page("/base-dirs/", BASES);
  bench.page("/list-dir/site", listing(WALL + 5_000, WALL + 4_000));
  expect(bench.signedAt).toBe(0);
  bench.page("/list-dir/site", listing(WALL + 6_000));
  expect([bench.signedAt, warnings(bench)]).toEqual([
    WALL + 6_001,
    [{ type: "slow_clock", behindMs: 6_001 }],
  ]);
});

test.each([
  ["one of two servers alone has is of nobody", [WALL + 400_000, null], WALL],
  [
    "one of two servers alone has makes it later than what the other has",
    [WALL + 400_000, WALL + 5],
    WALL + 6,
  ],
  ["both have is newer", [WALL + 400_000, WALL + 500_000], WALL + 400_001],
] as const)("a time far ahead of the clock that %s", (_, times, signedAt) => {
  const bench = looking();
  for (let both = 2; both > 0; both--) bench.page("/base-dirs/", BASES);
  for (const time of times) bench.page("/list-dir/site", time === null ? {} : listing(time));
  expect(bench.signedAt).toBe(signedAt);
});

test("a time far ahead of the clock counts when only one server answers", () => {
  const bench = looking();
  bench.page("/base-dirs/", BASES);
  bench.pages.splice(0, 1);
  bench.page("/list-dir/site", listing(WALL + 400_000));
  bench.wait(250);
  expect(bench.signedAt).toBe(WALL + 400_001);
});

test("while the sources are digested it is looked at already, and takes no time of its own; not before they are there", () => {
  const bench = looking(["a"]);
  expect(bench.pages).toEqual([]);
  bench.wait(10 * LOOK_MS); // a walk may be long
  const [walk] = bench.held.splice(0);
  if (walk === undefined) throw new Error("it was to be walked");
  const tree = { kind: "tree", tree: BODY, skipped: [] } as const;
  bench.feed({ kind: "disk_done", op: walk.op, result: { ok: true, value: tree } });
  for (let both = 2; both > 0; both--) bench.page("/base-dirs/", BASES);
  for (let both = 2; both > 0; both--) bench.page("/list-dir/site", listing(WALL + 1));
  expect(bench.signedAt).toBe(0);
  bench.walked();
  expect(bench.signedAt).toBe(WALL + 2);
});

test("nothing is listed of a path that is new, and nobody is asked for a listing that there is not", () => {
  const bench = looking();
  for (let both = 2; both > 0; both--) bench.page("/base-dirs/", { "/other": {} });
  expect([bench.signedAt, bench.pages]).toEqual([WALL, []]);
});

test("one that has answered is enough when the others do not answer soon", () => {
  const bench = looking();
  bench.page("/base-dirs/", BASES);
  const [silent] = bench.pages.splice(0, 1);
  bench.page("/list-dir/site", listing(WALL + 1));
  bench.wait(200);
  expect(bench.signedAt).toBe(0);
  bench.wait(50);
  expect(bench.signedAt).toBe(WALL + 2);
  if (silent === undefined) throw new Error("two were to be asked");
  bench.feed({ kind: "http_got", op: silent.op, body: new Uint8Array(Buffer.from(JSON.stringify(BASES))) });
  expect(bench.asked).toHaveLength(2);
});

test("servers that do not answer are waited for as long as is said, and no longer", () => {
  const bench = looking();
  bench.wait(LOOK_MS - 1);
  expect(bench.signedAt).toBe(0);
  bench.wait(1);
  expect(bench.signedAt).toBe(WALL);
});

test("servers that have no such page are not waited for", () => {
  const bench = looking();
  for (let both = 2; both > 0; both--) bench.page("/base-dirs/", null);
  expect(bench.signedAt).toBe(WALL);
});

test.each([
  ["a time that is none", ["soon", "2023-02-31T00:00:00Z"]],
  ["the end of the year 9999, after which there are no dates", ["9999-12-31T23:59:59.999Z"]],
  ["no list of signatures", []],
])("of %s nothing is believed", (_, times) => {
  const bench = looking();
  for (let both = 2; both > 0; both--) bench.page("/base-dirs/", BASES);
  for (let both = 2; both > 0; both--) bench.page("/list-dir/site", listing(...times));
  expect(bench.signedAt).toBe(WALL);
});

test("who has read it already looks at the other clusters alone", () => {
  const bench = looking([], WALL + 7);
  expect([bench.pages, bench.signedAt]).toEqual([[], WALL + 8]);
});

test("a name that leads nowhere yet is waited for like a server", () => {
  const slow = new Bench(["a"], [], null, null, LOOK_MS, ["c"]);
  slow.wait(LOOK_MS - 1);
  expect(slow.signedAt).toBe(0);
  slow.lookedUp();
  for (let both = 2; both > 0; both--) slow.page("/base-dirs/", { "/other": {} });
  expect(slow.signedAt).toBe(WALL);
});
