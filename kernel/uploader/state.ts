/** What an uploader knows: its sources, its clusters, and one transfer for each upload to each cluster. */
import type { Limits } from "../config.ts";
import type { Effect } from "../effect.ts";
import type { Address, ConnId, ImageId, MachineId, MonoMs, OpId, VPath } from "../ids.ts";
import type { IndexBody } from "../index/builder.ts";
import type { PackedIndex } from "../index/packed.ts";
import type { Prng } from "../prng.ts";
import type { Report, Subject, Why } from "../report.ts";
import type { Links } from "../rpc/links.ts";
import type { RootName } from "../storage/call.ts";
import type { Meter } from "./meter.ts";

export type UploadMode = "append" | "append_weak" | "replace";

export type UploadJob = {
  readonly source: RootName;
  readonly path: VPath;
  readonly mode: UploadMode;
  readonly oldImage: ImageId | null;
  /** What the source is put over; blocks of it alone are not ours to serve. Without it the source is all. */
  readonly base?: IndexBody;
  /** Newest signature that was seen of the path, milliseconds since 1970: ours is made later, whatever the clock. */
  readonly newest?: number;
};

export type ClusterJob = {
  /** As the user wrote it. */
  readonly name: string;
  /** Names or addresses, each `HOST` or `HOST:PORT` as `resolve` takes it. */
  readonly entryPoints: readonly string[];
};

/** How many servers must say themselves that they hold an image. */
export type Confirm = "all" | number;

export type UploaderConfig = {
  readonly uploads: readonly UploadJob[];
  readonly clusters: readonly ClusterJob[];
  readonly connections: number;
  readonly earlyMs: number;
  /** Of a thousand. */
  readonly earlyShare: number;
  readonly earlyHosts: number;
  readonly deadlineMs: number;
  /** Instead of the rules of the early time; null: receipts are enough. */
  readonly confirm: Confirm | null;
  readonly progressMs: number;
  /** So long servers may say what they list of the paths, before anything is signed; 0: none is asked. */
  readonly lookMs: number;
  readonly limits: Limits;
};

export type Source = {
  readonly root: RootName;
  readonly base: IndexBody | null;
  phase: "walking" | "digesting" | "sealing" | "sealed" | "ready";
  tree: IndexBody | null;
  skipped: readonly string[];
  /** Entries up to here were dealt out to digest. */
  dealt: number;
  running: number;
  digestedBytes: number;
  index: PackedIndex | null;
  text: Uint8Array | null;
  /** Block hash to block number. */
  blocks: ReadonlyMap<string, number>;
};

export type Cluster = {
  readonly job: ClusterJob;
  resolving: number;
  readonly initial: Set<Address>;
  /** Names that servers have told us about, and what they resolved to; null until that is known. */
  readonly candidates: Map<string, readonly Address[] | null>;
  /** Those of them that are being resolved. */
  readonly looking: Set<string>;
  /** Who is asked what it lists; when the first had answered. */
  readonly looks: Map<Address, Look>;
  answeredAt: MonoMs | null;
};

/** What a server is asked for its listings, and how many pages are still to come. */
export type Look = {
  phase: "asked" | "done" | "failed";
  open: number;
  /** When what it lists at our paths was signed last. */
  readonly newest: Map<VPath, number>;
};

/** Whether a server holds it: until when a question waits, for its answer or for its turn. */
export type Question = {
  open: boolean;
  until: MonoMs;
  /** That it has reported was known when it was asked. */
  reported: boolean;
  /** How often it was asked since then. */
  tries: number;
};

export type Transfer = {
  readonly job: UploadJob;
  readonly cluster: Cluster;
  readonly source: Source;
  /** Newest signature that was seen of the path; 0: none. */
  newest: number;
  signed: { readonly timestamp: number; readonly signatures: readonly Uint8Array[] } | null;
  /** Connections on which it was announced and has not failed. */
  readonly conns: Map<ConnId, "asked" | "accepted">;
  readonly accepted: Set<Address>;
  readonly rejected: Map<Address, { readonly reason: string; readonly fatal: boolean }>;
  /** Servers that are known to be configured for the path, and those of them that hold all of the image. */
  readonly discovered: Map<MachineId, string>;
  /** There are more than can be known. */
  isCrowded: boolean;
  readonly done: Map<MachineId, string>;
  readonly doneAt: Set<Address>;
  readonly aborted: Map<MachineId, string>;
  /** Who has reported something of its own, by the address of its connection. */
  readonly machineAt: Map<Address, MachineId>;
  /** Servers that are asked whether they hold it. */
  readonly questions: Map<Address, Question>;
  /** Those that hold it by their own word. */
  readonly confirmed: Set<Address>;
  /** Another image stands there, and may (`append_weak`). */
  leftAsItIs: boolean;
  servedBytes: number;
  readonly meter: Meter;
  safe: boolean;
  /** Some server was asked to take it: it may have, whatever became of its answer. */
  announced: boolean;
  /** Since when no connection carries it; null while one does. */
  aloneSince: MonoMs | null;
  startedAt: MonoMs;
  finished: { readonly ok: boolean; readonly why: Why } | null;
};

export type Tag = { readonly kind: "upload" | "confirm"; readonly at: number; readonly conn: ConnId };

export type Waiting =
  | { readonly kind: "walk" | "seal"; readonly source: Source }
  | { readonly kind: "digest"; readonly source: Source; readonly from: number; readonly to: number }
  | { readonly kind: "resolve"; readonly cluster: Cluster; readonly name: string; readonly initial: boolean }
  | {
      readonly kind: "page";
      readonly cluster: Cluster;
      readonly address: Address;
      readonly own: Look;
      readonly base: VPath | null;
    }
  | { readonly kind: "sign"; readonly transfers: readonly Transfer[] }
  | {
      readonly kind: "block";
      readonly conn: ConnId;
      readonly request: number;
      readonly source: Source;
      readonly bytes: number;
    };

export type UploaderState = {
  readonly config: UploaderConfig;
  readonly prng: Prng;
  readonly sources: Map<RootName, Source>;
  readonly clusters: readonly Cluster[];
  readonly transfers: Transfer[];
  readonly links: Links<Tag>;
  readonly waiting: Map<OpId, Waiting>;
  nextOp: number;
  started: boolean;
  ended: boolean;
  failed: boolean;
  progressAt: MonoMs;
  tickAt: MonoMs;
  /** Null while nobody is to be asked yet. */
  lookUntil: MonoMs | null;
};

export function report(out: Effect[], what: Report): void {
  out.push({ kind: "report", report: what });
}

export function subjectOf(transfer: Transfer): Subject | null {
  const image = transfer.source.index?.image;
  if (image === undefined) return null;
  return { cluster: transfer.cluster.job.name, path: transfer.job.path, image };
}
