/**
 * Names on disk, the same as 0.6.12's where it can see them. Each is one component; the folders are
 * `indexes/<first two digits>/` and `signatures/<key>/<parts>/` in the database, and the parts of the virtual path
 * below the configured directory.
 */
import { assert } from "../assert.ts";
import type { ImageId, VPath } from "../ids.ts";
import { keyOf, suffixOf } from "../ids.ts";
import { type ByteString, byteStringOfText } from "../text.ts";
import { type FileName, parseFileName } from "./call.ts";

/** Folders from the root of the database to the states of an image's base directory. */
export function stateFolders(path: VPath): readonly FileName[] {
  return ["signatures", keyOf(path), ...suffixOf(path).slice(0, -1)].map(component);
}

/** Folders from the configured directory to the base directory of an image. */
export function imageFolders(path: VPath): readonly FileName[] {
  return suffixOf(path).slice(0, -1).map(component);
}

export function stateFile(name: string): FileName {
  return component(`${name}.state`);
}

export function intentFile(name: string): FileName {
  return component(`${name}.new.state`);
}

/** What was removed at a name. */
export function floorFile(name: string): FileName {
  return component(`${name}.floor`);
}

export const INDEX_SUFFIX = ".ds1";

/** Of the folders of indexes. */
export const INDEX_FOLDERS: readonly FileName[] = [component("indexes")];

export function indexFolders(image: ImageId): readonly FileName[] {
  return indexFolder(image.slice(0, 2));
}

/** @param folder  the first two digits of an image */
export function indexFolder(folder: string): readonly FileName[] {
  return [...INDEX_FOLDERS, component(folder)];
}

export function indexFile(image: ImageId): FileName {
  return component(`${image}${INDEX_SUFFIX}`);
}

/** The image directory under its own name. */
export function imageName(name: string): FileName {
  return component(name);
}

/** An image being written. The tag makes it ours: nobody can have put it there before. */
export function stageName(name: string, tag: string): FileName {
  return component(`.tmp.${name}.${tag}`);
}

/** A displaced image being deleted. */
export function trashName(name: string, tag: string): FileName {
  return component(`.tmp.old.${name}.${tag}`);
}

/** A tree that is not ours and stood where a replace went; kept for its owner. */
export function foreignName(name: string, tag: string): FileName {
  return component(`.tmp.foreign.${name}.${tag}`);
}

/** Where the bytes of a file are written before they get its name. */
export function temporaryName(file: FileName, tag: string): FileName {
  return ofBytes(`.tmp.${file}.${tag}`);
}

/** Where a file goes that cannot be read as what its name says. */
export function backupName(file: FileName, tag: string): FileName {
  return ofBytes(`.${file}.backup.${tag}`);
}

/** Directories that the exchange of names is tried with at start, and in which names of an image are tried. */
export function probeName(tag: string, which: "a" | "b" | "names"): FileName {
  return component(`.tmp.probe.${tag}.${which}`);
}

export function parseTag(text: unknown): string | null {
  return typeof text === "string" && /^[0-9a-z]{1,16}$/.test(text) ? text : null;
}

/** The parts of an absolute path in an image: names of its directories, and its own. */
export function partsOfPath(path: ByteString): readonly FileName[] {
  return path
    .slice(1)
    .split("/")
    .filter((part) => part !== "")
    .map((part) => {
      const name = parseFileName(part as ByteString);
      assert(name !== null, "paths of an index are made of names");
      return name;
    });
}

function component(text: string): FileName {
  return ofBytes(byteStringOfText(text));
}

function ofBytes(bytes: string): FileName {
  const name = parseFileName(bytes as ByteString);
  if (name === null) throw new Error(`invariant broken: ${JSON.stringify(bytes)} is one component`);
  return name;
}
