/** The index of a local directory, and of a local file that holds one. */
import { readFileSync } from "node:fs";
import { assert } from "../../kernel/assert.ts";
import type { IndexBody } from "../../kernel/index/builder.ts";
import type { PackedIndex } from "../../kernel/index/packed.ts";
import { type Result, accepted, refused } from "../../kernel/result.ts";
import type { RootName } from "../../kernel/storage/call.ts";
import type { DiskRequest, DiskResult } from "../../kernel/storage/request.ts";
import { errnoOf } from "../config/text-file.ts";
import type { Storage } from "../port.ts";
import { wordsOfSource } from "./reasons.ts";
import { createSourceStorage } from "./source-storage.ts";
import { quoted } from "./text.ts";

export async function indexOfDirectory(directory: string): Promise<Result<PackedIndex, "source">> {
  const storage = await createSourceStorage(1);
  const root = directory as RootName;
  const wrong = (result: DiskResult): Result<never, "source"> => {
    const { code, detail } = result.ok ? { code: "io", detail: "" } : result;
    return refused("source", `${quoted(directory)}: ${wordsOfSource(code) ?? code} (${code}: ${detail})`);
  };
  const walked = await ask(storage, { kind: "walk", root });
  if (!walked.ok || walked.value.kind !== "tree") return wrong(walked);
  const { tree } = walked.value;
  const digested = await ask(storage, { kind: "digest_files", root, tree, from: 0, to: tree.entryCount });
  if (!digested.ok || digested.value.kind !== "digests") return wrong(digested);
  tree.hashes.set(digested.value.hashes);
  return accepted(await sealTree(tree));
}

/** The index of a tree whose block hashes are known. */
export async function sealTree(tree: IndexBody): Promise<PackedIndex> {
  const sealed = await ask(await createSourceStorage(1), { kind: "seal_index", tree });
  assert(sealed.ok && sealed.value.kind === "sealed", "what is known can be printed");
  return sealed.value.index;
}

export async function indexInFile(file: string): Promise<Result<PackedIndex, "source">> {
  let text: Buffer;
  try {
    text = readFileSync(file);
  } catch (error) {
    return refused("source", `${quoted(file)} cannot be read (${errnoOf(error)})`);
  }
  const checked = await ask(await createSourceStorage(1), { kind: "check_index", text });
  if (checked.ok && checked.value.kind === "index") return accepted(checked.value.index);
  return refused("source", `${quoted(file)} is no index (${checked.ok ? "" : checked.detail})`);
}

function ask(storage: Storage, request: DiskRequest): Promise<DiskResult> {
  return new Promise((done) => storage.run(request, done));
}
