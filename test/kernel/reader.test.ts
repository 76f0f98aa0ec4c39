/** The reader without a world: servers that lie, have nothing, or say nothing, one after the other. */
import { blake2b } from "@noble/hashes/blake2.js";
import { expect, test } from "vitest";
import type { Effect } from "../../kernel/effect.ts";
import type { Event } from "../../kernel/event.ts";
import type { Address, ConnId, Digest, ImageId, MonoMs, UnixMs, VPath } from "../../kernel/ids.ts";
import { addDirectory, addFile, build, createBuilder } from "../../kernel/index/builder.ts";
import type { PackedIndex } from "../../kernel/index/packed.ts";
import { createReader, type Reading, readingOf, step } from "../../kernel/reader.ts";
import { type ByteString, toHex } from "../../kernel/text.ts";
import { decodeFrame, encodeFrame } from "../../kernel/wire/frame.ts";
import type { Request, Response } from "../../kernel/wire/message.ts";

const CONTENT = new Uint8Array(70_000).map((_, at) => (at * at) >> 7);
const BLOCKS = [0, 32_768, 65_536].map((start) => CONTENT.subarray(start, start + 32_768));
const INDEX: PackedIndex = (() => {
  const builder = createBuilder("blake2b/256", 32_768);
  addDirectory(builder, "/" as ByteString);
  addFile(builder, "/a" as ByteString, true, CONTENT.length);
  const body = build(builder);
  for (const [at, block] of BLOCKS.entries()) body.hashes.set(blake2b(block, { dkLen: 32 }), at * 32);
  return { ...body, image: "ab".repeat(32) as ImageId, textBytes: 1 };
})();

type Server = (request: Request) => Response | null;
const index: Server = () => ({ type: "GetIndexAt", data: new Uint8Array([1]), hosts: new Map() });
const honest: Server = (request) => {
  if (request.type !== "GetBlock") return index(request);
  const at = BLOCKS.findIndex((block) => toHex(blake2b(block, { dkLen: 32 })) === request.hash);
  return { type: "GetBlock", data: BLOCKS[at] ?? new Uint8Array() };
};
const silent: Server = () => null;
const empty: Server = () => ({ type: "GetIndexAt", data: null, hosts: new Map() });
const failing: Server = () => ({ type: "Error", text: "no" });
/** What the disk of the client finds to be no index. */
const forged: Server = () => ({ type: "GetIndexAt", data: new Uint8Array([0]), hosts: new Map() });
const lying: Server = (request) =>
  request.type === "GetBlock" ? { type: "GetBlock", data: new Uint8Array(32_768) } : index(request);

function read(servers: readonly Server[], mustExist = true): { reading: Reading | null; seconds: number } {
  let mono = 0;
  const now = () => ({ mono: mono as MonoMs, wall: 1 as UnixMs });
  const file = "/a" as ByteString;
  const config = { path: "/k/x" as VPath, file, mustExist, entryPoints: ["c"], deadlineMs: 60_000 };
  const state = createReader(config, "seed", now());
  const serverOf = new Map<ConnId, Server>();
  const waiting: Event[] = [{ kind: "wake" }];
  const perform = (effect: Effect): void => {
    if (effect.kind === "resolve") {
      const addresses = servers.map((_, at) => `10.0.0.${at}:1` as Address);
      waiting.push({ kind: "resolved", op: effect.op, addresses });
    } else if (effect.kind === "dial") {
      const server = servers[Number(effect.address.split(/[.:]/)[3])];
      if (server !== undefined) serverOf.set(effect.conn, server);
      waiting.push({ kind: "conn_open", conn: effect.conn, address: effect.address, side: "dialled" });
    } else if (effect.kind === "send_frame") {
      const decoded = decodeFrame(effect.bytes);
      if (!decoded.ok || decoded.message.kind !== "request") throw new Error("a reader asks");
      const response = serverOf.get(effect.conn)?.(decoded.message.request) ?? null;
      if (response === null) return;
      const bytes = encodeFrame({ kind: "response", id: decoded.message.id, response });
      waiting.push({ kind: "frame", conn: effect.conn, bytes });
    } else if (effect.kind === "disk" && effect.request.kind === "check_index") {
      const good = effect.request.text[0] === 1;
      waiting.push({
        kind: "disk_done",
        op: effect.op,
        result: good
          ? { ok: true, value: { kind: "index", index: INDEX } }
          : { ok: false, code: "index_invalid", detail: "" },
      });
    } else if (effect.kind === "digest") {
      const digest = toHex(blake2b(effect.bytes, { dkLen: 32 })) as Digest;
      waiting.push({ kind: "digested", op: effect.op, digest });
    }
  };
  while (readingOf(state) === null && mono < 120_000) {
    const event = waiting.shift();
    if (event === undefined) mono += 250;
    for (const effect of step(state, event ?? { kind: "wake" }, now())) perform(effect);
  }
  return { reading: readingOf(state), seconds: mono / 1000 };
}

test("the file is read whole, from the one server that has it and is honest, whatever the others do", () => {
  for (const bad of [silent, empty, failing, forged, lying]) {
    for (const servers of [
      [bad, honest],
      [honest, bad],
      [bad, bad, honest, bad],
    ]) {
      const { reading } = read(servers);
      expect(reading).toEqual({ ok: true, index: INDEX, file: { bytes: CONTENT, executable: true } });
    }
  }
});

test("when nobody has it, the reason is said soon", () => {
  expect(read([empty, failing])).toMatchObject({ reading: { code: "nothing_there" }, seconds: 0 });
  expect(read([lying, forged])).toMatchObject({ reading: { code: "unreachable" }, seconds: 0 });
  expect(read([])).toMatchObject({ reading: { code: "unreachable" }, seconds: 0 });
  const { reading, seconds } = read([silent]);
  expect(reading).toMatchObject({ ok: false });
  expect(seconds).toBeLessThanOrEqual(11);
});

test("for a place alone no block is asked for", () => {
  expect(read([lying], false).reading).toMatchObject({ ok: true, file: { executable: true } });
});
