/**
 * A parsed index as flat arrays: transferable between threads without a copy, 32 bytes a block hash, and no object
 * per entry, so that an image of 100 GB (3.3 million blocks) stays within 150 MB.
 *
 * Entries stand in index order: `/` first, each directory followed by its files and links, then its sub-directories.
 */
import type { ImageId } from "../ids.ts";
import type { ByteString } from "../text.ts";

export const BLOCK_BYTES = 32_768;

export const KIND_DIRECTORY = 0;
export const KIND_FILE = 1;
export const KIND_EXECUTABLE = 2;
export const KIND_LINK = 3;
export type EntryKind = typeof KIND_DIRECTORY | typeof KIND_FILE | typeof KIND_EXECUTABLE | typeof KIND_LINK;

export type HashName = "blake2b/256" | "sha512/256";

export type PackedIndex = {
  readonly image: ImageId;
  readonly hashName: HashName;
  readonly blockBytes: number;
  /** Bytes of the index text itself. */
  readonly textBytes: number;
  readonly entryCount: number;
  readonly blockCount: number;
  /** Sum of all file sizes. */
  readonly totalBytes: number;
  /** `EntryKind` of each entry. */
  readonly kinds: Uint8Array<ArrayBuffer>;
  /** Unescaped absolute paths (`/`, `/sub`, `/sub/file`), one after the other. */
  readonly paths: Uint8Array<ArrayBuffer>;
  /** entryCount + 1 offsets into `paths`. */
  readonly pathStarts: Uint32Array<ArrayBuffer>;
  /** Unescaped link targets, one after the other. */
  readonly targets: Uint8Array<ArrayBuffer>;
  /** entryCount + 1 offsets into `targets`; equal neighbours for what is no link. */
  readonly targetStarts: Uint32Array<ArrayBuffer>;
  /** Bytes of each file, 0 for directories and links. */
  readonly sizes: Float64Array<ArrayBuffer>;
  /** entryCount + 1 block numbers: entry i has the blocks from firstBlocks[i] up to firstBlocks[i + 1]. */
  readonly firstBlocks: Uint32Array<ArrayBuffer>;
  /** 32 bytes a block. */
  readonly hashes: Uint8Array<ArrayBuffer>;
};

/** What an entry says, unpacked one at a time. */
export type Entry =
  | { readonly kind: "directory"; readonly path: ByteString }
  | { readonly kind: "file"; readonly path: ByteString; readonly executable: boolean; readonly size: number }
  | { readonly kind: "link"; readonly path: ByteString; readonly target: ByteString };
