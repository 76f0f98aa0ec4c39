/** Requests of others: uploads, indexes, blocks, listings. A block is served only where an index lists it. */
import { unreachable } from "../assert.ts";
import { getEntry, listingOf } from "../catalog.ts";
import type { Effect } from "../effect.ts";
import { commitOf, type Download, hasStored } from "../fetch/state.ts";
import { type ConnId, type ImageId, type Now, type VPath, hostOf, keyOf, levelOf } from "../ids.ts";
import { cachedIndex } from "../index-cache.ts";
import { BLOCK_BYTES, type PackedIndex } from "../index/packed.ts";
import { findHinted } from "../fetch/hint.ts";
import { pathOf, placeOfBlock } from "../index/view.ts";
import { type Arrival, receive } from "../publish/publish.ts";
import { watchPath } from "../publish/watch.ts";
import { begin, INDEX_CREDIT_BYTES_MAX, next, stuck } from "../rpc/credit.ts";
import { beginAnswer, send } from "../rpc/links.ts";
import type { BlockHint, Request, Response } from "../wire/message.ts";
import { listedNames } from "../retention/retention.ts";
import { digestOfKeepList } from "../wire/state-file.ts";
import { answer, answerError } from "./answers.ts";
import { type Asker, type NodeState, type Parked, disk } from "./state.ts";
import { hostsFor, perform, publishView } from "./uploads.ts";

export function request(
  node: NodeState,
  conn: ConnId,
  id: number,
  message: Request,
  now: Now,
  out: Effect[],
): void {
  const asker: Asker = { conn, request: id, credit: 0 };
  if (!beginAnswer(node.links, conn)) {
    const response: Response = { type: "Error", text: "too_many_requests" };
    send(node.links, conn, { kind: "response", id, response }, out);
    return;
  }
  if (node.phase !== "running") return answerError(node, asker, "not_running", now, out);
  switch (message.type) {
    case "AppendDir":
    case "ReplaceDir": {
      if (!watchPath(node.watch, conn, message.path, node.config.limits))
        return answerError(node, asker, "too_many_watches", now, out);
      const { path, image, timestamp, signatures } = message;
      const arrival: Arrival = {
        origin: {
          kind: "client",
          conn,
          request: id,
          oldImage: message.type === "ReplaceDir" ? message.oldImage : null,
        },
        path,
        mode: message.type === "AppendDir" ? "append" : "replace",
        version: { timestamp, image, signatures },
      };
      return perform(node, receive(node.publish, arrival, publishView(node, now)), now, out);
    }
    case "GetIndex":
    case "GetIndexAt":
    case "GetBlock":
    case "GetBaseDir": {
      const isIndex = message.type === "GetIndex" || message.type === "GetIndexAt";
      const credit = isIndex ? INDEX_CREDIT_BYTES_MAX : BLOCK_BYTES;
      const question: Parked = { asker: { ...asker, credit }, request: message };
      if (begin(node.credit, conn, isOfPeer(node, conn), question, credit)) serve(node, question, now, out);
      return;
    }
    default:
      return unreachable(message);
  }
}

function isOfPeer(node: NodeState, conn: ConnId): boolean {
  const address = node.links.conns.get(conn)?.address;
  return address !== undefined && node.view.hosts.has(hostOf(address));
}

/** Once a round: whoever asks, and does not read, has no place here. */
export function endStuck(node: NodeState, now: Now, out: Effect[]): void {
  for (const conn of stuck(node.credit, now.mono)) out.push({ kind: "close", conn });
}

/** What has waited for credit, as far as there is some now. */
export function serveParked(node: NodeState, now: Now, out: Effect[]): void {
  if (node.credit.waiting.size === 0) return;
  for (let question = next(node.credit); question !== null; question = next(node.credit))
    serve(node, question, now, out);
}

function serve(node: NodeState, { asker, request: message }: Parked, now: Now, out: Effect[]): void {
  switch (message.type) {
    case "GetIndex":
      return disk(
        node,
        { kind: "serve_index", asker, at: false, hosts: new Map() },
        { kind: "read_index", image: message.image },
        out,
      );
    case "GetIndexAt": {
      const hosts = hostsFor(node, message.path);
      const committed = levelOf(message.path) > 0 ? getEntry(node.catalog, message.path).committed : null;
      if (committed === null) return answer(node, asker, { type: "GetIndexAt", data: null, hosts }, now, out);
      return disk(
        node,
        { kind: "serve_index", asker, at: true, hosts },
        { kind: "read_index", image: committed.image },
        out,
      );
    }
    case "GetBlock":
      return serveBlock(node, asker, message.hash, message.hint, now, out);
    case "GetBaseDir": {
      const directory = node.config.directories.find(({ key }) => key === keyOf(message.path));
      if (directory === undefined) return answerError(node, asker, "No such config", now, out);
      const listing = listingOf(node.catalog, message.path);
      const { configHash } = directory;
      const keepListHash = digestOfKeepList(listedNames(node.retention, message.path));
      return answer(node, asker, { type: "GetBaseDir", configHash, keepListHash, listing }, now, out);
    }
    default:
      return unreachable(message);
  }
}

/** A block is served only where an index that this server has lists it. */
function serveBlock(
  node: NodeState,
  asker: Asker,
  hash: string,
  hint: BlockHint | null,
  now: Now,
  out: Effect[],
): void {
  if (hint === null)
    return answerError(node, asker, "Hint is required for fetching blocks from server", now, out);
  if (levelOf(hint.path) < 1) return answerError(node, asker, "block not found", now, out);
  const download = node.downloads.get(hint.path);
  // After a commit that failed nobody knows which tree the stage's name has.
  if (download !== undefined && download.index !== null && download.phase.kind !== "resting") {
    if (serveFrom(node, asker, download.index, hash, hint, download, out)) return;
  }
  const { committed } = getEntry(node.catalog, hint.path);
  if (committed === null) return answerError(node, asker, "block not found", now, out);
  const index = cachedIndex(node.indexes, committed.image);
  if (index !== null) {
    if (!serveFrom(node, asker, index, hash, hint, null, out))
      answerError(node, asker, "block not found", now, out);
    return;
  }
  const waiters = node.indexWaiters.get(committed.image);
  if (waiters !== undefined) {
    waiters.push({ asker, hash, hint });
    return;
  }
  node.indexWaiters.set(committed.image, [{ asker, hash, hint }]);
  disk(
    node,
    { kind: "serve_load", image: committed.image },
    { kind: "load_index", image: committed.image },
    out,
  );
}

/**
 * Whether what was read is of the image that was meant. Requests of one path that change its names go in the order in
 * which they were asked for, also among reads: a read in a stage ran before the commit of that stage, and one at the name
 * before that of the next image. Of what was read at the name after a commit that failed, nobody knows which tree it was.
 */
export function isReadOf(
  node: NodeState,
  { path, image, stage }: { readonly path: VPath; readonly image: ImageId; readonly stage: string | null },
): boolean {
  const download = node.downloads.get(path);
  if (stage !== null) return download?.intent.stage === stage;
  return getEntry(node.catalog, path).committed?.image === image && commitOf(download) !== "failed";
}

/** False when the index does not list this block there, or it is not stored yet. */
export function serveFrom(
  node: NodeState,
  asker: Asker,
  index: PackedIndex,
  hash: string,
  hint: BlockHint,
  download: Download | null,
  out: Effect[],
): boolean {
  const directory = node.config.directories.find(({ key }) => key === keyOf(hint.path));
  if (directory === undefined) return false;
  const block = findHinted(index, hint.file, hint.offset, hash);
  if (block === null) return false;
  if (download === null ? !isAtName(node, hint.path, index.image) : !hasStored(download, block)) return false;
  const { entry, length } = placeOfBlock(index, block);
  const file = pathOf(index, entry);
  const place = { path: hint.path, root: directory.root };
  // A read that is asked for during a commit runs after it, when the stage's name has the tree that was displaced.
  const staged = download !== null && download.phase.kind !== "committing";
  const stage = staged ? download.intent.stage : null;
  disk(
    node,
    { kind: "serve_block", asker, length, path: hint.path, image: index.image, stage },
    { kind: "read_block", place, stage, file, offset: hint.offset, length },
    out,
  );
  return true;
}

/**
 * Whether a read of this committed image will find it at its name: a commit that runs puts another one there before the
 * read has its turn, and after one that failed nobody knows which of the two it is.
 */
function isAtName(node: NodeState, path: VPath, image: ImageId): boolean {
  return (
    getEntry(node.catalog, path).committed?.image === image && commitOf(node.downloads.get(path)) === null
  );
}
