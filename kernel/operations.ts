/** What a machine waits for: each question has a number of its own, and is answered once or never. */
import type { OpId } from "./ids.ts";

export type Operations<Waiting> = { nextOp: number; readonly waiting: Map<OpId, Waiting> };

export function operation<Waiting>(machine: Operations<Waiting>, waiting: NoInfer<Waiting>): OpId {
  const op = machine.nextOp as OpId;
  machine.nextOp += 1;
  machine.waiting.set(op, waiting);
  return op;
}

/** What was waited for, once; null when nobody waits for it any more. */
export function takeWaiting<Waiting>(machine: Operations<Waiting>, op: OpId): Waiting | null {
  const waiting = machine.waiting.get(op) ?? null;
  machine.waiting.delete(op);
  return waiting;
}
