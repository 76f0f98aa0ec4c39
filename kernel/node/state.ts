/** What a server knows, and the one table of operations that it waits for. */
import type { About } from "../about.ts";
import type { Catalog, Intent } from "../catalog.ts";
import type { Config, DirectoryConfig, KeyRing } from "../config.ts";
import type { Effect, TraceFields } from "../effect.ts";
import type { AskPurpose, DiskPurpose, Download } from "../fetch/state.ts";
import type { RoundState } from "../gossip/rounds.ts";
import type { View } from "../gossip/view.ts";
import type { Address, ConnId, Digest, ImageId, MonoMs, OpId, UnixMs, VPath } from "../ids.ts";
import type { IndexCache } from "../index-cache.ts";
import type { Prng } from "../prng.ts";
import type { PublishState, Ticket } from "../publish/publish.ts";
import type { WatchState } from "../publish/watch.ts";
import type { ReconcileState } from "../reconcile/reconcile.ts";
import type { CollectState } from "../retention/indexes.ts";
import type { RetentionState } from "../retention/retention.ts";
import type { Credit } from "../rpc/credit.ts";
import type { Links } from "../rpc/links.ts";
import type { ScrubState } from "../scrub/scrub.ts";
import type { RootName } from "../storage/call.ts";
import type { DiskRequest, Inventory, Transfer } from "../storage/request.ts";
import type { BlockHint, Hosts, Request } from "../wire/message.ts";
import type { Listing } from "../wire/signed-state.ts";
import type { Version } from "../winner.ts";
import { operation } from "../operations.ts";

/** What waits for an answer over a link. */
export type Tag =
  | { readonly kind: "fetch"; readonly path: VPath; readonly stage: string; readonly purpose: AskPurpose }
  | { readonly kind: "listing"; readonly key: string };

/** Whom to answer. `credit`: bytes that were taken for an answer with much; 0 for a short one. */
export type Asker = { readonly conn: ConnId; readonly request: number; readonly credit: number };
/** What may be answered with much, and waits for credit. */
export type BulkRequest = Extract<Request, { type: "GetIndex" | "GetIndexAt" | "GetBlock" | "GetBaseDir" }>;
export type Parked = { readonly asker: Asker; readonly request: BulkRequest };

/** What waits for the disk, a verification or a digest. */
export type Waiting =
  | { readonly kind: "recover" }
  | { readonly kind: "adopt"; readonly directory: DirectoryConfig }
  /** The same of a start that could not look at all of a directory. */
  | { readonly kind: "look"; readonly directory: DirectoryConfig }
  | { readonly kind: "verify"; readonly ticket: Ticket }
  | { readonly kind: "store"; readonly ticket: Ticket }
  | { readonly kind: "fetch"; readonly path: VPath; readonly stage: string; readonly purpose: DiskPurpose }
  | { readonly kind: "serve_index"; readonly asker: Asker; readonly at: boolean; readonly hosts: Hosts }
  | { readonly kind: "serve_load"; readonly image: ImageId }
  | {
      readonly kind: "serve_block";
      readonly asker: Asker;
      readonly length: number;
      /** Where it is read: of this image, in its stage, or at its name when that is null. */
      readonly path: VPath;
      readonly image: ImageId;
      readonly stage: string | null;
    }
  | { readonly kind: "own_digest"; readonly base: VPath; readonly revision: number }
  | { readonly kind: "listing_digest"; readonly key: string; readonly listing: Listing }
  | { readonly kind: "page"; readonly address: Address }
  | { readonly kind: "identity"; readonly address: Address }
  | {
      readonly kind: "restore";
      readonly path: VPath;
      readonly directory: DirectoryConfig;
      readonly intent: Intent;
    }
  | {
      readonly kind: "remove";
      readonly path: VPath;
      readonly directory: DirectoryConfig;
      /** Names the tree until it is deleted. */
      readonly stage: string;
      readonly version: Version;
      /** How often it has failed. */
      readonly tries: number;
    }
  | { readonly kind: "scrub"; readonly path: VPath }
  | {
      readonly kind: "cleanup";
      readonly what: string;
      readonly path: VPath;
      readonly request: Cleanup;
      /** How often it has failed. */
      readonly tries: number;
    }
  | { readonly kind: "list_index_folders" }
  | { readonly kind: "list_indexes" }
  | { readonly kind: "drop_index"; readonly image: ImageId }
  | { readonly kind: "save" };

/** A look that has not seen all, and when the next one is due. */
export type Look = { readonly inventory: Inventory; readonly looks: number; readonly at: MonoMs };

/** `wanted`: all directories of the changed configuration. `failed`: keys that the disk does not let us serve. */
type Reload = {
  readonly wanted: readonly DirectoryConfig[];
  readonly failed: Set<string>;
  /** By key. */
  readonly looks: Map<string, Look & { readonly directory: DirectoryConfig }>;
};

/** What is to go from a disk. */
export type Cleanup = Extract<DiskRequest, { kind: "delete_old" | "abort" }>;
/** A cleanup that has failed, and when it is tried again. */
export type Uncleaned = {
  readonly what: string;
  readonly request: Cleanup;
  readonly tries: number;
  readonly at: MonoMs;
};

type OldTree = {
  readonly path: VPath;
  readonly directory: DirectoryConfig;
  readonly stage: string;
  readonly at: MonoMs;
};

export type NodeState = {
  /** Replaced as a whole when the operator changes it. */
  config: Config;
  /** Directories that the operator wants and that are not served yet, or that came while it starts; null when there are none. */
  reload: Reload | null;
  /** Directories, and null for the database, whose disks have no room for more. */
  short: ReadonlySet<RootName | null>;
  readonly prng: Prng;
  keys: KeyRing;
  /** The names in `upload-keys` were compared with these keys. */
  keysChecked: boolean;
  phase: "starting" | "running" | "stopping" | "failed";
  /** Of a start that could not look at everything. `asked`: keys of the look that is under way, in turn. */
  look: (Look & { readonly asked: string[] }) | null;
  readonly catalog: Catalog;
  readonly digests: Map<VPath, { digest: Digest; revision: number /** When it was computed. */; at: UnixMs }>;
  readonly links: Links<Tag>;
  readonly credit: Credit<Parked>;
  readonly view: View;
  readonly rounds: RoundState;
  readonly publish: PublishState;
  readonly watch: WatchState;
  readonly reconcile: ReconcileState;
  /** What there was when offers of listings were last let in. */
  admitted: {
    readonly backlog: ReconcileState["backlog"];
    readonly catalog: number;
    readonly ended: number;
  };
  readonly retention: RetentionState;
  readonly scrub: ScrubState;
  /** Null when a state could not be read: its image may need any index. */
  collect: CollectState | null;
  readonly downloads: Map<VPath, Download>;
  readonly indexes: IndexCache;
  /** Requests for blocks that wait for an index from the disk. */
  readonly indexWaiters: Map<
    ImageId,
    { readonly asker: Asker; readonly hash: string; readonly hint: BlockHint }[]
  >;
  readonly waiting: Map<OpId, Waiting>;
  readonly oldTrees: OldTree[];
  readonly uncleaned: Uncleaned[];
  /** Removals that are decided and have failed on their way, and when each is tried again. */
  readonly unremoved: { readonly waiting: Extract<Waiting, { kind: "remove" }>; readonly at: MonoMs }[];
  /** Paths whose committed image was not on the disk at the start: it counts as here only while it is being fetched. */
  readonly missing: Set<VPath>;
  /** Images given up here a moment ago: not taken again at once. */
  readonly avoided: Map<string, { readonly path: VPath; readonly until: MonoMs }>;
  readonly deleted: { readonly path: VPath; readonly image: ImageId; readonly until: MonoMs }[];
  readonly problems: Map<About, string>;
  /** Virtual paths `/key` of our own configuration, and the digest that others are to know it by. */
  configPaths: ReadonlySet<VPath>;
  configDigest: Digest;
  transfer: Transfer;
  transferDirty: boolean;
  nextOp: number;
  started: boolean;
  sweepAt: MonoMs;
  pollAt: MonoMs;
  startedAt: MonoMs;
};

const PROBLEMS_MAX = 1_000;

export function disk(node: NodeState, waiting: Waiting, request: DiskRequest, out: Effect[]): void {
  out.push({ kind: "disk", op: operation(node, waiting), request });
}

export function trace(out: Effect[], mark: string, fields: TraceFields): void {
  out.push({ kind: "trace", mark, fields });
}

/** A problem, and a line of the log when it is news. */
export function tell(node: NodeState, about: About, what: string | null, out: Effect[]): void {
  if (what !== null && node.problems.get(about) !== what) trace(out, "problem", { what });
  problem(node, about, what);
}

export function problem(node: NodeState, about: About, what: string | null): void {
  if (what === null) node.problems.delete(about);
  else if (node.problems.size < PROBLEMS_MAX) node.problems.set(about, what);
}
