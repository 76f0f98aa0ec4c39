/** Integers as quire reads them: `_` between digits, 0x 0o 0b, and k M G (1000-based) or ki Mi Gi (1024-based). */
import { type Result, accepted, refused } from "../../kernel/result.ts";

const FACTORS: ReadonlyMap<string, bigint> = new Map([
  ["", 1n],
  ["k", 1_000n],
  ["M", 1_000_000n],
  ["G", 1_000_000_000n],
  ["ki", 1_024n],
  ["Mi", 1_048_576n],
  ["Gi", 1_073_741_824n],
]);
const SIZE = /^(0x[0-9A-Fa-f_]+|0o[0-7_]+|0b[01_]+|[0-9][0-9_]*)(ki|Mi|Gi|k|M|G)?$/;
const LENGTH_MAX = 80; // 53 binary digits with separators

export type SizeRefusal = "bad_integer";

export function parseSize(text: string): Result<number, SizeRefusal> {
  const match = text.length <= LENGTH_MAX ? SIZE.exec(text) : null;
  const digits = match?.[1]?.replaceAll("_", "") ?? "";
  const factor = FACTORS.get(match?.[2] ?? "");
  if (match === null || factor === undefined || /^(0[xob])?$/.test(digits)) {
    return refused("bad_integer", "write a whole number, such as 2, 10_000, 0x10 or 4ki");
  }
  const value = BigInt(digits) * factor;
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) return refused("bad_integer", "use a smaller number");
  return accepted(Number(value));
}
