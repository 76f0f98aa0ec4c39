/**
 * The trees that scripts upload, each a pure function of its number and sizes. Two numbers share about half of their
 * files, so that a replace finds something to link.
 */
import { below, chance, keyed, next, type Prng } from "../kernel/prng.ts";
import {
  type FileName,
  FsFailure,
  type Handle,
  type RootName,
  type StorageProgram,
} from "../kernel/storage/call.ts";
import * as calls from "../kernel/storage/calls.ts";
import { runProgram } from "../kernel/storage/run.ts";
import { byteStringOfText, bytesOf, type ByteString } from "../kernel/text.ts";
import type { SimDisk } from "./disk.ts";

export type ContentEntry =
  | { readonly kind: "directory" }
  | { readonly kind: "file"; readonly bytes: Uint8Array; readonly executable: boolean }
  | { readonly kind: "link"; readonly target: ByteString };

/** By path (`a/b`, one byte a character), each directory before what is in it. */
export type Content = ReadonlyMap<string, ContentEntry>;

const ODD_NAMES = ["plain", "two words", "tab\there", "new\nline", "ünï", "back\\slash", "-dash", "#7"];
const LONG_NAME = "long".repeat(63); // 252 bytes of the 255 that a file system takes
const BLOCK_BYTES = 32_768;

export function contentOf(number: number, files: number, bytesMax: number): Content {
  const content = new Map<string, ContentEntry>();
  const draw = keyed("tree", String(number));
  if (chance(draw, 1, 3)) content.set("empty", { kind: "directory" });
  if (chance(draw, 1, 6))
    content.set(LONG_NAME, { kind: "file", bytes: someBytes(draw, 100), executable: false });
  if (chance(draw, 1, 3)) content.set("link", { kind: "link", target: "sub0/missing" as ByteString });
  for (let file = 0; file < files; file++) {
    const version = chance(keyed("version", String(number), String(file)), 1, 2) ? "common" : String(number);
    const folder = `sub${file % 3}`;
    if (file % 4 !== 0 && !content.has(folder)) content.set(folder, { kind: "directory" });
    const name = byteStringOfText(`${ODD_NAMES[file % ODD_NAMES.length]}${file}`);
    content.set(file % 4 === 0 ? name : `${folder}/${name}`, {
      kind: "file",
      bytes: bytesOfFile(number, version, file, bytesMax),
      // Drawn apart from the bytes: what may be linked may not be linked everywhere.
      executable: chance(keyed("mode", String(number), String(file)), 1, 4),
    });
  }
  // What tells this number from every other, also when all files happen to be common.
  content.set("number", {
    kind: "file",
    bytes: bytesOf(byteStringOfText(String(number))),
    executable: false,
  });
  return content;
}

/** Of one version at the place of a file; now and then what other files have too, or with a block put in front. */
function bytesOfFile(number: number, version: string, file: number, bytesMax: number): Uint8Array {
  const kind = below(keyed("kind", String(number), String(file)), 8);
  const stream =
    kind === 0
      ? keyed("file", "same", String(bytesMax))
      : keyed("file", version, String(file), String(bytesMax));
  const bytes = someBytes(stream, sizeOf(stream, bytesMax));
  if (kind !== 1 || bytesMax < 2 * BLOCK_BYTES) return bytes;
  const front = someBytes(keyed("front", String(number), String(file)), BLOCK_BYTES);
  const longer = new Uint8Array(front.length + bytes.length);
  longer.set(front);
  longer.set(bytes, front.length);
  return longer;
}

export function contentBytes(content: Content): number {
  let bytes = 0;
  for (const entry of content.values()) if (entry.kind === "file") bytes += entry.bytes.length;
  return bytes;
}

/** Pieces of at most 32 KiB, of which each is sent for itself. */
export function contentBlocks(content: Content): number {
  let blocks = 0;
  for (const entry of content.values())
    if (entry.kind === "file") blocks += Math.ceil(entry.bytes.length / BLOCK_BYTES);
  return blocks;
}

/** Writes a tree where its owner has it, durably. */
export function plantTree(disk: SimDisk, root: RootName, content: Content): void {
  runProgram(disk, plant(root, content));
}

function* plant(root: RootName, content: Content): StorageProgram<void> {
  const top = yield* calls.root(root);
  for (const [path, entry] of content) {
    const parts = path.split("/") as FileName[];
    const name = parts.pop() as FileName;
    yield* calls.usingPath(top, parts, (dir) => plantEntry(dir, name, entry));
  }
  yield* calls.syncFileSystem(top);
}

export function* plantEntry(dir: Handle, name: FileName, entry: ContentEntry): StorageProgram<void> {
  switch (entry.kind) {
    case "directory":
      return yield* calls.makeDirectory(dir, name);
    case "link":
      return yield* calls.makeLink(dir, name, entry.target);
    case "file":
      return yield* calls.using(calls.createFile(dir, name), function* (file) {
        yield* calls.write(file, 0, entry.bytes);
        if (entry.executable) yield* calls.setMode(file, 0o755);
      });
    default:
      throw new FsFailure("unsupported", "write", "an entry of another kind");
  }
}

/** Empty, exact blocks, one byte around a block, and anything. */
function sizeOf(stream: Prng, bytesMax: number): number {
  const edges = [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 2 * BLOCK_BYTES];
  const edge = edges[below(stream, edges.length)] ?? 0;
  return edge <= bytesMax && chance(stream, 1, 3) ? edge : below(stream, bytesMax + 1);
}

function someBytes(stream: Prng, size: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(size / 4));
  for (let at = 0; at < words.length; at++) words[at] = next(stream);
  return new Uint8Array(words.buffer).slice(0, size);
}
