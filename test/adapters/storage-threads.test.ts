import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { openStorageThreads, type StorageThreads } from "../../adapters/storage-threads.ts";
import type { BlockHash, ImageId, VPath } from "../../kernel/ids.ts";
import type { RootName } from "../../kernel/storage/call.ts";
import { STORAGE_QUEUE_MAX } from "../../kernel/storage/dispatch.ts";
import type { DiskRequest, DiskResult, Place } from "../../kernel/storage/request.ts";
import { type ByteString, toHex } from "../../kernel/text.ts";
import { digestBytes } from "../digest.ts";
import { build } from "./built.ts";

const BLOCK = 32_768;
const folder = mkdtempSync(join(tmpdir(), "ciruela-threads-"));
const place: Place = { path: "/site/a" as VPath, root: folder as RootName };
const image = "ab".repeat(32) as ImageId;

let storage: StorageThreads;
const deaths: Error[] = [];
beforeAll(build);
afterEach(() => storage.close());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function open(threads: number): Promise<void> {
  deaths.length = 0;
  storage = await openStorageThreads({
    threads,
    program: new URL("./tiny-program.mjs", import.meta.url).href,
    context: { image },
    died: (error) => deaths.push(error),
  });
}

const run = (request: DiskRequest) => new Promise<DiskResult>((done) => storage.run(request, done));

function writeBlock(bytes: Uint8Array, offset: number, hash: string): DiskRequest {
  return {
    kind: "write_block",
    place,
    image,
    stage: "s",
    file: "file" as ByteString,
    offset,
    hash: hash as BlockHash,
    bytes,
  };
}

function readBlock(offset: number, length: number, file = "file"): DiskRequest {
  return { kind: "read_block", place, stage: null, file: file as ByteString, offset, length };
}

test("blocks that are views of one received slab are written and read back, and the slab stays its owner's", async () => {
  await open(2);
  writeFileSync(join(folder, "file"), "");
  const slab = Buffer.alloc(8 * BLOCK);
  for (let at = 0; at < slab.length; at++) slab[at] = (at >> 15) + at;
  const blocks = Array.from({ length: 8 }, (_, at) => slab.subarray(at * BLOCK, (at + 1) * BLOCK));
  const written = await Promise.all(
    blocks.map((bytes, at) => run(writeBlock(bytes, at * BLOCK, toHex(digestBytes("blake2b/256", bytes))))),
  );
  expect(written.every((result) => result.ok)).toBe(true);
  expect(slab.length).toBe(8 * BLOCK); // a moved buffer would be empty
  expect(readFileSync(join(folder, "file")).equals(slab)).toBe(true);
  const read = await run(readBlock(3 * BLOCK, BLOCK));
  expect(
    read.ok &&
      read.value.kind === "bytes" &&
      Buffer.from(read.value.bytes).equals(slab.subarray(3 * BLOCK, 4 * BLOCK)),
  ).toBe(true);
});

test("what a program refuses and what the disk refuses come back as codes", async () => {
  await open(1);
  writeFileSync(join(folder, "file"), "");
  const wrong = await run(writeBlock(new Uint8Array(5), 0, "00".repeat(32)));
  expect(wrong).toEqual({ ok: false, code: "block_hash_mismatch", detail: "file" });
  expect(readFileSync(join(folder, "file")).length).toBe(0);
  const missing = await run(readBlock(0, 1, "absent"));
  expect(missing).toEqual({ ok: false, code: "missing", detail: "open_file: ENOENT" });
});

test("flat arrays of an index arrive whole, with the context that the threads were started with", async () => {
  await open(1);
  const result = await run({ kind: "load_index", image });
  expect(result).toEqual({
    ok: true,
    value: { kind: "index", index: { image, kinds: Uint8Array.of(0, 1) } },
  });
});

test("a program of a second lets reads of the same thread through at its checkpoints", async () => {
  await open(1);
  writeFileSync(join(folder, "file"), "abc");
  const other: Place = { path: "/site/b" as VPath, root: place.root };
  let longEnded = false;
  const long = run({ kind: "delete_old", place: other, stage: "s" }).then(() => {
    longEnded = true;
  });
  for (let each = 0; each < 20; each++) expect((await run(readBlock(0, 3))).ok).toBe(true);
  expect(longEnded).toBe(false);
  await long;
});

test("requests of one path that exclude each other run one after the other", async () => {
  await open(3);
  const order: string[] = [];
  writeFileSync(join(folder, "file"), "abc");
  await Promise.all([
    run({ kind: "delete_old", place, stage: "s" }).then(() => order.push("alone")),
    run(readBlock(0, 3)).then(() => order.push("read, which waited")),
  ]);
  expect(order).toEqual(["alone", "read, which waited"]);
});

test("the request beyond the bound is refused at once, and those before it are answered", async () => {
  await open(2);
  writeFileSync(join(folder, "file"), "abc");
  const answers = Array.from({ length: STORAGE_QUEUE_MAX }, () => run(readBlock(0, 3)));
  expect(await run(readBlock(0, 3))).toMatchObject({ ok: false, code: "queue_full" });
  expect((await Promise.all(answers)).every((result) => result.ok)).toBe(true);
});

test("a bug in a thread is told, for the process to end", async () => {
  await open(1);
  storage.run({ kind: "seal_index", tree: {} as never }, () => {});
  while (deaths.length === 0) await new Promise((done) => setTimeout(done, 5));
  expect(deaths[0]?.message).toBe("planted bug");
});

test("a module that does not load fails the start", async () => {
  const opening = openStorageThreads({
    threads: 1,
    program: "file:///absent.mjs",
    context: null,
    died: () => {},
  });
  await expect(opening).rejects.toThrow("absent.mjs");
});
