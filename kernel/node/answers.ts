/** Answers to requests of others, each once. */
import type { Effect } from "../effect.ts";
import type { Now } from "../ids.ts";
import { given } from "../rpc/credit.ts";
import { endAnswer, send } from "../rpc/links.ts";
import type { Response } from "../wire/message.ts";
import type { Asker, NodeState } from "./state.ts";

export function answer(
  node: NodeState,
  { conn, request, credit }: Asker,
  response: Response,
  now: Now,
  out: Effect[],
): void {
  endAnswer(node.links, conn);
  const followed = send(node.links, conn, { kind: "response", id: request, response }, out);
  if (credit > 0) given(node.credit, conn, followed, now.mono, credit);
}

export function answerError(node: NodeState, asker: Asker, text: string, now: Now, out: Effect[]): void {
  answer(node, asker, { type: "Error", text }, now, out);
}
