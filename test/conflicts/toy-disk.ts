/** What a server asks of its disk, answered from maps: what matters here is what it promises and makes visible, and when. */
import type { ImageId } from "../../kernel/ids.ts";
import { addDirectory, build, createBuilder } from "../../kernel/index/builder.ts";
import type { PackedIndex } from "../../kernel/index/packed.ts";
import type { DiskRequest, DiskResult, DiskValue, StorageCode } from "../../kernel/storage/request.ts";
import type { ByteString } from "../../kernel/text.ts";
import type { SignedState } from "../../kernel/wire/signed-state.ts";

const ZERO = { bytes: 0, blocks: 0 };
const NO_TRANSFER = { fetched: ZERO, reused: ZERO, linked: ZERO, served: ZERO };
const DONE: DiskResult = { ok: true, value: { kind: "done" } };

export type ToyDisk = {
  answer(request: DiskRequest): DiskResult;
  /** By path, what is visible and what its state says. */
  readonly shown: ReadonlyMap<string, SignedState>;
  /** Where something older was shown than before: nothing, when all is well. */
  readonly stepsBack: readonly string[];
  readonly promised: ReadonlyMap<string, { readonly state: SignedState; readonly stage: string }>;
};

export function createToyDisk(): ToyDisk {
  const shown = new Map<string, SignedState>();
  const promised = new Map<string, { readonly state: SignedState; readonly stage: string }>();
  const indexes = new Set<ImageId>();
  const stepsBack: string[] = [];

  function show(path: string, state: SignedState): void {
    const before = shown.get(path);
    if (before !== undefined && isLess(state, before))
      stepsBack.push(`${nameOf(before)} and then ${nameOf(state)}`);
    shown.set(path, state);
  }

  function answer(request: DiskRequest): DiskResult {
    switch (request.kind) {
      case "recover":
        return good({
          kind: "recovered",
          found: [],
          wasClean: true,
          ranUntil: null,
          transfer: NO_TRANSFER,
          problems: [],
          unread: [],
          complete: true,
        });
      case "put_intent":
        promised.set(request.place.path, { state: request.state, stage: request.stage });
        return DONE;
      case "put_state": {
        const { path } = request.place;
        if (shown.get(path)?.image !== request.state.image) return bad("older_than_present");
        show(path, request.state);
        if (promised.get(path)?.stage === request.supersedes) promised.delete(path);
        return DONE;
      }
      case "abort":
        if (promised.get(request.place.path)?.stage === request.stage) promised.delete(request.place.path);
        return DONE;
      case "store_index":
        indexes.add(request.image);
        return good({ kind: "index", index: emptyIndex(request.image) });
      case "load_index":
        return indexes.has(request.image)
          ? good({ kind: "index", index: emptyIndex(request.image) })
          : bad("index_missing");
      case "read_index":
        return indexes.has(request.image)
          ? good({ kind: "bytes", bytes: textOf(request.image) })
          : bad("index_missing");
      case "prepare_stage": {
        const none = { linkedBlocks: 0, linkedBytes: 0, reusedBlocks: 0, reusedBytes: 0 };
        return good({ kind: "stage", stored: new Uint8Array(), ...none });
      }
      case "commit": {
        const { path } = request.place;
        const found = promised.get(path);
        if (found?.stage !== request.stage || found.state.image !== request.image)
          return bad("stage_incomplete");
        promised.delete(path);
        show(path, found.state);
        return DONE;
      }
      case "list_index_folders":
        return good({ kind: "folders", folders: [] });
      default:
        return DONE;
    }
  }

  return { answer, shown, promised, stepsBack };
}

/** By the newest signature, and then by the bytes of the image's id: hex orders as they do. */
export function isLess(a: SignedState, b: SignedState): boolean {
  const [first, second] = [timeOf(a), timeOf(b)];
  return first < second || (first === second && a.image < b.image);
}

export function timeOf({ signatures }: SignedState): number {
  return Math.max(...signatures.map(({ timestamp }) => timestamp));
}

export function nameOf(state: SignedState): string {
  return `image ${Number.parseInt(state.image, 16)} of ${timeOf(state)}`;
}

export function textOf(image: ImageId): Uint8Array {
  return new TextEncoder().encode(image);
}

/** An empty directory: nothing has to be fetched but its index. */
function emptyIndex(image: ImageId): PackedIndex {
  const builder = createBuilder("blake2b/256", 32_768);
  addDirectory(builder, "/" as ByteString);
  return { ...build(builder), image, textBytes: 0 };
}

function good(value: DiskValue): DiskResult {
  return { ok: true, value };
}

function bad(code: StorageCode): DiskResult {
  return { ok: false, code, detail: "" };
}
