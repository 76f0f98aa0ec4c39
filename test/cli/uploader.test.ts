/** The uploader without a world: each event by hand. */
import { expect, test } from "vitest";
import type { Address, ConnId, ImageId, MachineId } from "../../kernel/ids.ts";
import type { DiskValue } from "../../kernel/storage/request.ts";
import { type Confirm, succeeded, UPLOADER_DEFAULTS } from "../../kernel/uploader.ts";
import { encodeFrame } from "../../kernel/wire/frame.ts";
import { ADDRESSES, Bench, BODY, IMAGE, PATH } from "./bench.ts";

test("nobody is dialled before every source is scanned, and a source that fails ends everything", () => {
  const bench = new Bench(["a", "b"], ["b"]);
  expect(bench.reports.map(({ type }) => type)).toEqual(["scanned"]);
  expect(bench.dialled).toEqual([]);
  const [walk] = bench.held;
  if (walk === undefined) throw new Error("the second source was not walked");
  bench.feed({ kind: "disk_done", op: walk.op, result: { ok: false, code: "missing", detail: "list" } });
  expect(bench.reports.at(-1)).toMatchObject({ type: "error", code: "missing", source: "b" });
  expect([bench.stopped, bench.dialled, succeeded(bench.state)]).toEqual([true, [], false]);
});

test("receipts of all that accepted end it at once, whatever the early time", () => {
  const bench = new Bench(["a"]);
  const conns = [bench.accept(0), bench.accept(1)];
  for (const [at, conn] of conns.entries()) {
    expect(bench.stopped).toBe(false);
    bench.receipt(conn, at + 1, null);
  }
  expect(bench.reports.at(-1)).toMatchObject({ type: "finished", ok: true, why: "received" });
  expect(bench.reports.filter(({ type }) => type === "safe")).toMatchObject([{ servers: 1 }, { servers: 2 }]);
  expect([bench.stopped, succeeded(bench.state)]).toEqual([true, true]);
});

test("who was asked is waited for when its connection ends before its answer", () => {
  const bench = new Bench(["a"]);
  bench.deaf = true;
  for (const { conn } of bench.asked.splice(0)) bench.feed({ kind: "conn_closed", conn, why: "silent" });
  for (let second = 0; second < 60; second++) bench.wait(1_000);
  expect([bench.stopped, bench.asked.length]).toEqual([false, 0]);
  bench.deaf = false;
  bench.wait(UPLOADER_DEFAULTS.limits.retryMsMax);
  const conns = [bench.accept(0), bench.accept(1)];
  for (const [at, conn] of conns.entries()) bench.receipt(conn, at + 1, null);
  expect(bench.reports.at(-1)).toMatchObject({ type: "finished", ok: true, why: "received" });
});

test("who was asked and does not come back is given up when servers would give up the promise", () => {
  const bench = new Bench(["a"]);
  bench.deaf = true;
  for (const { conn } of bench.asked) bench.feed({ kind: "conn_closed", conn, why: "silent" });
  for (let second = 0; second < 200; second++) bench.wait(1_000);
  expect(bench.reports.at(-1)).toMatchObject({ type: "finished", ok: false, why: "unreachable" });
});

test("who answers what nobody can read, again and again, is dialled with pauses", () => {
  const bench = new Bench(["a"]);
  for (let tenth = 0; tenth < 100; tenth++) {
    for (const { conn, id } of bench.asked.splice(0)) {
      const response = { type: "ReplaceDir", accepted: true, reason: null, hosts: new Map() } as const;
      const bytes = encodeFrame({ kind: "response", id, response });
      bytes[Buffer.from(bytes).indexOf("accepted")] = 0x41;
      bench.feed({ kind: "frame", conn, bytes });
      bench.feed({ kind: "conn_closed", conn, why: "closed" });
    }
    bench.wait(100);
  }
  expect(bench.dialled.length).toBeLessThanOrEqual(ADDRESSES.length * 11);
});

test("when nobody can be reached from the start, that is the end after a few seconds", () => {
  const bench = new Bench(["a"], ["a"]);
  bench.deaf = true;
  bench.walked();
  for (let second = 0; second < 10; second++) bench.wait(1_000);
  expect(bench.reports.at(-1)).toMatchObject({ type: "finished", ok: false, why: "unreachable" });
});

test("who gives up before it has answered speaks of an earlier upload of the same image", () => {
  const bench = new Bench(["a"]);
  const [first] = bench.asked;
  if (first === undefined) throw new Error("nobody was asked");
  bench.receipt(first.conn, 1, "superseded_by_newer");
  const conns = [bench.accept(0), bench.accept(1)];
  for (const [at, conn] of conns.entries()) bench.receipt(conn, at + 1, null);
  expect(bench.reports.at(-1)).toMatchObject({ type: "finished", ok: true, why: "received" });
});

test("an answer that nobody can read ends its connection: it would be waited for in vain", () => {
  const bench = new Bench(["a"]);
  const [asked] = bench.asked;
  if (asked === undefined) throw new Error("nobody was asked");
  const bytes = encodeFrame({
    kind: "response",
    id: asked.id,
    response: { type: "ReplaceDir", accepted: true, reason: null, hosts: new Map() },
  });
  const at = Buffer.from(bytes).indexOf("accepted");
  bytes[at] = 0x41;
  bench.feed({ kind: "frame", conn: asked.conn, bytes });
  expect(bench.closed).toEqual([asked.conn]);
});

test("a request that nobody can read is answered with an error", () => {
  const bench = new Bench(["a"]);
  const conn = bench.accept(0);
  const request = { type: "GetIndex", image: IMAGE, hint: null } as const;
  const bytes = encodeFrame({ kind: "request", id: 7, request });
  bytes[Buffer.from(bytes).indexOf("id")] = 0x41;
  bench.feed({ kind: "frame", conn, bytes });
  expect(bench.replies).toContainEqual({
    kind: "response",
    id: 7,
    response: expect.objectContaining({ type: "Error" }),
  });
});

test("who gives up is not asked again nor waited for, and the upload has failed", () => {
  const bench = new Bench(["a"]);
  const conns = [bench.accept(0), bench.accept(1)] as const;
  const asked = bench.asked.length;
  bench.receipt(conns[0], 1, "disk_full");
  expect(bench.stopped).toBe(false);
  bench.receipt(conns[1], 2, null);
  expect(bench.asked).toHaveLength(asked);
  expect(bench.reports.at(-1)).toMatchObject({
    type: "finished",
    ok: false,
    why: "rejected",
    servers: ["n2"],
  });
  expect([bench.stopped, succeeded(bench.state)]).toEqual([true, false]);
});

test("who has refused for good is not waited for under the name that others have for it", () => {
  const bench = new Bench(["a"]);
  const [first, second] = bench.asked;
  if (first === undefined || second === undefined) throw new Error("two servers were to be asked");
  const of = (conn: ConnId) => bench.state.links.conns.get(conn)?.address;
  const refusing = { machine: "2".padStart(32, "0") as MachineId, name: "second" };
  bench.names.set(refusing.name, [of(second.conn) as Address]);
  const hosts = new Map([[refusing.machine, refusing.name]]);
  const accepted = { type: "ReplaceDir", accepted: true, reason: null, hosts } as const;
  bench.say(first.conn, { kind: "response", id: first.id, response: accepted });
  const refused = {
    type: "ReplaceDir",
    accepted: false,
    reason: "older_than_present",
    hosts: new Map(),
  } as const;
  bench.say(second.conn, { kind: "response", id: second.id, response: refused });
  expect(bench.stopped).toBe(false);
  bench.receipt(first.conn, 1, null);
  expect(bench.reports.at(-1)).toMatchObject({
    type: "finished",
    ok: false,
    why: "rejected",
    waitingFor: [],
  });
  expect([bench.stopped, succeeded(bench.state)]).toEqual([true, false]);
});

test("who has no configuration for the path may still be waited for", () => {
  const bench = new Bench(["a"]);
  const [first, second] = bench.asked;
  if (first === undefined || second === undefined) throw new Error("two servers were to be asked");
  bench.names.set("second", [bench.state.links.conns.get(second.conn)?.address as Address]);
  const hosts = new Map([["2".padStart(32, "0") as MachineId, "second"]]);
  const accepted = { type: "ReplaceDir", accepted: true, reason: null, hosts } as const;
  bench.say(first.conn, { kind: "response", id: first.id, response: accepted });
  const refused = { type: "ReplaceDir", accepted: false, reason: "no_config", hosts: new Map() } as const;
  bench.say(second.conn, { kind: "response", id: second.id, response: refused });
  bench.receipt(first.conn, 1, null);
  expect(bench.stopped).toBe(false);
});

test("an entry point without the path is no end while a server that it names is still looked up", () => {
  const bench = new Bench(["a"]);
  bench.slow.add("second");
  bench.names.set("second", ["10.0.0.3:1" as Address]);
  const hosts = new Map([["3".padStart(32, "0") as MachineId, "second"]]);
  const first = bench.asked.slice(); // more are asked meanwhile
  for (const { conn, id } of first) {
    const refused = { type: "ReplaceDir", accepted: false, reason: "no_config", hosts } as const;
    bench.say(conn, { kind: "response", id, response: refused });
  }
  bench.mono += 1_000;
  bench.feed({ kind: "wake" });
  expect([bench.stopped, bench.asked.length]).toEqual([false, 2]);
  bench.lookedUp();
  bench.receipt(bench.accept(2), 3, null);
  expect(bench.reports.at(-1)).toMatchObject({ type: "finished", ok: true, why: "received" });
});

test("a receipt for another image is none of ours", () => {
  const bench = new Bench(["a"]);
  const conn = bench.accept(0);
  const other = "cd".repeat(32) as ImageId;
  const machine = "1".repeat(32) as MachineId;
  const receipt = { image: other, path: PATH, machine, hostname: "n1", forwarded: false };
  bench.say(conn, { kind: "notification", notification: { type: "ReceivedImage", ...receipt } });
  expect(bench.reports.map(({ type }) => type)).not.toContain("received");
});

test("a deadline counts from the signing, so that a long scan takes nothing from it", () => {
  const bench = new Bench(["a"], ["a"]);
  bench.mono = UPLOADER_DEFAULTS.deadlineMs * 2;
  bench.walked();
  expect(bench.asked).toHaveLength(2);
  bench.mono += UPLOADER_DEFAULTS.deadlineMs - 1;
  bench.feed({ kind: "wake" });
  expect(bench.stopped).toBe(false);
  bench.mono += 1;
  bench.feed({ kind: "wake" });
  expect(bench.reports.at(-1)).toMatchObject({ type: "finished", ok: false, why: "deadline" });
});

test("an index that fits into no message ends the upload before anything is announced", () => {
  const bench = new Bench(["large"], ["seal_index"]);
  const [held] = bench.held;
  if (held === undefined) throw new Error("the index was not asked for");
  const text = { length: 101 * 1024 * 1024 } as unknown as Uint8Array<ArrayBuffer>;
  const value: DiskValue = { kind: "sealed", index: { ...BODY, image: IMAGE, textBytes: 0 }, text };
  bench.feed({ kind: "disk_done", op: held.op, result: { ok: true, value } });
  expect(bench.reports.at(-1)).toMatchObject({ type: "error", code: "index_too_large", source: "large" });
  expect(bench.stopped).toBe(true);
  expect(succeeded(bench.state)).toBe(false);
});

test("an upload is signed later than what was seen, also by a clock that is behind", () => {
  for (const newest of [0, 1_600_000_000_000])
    expect(new Bench(["a"], [], newest).signedAt).toBe(1_700_000_000_000);
  for (const newest of [1_700_000_000_000, 1_700_000_123_456])
    expect(new Bench(["a", "b"], [], newest).signedAt).toBe(newest + 1);
});

const INDEX = new Uint8Array(3); // as it is sealed
const ready = (confirm: Confirm): Bench => {
  const bench = new Bench(["a"], [], 0, confirm);
  for (const [at, conn] of [bench.accept(0), bench.accept(1)].entries()) bench.receipt(conn, at + 1, null);
  return bench;
};

test("to be confirmed, receipts of all are not enough: each server has to send our index itself", () => {
  const bench = ready("all");
  expect(bench.questions).toHaveLength(2);
  bench.holds(new Uint8Array([0, 0, 1]));
  bench.holds(null);
  bench.wait(60_000);
  expect([bench.stopped, bench.questions.length]).toEqual([false, 2]);
  bench.holds(INDEX);
  bench.wait(2_000);
  expect([bench.stopped, bench.questions.length]).toEqual([false, 1]);
  bench.holds(INDEX);
  expect(bench.reports.filter(({ type }) => type === "confirmed")).toMatchObject([
    { servers: 1 },
    { servers: 2 },
  ]);
  expect([bench.stopped, succeeded(bench.state)]).toEqual([true, true]);
});

test("a number to be confirmed counts servers, however many addresses lead to one", () => {
  const bench = new Bench(["a"], [], 0, 2);
  const [first] = bench.asked;
  if (first === undefined) throw new Error("nobody was asked");
  bench.names.set("twice", ADDRESSES);
  const hosts = new Map([["1".padStart(32, "0") as MachineId, "twice"]]);
  const accepted = { type: "ReplaceDir", accepted: true, reason: null, hosts } as const;
  bench.say(first.conn, { kind: "response", id: first.id, response: accepted });
  bench.receipt(first.conn, 1, null);
  bench.wait(2_000);
  for (let left = bench.questions.length; left > 0; left--) bench.holds(INDEX);
  expect(bench.reports.filter(({ type }) => type === "confirmed").at(-1)).toMatchObject({ servers: 1 });
  expect(bench.stopped).toBe(false);
  const two = ready(2);
  two.holds(INDEX);
  expect(two.stopped).toBe(false);
  two.holds(INDEX);
  expect([two.stopped, succeeded(two.state)]).toEqual([true, true]);
});

test("all are those too that only others name; one that cannot be asked keeps it open until the deadline", () => {
  const bench = new Bench(["a"], [], 0, "all");
  const [first] = bench.asked;
  if (first === undefined) throw new Error("nobody was asked");
  bench.names.set("third", ["10.0.0.3:1" as Address]);
  const hosts = new Map([
    ["3".repeat(32) as MachineId, "third"],
    ["4".repeat(32) as MachineId, "nowhere"],
  ]);
  const accepted = { type: "ReplaceDir", accepted: true, reason: null, hosts } as const;
  bench.say(first.conn, { kind: "response", id: first.id, response: accepted });
  bench.receipt(first.conn, 1, null);
  bench.receipt(bench.accept(1), 2, null);
  bench.wait(250);
  expect(bench.questions).toHaveLength(2);
  bench.wait(2_000); // it has not reported
  expect(bench.questions).toHaveLength(3);
  for (let left = 3; left > 0; left--) bench.holds(INDEX);
  bench.wait(60_000);
  expect(bench.stopped).toBe(false);
  bench.wait(UPLOADER_DEFAULTS.deadlineMs);
  expect(bench.reports.at(-1)).toMatchObject({ type: "finished", ok: false, why: "deadline" });
});

test("who has given up cannot confirm: when the others have, the upload has failed without waiting", () => {
  const bench = new Bench(["a"], [], 0, "all");
  const conns = [bench.accept(0), bench.accept(1)] as const;
  bench.receipt(conns[0], 1, "disk_full");
  bench.receipt(conns[1], 2, null);
  for (const { conn } of bench.questions.slice()) bench.holds(conn === conns[1] ? INDEX : null);
  expect(bench.reports.at(-1)).toMatchObject({ type: "finished", ok: false, why: "rejected" });
  expect(bench.stopped).toBe(true);
});

test("who has refused it, and says in the end that it holds it, is no reason to fail", () => {
  const bench = new Bench(["a"], [], 0, "all");
  const [first, second] = bench.asked;
  if (first === undefined || second === undefined) throw new Error("two servers were to be asked");
  const of = (conn: ConnId) => bench.state.links.conns.get(conn)?.address;
  bench.names.set("first", [of(first.conn) as Address]);
  const met = { accepted: false, reason: "already_uploading_different_version", hosts: new Map() } as const;
  bench.say(first.conn, { kind: "response", id: first.id, response: { type: "ReplaceDir", ...met } });
  const hosts = new Map([["1".padStart(32, "0") as MachineId, "first"]]);
  const accepted = { type: "ReplaceDir", accepted: true, reason: null, hosts } as const;
  bench.say(second.conn, { kind: "response", id: second.id, response: accepted });
  bench.receipt(second.conn, 2, null);
  bench.wait(2_000);
  expect(bench.questions).toHaveLength(2);
  bench.holds(INDEX);
  expect(bench.stopped).toBe(false);
  bench.holds(INDEX);
  expect(bench.reports.at(-1)).toMatchObject({ type: "finished", ok: true, why: "received" });
  expect([bench.stopped, succeeded(bench.state)]).toEqual([true, true]);
});

test("a number is not enough while who has refused for another image may take that one, nor when ours has lost", () => {
  const bench = new Bench(["a"], [], 0, 1);
  const [first, second] = bench.asked;
  if (first === undefined || second === undefined) throw new Error("two servers were to be asked");
  const met = { accepted: false, reason: "replace_doesnt_match_index", hosts: new Map() } as const;
  bench.say(first.conn, { kind: "response", id: first.id, response: { type: "ReplaceDir", ...met } });
  bench.receipt(bench.accept(1), 2, null);
  bench.wait(2_000);
  const answers = bench.questions.splice(0);
  for (const { conn, id } of answers) {
    const data = conn === second.conn ? INDEX : null;
    bench.say(conn, { kind: "response", id, response: { type: "GetIndexAt", data, hosts: new Map() } });
  }
  expect([answers.length, bench.stopped]).toEqual([2, false]);
  bench.receipt(second.conn, 2, "superseded_by_newer");
  expect(bench.reports.at(-1)).toMatchObject({ type: "finished", ok: false, why: "rejected" });
});

/** One of two servers has taken it; the other one has not answered. */
function withReceiptOf(
  machine: MachineId,
  hostname: string,
  names: Readonly<Record<string, Address>>,
): Bench {
  const bench = new Bench(["a"], [], 0, "all");
  for (const [name, address] of Object.entries(names)) bench.names.set(name, [address]);
  const conns = [bench.accept(0), bench.accept(1)] as const;
  const receipt = { image: IMAGE, path: PATH, machine, hostname, forwarded: true };
  bench.say(conns[0], { kind: "notification", notification: { type: "ReceivedImage", ...receipt } });
  for (const [at, conn] of conns.entries()) bench.receipt(conn, at + 1, null);
  bench.wait(250);
  return bench;
}
const THIRD = "3".padStart(32, "0") as MachineId;

test("who is known by what another one tells of it alone is one of all, and is asked under its own name", () => {
  const bench = withReceiptOf(THIRD, "third", { third: "10.0.0.3:1" as Address });
  expect(bench.questions).toHaveLength(3);
  bench.holds(INDEX);
  bench.holds(INDEX);
  expect(bench.stopped).toBe(false);
  bench.holds(INDEX);
  expect([bench.stopped, succeeded(bench.state)]).toEqual([true, true]);
});

test("where its own name leads nowhere it is asked under that by which others know it", () => {
  const bench = withReceiptOf(THIRD, "third", { "third.example.org": "10.0.0.3:1" as Address });
  expect(bench.questions).toHaveLength(2);
  const hosts = new Map([[THIRD, "third.example.org"]]);
  for (const { conn, id } of bench.questions.splice(0))
    bench.say(conn, { kind: "response", id, response: { type: "GetIndexAt", data: INDEX, hosts } });
  expect([bench.stopped, bench.questions.length]).toEqual([false, 1]);
  bench.holds(INDEX);
  expect([bench.stopped, succeeded(bench.state)]).toEqual([true, true]);
});

test("of more servers than can be known nothing is kept, and it cannot be said of all that they hold it", () => {
  const bench = new Bench(["a"], [], 0, "all");
  const [transfer] = bench.state.transfers;
  const [first] = bench.asked;
  if (first === undefined || transfer === undefined) throw new Error("nobody was asked");
  const machine = (at: number) => `1${at.toString(16).padStart(31, "0")}` as MachineId;
  const hosts = new Map(Array.from({ length: 10_000 }, (_, at) => [machine(at), "one"]));
  bench.names.set("one", [bench.state.links.conns.get(first.conn)?.address as Address]);
  const accepted = { type: "ReplaceDir", accepted: true, reason: null, hosts } as const;
  bench.say(first.conn, { kind: "response", id: first.id, response: accepted });
  for (const type of ["ReceivedImage", "AbortedImage"] as const)
    for (let at = 10_000; at < 10_010; at++) {
      const receipt = { image: IMAGE, path: PATH, machine: machine(at), hostname: "n", forwarded: true };
      bench.say(first.conn, { kind: "notification", notification: { type, reason: "io", ...receipt } });
    }
  expect([transfer.discovered.size, transfer.done.size, transfer.aborted.size]).toEqual([10_000, 0, 0]);
  expect([transfer.isCrowded, bench.stopped]).toEqual([true, false]);
});

test("who does not hold it yet is asked ever more seldom, and at once when it reports", () => {
  const bench = new Bench(["a"], [], 0, "all");
  bench.receipt(bench.accept(0), 1, null);
  const second = bench.accept(1);
  const answer = (): number => {
    const answered = bench.questions.length;
    while (bench.questions.length > 0) bench.holds(null);
    return answered;
  };
  answer(); // of the one that has reported
  let asked = 0;
  for (let seconds = 0; seconds < 300; seconds++) {
    bench.wait(1_000);
    asked += answer();
  }
  expect(asked).toBeGreaterThan(2 * 8);
  expect(asked).toBeLessThan(2 * 16); // every two seconds would be 2 * 150
  bench.receipt(second, 2, null);
  expect(bench.questions.filter(({ conn }) => conn === second)).toHaveLength(1);
  answer();
  bench.wait(1_999);
  expect(answer()).toBe(0);
  bench.wait(1);
  expect(answer()).toBe(1);
});
