/** What real servers have, and what hostile ones pretend to have, against what it should be. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { WebSocketServer } from "ws";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Digest, ImageId } from "../../kernel/ids.ts";
import { parseIndex } from "../../kernel/index/parse.ts";
import { utf8Encode } from "../../kernel/text.ts";
import { decodeFrame, encodeFrame } from "../../kernel/wire/frame.ts";
import type { Response } from "../../kernel/wire/message.ts";
import { build } from "../adapters/built.ts";
import { digestBytes } from "../digest.ts";
import { Rig, type Row, rowsOf } from "./rig.ts";

let rig: Rig;
let source: string;
/** The index that the cluster has. */
let index: string;
const hostile: Server[] = [];

beforeAll(async () => {
  await build();
  rig = await Rig.create("127.0.29");
  await rig.startAll(2);
  source = rig.path("source");
  mkdirSync(`${source}/sub`, { recursive: true });
  writeFileSync(`${source}/data.json`, "{}\n");
  writeFileSync(`${source}/sub/run`, "#!/bin/sh\n");
  chmodSync(`${source}/sub/run`, 0o755);
  const sent = await rig.sync("--replace", `${source}:/site/current`, "-m", rig.addressOf(1));
  if (sent.status !== 0) throw new Error(sent.stderr);
});
afterAll(async () => {
  for (const each of hostile) each.close();
  await rig.close();
});

async function audit(...args: readonly string[]): Promise<{ status: number | null; rows: readonly Row[] }> {
  const ended = await rig.client(["audit", "-d", "/site/current", "--json", ...args]);
  return { status: ended.status, rows: rowsOf(ended) };
}

const states = (rows: readonly Row[]) =>
  rows.filter(({ type }) => type === "server").map(({ state }) => state);
const differences = (rows: readonly Row[]) =>
  rows.filter(({ type }) => type === "difference").map(({ kind, path }) => `${String(kind)} ${String(path)}`);

/** A server that answers as it is told, at an address of its own; its pages are none. */
async function pretend(number: number, text: Uint8Array, listed: string): Promise<string> {
  const http = createServer((_, response) => response.writeHead(404).end());
  hostile.push(http);
  new WebSocketServer({ server: http }).on("connection", (socket) => {
    socket.on("message", (bytes: Buffer) => {
      const decoded = decodeFrame(new Uint8Array(bytes));
      if (!decoded.ok || decoded.message.kind !== "request") return;
      const { id, request } = decoded.message;
      const digest = "00".repeat(32) as Digest;
      const state = { image: listed as ImageId, signatures: [{ timestamp: 1, bytes: new Uint8Array(64) }] };
      const response: Response =
        request.type === "GetIndexAt"
          ? { type: "GetIndexAt", data: text, hosts: new Map() }
          : { type: "GetBaseDir", configHash: digest, keepListHash: digest, listing: [["current", state]] };
      socket.send(encodeFrame({ kind: "response", id, response }));
    });
  });
  const address = rig.addressOf(number);
  await new Promise<void>((done) => http.listen(rig.port, address, done));
  return address;
}

test("a cluster that is as it should be: by itself, by its id, by a directory, by what is remembered", async () => {
  const remembered = rig.path("remembered.ds1");
  const alone = await audit("--remember", remembered, "--list", rig.addressOf(1));
  expect(alone.status).toBe(0);
  expect(states(alone.rows)).toEqual(["ok", "ok"]);
  expect(alone.rows.filter(({ type }) => type === "entry").length).toBe(4);
  index = readFileSync(remembered, "utf8");
  const image = /([0-9a-f]{64})\n$/.exec(index)?.[1] ?? "";
  for (const args of [
    ["--expect", image.toUpperCase()],
    ["--local", source],
    ["--remember", remembered],
    ["--index", remembered, "--against", rig.addressOf(2)],
  ]) {
    const ended = await audit(...args, rig.addressOf(1));
    expect([args, ended.status]).toEqual([args, 0]);
  }
});

test("a directory that differs is said entry by entry, and nothing is remembered", async () => {
  const other = rig.path("other");
  mkdirSync(`${other}/sub`, { recursive: true });
  writeFileSync(`${other}/sub/run`, "#!/bin/sh\n", { mode: 0o644 });
  writeFileSync(`${other}/new`, "new");
  const file = rig.path("never.ds1");
  const { status, rows } = await audit("--local", other, "--remember", file, rig.addressOf(1));
  expect(status).toBe(2);
  expect(states(rows)).toEqual(["wrong_image", "wrong_image"]);
  expect(new Set(differences(rows))).toEqual(new Set(["missing /new", "mode /sub/run", "extra /data.json"]));
  expect(existsSync(file)).toBe(false);
  expect((await audit("--expect", "0".repeat(64), rig.addressOf(1))).status).toBe(2);
});

test("of a hostile server a wrong id, a missing file, a changed mode and a flipped byte are told apart", async () => {
  const parsed = parseIndex(utf8Encode(index), { image: null }, digestBytes);
  if (!parsed.ok) throw new Error(parsed.code);
  const image = parsed.value.image;
  const text = (from: RegExp, to: string) => utf8Encode(index.replace(from, to));
  const flip = /f 3 0/.test(index) ? "1" : "0";
  const sound = (body: string) => {
    const lines = body.split("\n").slice(0, -2);
    const rest = utf8Encode(`${lines.slice(1).join("\n")}\n`);
    const id = Buffer.from(digestBytes("blake2b/256", rest)).toString("hex");
    return { text: utf8Encode(`${lines.join("\n")}\n${id}\n`), id };
  };
  const without = sound(index.replace(/\/sub\n {2}run .*\n/, ""));
  const mode = sound(index.replace("run x ", "run f "));
  const cases = [
    [text(/[0-9a-f]{64}\n$/, `${"1".repeat(64)}\n`), image, "wrong_id", []],
    [without.text, without.id, "wrong_image", ["missing /sub", "missing /sub/run"]],
    [mode.text, mode.id, "wrong_image", ["mode /sub/run"]],
    [text(/(?<=f 3 )[0-9a-f]/, flip), image, "corrupt_index", ["content /data.json"]],
    [utf8Encode(index), "2".repeat(64), "not_as_listed", []],
  ] as const;
  const found: string[] = [];
  for (const [at, [sent, listed, state, entries]] of cases.entries()) {
    const address = await pretend(50 + at, sent, listed);
    const { status, rows } = await audit("--expect", image, "-t", "2s", rig.addressOf(1), address);
    expect(status, state).toBe(2);
    const own = rows.filter((row) => String(row["address"]).startsWith(`${address}:`));
    expect(states(own)).toEqual([state]);
    expect(new Set(differences(own))).toEqual(new Set(entries));
    expect(states(rows).filter((each) => each === "ok").length).toBe(2);
    found.push(`${state} ${differences(own).join()}`);
  }
  expect(new Set(found).size).toBe(cases.length);
});

test("what cannot be asked or read has its own status", async () => {
  expect((await audit("127.0.29.99")).status).toBe(69);
  expect((await audit("--local", rig.path("nowhere"), rig.addressOf(1))).status).toBe(66);
  expect((await audit("--expect", "abc", rig.addressOf(1))).status).toBe(64);
  expect((await audit("--against", "127.0.29.99", "-t", "2s", rig.addressOf(1))).status).toBe(69);
});
