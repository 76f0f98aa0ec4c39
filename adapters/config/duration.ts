/**
 * Durations in the grammar of humantime 1.1.1: one or more NUMBER UNIT pairs, spaces optional. Libraries for this
 * read "2 days 10 parsecs" as two days, and a wrong retention time deletes data: here the whole text must match.
 */
import { type Result, accepted, refused } from "../../kernel/result.ts";

const NANOSECONDS: ReadonlyMap<string, bigint> = new Map(
  (
    [
      ["nanos nsec ns", 1n],
      ["usec us", 1_000n],
      ["millis msec ms", 1_000_000n],
      ["seconds second secs sec s", 1_000_000_000n],
      ["minutes minute mins min m", 60_000_000_000n],
      ["hours hour hrs hr h", 3_600_000_000_000n],
      ["days day d", 86_400_000_000_000n],
      ["weeks week w", 604_800_000_000_000n],
      ["months month M", 2_630_016_000_000_000n],
      ["years year y", 31_557_600_000_000_000n],
    ] as const
  ).flatMap(([spellings, size]) => spellings.split(" ").map((spelling) => [spelling, size] as const)),
);

const DIGITS_MAX = 20; // more than any number of nanoseconds that fits 64 bits
const EXAMPLE = 'write a number and a unit, such as "2 days" or "1h 30min"';

export type DurationRefusal = "bad_duration";

/** Whole milliseconds; what is below one is dropped. The detail of a refusal is advice. */
export function parseDuration(text: string): Result<number, DurationRefusal> {
  const pair = /\s*([0-9]+)\s*([A-Za-z]+)\s*/y;
  let sum = 0n;
  let at = 0;
  while (at < text.length) {
    pair.lastIndex = at;
    const match = pair.exec(text);
    if (match === null) return refused("bad_duration", EXAMPLE);
    const [all, digits = "", unit = ""] = match;
    const size = NANOSECONDS.get(unit);
    if (size === undefined) {
      return refused(
        "bad_duration",
        `"${unit.slice(0, 20)}" is no unit; ms, s, min, h, days, weeks are some`,
      );
    }
    if (digits.length > DIGITS_MAX) return refused("bad_duration", "use a smaller number");
    sum += BigInt(digits) * size;
    at += all.length;
  }
  if (at === 0) return refused("bad_duration", EXAMPLE);
  const ms = sum / 1_000_000n;
  if (ms > BigInt(Number.MAX_SAFE_INTEGER)) return refused("bad_duration", "use a smaller number");
  return accepted(Number(ms));
}
