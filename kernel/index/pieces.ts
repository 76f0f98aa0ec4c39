/** Blocks of an index as ranges of files: what a disk is asked for, without the index. */
import type { ByteString } from "../text.ts";
import type { HashName, PackedIndex } from "./packed.ts";
import { firstBlockOf, pathOf, placeOfBlock, sizeOf } from "./view.ts";

/** Whole blocks of a file; its last one may be shorter. */
export type Piece = { readonly file: ByteString; readonly offset: number; readonly length: number };

export type Pieces = {
  readonly pieces: readonly Piece[];
  /** 32 bytes a block, piece after piece. */
  readonly hashes: Uint8Array;
  readonly blockBytes: number;
  readonly hashName: HashName;
};

/** The blocks numbered `from` up to before `end`. */
export function piecesOf(index: PackedIndex, from: number, end: number): Pieces {
  const { blockBytes, hashName } = index;
  const pieces: Piece[] = [];
  for (let block = from; block < end; ) {
    const { entry, offset } = placeOfBlock(index, block);
    const stop = Math.min(firstBlockOf(index, entry + 1), end);
    const length = Math.min(sizeOf(index, entry) - offset, (stop - block) * blockBytes);
    pieces.push({ file: pathOf(index, entry), offset, length });
    block = stop;
  }
  return { pieces, hashes: index.hashes.slice(from * 32, end * 32), blockBytes, hashName };
}
