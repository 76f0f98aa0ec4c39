/** Which names an image may have: on disk, beside its own temporaries, and under the eyes of 0.6.12. */
import { type VPath, nameOf } from "./ids.ts";
import { type Result, accepted, refused } from "./result.ts";
import { byteStringOfText } from "./text.ts";

/** NAME_MAX of Linux file systems. */
const COMPONENT_BYTES_MAX = 255;
/** A random or counted part of a temporary name, 1 to `TAG_LENGTH_MAX` of `[0-9a-z]`. */
export const TAG_LENGTH_MAX = 16;
/** Longest image name, so that every name that is made of it still fits a component. */
export const IMAGE_NAME_BYTES_MAX = COMPONENT_BYTES_MAX - ".tmp..new.state..backup".length - TAG_LENGTH_MAX;

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
