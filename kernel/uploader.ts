/**
 * A client: scans directories, announces them to a few servers of each cluster, serves their index and blocks, and
 * counts receipts. Same boundary as a node.
 *
 *   scanning (and looking what is there) -> sealing -> signed -> announcing <-> serving -> finished (received | rejected | deadline | unreachable)
 *
 * Source: specification of the client, sections 3 to 6. Differs from 0.6.12: a receipt counts only for the image that
 * was uploaded, one accepting server is enough to end, and all refusals end at once.
 */
import { unreachable } from "./assert.ts";
import type { Effect } from "./effect.ts";
import type { Event } from "./event.ts";
import { DEFAULT_LIMITS } from "./config.ts";
import type { ConnId, MonoMs, Now, OpId } from "./ids.ts";
import { keyed } from "./prng.ts";
import { answered, countRefusal, createLinks, expire, opened, send } from "./rpc/links.ts";
import type { RootName } from "./storage/call.ts";
import type { DiskResult } from "./storage/request.ts";
import { announce, connClosed, connect, notification, response } from "./uploader/announce.ts";
import { confirm, confirmed } from "./uploader/confirm.ts";
import { createMeter, measure } from "./uploader/meter.ts";
import { resolve, resolved } from "./uploader/names.ts";
import { look, looked } from "./uploader/newest.ts";
import { beginScan, planScan, planSign, reportScan, scanned } from "./uploader/scan.ts";
import { blockRead, serve } from "./uploader/serve.ts";
import {
  type Cluster,
  report,
  type Source,
  subjectOf,
  type Transfer,
  type UploaderConfig,
  type UploaderState,
  type UploadJob,
} from "./uploader/state.ts";
import { judge, progressOf } from "./uploader/verdict.ts";
import { type About, decodeFrame } from "./wire/frame.ts";
import { INDEX_FRAME_BYTES_MAX } from "./wire/limits.ts";
import { takeWaiting } from "./operations.ts";

export type {
  ClusterJob,
  Confirm,
  UploaderConfig,
  UploaderState,
  UploadJob,
  UploadMode,
} from "./uploader/state.ts";

export const UPLOADER_DEFAULTS = {
  connections: 3,
  earlyMs: 30_000,
  earlyShare: 750,
  earlyHosts: 3,
  deadlineMs: 1_800_000,
  confirm: null,
  progressMs: 1_000,
  lookMs: 0,
  limits: DEFAULT_LIMITS,
} as const;
const TICK_MS = 250;

export function createUploader(config: UploaderConfig, seed: string, now: Now): UploaderState {
  const sources = new Map<RootName, Source>();
  for (const { source: root, base } of config.uploads) sources.set(root, newSource(root, base ?? null));
  const clusters = config.clusters.map(
    (job): Cluster => ({
      job,
      resolving: 0,
      initial: new Set(),
      candidates: new Map(),
      looking: new Set(),
      looks: new Map(),
      answeredAt: null,
    }),
  );
  const transfers = clusters.flatMap((cluster) =>
    config.uploads.map((job) =>
      newTransfer(job, cluster, sources.get(job.source) ?? newSource(job.source, job.base ?? null), now),
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
    lookUntil: null,
  };
}

function newSource(root: RootName, base: Source["base"]): Source {
  return {
    root,
    base,
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
    newest: job.newest ?? 0,
    signed: null,
    conns: new Map(),
    accepted: new Set(),
    rejected: new Map(),
    discovered: new Map(),
    isCrowded: false,
    done: new Map(),
    doneAt: new Set(),
    aborted: new Map(),
    machineAt: new Map(),
    questions: new Map(),
    confirmed: new Set(),
    leftAsItIs: false,
    servedBytes: 0,
    meter: createMeter(),
    safe: false,
    announced: false,
    aloneSince: now.mono,
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
      return diskDone(state, event.op, event.result, out);
    case "resolved": {
      const waiting = takeWaiting(state, event.op);
      if (waiting?.kind === "resolve") resolved(waiting, event.addresses, out);
      return;
    }
    case "http_got": {
      const waiting = takeWaiting(state, event.op);
      if (waiting?.kind === "page") looked(state, waiting, event.body, now, out);
      return;
    }
    case "signed": {
      const waiting = takeWaiting(state, event.op);
      if (waiting?.kind !== "sign") return;
      for (const [at, transfer] of waiting.transfers.entries()) {
        const signatures = event.signatures[at] ?? [];
        transfer.signed = { timestamp: event.timestamp, signatures };
        transfer.startedAt = now.mono;
        transfer.aloneSince = now.mono;
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

function wake(state: UploaderState, now: Now, out: Effect[]): void {
  if (!state.started) {
    state.started = true;
    for (const source of state.sources.values()) beginScan(state, source, out);
    for (const cluster of state.clusters)
      for (const name of cluster.job.entryPoints) resolve(state, cluster, name, true, out);
  }
  state.tickAt = (now.mono + TICK_MS) as MonoMs;
  // Who does not answer is left, and comes back like any other whose connection has ended.
  for (const { conn } of expire(state.links, now.mono)) out.push({ kind: "close", conn });
  for (const transfer of state.transfers)
    if (transfer.signed !== null && transfer.finished === null)
      measure(transfer.meter, transfer.servedBytes, now.mono);
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

function plan(state: UploaderState, now: Now, out: Effect[]): void {
  look(state, now, out);
  for (const source of state.sources.values()) {
    planScan(state, source, out);
    planSign(state, source, now, out);
  }
  // A source that cannot be read ends everything, and then nothing shall have been announced.
  if (state.transfers.some((transfer) => transfer.signed === null)) return;
  for (const transfer of state.transfers) {
    if (transfer.finished !== null) continue;
    connect(state, transfer, now, out);
    announce(state, transfer, now, out);
    confirm(state, transfer, now, out);
    judge(state, transfer, now, out);
  }
  if (state.transfers.every((transfer) => transfer.finished !== null)) end(state, out);
}

function diskDone(state: UploaderState, op: OpId, result: DiskResult, out: Effect[]): void {
  const waiting = takeWaiting(state, op);
  if (waiting === null) return;
  if (waiting.kind === "block") return blockRead(state, waiting, result, out);
  if (waiting.kind !== "walk" && waiting.kind !== "seal" && waiting.kind !== "digest") return;
  if (!result.ok) return sourceFailed(state, waiting.source, result.code, result.detail, out);
  const { value } = result;
  if (value.kind === "sealed" && value.text.length > INDEX_FRAME_BYTES_MAX) {
    const detail = `${value.text.length} bytes of index, at most ${INDEX_FRAME_BYTES_MAX}`;
    return sourceFailed(state, waiting.source, "index_too_large", detail, out);
  }
  scanned(state, waiting, value, out);
}

/** One source that cannot be read ends everything: nothing has been announced yet. */
function sourceFailed(
  state: UploaderState,
  source: Source,
  code: string,
  detail: string,
  out: Effect[],
): void {
  report(out, { type: "error", code, detail, source: source.root });
  state.failed = true;
  end(state, out);
}

/** Who asked is told so. An answer that nobody can read does not come again: on a new connection all is asked anew. */
function frameRefused(
  state: UploaderState,
  conn: ConnId,
  code: string,
  about: About | null,
  out: Effect[],
): void {
  countRefusal(state.links, conn, out);
  if (about?.kind === "request") {
    send(state.links, conn, { kind: "response", id: about.id, response: { type: "Error", text: code } }, out);
    return;
  }
  // The call stays open, so that the connection has ended before its answer, and its address rests.
  if (about?.kind === "response" && state.links.conns.get(conn)?.calls.has(about.id) === true)
    out.push({ kind: "close", conn });
}

function frame(state: UploaderState, conn: ConnId, bytes: Uint8Array, now: Now, out: Effect[]): void {
  const decoded = decodeFrame(bytes);
  if (!decoded.ok) return frameRefused(state, conn, decoded.code, decoded.about, out);
  const { message } = decoded;
  switch (message.kind) {
    case "request":
      return serve(state, conn, message.id, message.request, out);
    case "response": {
      const tag = answered(state.links, conn, message.id);
      const transfer = tag === null ? undefined : state.transfers[tag.at];
      if (transfer === undefined) return;
      if (tag?.kind === "confirm") return confirmed(state, transfer, conn, message.response, now, out);
      return response(state, transfer, conn, message.response, out);
    }
    case "notification":
      return notification(state, conn, message.notification, out);
    default:
      return unreachable(message);
  }
}

function end(state: UploaderState, out: Effect[]): void {
  state.ended = true;
  for (const conn of state.links.conns.keys()) out.push({ kind: "close", conn });
  out.push({ kind: "stopped" });
}
