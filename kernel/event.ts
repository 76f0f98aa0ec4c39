/** Everything that happens to a node or an uploader. Time comes beside it, as an argument of `step`. */
import type { DirectoryConfig, KeyRing } from "./config.ts";
import type { Address, ConnId, Digest, OpId, VPath } from "./ids.ts";
import type { RootName } from "./storage/call.ts";
import type { DiskResult } from "./storage/request.ts";

export type { DiskResult } from "./storage/request.ts";

export type Event =
  | { readonly kind: "datagram"; readonly from: Address; readonly bytes: Uint8Array }
  /** A connection is ready for frames: one that we dialled, or one that was accepted. */
  | { readonly kind: "conn_open"; readonly conn: ConnId; readonly address: Address; readonly side: ConnSide }
  /** One unfragmented binary message. The bytes belong to the receiver. */
  | { readonly kind: "frame"; readonly conn: ConnId; readonly bytes: Uint8Array }
  /** A frame has gone out as far as this process can see, and does not fill its memory any more. In order. */
  | { readonly kind: "sent"; readonly conn: ConnId }
  /** The end of a connection, also of a dial that failed; nothing follows for this id. */
  | { readonly kind: "conn_closed"; readonly conn: ConnId; readonly why: CloseReason }
  | { readonly kind: "disk_done"; readonly op: OpId; readonly result: DiskResult }
  /** Answers `verify`: which of its checks hold, in their order. */
  | { readonly kind: "verified"; readonly op: OpId; readonly holds: readonly boolean[] }
  /** Answers `sign`: of each payload the signatures by all keys, 64 bytes each. */
  | {
      readonly kind: "signed";
      readonly op: OpId;
      readonly timestamp: number;
      readonly signatures: readonly (readonly Uint8Array[])[];
    }
  | { readonly kind: "digested"; readonly op: OpId; readonly digest: Digest }
  /** Answers `resolve`; empty when the name does not resolve. */
  | { readonly kind: "resolved"; readonly op: OpId; readonly addresses: readonly Address[] }
  /** Answers `http_get`; null when there was no answer of status 200. */
  | { readonly kind: "http_got"; readonly op: OpId; readonly body: Uint8Array | null }
  | { readonly kind: "keys_changed"; readonly keys: KeyRing }
  /** All directories as the operator wants them from now on, sorted by key. Not before `ready`. */
  | { readonly kind: "config_changed"; readonly directories: readonly DirectoryConfig[] }
  /** Files of the operator are wrong, so that what they said before goes on; or, with null, they are sound again. */
  | { readonly kind: "files_kept"; readonly files: OperatorFiles; readonly why: string | null }
  /** The images of a directory that stay whatever their age; null when its keep list cannot be read. */
  | { readonly kind: "keep_list"; readonly key: string; readonly paths: readonly VPath[] | null }
  /** The peer file, with its names resolved; replaces what was known. */
  | { readonly kind: "peers_resolved"; readonly peers: readonly ListedPeer[] }
  /** Room on the file systems that are used, as it is now. */
  | { readonly kind: "space"; readonly places: readonly Space[] }
  | { readonly kind: "stop" }
  | { readonly kind: "wake" };

/** `root`: of a directory, or null for the database. */
export type Space = {
  readonly root: RootName | null;
  readonly totalBytes: number;
  readonly freeBytes: number;
};
export type OperatorFiles = "configuration" | "keys" | "peers";
export type ConnSide = "dialled" | "accepted";
export type ListedPeer = { readonly address: Address; readonly name: string };

export type CloseReason =
  | "refused" // nobody listens, or no answer to the handshake in time
  | "closed" // the other side ended it
  | "silent" // no byte for the silence bound
  | "broken" // reset, or a frame outside the rules
  | "asked"; // our own `close`
