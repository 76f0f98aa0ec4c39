/**
 * A run as lines of JSON for other tools, in the order in which it happened; `type` tells them apart:
 *
 *   event   an event of a machine: step, time in microseconds, host, event, effects, id, and the id of its cause
 *   fault   what is no event: a line of the script, a start, a crash: time, text, host or null, id, cause
 *   mishap  a message that did not arrive as it was sent: kind, what, from, to, bytes, and the id of who sent it
 *   end     failure or null, and the digest
 */
import type { Crypto } from "./crypto.ts";
import { runScript } from "./run.ts";
import type { Script } from "./script.ts";
import type { Cast } from "./spec.ts";

export function linesOf(script: Script, cast: Cast, crypto: Crypto): readonly string[] {
  const lines: string[] = [];
  const { failure, digest } = runScript(script, cast, {
    crypto,
    reader: {
      moment: (moment) => void lines.push(JSON.stringify({ type: "event", ...moment }, plain)),
      note: (note) => void lines.push(JSON.stringify({ type: "fault", ...note }, plain)),
    },
    mishap({ kind, what, from, to, bytes }, cause) {
      const ends = { from: from.name, to: to.name };
      lines.push(JSON.stringify({ type: "mishap", kind, what, ...ends, bytes, cause }, plain));
    },
  });
  lines.push(JSON.stringify({ type: "end", failure, digest }));
  return lines;
}

/** Bytes as hex, maps and sets as lists. */
function plain(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array)
    return Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (value instanceof Map || value instanceof Set) return [...(value as Iterable<unknown>)];
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as Iterable<number>);
  return typeof value === "bigint" ? String(value) : value;
}
