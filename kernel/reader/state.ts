/** What a reader knows: whom it may ask, what was verified so far, and which blocks are here. */
import { DEFAULT_LIMITS, type Limits, type PublicKey } from "../config.ts";
import type { Effect } from "../effect.ts";
import type { Address, ConnId, MonoMs, Now, OpId, VPath } from "../ids.ts";
import type { PackedIndex } from "../index/packed.ts";
import { type Prng, keyed } from "../prng.ts";
import { createLinks, type Links } from "../rpc/links.ts";
import type { RootName } from "../storage/call.ts";
import type { ByteString } from "../text.ts";
import type { Hosts } from "../wire/message.ts";
import { operation } from "../operations.ts";

export type ReaderConfig = {
  readonly path: VPath;
  readonly wanted: Wanted;
  readonly entryPoints: readonly string[];
  readonly deadlineMs: number;
  /** Keys whose signatures are looked for. */
  readonly keys: readonly PublicKey[];
  /** Is an image that none of them has signed no answer? */
  readonly mustBeSigned: boolean;
};

export type Wanted =
  | { readonly kind: "index" }
  /** `mustExist`: its bytes are wanted; else only whether it is there, or could be. */
  | { readonly kind: "file"; readonly file: ByteString; readonly mustExist: boolean }
  /** All of it, as the directory `name` in `root`, where nothing has that name yet. */
  | { readonly kind: "tree"; readonly root: RootName; readonly name: string; readonly stage: string };

/** What was read, or why nothing could be. */
export type Reading =
  | {
      readonly ok: true;
      readonly index: PackedIndex;
      /** The index as it was sent. */
      readonly text: Uint8Array;
      /** Null when it is not there, or none was wanted. */
      readonly file: { readonly bytes: Uint8Array; readonly executable: boolean } | null;
      readonly origin: Origin;
    }
  | {
      readonly ok: false;
      readonly code: ReadingCode;
      readonly detail: string;
      /** Of `index_invalid`: what was sent, if that was the trouble. */
      readonly text?: Uint8Array;
    };

/** Who sent the index, and what the listing of the same server says of it. */
export type Origin = {
  readonly address: Address;
  /** Of the newest signature, milliseconds since 1970; null when the server does not list the image. */
  readonly timestamp: number | null;
  /** Those of our keys that have signed it then. */
  readonly signers: readonly PublicKey[];
  /** The other servers that are configured for the path, by what the server says. */
  readonly hosts: Hosts;
};

export type ReadingCode =
  | "unreachable" // no server answered
  | "nothing_there" // no server has an image at the path
  | "index_invalid" // what was sent is no index, or not the one that its last line says
  | "not_as_listed" // the server lists another image than it sends: a new one arrives, or it lies
  | "not_signed" // none of the keys that are trusted has signed it
  | "no_such_file"
  | "is_a_directory"
  | "not_a_directory" // a part of the file's path is a file or a link
  | "is_a_link"
  | "unsupported" // an index by another algorithm than uploads are made with
  | "gone" // another version came before all blocks were here
  | "local_disk"
  | "deadline";

export type Tag = { readonly conn: ConnId; readonly what: "index" | "listing" | number };
export type Waiting =
  | { readonly kind: "resolve" }
  | { readonly kind: "check"; readonly conn: ConnId; readonly text: Uint8Array; readonly hosts: Hosts }
  | { readonly kind: "verify"; readonly conn: ConnId; readonly timestamp: number }
  | { readonly kind: "block"; readonly conn: ConnId; readonly block: number; readonly bytes: Uint8Array }
  | { readonly kind: "finish" | "drop" };

/** An index that is what it says, before its origin is known. */
export type Candidate = { readonly index: PackedIndex; readonly text: Uint8Array; readonly hosts: Hosts };

export type Found = Candidate & { readonly origin: Origin };

/** Blocks of the file or of the tree: what is wanted, asked for, or here. */
export type Fetching = {
  readonly first: number;
  readonly state: Uint8Array;
  /** Of a file; those of a tree are on the disk. */
  readonly blocks: (Uint8Array | null)[];
  /** No block before this one is wanted. */
  next: number;
  running: number;
  left: number;
  /** What is here, and what was told of it last. */
  bytes: number;
  told: number;
};
export const BLOCK_WANTED = 0;
export const BLOCK_ASKED = 1;
export const BLOCK_HERE = 2;

export type ReaderState = {
  readonly config: ReaderConfig;
  readonly limits: Limits;
  readonly prng: Prng;
  readonly links: Links<Tag>;
  readonly waiting: Map<OpId, Waiting>;
  readonly untried: Address[];
  /** Those that list another image than they send: in a moment they may not. */
  readonly again: Address[];
  againAt: MonoMs;
  resolving: number;
  /** Who is being asked now. */
  conn: ConnId | null;
  candidate: Candidate | null;
  /** Whose index is used; stays when the server is left. */
  found: Found | null;
  /** The server that is asked now has sent the index in `found`. */
  current: boolean;
  fetching: Fetching | null;
  finishing: boolean;
  readonly failures: { readonly code: ReadingCode; readonly detail: string; readonly text?: Uint8Array }[];
  deadline: MonoMs;
  tickAt: MonoMs;
  nextOp: number;
  started: boolean;
  ending: Reading | null;
  reading: Reading | null;
};

export function createReader(config: ReaderConfig, seed: string, now: Now): ReaderState {
  return {
    config,
    limits: DEFAULT_LIMITS,
    prng: keyed(seed, "reader"),
    links: createLinks(DEFAULT_LIMITS),
    waiting: new Map(),
    untried: [],
    again: [],
    againAt: now.mono,
    resolving: 0,
    conn: null,
    candidate: null,
    found: null,
    current: false,
    fetching: null,
    finishing: false,
    failures: [],
    deadline: (now.mono + config.deadlineMs) as MonoMs,
    tickAt: now.mono,
    nextOp: 1,
    started: false,
    ending: null,
    reading: null,
  };
}

/** Who is asked now is left. What is here stays, if the next one has the same image. */
export function giveUp(
  state: ReaderState,
  code: ReadingCode,
  why: string,
  out: Effect[],
  text?: Uint8Array,
): void {
  if (state.conn === null) return;
  const address = state.links.conns.get(state.conn)?.address;
  const detail = address === undefined || why === "" ? why : `${address}: ${why}`;
  state.failures.push({ code, detail, ...(text === undefined ? {} : { text }) });
  if (code === "not_as_listed" && address !== undefined) state.again.push(address);
  out.push({ kind: "close", conn: state.conn });
  state.conn = null;
  state.candidate = null;
  state.current = false;
  const { fetching } = state;
  if (fetching === null) return;
  fetching.running = 0;
  fetching.next = 0;
  for (let at = 0; at < fetching.state.length; at++)
    if (fetching.state[at] === BLOCK_ASKED) fetching.state[at] = BLOCK_WANTED;
}

/** The reading is known; of a tree that was begun what is there goes first. */
export function end(state: ReaderState, reading: Reading, out: Effect[]): void {
  if (state.ending !== null) return;
  state.ending = reading;
  const { wanted } = state.config;
  for (const conn of state.links.conns.keys()) out.push({ kind: "close", conn });
  if (!reading.ok && wanted.kind === "tree" && state.fetching !== null) {
    const { root, name, stage } = wanted;
    const op = operation(state, { kind: "drop" });
    return void out.push({ kind: "disk", op, request: { kind: "drop_copy", root, name, stage } });
  }
  stopped(state, out);
}

export function stopped(state: ReaderState, out: Effect[]): void {
  state.reading = state.ending;
  out.push({ kind: "stopped" });
}
