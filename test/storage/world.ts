/** Real descriptors in a temporary directory, and the disk in memory: the same stories are told over both. */
import * as nodeFs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFileSystem } from "../../adapters/file-system.ts";
import type { ImageId, VPath } from "../../kernel/ids.ts";
import { type EntryKind, KIND_LINK, type PackedIndex } from "../../kernel/index/packed.ts";
import { hashOfBlock, kindOf, pathOf, placeOfBlock } from "../../kernel/index/view.ts";
import {
  type FileName,
  type FileSystem,
  type FsCall,
  type FsValue,
  type Handle,
  type RootName,
  type StorageProgram,
  parseFileName,
} from "../../kernel/storage/call.ts";
import * as calls from "../../kernel/storage/calls.ts";
import { type StorageContext, programOf } from "../../kernel/storage/program.ts";
import type { DiskRequest, DiskResult, DiskValue, Place, UploadMode } from "../../kernel/storage/request.ts";
import { runProgram } from "../../kernel/storage/run.ts";
import { isStored } from "../../kernel/storage/stage.ts";
import { type ByteString, byteString } from "../../kernel/text.ts";
import type { SignedState } from "../../kernel/wire/signed-state.ts";
import { type Below, type CrashModel, type SimDisk, createSimDisk } from "../../sim/disk.ts";
import { valueOf } from "../../sim/sweep/stories.ts";

export type Roots = { readonly db: RootName; readonly images: RootName; readonly source: RootName };
/** `directory`, or a link's target, or a file's mode, identity, number of names and content. */
export type Seen = string;

export type World = {
  readonly fs: FileSystem;
  readonly roots: Roots;
  readonly context: StorageContext;
  openHandles(): number;
  /** Ends the process: its handles and locks go. */
  restart(): void;
  tree(root: RootName): Map<string, Seen>;
  identities(root: RootName): Map<string, string>;
  end(): void;
};

export async function realWorld(): Promise<World> {
  const folder = nodeFs.mkdtempSync(join(tmpdir(), "ciruela-storage-"));
  const roots = {
    db: join(folder, "db") as RootName,
    images: join(folder, "images") as RootName,
    source: join(folder, "source") as RootName,
  };
  for (const each of Object.values(roots)) nodeFs.mkdirSync(each);
  const inner = await createFileSystem();
  const open = new Set<Handle>();
  const fs: FileSystem = {
    perform(call: FsCall): FsValue {
      const value = inner.perform(call);
      if (/^(open_|create_file)/.test(call.call)) open.add(value as Handle);
      if (call.call === "close") open.delete(call.handle);
      return value;
    },
  };
  return {
    fs,
    roots,
    context: { db: roots.db, roots: [roots.images] },
    openHandles: () => open.size,
    restart() {
      for (const handle of open) inner.perform({ call: "close", handle });
      open.clear();
    },
    tree: (root) => realTree(root, (stat, content) => `${(stat.mode & 0o7777).toString(8)} ${content}`),
    identities: (root) => realTree(root, (stat) => `${stat.ino} ${stat.nlink}`),
    end: () => nodeFs.rmSync(folder, { recursive: true, force: true }),
  };
}

function realTree(root: string, show: (stat: nodeFs.Stats, content: string) => string): Map<string, Seen> {
  const found = new Map<string, Seen>();
  const visit = (dir: Buffer, prefix: string): void => {
    for (const name of nodeFs.readdirSync(dir, { encoding: "buffer" })) {
      const path = Buffer.concat([dir, Buffer.from("/"), name]);
      const key = prefix + byteString(name);
      const stat = nodeFs.lstatSync(path);
      if (stat.isSymbolicLink()) {
        found.set(key, `-> ${byteString(nodeFs.readlinkSync(path, { encoding: "buffer" }))}`);
      } else if (stat.isDirectory()) {
        found.set(key, "directory");
        visit(path, `${key}/`);
      } else found.set(key, stat.isFile() ? show(stat, byteString(nodeFs.readFileSync(path))) : "other");
    }
  };
  visit(Buffer.from(root), "");
  return found;
}

/** Thrown in place of a call: nothing after it happens. */
export class PowerCut extends Error {}

/** A fixed stream of numbers for each seed. */
export function belowOf(seed: number): Below {
  let state = (seed * 2_654_435_761 + 12_345) >>> 0;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

export type SimWorld = World & { readonly disk: SimDisk };

export function simWorld(model: CrashModel): SimWorld {
  const disk = createSimDisk(model);
  const roots = {
    db: "/db" as RootName,
    images: "/images" as RootName,
    source: "/source" as RootName,
  };
  for (const each of Object.values(roots)) disk.makeRoot(each);
  return {
    disk,
    fs: disk,
    roots,
    context: { db: roots.db, roots: [roots.images] },
    openHandles: () => disk.openHandles(),
    restart: () => disk.kill(),
    tree: (root) => simTree(disk, root, (mode, content) => `${mode.toString(8)} ${content}`),
    identities: (root) => {
      const found = new Map<string, string>();
      for (const [path, each] of disk.tree(root)) {
        if (each.kind === "file") found.set(path, `${each.inode} ${each.links}`);
      }
      return found;
    },
    end: () => undefined,
  };
}

function simTree(
  disk: SimDisk,
  root: RootName,
  show: (mode: number, content: string) => string,
): Map<string, Seen> {
  const found = new Map<string, Seen>();
  for (const [path, each] of disk.tree(root)) {
    if (each.kind === "directory") found.set(path, "directory");
    else if (each.kind === "link") found.set(path, `-> ${each.target}`);
    else found.set(path, show(each.mode, byteString(each.bytes)));
  }
  return found;
}

export const worlds: readonly { readonly world: string; readonly make: () => Promise<World> }[] = [
  { world: "real descriptors", make: realWorld },
  { world: "memory, weak directories", make: async () => simWorld("weak") },
  { world: "memory, ordered directories", make: async () => simWorld("ordered") },
];

/** What a tree is planted from: a content, a content that is executable, a link's target, or null for a directory. */
export type Plant = string | { readonly run: string } | { readonly to: string } | null;
export type Garden = Readonly<Record<string, Plant>>;

export const fileName = (text: string): FileName => {
  const name = parseFileName(text as ByteString);
  if (name === null) throw new Error(text);
  return name;
};

const bytesOfText = (text: string) => Uint8Array.from(Buffer.from(text, "latin1"));

/** Replaces everything below a root. Paths are byte strings, parents are made. */
export function plant(world: World, root: RootName, garden: Garden, below: readonly string[] = []): void {
  runProgram(world.fs, planted(root, garden, below));
}

function* planted(root: RootName, garden: Garden, below: readonly string[]): StorageProgram<void> {
  const top = yield* calls.root(root);
  yield* calls.usingMadePath(top, below.map(fileName), function* (dir) {
    for (const name of yield* calls.list(dir)) yield* calls.removeTree(dir, name);
    for (const [path, what] of Object.entries(garden)) {
      const parts = path.split("/").map(fileName);
      const own = parts.pop() ?? fileName("none");
      yield* calls.usingMadePath(dir, parts, function* (folder) {
        if (what === null) yield* calls.makeDirectory(folder, own);
        else if (typeof what === "object" && "to" in what) {
          yield* calls.makeLink(folder, own, what.to as ByteString);
        } else
          yield* calls.using(calls.createFile(folder, own), function* (file) {
            const content = typeof what === "string" ? what : what.run;
            if (content !== "") yield* calls.write(file, 0, bytesOfText(content));
            if (typeof what === "object") yield* calls.setMode(file, 0o755);
          });
      });
    }
  });
  yield* calls.syncFileSystem(top);
}

export function run(world: World, request: DiskRequest): DiskResult {
  return runProgram(world.fs, programOf(request, world.context));
}

/** The value of a request that has to succeed. */
export function done<K extends DiskValue["kind"]>(
  world: World,
  kind: K,
  request: DiskRequest,
): Extract<DiskValue, { kind: K }> {
  return valueOf(kind, run(world, request));
}

export function codeOf(result: DiskResult): string {
  return result.ok ? "fine" : result.code;
}

export type Sealed = { readonly index: PackedIndex; readonly text: Uint8Array };

/** The uploader's half: walks, digests in two pieces, prints. */
export function seal(world: World): Sealed {
  const root = world.roots.source;
  const { tree } = done(world, "tree", { kind: "walk", root });
  const half = tree.entryCount >> 1;
  for (const [from, to] of [
    [0, half],
    [half, tree.entryCount],
  ] as const) {
    const { hashes } = done(world, "digests", { kind: "digest_files", root, tree, from, to });
    tree.hashes.set(hashes, (tree.firstBlocks[from] ?? 0) * 32);
  }
  return done(world, "sealed", { kind: "seal_index", tree });
}

export function stateOf(image: ImageId, timestamp: number): SignedState {
  return { image, signatures: [{ timestamp, bytes: new Uint8Array(64).fill(timestamp % 256) }] };
}

export const PATH = "/key/group/app" as VPath;
export const placeAt = (world: World, path: VPath = PATH): Place => ({ path, root: world.roots.images });

export type Upload = {
  readonly place: Place;
  readonly sealed: Sealed;
  readonly stage: string;
  readonly mode: UploadMode;
  readonly sources?: readonly { readonly path: VPath; readonly image: ImageId }[];
};

/** All requests of an upload, block contents read from the source when they are needed. */
export function* requestsOf(world: World, upload: Upload): Generator<DiskRequest, void, DiskResult> {
  const { place, stage, mode, sealed } = upload;
  const { index, text } = sealed;
  const image = index.image;
  const timestamp = mode === "replace" ? 8 : 7; // what replaces is newer
  yield { kind: "put_intent", place, stage, mode, state: stateOf(image, timestamp) };
  yield { kind: "store_index", image, text };
  const prepared = yield { kind: "prepare_stage", place, image, stage, sources: upload.sources ?? [] };
  const { stored } = valueOf("stage", prepared);
  for (let block = 0; block < index.blockCount; block++) {
    if (isStored(stored, block)) continue;
    const read = yield readOf(world, index, block);
    yield writeOf(upload, block, valueOf("bytes", read).bytes);
  }
  yield { kind: "commit", place, image, stage, mode, again: false };
}

export function readOf(world: World, index: PackedIndex, block: number): DiskRequest {
  const { entry, offset, length } = placeOfBlock(index, block);
  return { kind: "read_source", root: world.roots.source, file: pathOf(index, entry), offset, length };
}

export function writeOf({ place, stage, sealed }: Upload, block: number, bytes: Uint8Array): DiskRequest {
  const { index } = sealed;
  const { entry, offset } = placeOfBlock(index, block);
  return {
    kind: "write_block",
    place,
    image: index.image,
    stage,
    file: pathOf(index, entry),
    offset,
    hash: hashOfBlock(index, block),
    bytes,
  };
}

export type Counted = { blocks: number; stage: Extract<DiskValue, { kind: "stage" }> | null };

/** The whole upload; any failure is an error. */
export function upload(world: World, asked: Upload): Counted {
  const counted: Counted = { blocks: 0, stage: null };
  const requests = requestsOf(world, asked);
  let next = requests.next();
  while (next.done !== true) {
    const result = run(world, next.value);
    if (!result.ok) throw new Error(`${next.value.kind} ${result.code}: ${result.detail}`);
    if (result.value.kind === "stage") counted.stage = result.value;
    if (next.value.kind === "write_block") counted.blocks += 1;
    next = requests.next(result);
  }
  return counted;
}

export function recoverRequest(world: World, tag = "r1"): Extract<DiskRequest, { kind: "recover" }> {
  return { kind: "recover", tag, places: [{ key: "key", root: world.roots.images, numLevels: 2 }] };
}

/** What stands below a path, as `tree` shows it. */
export function below(tree: Map<string, Seen>, path: string): Map<string, Seen> {
  const found = new Map<string, Seen>();
  for (const [key, what] of tree) if (key.startsWith(`${path}/`)) found.set(key.slice(path.length + 1), what);
  return found;
}

/** What a garden looks like once it is an image. */
export function grown(garden: Garden): Map<string, Seen> {
  const found = new Map<string, Seen>();
  for (const [path, what] of Object.entries(garden)) {
    const parts = path.split("/");
    for (let at = 1; at < parts.length; at++) found.set(parts.slice(0, at).join("/"), "directory");
    if (what === null) found.set(path, "directory");
    else if (typeof what === "string") found.set(path, `644 ${what}`);
    else found.set(path, "to" in what ? `-> ${what.to}` : `755 ${what.run}`);
  }
  return found;
}

export const isLink = (index: PackedIndex, entry: number): boolean =>
  kindOf(index, entry) === (KIND_LINK as EntryKind);
