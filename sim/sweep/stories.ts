/**
 * What is cut: the requests of one upload, replace, append, removal, collection of indexes or start, on a disk where
 * another image stands beside. A story says what it has promised by then, and what may be seen.
 */
import type { ImageId, UnixMs, VPath } from "../../kernel/ids.ts";
import type { PackedIndex } from "../../kernel/index/packed.ts";
import { hashOfBlock, pathOf, placeOfBlock } from "../../kernel/index/view.ts";
import type { RootName } from "../../kernel/storage/call.ts";
import { programOf, type StorageContext } from "../../kernel/storage/program.ts";
import type { DiskRequest, DiskResult, DiskValue, Place, UploadMode } from "../../kernel/storage/request.ts";
import { runProgram } from "../../kernel/storage/run.ts";
import { isStored } from "../../kernel/storage/stage.ts";
import { type ByteString, bytesOf } from "../../kernel/text.ts";
import { type Content, type ContentEntry, plantTree } from "../content.ts";
import { createCrypto } from "../crypto.ts";
import { type CrashModel, createSimDisk, type SimDisk } from "../disk.ts";

export const DB = "/db" as RootName;
export const IMAGES = "/images" as RootName;
const SOURCE = "/source" as RootName;
export const CONTEXT: StorageContext = { db: DB, roots: [IMAGES] };
export const PATH = "/key/group/app" as VPath;
export const BESIDE = "/key/group/beside" as VPath;

export type Sealed = { readonly content: Content; readonly index: PackedIndex; readonly text: Uint8Array };

/** What there is, and what it becomes; null for nothing. */
export type Plot = {
  readonly beside: Sealed | null;
  readonly before: Sealed | null;
  readonly after: Sealed | null;
  /** Something was promised before the story begins. */
  readonly promised: boolean;
  /** What the clock showed when the run before ended; null where that is not known. */
  readonly ranUntil: UnixMs | null;
};

export type Story = {
  readonly name: string;
  /** More files than all subsets are tried of. */
  readonly isLarge?: boolean;
  /** A new disk, and on it what the story begins with. */
  begin(how: CrashModel): {
    readonly disk: SimDisk;
    readonly plot: Plot;
    readonly requests: () => Generator<DiskRequest, void, DiskResult>;
  };
};

const crypto = createCrypto(); // memoises digests of what is the same on thousands of disks

export function newDisk(how: CrashModel): SimDisk {
  const disk = createSimDisk(how, crypto);
  for (const root of [DB, IMAGES, SOURCE]) disk.makeRoot(root);
  return disk;
}

export function perform(disk: SimDisk, request: DiskRequest): DiskResult {
  return runProgram(disk, programOf(request, CONTEXT));
}

export function valueOf<K extends DiskValue["kind"]>(
  kind: K,
  result: DiskResult,
): Extract<DiskValue, { kind: K }> {
  if (!result.ok) throw new Error(`${result.code}: ${result.detail}`);
  if (result.value.kind !== kind) throw new Error(`${result.value.kind} instead of ${kind}`);
  return result.value as Extract<DiskValue, { kind: K }>;
}

function treeOf(entries: Readonly<Record<string, string>>): Content {
  const content = new Map<string, ContentEntry>();
  for (const [name, text] of Object.entries(entries)) {
    const executable = text.startsWith("#!");
    content.set(name, { kind: "file", bytes: bytesOf(text as ByteString), executable });
  }
  return content;
}

function seal(content: Content): Sealed {
  const disk = newDisk("weak");
  plantTree(disk, SOURCE, content);
  const { tree } = valueOf("tree", perform(disk, { kind: "walk", root: SOURCE }));
  const request: DiskRequest = { kind: "digest_files", root: SOURCE, tree, from: 0, to: tree.entryCount };
  tree.hashes.set(valueOf("digests", perform(disk, request)).hashes, 0);
  return { content, ...valueOf("sealed", perform(disk, { kind: "seal_index", tree })) };
}

const OLD = seal(treeOf({ same: "same ".repeat(60), tool: "#!old ".repeat(20) }));
const NEW = seal(treeOf({ same: "same ".repeat(60), tool: "#!new ".repeat(30) }));
const MANY = seal(
  treeOf({
    ...Object.fromEntries(Array.from({ length: 9 }, (_, at) => [`file${at}`, `#!${at}`])),
    empty: "",
  }),
);
const OTHER = seal(treeOf({ same: "same ".repeat(60), other: "other" }));

export const placeOf = (path: VPath): Place => ({ path, root: IMAGES });

export type Upload = {
  readonly path: VPath;
  readonly sealed: Sealed;
  readonly stage: string;
  readonly mode: UploadMode;
  readonly sources: readonly { readonly path: VPath; readonly image: ImageId }[];
};

const TIMESTAMPS = { append: 7, replace: 8 } as const; // what replaces is newer

export function* upload({
  path,
  sealed,
  stage,
  mode,
  sources,
}: Upload): Generator<DiskRequest, void, DiskResult> {
  const { index, text, content } = sealed;
  const { image } = index;
  const place = placeOf(path);
  const signature = { timestamp: TIMESTAMPS[mode], bytes: new Uint8Array(64).fill(1) };
  yield { kind: "put_intent", place, stage, mode, state: { image, signatures: [signature] } };
  yield { kind: "store_index", image, text };
  const { stored } = valueOf("stage", yield { kind: "prepare_stage", place, image, stage, sources });
  for (let block = 0; block < index.blockCount; block++) {
    if (isStored(stored, block)) continue;
    const { entry, offset, length } = placeOfBlock(index, block);
    const file = pathOf(index, entry);
    const whole = content.get(file.slice(1)); // an index has each with a slash in front
    const bytes = whole?.kind === "file" ? whole.bytes.slice(offset, offset + length) : new Uint8Array(0);
    yield { kind: "write_block", place, image, stage, file, offset, hash: hashOfBlock(index, block), bytes };
  }
  yield { kind: "commit", place, image, stage, mode, again: false };
}

export function runAll(disk: SimDisk, requests: Generator<DiskRequest, void, DiskResult>): void {
  let next = requests.next();
  while (next.done !== true) {
    const result = perform(disk, next.value);
    if (!result.ok) throw new Error(`${next.value.kind}: ${result.code} ${result.detail}`);
    next = requests.next(result);
  }
}

export const RECOVER: Extract<DiskRequest, { kind: "recover" }> = {
  kind: "recover",
  tag: "t1",
  places: [{ key: "key", root: IMAGES, numLevels: 2 }],
};

const FIRST: Upload = { path: PATH, sealed: OLD, stage: "s1", mode: "append", sources: [] };
const SIDE: Upload = { path: BESIDE, sealed: OTHER, stage: "s0", mode: "append", sources: [] };
const NEXT: Upload = {
  path: PATH,
  sealed: NEW,
  stage: "s2",
  mode: "replace",
  sources: [
    { path: PATH, image: OLD.index.image },
    { path: BESIDE, image: OTHER.index.image },
  ],
};

/** All of it durable, as after a long while. */
function diskWith(how: CrashModel, ...uploads: readonly Upload[]): SimDisk {
  const disk = newDisk(how);
  for (const each of uploads) runAll(disk, upload(each));
  disk.restore(disk.snapshot());
  return disk;
}

function* replace(): Generator<DiskRequest, void, DiskResult> {
  yield* upload(NEXT);
  yield { kind: "delete_old", place: placeOf(PATH), stage: NEXT.stage };
}

function* removal(): Generator<DiskRequest, void, DiskResult> {
  const floor = { timestamp: TIMESTAMPS.append, image: OLD.index.image };
  yield { kind: "remove", place: placeOf(PATH), floor, stage: "r1" };
  yield { kind: "delete_old", place: placeOf(PATH), stage: "r1" };
}

function* collection(): Generator<DiskRequest, void, DiskResult> {
  const { image } = NEW.index;
  yield { kind: "list_index_folders" };
  yield { kind: "list_indexes", folder: image.slice(0, 2) };
  yield { kind: "drop_index", image };
  // It is needed again: a drop that comes back late must not take it.
  yield* upload(NEXT);
}

/** What a server does last. */
function* stop(): Generator<DiskRequest, void, DiskResult> {
  yield { kind: "save_time", time: STOPPED_AT };
  yield { kind: "mark_clean" };
}

function* start(): Generator<DiskRequest, void, DiskResult> {
  yield RECOVER;
}

/** A process that was killed in a story, in the middle of a request: no page is lost, and nothing more is synced. */
function killed(
  disk: SimDisk,
  requests: Generator<DiskRequest, void, DiskResult>,
  isTime: (request: DiskRequest["kind"], renames: number) => boolean,
): void {
  class Killed extends Error {}
  let renames = 0;
  let kind: DiskRequest["kind"] = "recover";
  const fs = {
    perform(call: Parameters<SimDisk["perform"]>[0]) {
      if (isTime(kind, renames)) throw new Killed();
      if (call.call === "rename") renames += 1;
      return disk.perform(call);
    },
  };
  try {
    let next = requests.next();
    while (next.done !== true) {
      kind = next.value.kind;
      renames = 0;
      next = requests.next(runProgram(fs, programOf(next.value, CONTEXT)));
    }
  } catch (failure) {
    if (!(failure instanceof Killed)) throw failure;
  }
  disk.kill();
}

const AT_REST = { promised: false, ranUntil: null } as const;
const STOPPED_AT = 1_700_000_000_000 as UnixMs;

export const STORIES: readonly Story[] = [
  {
    name: "upload",
    begin: (how) => ({
      disk: newDisk(how),
      plot: { ...AT_REST, beside: null, before: null, after: OLD },
      requests: () => upload(FIRST),
    }),
  },
  {
    name: "append",
    begin: (how) => ({
      disk: diskWith(how, SIDE),
      plot: { ...AT_REST, beside: OTHER, before: null, after: OLD },
      requests: () => upload({ ...FIRST, sources: [{ path: BESIDE, image: OTHER.index.image }] }),
    }),
  },
  {
    name: "replace",
    begin: (how) => ({
      disk: diskWith(how, SIDE, FIRST),
      plot: { ...AT_REST, beside: OTHER, before: OLD, after: NEW },
      requests: replace,
    }),
  },
  {
    name: "removal",
    begin: (how) => ({
      disk: diskWith(how, SIDE, FIRST),
      plot: { ...AT_REST, beside: OTHER, before: OLD, after: null },
      requests: removal,
    }),
  },
  {
    name: "collection",
    begin(how) {
      const disk = diskWith(how, SIDE, FIRST);
      perform(disk, { kind: "store_index", image: NEW.index.image, text: NEW.text });
      disk.restore(disk.snapshot());
      return { disk, plot: { ...AT_REST, beside: OTHER, before: OLD, after: NEW }, requests: collection };
    },
  },
  {
    name: "many files",
    isLarge: true,
    begin(how) {
      const disk = diskWith(how, SIDE, FIRST);
      const requests = (): ReturnType<typeof upload> => upload({ ...NEXT, sealed: MANY });
      return { disk, plot: { ...AT_REST, beside: OTHER, before: OLD, after: MANY }, requests };
    },
  },
  {
    name: "start after a stop",
    begin(how) {
      const disk = diskWith(how, SIDE, FIRST);
      runAll(disk, stop());
      disk.restore(disk.snapshot());
      const plot = { ...AT_REST, ranUntil: STOPPED_AT, beside: OTHER, before: OLD, after: OLD };
      return { disk, plot, requests: start };
    },
  },
  {
    name: "start in a commit",
    begin(how) {
      const disk = diskWith(how, SIDE, FIRST);
      killed(disk, upload(NEXT), (kind, renames) => kind === "commit" && renames === 1);
      const plot = { ...AT_REST, promised: true, beside: OTHER, before: OLD, after: NEW };
      return { disk, plot, requests: start };
    },
  },
  {
    name: "start in a download",
    begin(how) {
      const disk = diskWith(how, SIDE, FIRST);
      killed(disk, upload(NEXT), (kind) => kind === "commit");
      const plot = { ...AT_REST, promised: true, beside: OTHER, before: OLD, after: NEW };
      return { disk, plot, requests: start };
    },
  },
  {
    name: "start in a removal",
    begin(how) {
      const disk = diskWith(how, SIDE, FIRST);
      killed(disk, removal(), (kind, renames) => kind === "remove" && renames === 2);
      return { disk, plot: { ...AT_REST, beside: OTHER, before: OLD, after: null }, requests: start };
    },
  },
];
