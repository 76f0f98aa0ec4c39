/** An index as text, byte for byte as the scanner of 0.6.12 writes it. */
import { assert } from "../assert.ts";
import type { ImageId } from "../ids.ts";
import { toHex, utf8Encode } from "../text.ts";
import { type IndexBody, blocksOf } from "./builder.ts";
import { escapeBytes } from "./escape.ts";
import type { DigestBytes } from "./parse.ts";
import type { HashName } from "./packed.ts";
import { entryOf, firstBlockOf } from "./view.ts";

export function printHeader(hashName: HashName, blockBytes: number): string {
  return `DIRSIGNATURE.v1 ${hashName} block_size=${blockBytes}\n`;
}

/** @returns the whole text, and its id: the digest of the body. */
export function printIndex(
  index: IndexBody,
  digest: DigestBytes,
): { readonly text: Uint8Array<ArrayBuffer>; readonly image: ImageId } {
  const header = printHeader(index.hashName, index.blockBytes);
  const body = utf8Encode(printBody(index));
  const image = toHex(digest(index.hashName, body)) as ImageId;
  const text = new Uint8Array(header.length + body.length + image.length + 1);
  text.set(utf8Encode(header), 0);
  text.set(body, header.length);
  text.set(utf8Encode(`${image}\n`), header.length + body.length);
  return { text, image };
}

function printBody(index: IndexBody): string {
  const lines: string[] = [];
  for (let at = 0; at < index.entryCount; at++) {
    const entry = entryOf(index, at);
    if (entry.kind === "directory") {
      lines.push(`${escapeBytes(entry.path)}\n`);
      continue;
    }
    const name = escapeBytes(entry.path.slice(entry.path.lastIndexOf("/") + 1) as typeof entry.path);
    if (entry.kind === "link") {
      lines.push(`  ${name} s ${escapeBytes(entry.target)}\n`);
      continue;
    }
    const first = firstBlockOf(index, at);
    const end = firstBlockOf(index, at + 1);
    assert(end - first === blocksOf(entry.size, index.blockBytes), "a file has the blocks of its size");
    let line = `  ${name} ${entry.executable ? "x" : "f"} ${entry.size}`;
    for (let block = first; block < end; block++) {
      line += ` ${toHex(index.hashes.subarray(block * 32, block * 32 + 32))}`;
    }
    lines.push(`${line}\n`);
  }
  return lines.join("");
}
