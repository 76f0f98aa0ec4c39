/** Which block of which upload some bytes are: told from the content that the script names, not from what was sent. */
import { contentOf } from "../content.ts";
import type { Script } from "../script.ts";

export type BlockName = { readonly image: string; readonly block: string };
export type BlockNames = { of(bytes: Uint8Array): BlockName | null };

const BLOCK_BYTES = 32_768;
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

export function blockNamesOf({ lines }: Script): BlockNames {
  const names = new Map<string, { readonly images: Set<string>; readonly block: string }>();
  for (const { verb } of lines) {
    if (verb.kind !== "upload") continue;
    for (const [path, entry] of contentOf(verb.content, verb.files, verb.bytes)) {
      if (entry.kind !== "file") continue;
      for (let at = 0; at < entry.bytes.length; at += BLOCK_BYTES) {
        const print = fingerprint(entry.bytes.subarray(at, at + BLOCK_BYTES));
        const known = names.get(print) ?? { images: new Set<string>(), block: `${path} ${at / BLOCK_BYTES}` };
        known.images.add(`${verb.path} #${verb.content}`);
        names.set(print, known);
      }
    }
  }
  return {
    of(bytes) {
      const found = names.get(fingerprint(bytes));
      return found === undefined ? null : { image: [...found.images].join(", "), block: found.block };
    },
  };
}

/** FNV-1a: enough to tell some hundred blocks of one script apart. */
function fingerprint(bytes: Uint8Array): string {
  let hash = FNV_OFFSET;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, FNV_PRIME);
  return `${bytes.length} ${hash >>> 0}`;
}
