/** The directories of an index with what stands directly in each, for programs that follow it through held handles. */
import { assert } from "../assert.ts";
import { KIND_DIRECTORY, type PackedIndex } from "../index/packed.ts";
import { kindOf, pathOf } from "../index/view.ts";
import type { ByteString } from "../text.ts";
import { type FileName, parseFileName } from "./call.ts";

export type Folder = {
  /** Absolute path with a final slash. */
  readonly prefix: ByteString;
  readonly name: FileName | null;
  /** Its files and links are the entries from `first` up to before `end`. */
  readonly first: number;
  end: number;
  readonly folders: Folder[];
};

export function foldersOf(index: PackedIndex): Folder {
  const top: Folder = { prefix: "/" as ByteString, name: null, first: 1, end: 1, folders: [] };
  let way: Folder[] = [top];
  for (let at = 1; at < index.entryCount; at++) {
    const last = way.at(-1);
    assert(last !== undefined, "an index begins with its root");
    if (kindOf(index, at) !== KIND_DIRECTORY) {
      last.end = at + 1;
      continue;
    }
    const path = pathOf(index, at);
    const slash = path.lastIndexOf("/");
    while (way.length > 1 && way.at(-1)?.prefix !== path.slice(0, slash + 1)) way.pop();
    const folder: Folder = {
      prefix: `${path}/` as ByteString,
      name: nameIn(path, slash + 1),
      first: at + 1,
      end: at + 1,
      folders: [],
    };
    way.at(-1)?.folders.push(folder);
    way.push(folder);
  }
  way = [];
  return top;
}

/** Own name of an entry of a folder. */
export function entryName(index: PackedIndex, folder: Folder, entry: number): FileName {
  return nameIn(pathOf(index, entry), folder.prefix.length);
}

function nameIn(path: ByteString, start: number): FileName {
  const name = parseFileName(path.slice(start) as ByteString);
  assert(name !== null, "the parser lets only names through");
  return name;
}
