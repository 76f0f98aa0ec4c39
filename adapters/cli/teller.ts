/**
 * How a command that looks says what it found: lines for people, data on stdout and the rest on stderr; or for programs
 * one object a line on stdout, the last one of type `result`.
 */
import type { Output } from "./output.ts";
import { jsonLine } from "./text.ts";

export type Teller = {
  /** What was asked for; null: for programs alone, or for people alone. */
  data(line: string | null, object: object | null): void;
  /** The same, as it is. */
  bytes(bytes: Uint8Array, object: () => object): void;
  /** What is good to know besides; null: for people alone. */
  note(line: string, object: object | null): void;
  /** Why it ends; the status is handed back. */
  fail(reason: string, message: string, status: number): number;
  /** Once, at the end. */
  result(status: number, elapsedMs: number): void;
};

export type TellerOptions = {
  readonly json: boolean;
  readonly version: string;
  readonly stdout: Output;
  readonly stderr: Output;
};

export function createTeller({ json, version, stdout, stderr }: TellerOptions): Teller {
  if (!json)
    return {
      data(line) {
        if (line !== null) stdout.write(`${line}\n`);
      },
      bytes: (bytes) => stdout.write(bytes),
      note: (line) => stderr.write(`${line}\n`),
      fail(_, message, status) {
        stderr.write(`error: ${message}\n`);
        return status;
      },
      result() {},
    };
  const say = (value: object) => stdout.write(`${jsonLine(value)}\n`);
  let failure: { readonly reason: string; readonly message: string } | null = null;
  return {
    data(_, object) {
      if (object !== null) say(object);
    },
    bytes: (_, object) => say(object()),
    note(_, object) {
      if (object !== null) say(object);
    },
    fail(reason, message, status) {
      failure ??= { reason, message };
      say({ type: "error", reason, message });
      return status;
    },
    result: (status, elapsedMs) =>
      say({ type: "result", version, status, elapsed_ms: elapsedMs, ...failure }),
  };
}
