/** From a request to its program, and from what can go wrong in it to a result: a program never fails. */
import { assert, unreachable } from "../assert.ts";
import { FsFailure, type RootName, type StorageProgram } from "./call.ts";
import { root } from "./calls.ts";
import { readBlock, writeBlock } from "./block.ts";
import { markClean } from "./clean.ts";
import { commit } from "./commit.ts";
import { copyBlock, dropCopy, finishCopy } from "./copy-tree.ts";
import {
  checkIndex,
  dropIndex,
  listIndexFolders,
  listIndexes,
  loadIndex,
  readIndexText,
  sealIndex,
  storeIndex,
} from "./index-file.ts";
import { abort, deleteOld, putIntent, putState } from "./intent.ts";
import { parseTag } from "./names.ts";
import { adopt, recover } from "./recover.ts";
import { remove } from "./remove.ts";
import { StorageRefusal } from "./refusal.ts";
import { scrubBlocks, scrubShape } from "./scrub.ts";
import type { DiskRequest, DiskResult, DiskValue } from "./request.ts";
import { digestFiles, readSource, walk } from "./source-tree.ts";
import { prepareStage } from "./stage.ts";
import { saveTime } from "./time.ts";
import { saveTransfer } from "./transfer.ts";

/** What the operator gave: the database, and the configured directories. */
export type StorageContext = { readonly db: RootName; readonly roots: readonly RootName[] };

const DONE: DiskValue = { kind: "done" };

export function* programOf(request: DiskRequest, context: StorageContext): StorageProgram<DiskResult> {
  try {
    return { ok: true, value: yield* valueOf(request, context) };
  } catch (failure) {
    return resultOf(failure);
  }
}

function resultOf(failure: unknown): DiskResult {
  if (failure instanceof StorageRefusal || failure instanceof FsFailure) return refusal(failure);
  throw failure; // a bug
}

function refusal({ code, message }: StorageRefusal | FsFailure): DiskResult {
  return { ok: false, code, detail: message };
}

function* valueOf(request: DiskRequest, { db, roots }: StorageContext): StorageProgram<DiskValue> {
  if ("stage" in request && request.stage !== null) {
    assert(parseTag(request.stage) !== null, "a stage is named by 1 to 16 of [0-9a-z]");
  }
  switch (request.kind) {
    case "recover":
      assert(parseTag(request.tag) !== null, "a tag is 1 to 16 of [0-9a-z]");
      return { kind: "recovered", ...(yield* recover(db, roots, request)) };
    case "adopt":
      assert(parseTag(request.tag) !== null, "a tag is 1 to 16 of [0-9a-z]");
      return { kind: "adopted", ...(yield* adopt(db, request)) };
    case "put_intent":
      yield* putIntent(db, request.place, request.state, request.stage, request.mode);
      return DONE;
    case "put_state":
      yield* putState(db, request.place.path, request.state, request.supersedes);
      return DONE;
    case "store_index":
      return { kind: "index", index: yield* storeIndex(db, request.image, request.text) };
    case "load_index":
      return { kind: "index", index: yield* loadIndex(db, request.image) };
    case "read_index":
      return { kind: "bytes", bytes: yield* readIndexText(db, request.image) };
    case "list_index_folders":
      return { kind: "folders", folders: yield* listIndexFolders(db) };
    case "list_indexes":
      return { kind: "images", images: yield* listIndexes(db, request.folder) };
    case "drop_index":
      yield* dropIndex(db, request.image);
      return DONE;
    case "prepare_stage": {
      const { place, image, stage, sources } = request;
      return { kind: "stage", ...(yield* prepareStage(db, place, image, stage, sources)) };
    }
    case "write_block": {
      const { place, stage, file, offset, hash, bytes } = request;
      yield* writeBlock(place, stage, file, offset, hash, bytes);
      return DONE;
    }
    case "commit":
      yield* commit(db, request);
      return DONE;
    case "delete_old":
      yield* deleteOld(db, request.place, request.stage);
      return DONE;
    case "remove":
      yield* remove(db, request.place, request.floor, request.stage);
      return DONE;
    case "abort":
      yield* abort(db, request.place, request.stage);
      return DONE;
    case "read_block": {
      const { place, stage, file, offset, length } = request;
      return { kind: "bytes", bytes: yield* readBlock(place, stage, file, offset, length) };
    }
    case "scrub_shape":
      return { kind: "shape", ...(yield* scrubShape(db, request)) };
    case "scrub_blocks":
      return { kind: "scrubbed", wrong: yield* scrubBlocks(request) };
    case "save_transfer":
      yield* saveTransfer(yield* root(db), request.transfer);
      return DONE;
    case "save_time":
      yield* saveTime(yield* root(db), request.time);
      return DONE;
    case "mark_clean":
      yield* markClean(yield* root(db));
      return DONE;
    case "walk":
      return { kind: "tree", ...(yield* walk(request.root)) };
    case "digest_files":
      return {
        kind: "digests",
        hashes: yield* digestFiles(request.root, request.tree, request.from, request.to),
      };
    case "check_index":
      return { kind: "index", index: yield* checkIndex(request.text) };
    case "seal_index":
      return { kind: "sealed", ...(yield* sealIndex(request.tree)) };
    case "read_source":
      return {
        kind: "bytes",
        bytes: yield* readSource(request.root, request.file, request.offset, request.length),
      };
    case "copy_block":
      yield* copyBlock(request, request.file, request.offset, request.hash, request.bytes);
      return DONE;
    case "finish_copy":
      yield* finishCopy(request, request.index);
      return DONE;
    case "drop_copy":
      yield* dropCopy(request);
      return DONE;
    default:
      return unreachable(request);
  }
}
