/**
 * Names on disk, the same as 0.6.12's where it can see them. Each is one component; the folders are
 * `indexes/<first two digits>/` and `signatures/<key>/<parts>/` in the database, and the parts of the virtual path
 * below the configured directory.
 */
import type { ImageId, VPath } from "../ids.ts";
import { keyOf, nameOf, suffixOf } from "../ids.ts";
import { type Result, accepted, refused } from "../result.ts";
import { byteStringOfText } from "../text.ts";
import { FILE_NAME_BYTES_MAX, type FileName, parseFileName } from "./call.ts";

/** A random or counted part of a temporary name, 1 to `TAG_LENGTH_MAX` of `[0-9a-z]`. */
export const TAG_LENGTH_MAX = 16;
/** Longest image name, so that `.tmp.foreign.NAME.TAG` and `.tmp.NAME.new.state.TAG` still fit a component. */
export const IMAGE_NAME_BYTES_MAX = FILE_NAME_BYTES_MAX - ".tmp..new.state..backup".length - TAG_LENGTH_MAX;

export type NameRefusal =
  | "reserved_name" // 0.6.12 would take it for a temporary or for another image's progress
  | "name_too_long";

/**
 * Says whether an image may have this path. Names with a leading dot are never listed by 0.6.12, and the progress file
 * of `X.new` is deleted by its scans as a stale progress file of `X`.
 */
export function checkImageName(path: VPath): Result<true, NameRefusal> {
  const name = nameOf(path);
  if (name.startsWith(".")) return refused("reserved_name", `${name} starts with a dot`);
  if (/\.(new|state|backup|floor)$/.test(name))
    return refused("reserved_name", `${name} ends like a state file`);
  for (const part of path.slice(1).split("/")) {
    const bytes = byteStringOfText(part).length;
    if (bytes > IMAGE_NAME_BYTES_MAX)
      return refused("name_too_long", `${bytes} > ${IMAGE_NAME_BYTES_MAX} bytes`);
  }
  return accepted(true);
}

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

export function indexFolders(image: ImageId): readonly FileName[] {
  return ["indexes", image.slice(0, 2)].map(component);
}

export function indexFile(image: ImageId): FileName {
  return component(`${image}.ds1`);
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
  return component(`.tmp.${file}.${tag}`);
}

function component(text: string): FileName {
  const name = parseFileName(byteStringOfText(text));
  if (name === null) throw new Error(`invariant broken: ${JSON.stringify(text)} is one component`);
  return name;
}
