/** Answers of an uploader: the index from memory, blocks from the source as it is now. */
import type { Effect } from "../effect.ts";
import type { BlockHash, ConnId } from "../ids.ts";
import { pathOf, placeOfBlock } from "../index/view.ts";
import { send } from "../rpc/links.ts";
import type { DiskResult } from "../storage/request.ts";
import type { Request, Response } from "../wire/message.ts";
import { type UploaderState, type Waiting } from "./state.ts";
import { operation } from "../operations.ts";

export function serve(state: UploaderState, conn: ConnId, id: number, message: Request, out: Effect[]): void {
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

export function blockRead(
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
