import fc from "fast-check";
import { expect, test } from "vitest";
import { equalBytes } from "../../kernel/text.ts";
import {
  equalFileBytes,
  fileBytesOf,
  NO_BYTES,
  PIECE_BYTES,
  resized,
  sliceOf,
  wholeOf,
  withBitFlipped,
  written,
} from "../../sim/file-bytes.ts";
import { createPieces, equalWords } from "../../sim/pieces.ts";

/** Around the edges of pieces. */
const place = fc
  .tuple(fc.nat(3), fc.integer({ min: -2, max: 2 }))
  .map(([piece, off]) => Math.max(0, piece * PIECE_BYTES + off));
const change = fc.oneof(
  fc.record({ kind: fc.constant("write" as const), offset: place, length: place, byte: fc.nat(255) }),
  fc.record({ kind: fc.constant("resize" as const), size: place }),
  fc.record({ kind: fc.constant("flip" as const), bit: place.map((at) => at * 8 + 3) }),
);

test("pieces hold what one array would", () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), place, place, (changes, from, to) => {
      let bytes = NO_BYTES;
      let twin = new Uint8Array(0);
      for (const each of changes) {
        const before = wholeOf(bytes).slice();
        const kept = bytes;
        if (each.kind === "write") {
          const data = new Uint8Array(each.length).fill(each.byte);
          const longer = new Uint8Array(
            Math.max(twin.length, each.length === 0 ? 0 : each.offset + each.length),
          );
          longer.set(twin);
          if (each.length > 0) longer.set(data, each.offset);
          twin = longer;
          if (each.length > 0) bytes = written(bytes, each.offset, data);
        } else if (each.kind === "resize") {
          const other = new Uint8Array(each.size);
          other.set(twin.subarray(0, each.size));
          twin = other;
          bytes = resized(bytes, each.size);
        } else {
          const at = each.bit >> 3;
          twin = twin.slice();
          if (at < twin.length) twin[at] = (twin[at] as number) ^ (1 << (each.bit & 7));
          bytes = withBitFlipped(bytes, each.bit);
        }
        expect(equalBytes(wholeOf(bytes), twin)).toBe(true);
        expect(equalBytes(wholeOf(kept), before)).toBe(true); // copies of it keep what they had
      }
      expect(equalBytes(sliceOf(bytes, from, to), twin.subarray(from, Math.max(from, to)))).toBe(true);
      expect(bytes.pieces.slice(0, -1).every((piece) => piece.length === PIECE_BYTES)).toBe(true);
      expect(equalFileBytes(bytes, fileBytesOf(twin))).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test("bytes are compared to the last one, wherever they lie", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(3), fc.nat(199), (bytes, shift, at) => {
      const moved = new Uint8Array(bytes.length + shift);
      moved.set(bytes, shift);
      const other = moved.subarray(shift);
      expect(equalWords(bytes, other)).toBe(true);
      if (at >= bytes.length) return;
      other[at] = (other[at] as number) ^ 1;
      expect(equalWords(bytes, other)).toBe(false);
    }),
  );
});

test("equal bytes are one array, digested once", () => {
  let computed = 0;
  const compute = (bytes: Uint8Array): Uint8Array => {
    computed += 1;
    return bytes.slice(0, 1);
  };
  const pieces = createPieces({ "blake2b/256": compute, "sha512/256": compute });
  const one = new Uint8Array(1000).fill(7);
  const other = one.slice();
  other[501] = 8; // between what is sampled
  expect(pieces.shared(one.slice())).toBe(pieces.shared(one));
  expect(pieces.shared(other)).not.toBe(pieces.shared(one));
  expect(pieces.digest("blake2b/256", one)).toBe(pieces.digest("blake2b/256", one.slice()));
  expect(computed).toBe(1);
});
