import fc from "fast-check";
import { expect, test } from "vitest";
import { findHinted, printHintPath } from "../../kernel/fetch/hint.ts";
import { addDirectory, addFile, build, createBuilder } from "../../kernel/index/builder.ts";
import type { PackedIndex } from "../../kernel/index/packed.ts";
import { hashOfBlock } from "../../kernel/index/view.ts";
import type { ByteString } from "../../kernel/text.ts";

const name = fc
  .uint8Array({ minLength: 1, maxLength: 6 })
  .map((bytes) => bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x5c : byte)))
  .map((bytes) => String.fromCharCode(...bytes))
  .filter((text) => text !== "." && text !== "..");

/** Files of two blocks each, in one directory; every block has a hash of its own. */
function indexOf(names: readonly string[]): PackedIndex {
  const builder = createBuilder("blake2b/256", 32_768);
  addDirectory(builder, "/" as ByteString);
  const sorted = names.toSorted((a, b) => (a < b ? -1 : 1));
  for (const each of sorted) addFile(builder, `/${each}` as ByteString, false, 40_000);
  const body = build(builder);
  body.hashes.forEach((_, at) => (body.hashes[at] = at % 32 === 0 ? at / 32 : at));
  return { ...body, image: "" } as unknown as PackedIndex;
}

test("the block of any name is found by the hint that is printed for it, also where the spelling is a name too", () => {
  fc.assert(
    fc.property(fc.uniqueArray(name, { minLength: 1, maxLength: 8 }), (names) => {
      const all = [...new Set([...names, "\xe9", "\\xe9"])];
      const index = indexOf(all);
      for (let block = 0; block < index.blockCount; block++) {
        const file = all.toSorted((a, b) => (a < b ? -1 : 1))[block >> 1] ?? "";
        const hint = printHintPath(`/${file}` as ByteString);
        const offset = (block & 1) * 32_768;
        expect(findHinted(index, hint, offset, hashOfBlock(index, block))).toBe(block);
        expect(findHinted(index, hint, offset + 32_768 * 2, hashOfBlock(index, block))).toBe(null);
        expect(findHinted(index, hint, offset + 1, hashOfBlock(index, block))).toBe(null);
      }
    }),
    { numRuns: 100 },
  );
});
