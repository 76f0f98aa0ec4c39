/** One tree over another: what is in both comes from the upper one; and what a path would meet in a tree. */
import type { ByteString } from "../text.ts";
import type { IndexBody } from "./builder.ts";
import { KIND_DIRECTORY, KIND_LINK } from "./packed.ts";
import { indexOfTree, newFolder, putIndex } from "./tree.ts";
import { kindOf, pathOf } from "./view.ts";

/**
 * The entries of both, in index order. A file or link of the upper tree takes the place of one of the lower; where one
 * has a directory and the other has not, there is no answer: see `obstacleAt`.
 */
export function overlay(lower: IndexBody, upper: IndexBody): IndexBody {
  const top = newFolder();
  putIndex(top, lower);
  putIndex(top, upper);
  return indexOfTree(top, lower);
}

/** Why a file cannot be written at a path of a tree; null when it can, whether it is there or not. */
export function obstacleAt(
  index: IndexBody,
  path: ByteString,
): "is_a_directory" | "not_a_directory" | "is_a_link" | null {
  for (let entry = 0; entry < index.entryCount; entry++) {
    const own = pathOf(index, entry);
    const kind = kindOf(index, entry);
    if (own === path) {
      if (kind === KIND_DIRECTORY) return "is_a_directory";
      return kind === KIND_LINK ? "is_a_link" : null;
    }
    if (kind !== KIND_DIRECTORY && path.startsWith(`${own}/`)) return "not_a_directory";
  }
  return null;
}
