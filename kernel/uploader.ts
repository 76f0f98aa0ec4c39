/**
 * A client: scans directories, announces them to a few servers of each cluster, serves their index and blocks, and
 * counts receipts. Same boundary as a node.
 *
 *   scanning -> sealing -> signed -> announcing <-> serving -> finished (received | rejected | deadline | unreachable)
 *
 * Source: specification of the client, sections 3 to 6. Differs from 0.6.12: a receipt counts only for the image that
 * was uploaded, one accepting server is enough to end, and all refusals end at once.
 */
import { assert, unreachable } from "./assert.ts";
import type { Effect } from "./effect.ts";
import type { Event } from "./event.ts";
import { type Limits, DEFAULT_LIMITS } from "./config.ts";
import type { Address, BlockHash, ConnId, ImageId, MachineId, MonoMs, Now, OpId, VPath } from "./ids.ts";
import type { IndexBody } from "./index/builder.ts";
import { KIND_DIRECTORY, KIND_LINK, type PackedIndex } from "./index/packed.ts";
import { sliceOf } from "./index/slice.ts";
import { firstBlockOf, kindOf, pathOf, placeOfBlock, sizeOf } from "./index/view.ts";
import { type Prng, keyed, shuffle } from "./prng.ts";
import type { Progress, Report, Subject, Why } from "./report.ts";
import {
  type Links,
  answered,
  ask,
  closed,
  connectionTo,
  createLinks,
  expire,
  mayDial,
  opened,
  send,
} from "./rpc/links.ts";
import { uploadPayload } from "./signature/payload.ts";
import type { RootName } from "./storage/call.ts";
import type { DiskResult } from "./storage/request.ts";
import { textOfByteString, toHex } from "./text.ts";
import { decodeFrame } from "./wire/frame.ts";
import type { Notification, Request, Response } from "./wire/message.ts";

export type UploadMode = "append" | "append_weak" | "replace";

export type UploadJob = {
  readonly source: RootName;
  readonly path: VPath;
  readonly mode: UploadMode;
  readonly oldImage: ImageId | null;
};

export type ClusterJob = {
  /** As the user wrote it. */
  readonly name: string;
  /** Names or addresses, each `HOST` or `HOST:PORT` as `resolve` takes it. */
  readonly entryPoints: readonly string[];
};

export type UploaderConfig = {
  readonly uploads: readonly UploadJob[];
  readonly clusters: readonly ClusterJob[];
  readonly connections: number;
  readonly earlyMs: number;
  /** Of a thousand. */
  readonly earlyShare: number;
  readonly earlyHosts: number;
  readonly deadlineMs: number;
  readonly progressMs: number;
  readonly limits: Limits;
};

export const UPLOADER_DEFAULTS = {
  connections: 3,
  earlyMs: 30_000,
  earlyShare: 750,
  earlyHosts: 3,
  deadlineMs: 1_800_000,
  progressMs: 1_000,
  limits: DEFAULT_LIMITS,
} as const;

type Source = {
  readonly root: RootName;
  phase: "walking" | "digesting" | "sealing" | "ready";
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

type Cluster = {
  readonly job: ClusterJob;
  resolving: number;
  readonly initial: Set<Address>;
  /** Names that servers have told us about, and what they resolved to. */
  readonly candidates: Map<string, readonly Address[] | null>;
  readonly discovered: Map<MachineId, string>;
};

type Transfer = {
  readonly job: UploadJob;
  readonly cluster: Cluster;
  readonly source: Source;
  signed: { readonly timestamp: number; readonly signatures: readonly Uint8Array[] } | null;
  /** Connections on which it was announced and has not failed. */
  readonly conns: Map<ConnId, "asked" | "accepted">;
  readonly accepted: Set<Address>;
  readonly rejected: Map<Address, { readonly reason: string; readonly fatal: boolean }>;
  readonly done: Map<MachineId, string>;
  readonly doneAt: Set<Address>;
  readonly aborted: Map<MachineId, string>;
  servedBytes: number;
  safe: boolean;
  responses: number;
  startedAt: MonoMs;
  finished: { readonly ok: boolean; readonly why: Why } | null;
};

type Tag = { readonly kind: "upload"; readonly at: number };

type Waiting =
  | { readonly kind: "walk" | "seal"; readonly source: Source }
  | { readonly kind: "digest"; readonly source: Source; readonly from: number; readonly to: number }
  | { readonly kind: "resolve"; readonly cluster: Cluster; readonly name: string; readonly initial: boolean }
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
  /** Since when no connection of any cluster is open or being tried with hope. */
  hopelessSince: MonoMs | null;
};

const TICK_MS = 250;
/** Bytes of files that are digested as one request. */
const DIGEST_CHUNK_BYTES = 32 * 1024 * 1024;
const DIGESTS_AT_ONCE = 8;
/** Nobody can be reached for this long: the end. */
const HOPELESS_MS = 3_000;
const CANDIDATES_MAX = 256;
const SKIPPED_MAX = 100;

export function createUploader(config: UploaderConfig, seed: string, now: Now): UploaderState {
  const sources = new Map<RootName, Source>();
  for (const { source: root } of config.uploads) sources.set(root, newSource(root));
  const clusters = config.clusters.map(
    (job): Cluster => ({
      job,
      resolving: 0,
      initial: new Set(),
      candidates: new Map(),
      discovered: new Map(),
    }),
  );
  const transfers = clusters.flatMap((cluster) =>
    config.uploads.map((job) =>
      newTransfer(job, cluster, sources.get(job.source) ?? newSource(job.source), now),
    ),
  );
  return {
    config,
    prng: keyed(seed, "uploader"),
    sources,
    clusters,
    transfers,
    links: createLinks(config.limits),
    waiting: new Map(),
    nextOp: 1,
    started: false,
    ended: false,
    failed: false,
    progressAt: now.mono,
    tickAt: now.mono,
    hopelessSince: null,
  };
}

function newSource(root: RootName): Source {
  return {
    root,
    phase: "walking",
    tree: null,
    skipped: [],
    dealt: 0,
    running: 0,
    digestedBytes: 0,
    index: null,
    text: null,
    blocks: new Map(),
  };
}

function newTransfer(job: UploadJob, cluster: Cluster, source: Source, now: Now): Transfer {
  return {
    job,
    cluster,
    source,
    signed: null,
    conns: new Map(),
    accepted: new Set(),
    rejected: new Map(),
    done: new Map(),
    doneAt: new Set(),
    aborted: new Map(),
    servedBytes: 0,
    safe: false,
    responses: 0,
    startedAt: now.mono,
    finished: null,
  };
}

export function step(state: UploaderState, event: Event, now: Now): readonly Effect[] {
  const out: Effect[] = [];
  if (state.ended) return out;
  handle(state, event, now, out);
  if (!state.ended) plan(state, now, out);
  return out;
}

export function wakeAt(state: UploaderState): MonoMs {
  return state.started ? state.tickAt : (0 as MonoMs);
}

/** Exit status as a decision: everything that was asked for was received. */
export function succeeded(state: UploaderState): boolean {
  return !state.failed && state.transfers.every((transfer) => transfer.finished?.ok === true);
}

function handle(state: UploaderState, event: Event, now: Now, out: Effect[]): void {
  switch (event.kind) {
    case "wake":
      return wake(state, now, out);
    case "conn_open":
      return opened(state.links, event.conn, event.address, event.side, out);
    case "conn_closed":
      return connClosed(state, event.conn, now, out);
    case "frame":
      return frame(state, event.conn, event.bytes, now, out);
    case "disk_done":
      return diskDone(state, event.op, event.result, now, out);
    case "resolved": {
      const waiting = takeWaiting(state, event.op);
      if (waiting?.kind === "resolve") resolved(state, waiting, event.addresses, out);
      return;
    }
    case "signed": {
      const waiting = takeWaiting(state, event.op);
      if (waiting?.kind !== "sign") return;
      for (const [at, transfer] of waiting.transfers.entries()) {
        const signatures = event.signatures[at] ?? [];
        transfer.signed = { timestamp: event.timestamp, signatures };
        transfer.startedAt = now.mono;
      }
      return;
    }
    case "stop":
      state.failed = true;
      return end(state, out);
    default:
      return;
  }
}

function operation(state: UploaderState, waiting: Waiting): OpId {
  const op = state.nextOp as OpId;
  state.nextOp += 1;
  state.waiting.set(op, waiting);
  return op;
}

function takeWaiting(state: UploaderState, op: OpId): Waiting | null {
  const waiting = state.waiting.get(op) ?? null;
  state.waiting.delete(op);
  return waiting;
}

function report(out: Effect[], what: Report): void {
  out.push({ kind: "report", report: what });
}

function wake(state: UploaderState, now: Now, out: Effect[]): void {
  if (!state.started) {
    state.started = true;
    for (const source of state.sources.values()) {
      out.push({
        kind: "disk",
        op: operation(state, { kind: "walk", source }),
        request: { kind: "walk", root: source.root },
      });
    }
    for (const cluster of state.clusters)
      for (const name of cluster.job.entryPoints) resolve(state, cluster, name, true, out);
  }
  state.tickAt = (now.mono + TICK_MS) as MonoMs;
  for (const tag of expire(state.links, now.mono)) void tag;
  if (now.mono < state.progressAt) return;
  state.progressAt = (now.mono + state.config.progressMs) as MonoMs;
  for (const source of state.sources.values()) if (source.phase === "digesting") reportScan(source, out);
  for (const transfer of state.transfers) {
    const subject = subjectOf(transfer);
    if (subject !== null && transfer.signed !== null && transfer.finished === null) {
      report(out, { type: "progress", ...subject, ...progressOf(transfer) });
    }
  }
}

// ------------------------------------------------------------------------------------------------ scanning

function diskDone(state: UploaderState, op: OpId, result: DiskResult, now: Now, out: Effect[]): void {
  const waiting = takeWaiting(state, op);
  if (waiting === null) return;
  if (waiting.kind === "block") return blockRead(state, waiting, result, out);
  if (waiting.kind !== "walk" && waiting.kind !== "seal" && waiting.kind !== "digest") return;
  if (!result.ok) {
    report(out, { type: "error", code: result.code, detail: result.detail, source: waiting.source.root });
    state.failed = true;
    return end(state, out);
  }
  const { source } = waiting;
  if (waiting.kind === "walk" && result.value.kind === "tree") {
    source.tree = result.value.tree;
    source.skipped = result.value.skipped.slice(0, SKIPPED_MAX).map((name) => textOfByteString(name) ?? name);
    source.phase = "digesting";
    source.dealt = 0;
  } else if (waiting.kind === "digest" && result.value.kind === "digests") {
    const { tree } = source;
    assert(tree !== null, "digests are of a tree");
    tree.hashes.set(result.value.hashes, firstBlockOf(tree, waiting.from) * 32);
    source.running -= 1;
    source.digestedBytes += bytesBetween(tree, waiting.from, waiting.to);
  } else if (waiting.kind === "seal" && result.value.kind === "sealed") {
    sealed(state, source, result.value.index, result.value.text, now, out);
  }
}

function bytesBetween(tree: IndexBody, from: number, to: number): number {
  let bytes = 0;
  for (let entry = from; entry < to; entry++) bytes += sizeOf(tree, entry);
  return bytes;
}

/** Deals out ranges of files to digest, then has the index printed. */
function planScan(state: UploaderState, source: Source, out: Effect[]): void {
  const { tree } = source;
  if (source.phase !== "digesting" || tree === null) return;
  while (source.dealt < tree.entryCount && source.running < DIGESTS_AT_ONCE) {
    const from = source.dealt;
    let to = from;
    for (let bytes = 0; to < tree.entryCount && bytes < DIGEST_CHUNK_BYTES; to++)
      bytes += sizeOf(tree, to) + 1024;
    source.dealt = to;
    source.running += 1;
    const op = operation(state, { kind: "digest", source, from, to });
    const slice = sliceOf(tree, from, to); // the request travels to another thread, and a tree may be large
    out.push({
      kind: "disk",
      op,
      request: { kind: "digest_files", root: source.root, tree: slice, from: 0, to: slice.entryCount },
    });
  }
  if (source.dealt < tree.entryCount || source.running > 0) return;
  source.phase = "sealing";
  out.push({
    kind: "disk",
    op: operation(state, { kind: "seal", source }),
    request: { kind: "seal_index", tree },
  });
}

function reportScan(source: Source, out: Effect[]): void {
  const { tree } = source;
  if (tree === null) return;
  report(out, {
    type: "scan",
    source: source.root,
    bytes: source.digestedBytes,
    bytesTotal: tree.totalBytes,
    files: tree.entryCount,
  });
}

function sealed(
  state: UploaderState,
  source: Source,
  index: PackedIndex,
  text: Uint8Array,
  now: Now,
  out: Effect[],
): void {
  source.phase = "ready";
  source.index = index;
  source.text = text;
  source.tree = null;
  const blocks = new Map<string, number>();
  for (let block = 0; block < index.blockCount; block++) {
    blocks.set(toHex(index.hashes.subarray(block * 32, block * 32 + 32)), block);
  }
  source.blocks = blocks;
  const counts = { directories: 0, links: 0, files: 0 };
  for (let entry = 0; entry < index.entryCount; entry++) {
    const kind = kindOf(index, entry);
    if (kind === KIND_DIRECTORY) counts.directories += 1;
    else if (kind === KIND_LINK) counts.links += 1;
    else counts.files += 1;
  }
  const transfers = state.transfers.filter((transfer) => transfer.source === source);
  for (const path of new Set(transfers.map(({ job }) => job.path))) {
    const { image, totalBytes: bytes } = index;
    report(out, {
      type: "scanned",
      source: source.root,
      path,
      image,
      bytes,
      skipped: source.skipped,
      ...counts,
    });
  }
  const payloads = transfers.map(({ job }) => ({ path: job.path, image: index.image }));
  out.push({
    kind: "sign",
    op: operation(state, { kind: "sign", transfers }),
    timestamp: now.wall,
    payloads: payloads.map(({ path, image }) => uploadPayload(path, image, now.wall)),
  });
}

// ------------------------------------------------------------------------------------------------ connections

function resolve(
  state: UploaderState,
  cluster: Cluster,
  name: string,
  initial: boolean,
  out: Effect[],
): void {
  if (initial) cluster.resolving += 1;
  out.push({ kind: "resolve", op: operation(state, { kind: "resolve", cluster, name, initial }), name });
}

function resolved(
  state: UploaderState,
  { cluster, name, initial }: Extract<Waiting, { kind: "resolve" }>,
  addresses: readonly Address[],
  out: Effect[],
): void {
  if (!initial) {
    cluster.candidates.set(name, addresses);
    return;
  }
  cluster.resolving -= 1;
  for (const address of addresses) cluster.initial.add(address);
  if (addresses.length === 0) {
    report(out, {
      type: "unreachable",
      cluster: cluster.job.name,
      host: name,
      reason: "name does not resolve",
    });
  }
  void state;
}

function connClosed(state: UploaderState, conn: ConnId, now: Now, out: Effect[]): void {
  const address = state.links.conns.get(conn)?.address;
  const wasOpen = state.links.conns.get(conn)?.open === true;
  closed(state.links, conn, now.mono);
  for (const transfer of state.transfers) {
    if (!transfer.conns.delete(conn) && wasOpen) continue;
    if (!wasOpen && address !== undefined && transfer.cluster.initial.has(address)) {
      report(out, {
        type: "unreachable",
        cluster: transfer.cluster.job.name,
        host: address,
        reason: "no connection",
      });
    }
  }
}

function plan(state: UploaderState, now: Now, out: Effect[]): void {
  for (const source of state.sources.values()) planScan(state, source, out);
  // A source that cannot be read ends everything, and then nothing shall have been announced.
  if (state.transfers.some((transfer) => transfer.signed === null)) return;
  for (const transfer of state.transfers) {
    if (transfer.finished !== null) continue;
    connect(state, transfer, now, out);
    announce(state, transfer, now, out);
    judge(state, transfer, now, out);
  }
  if (state.transfers.every((transfer) => transfer.finished !== null)) end(state, out);
}

/** Keeps `connections` servers at work on a transfer: those that its servers name first, then the entry points. */
function connect(state: UploaderState, transfer: Transfer, now: Now, out: Effect[]): void {
  const { cluster } = transfer;
  for (const [name, addresses] of cluster.candidates) {
    if (addresses === null && transfer.conns.size < state.config.connections) {
      cluster.candidates.set(name, []);
      resolve(state, cluster, name, false, out);
    }
  }
  const wanted = state.config.connections - dialled(state, transfer).length;
  if (wanted <= 0) return;
  const named = shuffle(
    state.prng,
    [...cluster.candidates.values()].flatMap((addresses) => addresses ?? []),
  );
  const initial = shuffle(state.prng, [...cluster.initial]);
  let left = wanted;
  for (const address of new Set([...named, ...initial])) {
    if (left === 0) break;
    if (transfer.rejected.has(address) || state.links.dialled.has(address)) continue;
    if (!mayDial(state.links, address, now.mono)) continue;
    if (connectionTo(state.links, address, now.mono, out) !== null) left -= 1;
  }
}

/** Connections of the cluster, open or being dialled, that are not known to reject this transfer. */
function dialled(state: UploaderState, transfer: Transfer): readonly ConnId[] {
  const { cluster } = transfer;
  const known = new Set([
    ...cluster.initial,
    ...[...cluster.candidates.values()].flatMap((each) => each ?? []),
  ]);
  const out: ConnId[] = [];
  for (const [id, conn] of state.links.conns) {
    if (known.has(conn.address) && !transfer.rejected.has(conn.address)) out.push(id);
  }
  return out;
}

function announce(state: UploaderState, transfer: Transfer, now: Now, out: Effect[]): void {
  const { job, signed, source } = transfer;
  const image = source.index?.image;
  if (signed === null || image === undefined) return;
  for (const conn of dialled(state, transfer)) {
    if (transfer.conns.size >= state.config.connections) return;
    if (transfer.conns.has(conn) || state.links.conns.get(conn)?.open !== true) continue;
    const upload = { path: job.path, image, timestamp: signed.timestamp, signatures: signed.signatures };
    const request: Request =
      job.mode === "replace"
        ? { type: "ReplaceDir", oldImage: job.oldImage, ...upload }
        : { type: "AppendDir", ...upload };
    send(state.links, conn, { kind: "notification", notification: { type: "PublishImage", image } }, out);
    const until = (now.mono + state.config.limits.requestMs * 3) as MonoMs;
    if (
      ask(state.links, conn, request, until, { kind: "upload", at: state.transfers.indexOf(transfer) }, out)
    ) {
      transfer.conns.set(conn, "asked");
    }
  }
}

function frame(state: UploaderState, conn: ConnId, bytes: Uint8Array, now: Now, out: Effect[]): void {
  const decoded = decodeFrame(bytes);
  if (!decoded.ok) return;
  const { message } = decoded;
  switch (message.kind) {
    case "request":
      return serve(state, conn, message.id, message.request, out);
    case "response": {
      const tag = answered(state.links, conn, message.id);
      const transfer = tag === null ? undefined : state.transfers[tag.at];
      if (transfer !== undefined) response(state, transfer, conn, message.response, now, out);
      return;
    }
    case "notification":
      return notification(state, conn, message.notification, out);
    default:
      return unreachable(message);
  }
}

/** Answers an upload may be refused with and try elsewhere. */
const ELSEWHERE = ["no_config"];
const CONFLICTS = ["already_exists", "already_uploading_different_version"];

function response(
  state: UploaderState,
  transfer: Transfer,
  conn: ConnId,
  message: Response,
  now: Now,
  out: Effect[],
): void {
  const address = state.links.conns.get(conn)?.address;
  const subject = subjectOf(transfer);
  if (address === undefined || subject === null) return;
  transfer.responses += 1;
  if (message.type === "Error") {
    transfer.conns.delete(conn);
    transfer.rejected.set(address, { reason: message.text, fatal: true });
    return report(out, { type: "rejected", host: address, reason: message.text, fatal: true, ...subject });
  }
  if (message.type !== "AppendDir" && message.type !== "ReplaceDir") return;
  for (const [machine, name] of message.hosts) {
    if (transfer.cluster.discovered.size >= CANDIDATES_MAX) break;
    transfer.cluster.discovered.set(machine, name);
    if (!transfer.cluster.candidates.has(name)) transfer.cluster.candidates.set(name, null);
  }
  const weak = transfer.job.mode === "append_weak" && CONFLICTS.includes(message.reason ?? "");
  if (message.accepted || weak) {
    transfer.conns.set(conn, "accepted");
    transfer.accepted.add(address);
    if (weak) transfer.doneAt.add(address);
    return report(out, { type: "accepted", host: address, ...subject });
  }
  const reason = message.reason ?? "unknown";
  const fatal = !ELSEWHERE.includes(reason);
  transfer.conns.delete(conn);
  transfer.rejected.set(address, { reason, fatal });
  report(out, { type: "rejected", host: address, reason, fatal, ...subject });
  void now;
}

function notification(state: UploaderState, conn: ConnId, message: Notification, out: Effect[]): void {
  if (message.type === "PublishImage") return;
  const address = state.links.conns.get(conn)?.address;
  for (const transfer of state.transfers) {
    const subject = subjectOf(transfer);
    if (subject === null || transfer.job.path !== message.path || address === undefined) continue;
    if (!knows(transfer, address)) continue;
    if (message.image !== subject.image) continue; // what another client has uploaded is no receipt of ours
    const { machine, hostname: host } = message;
    transfer.cluster.discovered.set(machine, host);
    if (message.type === "AbortedImage") {
      if (!transfer.aborted.has(machine))
        report(out, { type: "aborted", host, machine, reason: message.reason, ...subject });
      transfer.aborted.set(machine, message.reason);
      if (!message.forwarded) transfer.conns.delete(conn);
      continue;
    }
    if (!message.forwarded) transfer.doneAt.add(address);
    if (transfer.done.has(machine)) continue;
    transfer.done.set(machine, host);
    transfer.aborted.delete(machine);
    report(out, { type: "received", host, machine, forwarded: message.forwarded, ...subject });
    transfer.safe = true;
    report(out, { type: "safe", servers: transfer.done.size, ...subject });
  }
}

function knows(transfer: Transfer, address: Address): boolean {
  const { cluster } = transfer;
  return (
    cluster.initial.has(address) || [...cluster.candidates.values()].some((each) => each?.includes(address))
  );
}

// ------------------------------------------------------------------------------------------------ serving

function serve(state: UploaderState, conn: ConnId, id: number, message: Request, out: Effect[]): void {
  if (message.type === "GetIndex") {
    for (const source of state.sources.values()) {
      if (source.index?.image !== message.image || source.text === null) continue;
      return reply(state, conn, id, { type: "GetIndex", data: source.text }, out);
    }
    return reply(state, conn, id, { type: "Error", text: "IndexNotFound" }, out);
  }
  if (message.type === "GetBlock") return serveBlock(state, conn, id, message.hash, out);
  reply(state, conn, id, { type: "Error", text: "not a server" }, out);
}

function serveBlock(state: UploaderState, conn: ConnId, id: number, hash: BlockHash, out: Effect[]): void {
  for (const source of state.sources.values()) {
    const block = source.blocks.get(hash);
    if (block === undefined || source.index === null) continue;
    const { entry, offset, length } = placeOfBlock(source.index, block);
    const op = operation(state, { kind: "block", conn, request: id, source, bytes: length });
    const file = pathOf(source.index, entry);
    return void out.push({
      kind: "disk",
      op,
      request: { kind: "read_source", root: source.root, file, offset, length },
    });
  }
  reply(state, conn, id, { type: "Error", text: "CantReadBlock" }, out);
}

function blockRead(
  state: UploaderState,
  { conn, request, source, bytes }: Extract<Waiting, { kind: "block" }>,
  result: DiskResult,
  out: Effect[],
): void {
  if (!result.ok || result.value.kind !== "bytes" || result.value.bytes.length !== bytes) {
    return reply(state, conn, request, { type: "Error", text: "CantReadBlock" }, out);
  }
  reply(state, conn, request, { type: "GetBlock", data: result.value.bytes }, out);
  for (const transfer of state.transfers) {
    if (transfer.source === source && transfer.conns.has(conn)) transfer.servedBytes += bytes;
  }
}

function reply(state: UploaderState, conn: ConnId, id: number, response_: Response, out: Effect[]): void {
  send(state.links, conn, { kind: "response", id, response: response_ }, out);
}

// ------------------------------------------------------------------------------------------------ the end

function subjectOf(transfer: Transfer): Subject | null {
  const image = transfer.source.index?.image;
  if (image === undefined) return null;
  return { cluster: transfer.cluster.job.name, path: transfer.job.path, image };
}

function progressOf(transfer: Transfer): Progress {
  const { discovered } = transfer.cluster;
  const waiting = [...discovered].filter(([machine]) => !transfer.done.has(machine)).map(([, name]) => name);
  return {
    bytes: transfer.servedBytes,
    bytesTotal: transfer.source.index?.totalBytes ?? 0,
    accepted: [...transfer.accepted],
    received: [...transfer.done.values()],
    waitingFor: waiting,
  };
}

function judge(state: UploaderState, transfer: Transfer, now: Now, out: Effect[]): void {
  const why = verdict(state, transfer, now);
  if (why === null) return;
  const ok =
    why === "received" &&
    ![...transfer.rejected.values()].some(({ fatal }) => fatal) &&
    transfer.aborted.size === 0;
  transfer.finished = { ok, why: why === "received" && !ok ? "rejected" : why };
  const subject = subjectOf(transfer);
  assert(subject !== null, "what is finished was scanned");
  report(out, {
    type: "finished",
    ok,
    why: transfer.finished.why,
    servers: [...transfer.done.values()],
    known: knownServers(transfer),
    elapsedMs: now.mono - transfer.startedAt,
    ...subject,
    ...progressOf(transfer),
  });
}

/** Servers of the cluster that are known to be configured for the path. */
function knownServers(transfer: Transfer): number {
  return Math.max(transfer.cluster.discovered.size, transfer.accepted.size);
}

function verdict(state: UploaderState, transfer: Transfer, now: Now): Why | null {
  const { config } = state;
  const elapsed = now.mono - transfer.startedAt;
  const unanswered = [...transfer.conns.values()].includes("asked");
  const allDone =
    transfer.accepted.size > 0 && [...transfer.accepted].every((address) => transfer.doneAt.has(address));
  if (!unanswered && allDone) {
    const everybody = [...transfer.cluster.discovered.keys()].every((machine) => transfer.done.has(machine));
    if (everybody || transfer.job.mode === "append_weak") return "received";
  }
  if (elapsed >= config.earlyMs) {
    const known = knownServers(transfer);
    const share = Math.ceil((known * config.earlyShare) / 1000);
    const need = Math.min(known, Math.max(config.earlyHosts, share));
    if (need > 0 && transfer.done.size >= need) return "received";
  }
  if (elapsed >= config.deadlineMs) return "deadline";
  const { cluster } = transfer;
  const busy = cluster.resolving > 0 || unanswered || [...cluster.candidates.values()].includes(null);
  if (transfer.accepted.size === 0 && !busy) {
    const every = [...cluster.initial, ...[...cluster.candidates.values()].flatMap((each) => each ?? [])];
    const failed = (address: Address): boolean =>
      !state.links.dialled.has(address) && (state.links.failures.get(address)?.count ?? 0) > 0;
    if (every.length > 0 && every.every((address) => transfer.rejected.has(address))) return "rejected";
    const hopeless = every.every((address) => transfer.rejected.has(address) || failed(address));
    if (hopeless && transfer.rejected.size > 0) return "rejected";
    if (hopeless && elapsed >= HOPELESS_MS) return "unreachable";
  }
  // Every server that took it has given it up.
  if (
    transfer.accepted.size > 0 &&
    transfer.conns.size === 0 &&
    transfer.aborted.size >= transfer.accepted.size
  )
    return "rejected";
  return null;
}

function end(state: UploaderState, out: Effect[]): void {
  state.ended = true;
  for (const conn of state.links.conns.keys()) out.push({ kind: "close", conn });
  out.push({ kind: "stopped" });
}
