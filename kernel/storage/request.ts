/**
 * What the kernel asks of a disk: names of images and stages, never descriptors. Each request is one storage program,
 * and each answer one `DiskResult`.
 */
import type { BlockHash, ImageId, UnixMs, VPath } from "../ids.ts";
import type { IndexBody } from "../index/builder.ts";
import type { PackedIndex } from "../index/packed.ts";
import type { Pieces } from "../index/pieces.ts";
import type { ByteString } from "../text.ts";
import type { Floor, RemovedFloor } from "../wire/floor-file.ts";
import type { SignedState } from "../wire/signed-state.ts";
import type { FsCode, RootName } from "./call.ts";

/** Where an image lives: its base directory below the configured one, and its own name. */
export type Place = { readonly path: VPath; readonly root: RootName };

export type UploadMode = "append" | "replace";

export type DiskRequest =
  /** Lock, recovery and inventory at start, before anything else. */
  | {
      readonly kind: "recover";
      readonly places: readonly {
        readonly key: string;
        readonly root: RootName;
        readonly numLevels: number;
      }[];
      /** Never used before: names what is set aside, and the stage of an intent that 0.6.12 left. */
      readonly tag: string;
    }
  /** The same of a directory that is configured while the server runs: nothing of its key is asked for meanwhile. */
  | {
      readonly kind: "adopt";
      readonly key: string;
      readonly root: RootName;
      readonly numLevels: number;
      readonly tag: string;
    }
  /** U3: makes an accepted upload durable. `stage` names the stage directory to be. */
  | {
      readonly kind: "put_intent";
      readonly place: Place;
      readonly state: SignedState;
      readonly stage: string;
      readonly mode: UploadMode;
    }
  /** New signatures of the image that is here already. `supersedes`: the stage of the promise that loses to them. */
  | {
      readonly kind: "put_state";
      readonly place: Place;
      readonly state: SignedState;
      readonly supersedes: string | null;
    }
  /** U4: checks an index against its id, parses it, and makes it durable. */
  | { readonly kind: "store_index"; readonly image: ImageId; readonly text: Uint8Array }
  | { readonly kind: "load_index"; readonly image: ImageId }
  | { readonly kind: "read_index"; readonly image: ImageId }
  /** Folders of the indexes that there are, `00` to `ff`. */
  | { readonly kind: "list_index_folders" }
  /** Names of one folder of the indexes, `00` to `ff`. */
  | { readonly kind: "list_indexes"; readonly folder: string }
  /** An index that nothing refers to any more. */
  | { readonly kind: "drop_index"; readonly image: ImageId }
  /** U5, U6: creates or resumes a stage, links what is reusable, and says which blocks are there. */
  | {
      readonly kind: "prepare_stage";
      readonly place: Place;
      readonly image: ImageId;
      readonly stage: string;
      /** Committed images of the same base directory to link from, best first. */
      readonly sources: readonly { readonly path: VPath; readonly image: ImageId }[];
    }
  /** U7: digests a received block and writes it where it belongs. */
  | {
      readonly kind: "write_block";
      readonly place: Place;
      readonly image: ImageId;
      readonly stage: string;
      readonly file: ByteString;
      readonly offset: number;
      readonly hash: BlockHash;
      readonly bytes: Uint8Array;
    }
  /** U8 to U14: completes, verifies, syncs, publishes, and turns the intent into the state. */
  | {
      readonly kind: "commit";
      readonly place: Place;
      readonly image: ImageId;
      readonly stage: string;
      readonly mode: UploadMode;
      /** Something failed before: the image may be at its name already, and what it displaced at the stage's. */
      readonly again: boolean;
    }
  /** U15: deletes the tree that a commit displaced. */
  | { readonly kind: "delete_old"; readonly place: Place; readonly stage: string }
  /** RM1 to RM4: an image that is not kept any more. `stage` names its tree until `delete_old`. */
  | { readonly kind: "remove"; readonly place: Place; readonly floor: Floor; readonly stage: string }
  /** Drops the intent, then the stage. */
  | { readonly kind: "abort"; readonly place: Place; readonly stage: string }
  | {
      readonly kind: "read_block";
      readonly place: Place;
      /** Null for the committed tree. */
      readonly stage: string | null;
      readonly file: ByteString;
      readonly offset: number;
      readonly length: number;
    }
  /** Compares names, kinds, sizes, modes and links of a visible image with its index, which is part of the answer. */
  | { readonly kind: "scrub_shape"; readonly place: Place; readonly image: ImageId }
  /** Reads some blocks of a visible image. */
  | ({ readonly kind: "scrub_blocks"; readonly place: Place } & Pieces)
  /** Counters that survive a restart. */
  | { readonly kind: "save_transfer"; readonly transfer: Transfer }
  /** What a wall clock shows that can be trusted. */
  | { readonly kind: "save_time"; readonly time: UnixMs }
  /** The server ends, and nothing that changes the disk is on its way. */
  | { readonly kind: "mark_clean" }
  /** A source tree of an uploader: lists it, without digests. */
  | { readonly kind: "walk"; readonly root: RootName }
  /** Digests of the entries numbered `from` up to before `to` of a walked tree, block after block. */
  | {
      readonly kind: "digest_files";
      readonly root: RootName;
      readonly tree: IndexBody;
      readonly from: number;
      readonly to: number;
    }
  /** An index that somebody sent: is it what its own footer says? */
  | { readonly kind: "check_index"; readonly text: Uint8Array }
  /** Prints the index of a tree whose digests are all there, and gives it its id. */
  | { readonly kind: "seal_index"; readonly tree: IndexBody }
  | {
      readonly kind: "read_source";
      readonly root: RootName;
      readonly file: ByteString;
      readonly offset: number;
      readonly length: number;
    }
  /** A tree that a client brings home: a block of it, its end, or that it is given up. */
  | ({
      readonly kind: "copy_block";
      readonly file: ByteString;
      readonly offset: number;
      readonly hash: BlockHash;
      readonly bytes: Uint8Array;
    } & Copy)
  | ({ readonly kind: "finish_copy"; readonly index: PackedIndex } & Copy)
  | ({ readonly kind: "drop_copy" } & Copy);

/** `name` in `root`, beside which it is written as `stage` says. */
export type Copy = { readonly root: RootName; readonly name: string; readonly stage: string };

/** Block payload only, since the database exists. */
export type Transfer = {
  readonly fetched: Amount;
  readonly reused: Amount;
  readonly linked: Amount;
  readonly served: Amount;
};
export type Amount = { readonly bytes: number; readonly blocks: number };

export type DiskValue =
  | ({ readonly kind: "recovered" } & LastRun & Inventory)
  | ({ readonly kind: "adopted" } & Inventory)
  /** Sorted. */
  | { readonly kind: "folders"; readonly folders: readonly string[] }
  | { readonly kind: "images"; readonly images: readonly ImageId[] }
  | { readonly kind: "tree"; readonly tree: IndexBody; readonly skipped: readonly ByteString[] }
  | { readonly kind: "digests"; readonly hashes: Uint8Array }
  | { readonly kind: "sealed"; readonly index: PackedIndex; readonly text: Uint8Array }
  | { readonly kind: "done" }
  | { readonly kind: "index"; readonly index: PackedIndex }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  /** `wrong`: what is not as the index says. */
  | { readonly kind: "shape"; readonly wrong: string | null; readonly index: PackedIndex }
  | { readonly kind: "scrubbed"; readonly wrong: string | null }
  /** One bit a block, least significant first: set when the block is in the stage and verified. */
  | {
      readonly kind: "stage";
      readonly stored: Uint8Array;
      readonly linkedBlocks: number;
      readonly linkedBytes: number;
      readonly reusedBlocks: number;
      readonly reusedBytes: number;
    };

/** What the server that ran before has left of itself. */
export type LastRun = {
  readonly transfer: Transfer;
  /** It has ended in order. */
  readonly wasClean: boolean;
  /** What its clock showed at the end, or not long before; null when that is not known. */
  readonly ranUntil: UnixMs | null;
};

/** What a look through the disk has found. */
export type Inventory = {
  readonly found: readonly FoundImage[];
  readonly problems: readonly string[];
  /** What of a key could not be looked at just now, in words: of that key not all was found. */
  readonly unread: readonly { readonly key: string; readonly what: string }[];
  /** Apart from that, all states of the database are known: no index is needed by one that could not be read. */
  readonly complete: boolean;
};

export type FoundImage = {
  readonly path: VPath;
  readonly committed: SignedState | null;
  /** `committed` is promised, but nothing stands at its name: it has to be fetched again. */
  readonly missing: boolean;
  readonly intent: { readonly state: SignedState; readonly stage: string; readonly mode: UploadMode } | null;
  /** What was removed here last. `removing`, and it is committed: the start could not end its removal. */
  readonly floor: RemovedFloor | null;
  /** The greatest that was committed here; null where nothing was since floors say so. */
  readonly published: Floor | null;
};

/** `code` is an `FsCode`, an index refusal, or one of the codes of `storage/`. */
export type DiskResult =
  | { readonly ok: true; readonly value: DiskValue }
  | { readonly ok: false; readonly code: FsCode | StorageCode; readonly detail: string };

export type StorageCode =
  | "already_exists" // a foreign tree stands where an append wants to go
  | "block_hash_mismatch"
  | "index_conflict" // the file system of the destination takes two names of the image for one
  | "index_invalid" // detail has the code of the index parser
  | "index_missing"
  | "index_name_too_long" // the file system of the destination does not take a name of the image
  | "older_than_present" // a greater version has its state there, which the start could not read
  | "state_changed" // an image that was to be removed has been signed again, or is about to be replaced
  | "removal_begun" // the tree is out of sight, and what comes after that has failed
  | "stage_incomplete" // the re-read before publishing found a difference
  | "source_changed" // a file of the uploader's tree is not what it was when it was listed
  | "exchange_unsupported" // the file system of a configured directory cannot swap two names
  | "queue_full"
  | "locked"; // another daemon has this database
