/**
 * Where a block lies, as a request for it says: the path of a file and an offset. On the wire the path is text, and
 * names need not be: such a path is spelt as in the index, which our servers know, and those of 0.6.12 answer that
 * there is no such file.
 */
import { escapeBytes, unescapeBytes } from "../index/escape.ts";
import type { PackedIndex } from "../index/packed.ts";
import { findFile, firstBlockOf, hashOfBlock } from "../index/view.ts";
import { type ByteString, byteStringOfText, textOfByteString, utf8Encode } from "../text.ts";

export function printHintPath(path: ByteString): string {
  return textOfByteString(path) ?? escapeBytes(path);
}

/** The block that is there by the index, if it has that hash. The spelling of a path may be another file's name. */
export function findHinted(index: PackedIndex, file: string, offset: number, hash: string): number | null {
  if (offset % index.blockBytes !== 0) return null;
  for (const path of [byteStringOfText(file), unescapeBytes(utf8Encode(file))]) {
    const entry = path === null ? -1 : findFile(index, path);
    if (entry < 0) continue;
    const block = firstBlockOf(index, entry) + offset / index.blockBytes;
    if (block < firstBlockOf(index, entry + 1) && hashOfBlock(index, block) === hash) return block;
  }
  return null;
}
