/** What an uploader makes of servers that answer with an error, give up, or ask what only servers know. */
import { expect, test } from "vitest";
import type { Address, MachineId } from "../../kernel/ids.ts";
import { UPLOADER_DEFAULTS } from "../../kernel/uploader.ts";
import { Bench, IMAGE, PATH } from "./bench.ts";

test("a question for a server is answered with an error, and the upload goes on", () => {
  const bench = new Bench(["a"]);
  const [conn, other] = [bench.accept(0), bench.accept(1)];
  const upload = { path: PATH, image: IMAGE, timestamp: 1, signatures: [] };
  for (const [id, request] of [
    { type: "AppendDir", ...upload } as const,
    { type: "ReplaceDir", oldImage: null, ...upload } as const,
    { type: "GetIndexAt", path: PATH } as const,
    { type: "GetBaseDir", path: PATH } as const,
  ].entries()) {
    bench.say(conn, { kind: "request", id, request });
    expect(bench.replies.at(-1)).toMatchObject({ kind: "response", id, response: { type: "Error" } });
  }
  bench.receipt(conn, 1, null);
  bench.receipt(other, 2, null);
  expect(bench.reports.at(-1)).toMatchObject({ type: "finished", ok: true });
});

test("who answers with an error is not asked the same again", () => {
  const bench = new Bench(["a"]);
  const asked = bench.asked.slice();
  for (const { conn, id } of asked)
    bench.say(conn, { kind: "response", id, response: { type: "Error", text: "broken" } });
  for (let second = 0; second < 10; second++) bench.wait(1_000);
  expect(bench.asked).toHaveLength(asked.length);
  expect(bench.reports.at(-1)).toMatchObject({ type: "finished", ok: false, why: "rejected" });
});

test("when everybody who took it has given it up, that is the end at once", () => {
  const bench = new Bench(["a"]);
  const [asked, refusing] = bench.asked;
  if (asked === undefined || refusing === undefined) throw new Error("two servers were to be asked");
  const hosts = new Map([["9".padStart(32, "0") as MachineId, "far-away"]]);
  const accepted = { type: "ReplaceDir", accepted: true, reason: null, hosts } as const;
  for (const { conn, id } of [asked, refusing]) bench.say(conn, { kind: "response", id, response: accepted });
  bench.receipt(asked.conn, 1, "disk_full");
  expect(bench.stopped).toBe(false);
  bench.receipt(refusing.conn, 2, "disk_full");
  expect(bench.reports.at(-1)).toMatchObject({ type: "finished", ok: false, why: "rejected" });
});

test("when everybody who took it has given it up, nobody is waited for who has not even been asked", () => {
  const bench = new Bench(["a"]);
  const taken = bench.asked.slice();
  const third = "10.0.0.3:1" as Address;
  bench.names.set("third", [third]);
  bench.far.add(third);
  const hosts = new Map([["3".padStart(32, "0") as MachineId, "third"]]);
  const accepted = { type: "ReplaceDir", accepted: true, reason: null, hosts } as const;
  for (const { conn, id } of taken) bench.say(conn, { kind: "response", id, response: accepted });
  expect(bench.state.links.dialled.has(third)).toBe(true);
  for (const [at, { conn }] of taken.entries()) {
    expect(bench.stopped).toBe(false);
    bench.receipt(conn, at + 1, "disk_full");
  }
  expect(bench.reports.at(-1)).toMatchObject({ type: "finished", ok: false, why: "rejected" });
});

test.each([
  [
    "10.0.0.1:1",
    ["169.254.169.254:1", "127.0.0.1:1", "0.0.0.0:1", "[::1]:1", "[fe80::1]:1", "[::ffff:127.0.0.1]:1"],
    [],
  ],
  [
    "10.0.0.1:1",
    ["10.0.0.9:1", "[2001:db8::1]:1", "[fec0::1]:1"],
    ["10.0.0.9:1", "[2001:db8::1]:1", "[fec0::1]:1"],
  ],
  ["127.0.0.1:1", ["127.0.0.9:1"], ["127.0.0.9:1"]],
] as const)("BL7 who was entered by %s and is told names of %j follows %j", (entry, told, followed) => {
  const bench = new Bench(["a"], [], 0, null, 0, ["c"]);
  bench.names.set("c", [entry as Address]);
  bench.slow.clear();
  bench.lookedUp();
  const [asked] = bench.asked;
  if (asked === undefined) throw new Error("one server was to be asked");
  const machines = told.map((_, at) => String(at + 1).padStart(32, "0") as MachineId);
  for (const [at, address] of told.entries()) bench.names.set(`name-${at}`, [address as Address]);
  const hosts = new Map(machines.map((machine, at) => [machine, `name-${at}`]));
  bench.say(asked.conn, {
    kind: "response",
    id: asked.id,
    response: { type: "ReplaceDir", accepted: true, reason: null, hosts },
  });
  for (let second = 0; second < 5; second++) bench.wait(1_000);
  const [cluster] = bench.state.clusters;
  const led = [...(cluster?.candidates.values() ?? [])].flatMap((each) => each ?? []);
  expect(new Set(led)).toEqual(new Set(followed));
});

test("after the early time as many are enough as were asked for, and not one more", () => {
  const bench = new Bench(["a"]);
  const [asked] = bench.asked;
  if (asked === undefined) throw new Error("nobody was asked");
  const machines = ["1", "2", "3", "4"].map((digit) => digit.padStart(32, "0") as MachineId);
  const hosts = new Map(machines.map((machine, at) => [machine, `n${at + 1}`]));
  const accepted = { type: "ReplaceDir", accepted: true, reason: null, hosts } as const;
  bench.say(asked.conn, { kind: "response", id: asked.id, response: accepted });
  bench.wait(UPLOADER_DEFAULTS.earlyMs);
  bench.receipt(asked.conn, 1, null);
  bench.receipt(asked.conn, 2, null);
  expect([bench.stopped, UPLOADER_DEFAULTS.earlyHosts]).toEqual([false, 3]);
  bench.receipt(asked.conn, 3, null);
  expect(bench.reports.at(-1)).toMatchObject({ type: "finished", ok: true, why: "received" });
});
