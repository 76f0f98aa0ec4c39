/** Answers to requests of others, each once. */
import type { Effect } from "../effect.ts";
import { endAnswer, send } from "../rpc/links.ts";
import type { Response } from "../wire/message.ts";
import type { Asker, NodeState } from "./state.ts";

export function answer(node: NodeState, asker: Asker, response_: Response, out: Effect[]): void {
  endAnswer(node.links, asker.conn);
  send(node.links, asker.conn, { kind: "response", id: asker.request, response: response_ }, out);
}

export function answerError(node: NodeState, asker: Asker, text: string, out: Effect[]): void {
  answer(node, asker, { type: "Error", text }, out);
}
