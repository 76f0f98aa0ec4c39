/** A run as lines of JSON, one an event or a fault, for other tools. */
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
