/**
 * A tree that a client brings home: written aside under a name of its own, completed and read again like a stage of a
 * server, and then given its name, which nothing may have. Until then nothing stands there, and never a part of it.
 */
import type { BlockHash } from "../ids.ts";
import type { PackedIndex } from "../index/packed.ts";
import type { ByteString } from "../text.ts";
import { openMade, writeBlockIn } from "./block.ts";
import type { StorageProgram } from "./call.ts";
import { removeTree, rename, root, statName, sync, unless, using } from "./calls.ts";
import { readyStage } from "./commit.ts";
import { imageName, stageName } from "./names.ts";
import { refuse } from "./refusal.ts";
import type { Copy } from "./request.ts";

export function* copyBlock(
  copy: Copy,
  file: ByteString,
  offset: number,
  hash: BlockHash,
  bytes: Uint8Array,
): StorageProgram<void> {
  const top = yield* root(copy.root);
  yield* using(openMade(top, stageName(copy.name, copy.stage)), (dir) =>
    writeBlockIn(dir, file, offset, hash, bytes),
  );
}

export function* finishCopy({ root: rootName, name, stage }: Copy, index: PackedIndex): StorageProgram<void> {
  const top = yield* root(rootName);
  const own = stageName(name, stage);
  yield* using(openMade(top, own), (dir) => readyStage(dir, index));
  const stands = yield* unless("missing", statName(top, imageName(name)));
  if (stands !== null) refuse("already_exists", name);
  yield* rename(top, own, top, imageName(name), "keep");
  yield* sync(top);
}

export function* dropCopy({ root: rootName, name, stage }: Copy): StorageProgram<void> {
  yield* removeTree(yield* root(rootName), stageName(name, stage));
}
