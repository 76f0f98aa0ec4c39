/** The reader without a world: servers that lie, have nothing, or say nothing, one after the other. */
import { blake2b } from "@noble/hashes/blake2.js";
import { expect, test } from "vitest";
import type { Effect } from "../../kernel/effect.ts";
import type { Event } from "../../kernel/event.ts";
import type { Address, ConnId, Digest, ImageId, MonoMs, UnixMs, VPath } from "../../kernel/ids.ts";
import { addDirectory, addFile, build, createBuilder } from "../../kernel/index/builder.ts";
import type { PackedIndex } from "../../kernel/index/packed.ts";
import { createReader, type Reading, readingOf, step } from "../../kernel/reader.ts";
import type { PublicKey } from "../../kernel/config.ts";
import { uploadPayload } from "../../kernel/signature/payload.ts";
import { publicKeyOf, signWithSeed, verifySignature } from "../../kernel/signature/verify.ts";
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

const PATH = "/k/x" as VPath;
const SEED = new Uint8Array(32).fill(7);
const KEY = publicKeyOf(SEED) as PublicKey;
const SIGNED_AT = 1_700_000_000_000;

/** What a server lists at the path: an image, signed by somebody. */
function listing(image: ImageId, seed = SEED): Response {
  const bytes = signWithSeed(seed, uploadPayload(PATH, image, SIGNED_AT));
  const digest = "00".repeat(32) as Digest;
  return {
    type: "GetBaseDir",
    configHash: digest,
    keepListHash: digest,
    listing: [["x", { image, signatures: [{ timestamp: SIGNED_AT, bytes }] }]],
  };
}

type Server = (request: Request) => Response | null;
const index: Server = ({ type }) =>
  type === "GetBaseDir"
    ? listing(INDEX.image)
    : { type: "GetIndexAt", data: new Uint8Array([1]), hosts: new Map() };
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
/** Sends an image that nobody of ours has signed. */
const usurping: Server = (request) =>
  request.type === "GetBaseDir" ? listing(INDEX.image, new Uint8Array(32).fill(8)) : honest(request);
const unlisting: Server = (request) =>
  request.type === "GetBaseDir" ? { type: "Error", text: "No such config" } : honest(request);
const OTHER = "cd".repeat(32) as ImageId;
const listsOther: Server = (request) => (request.type === "GetBaseDir" ? listing(OTHER) : honest(request));

function read(
  servers: readonly Server[],
  mustExist = true,
  mustBeSigned = true,
): { reading: Reading | null; seconds: number } {
  let mono = 0;
  const now = () => ({ mono: mono as MonoMs, wall: 1 as UnixMs });
  const file = "/a" as ByteString;
  const config = {
    path: PATH,
    wanted: { kind: "file", file, mustExist } as const,
    entryPoints: ["c"],
    deadlineMs: 60_000,
    keys: [KEY],
    mustBeSigned,
  };
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
    } else if (effect.kind === "close") {
      waiting.push({ kind: "conn_closed", conn: effect.conn, why: "asked" });
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
    } else if (effect.kind === "verify") {
      const holds = effect.checks.map(({ payload, signature }) => verifySignature(KEY, payload, signature));
      waiting.push({ kind: "verified", op: effect.op, holds });
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
  for (const bad of [silent, empty, failing, forged, lying, usurping, unlisting, listsOther]) {
    for (const servers of [
      [bad, honest],
      [honest, bad],
      [bad, bad, honest, bad],
    ]) {
      const { reading } = read(servers);
      if (reading?.ok !== true) throw new Error(JSON.stringify(reading));
      expect(reading.index).toBe(INDEX);
      expect(Buffer.compare(reading.file?.bytes ?? new Uint8Array(), CONTENT)).toBe(0);
      expect(reading.file?.executable).toBe(true);
      expect(reading.origin).toMatchObject({ timestamp: SIGNED_AT, signers: [KEY] });
    }
  }
});

test("when nobody has it, the reason is said soon", () => {
  expect(read([empty, failing])).toMatchObject({ reading: { code: "nothing_there" }, seconds: 0 });
  expect(read([lying, forged])).toMatchObject({ reading: { code: "index_invalid" }, seconds: 0 });
  expect(read([])).toMatchObject({ reading: { code: "unreachable" }, seconds: 0 });
  const { reading, seconds } = read([silent]);
  expect(reading).toMatchObject({ ok: false });
  expect(seconds).toBeLessThanOrEqual(11);
});

test("what no trusted key has signed is no answer; without that demand it is one, and says so", () => {
  for (const server of [usurping, unlisting]) {
    expect(read([server]).reading).toMatchObject({ ok: false, code: "not_signed" });
    const { reading } = read([server], true, false);
    expect(reading?.ok && reading.origin.signers).toEqual([]);
  }
});

test("a server that lists another image than it sends is asked again until it does not", () => {
  expect(read([listsOther])).toMatchObject({ reading: { code: "not_as_listed" }, seconds: 60 });
  let asked = 0;
  const settling: Server = (request) =>
    request.type === "GetBaseDir" && ++asked <= 3 ? listing(OTHER) : honest(request);
  const { reading, seconds } = read([settling, settling]);
  expect(reading?.ok && reading.index).toBe(INDEX);
  expect(asked).toBe(4);
  expect(seconds).toBeLessThan(3);
});

test("for a place alone no block is asked for", () => {
  expect(read([lying], false).reading).toMatchObject({ ok: true, file: { executable: true } });
});
