/** What the targets have in common: laws that throw, and inputs that the vectors have. */
import { readFileSync } from "node:fs";

export function hold(condition: boolean, law: string): asserts condition {
  if (!condition) throw new Error(`does not hold: ${law}`);
}

/** A refusal's code is one of the list: a caller may compare with it. */
export function known(code: string, codes: ReadonlySet<string>): string {
  hold(codes.has(code), `${code} is a code of the list`);
  return code;
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** Few values for many numbers, so that an outcome tells sizes apart roughly. */
export function roughly(count: number): string {
  return count === 0 ? "0" : `2^${Math.floor(Math.log2(count))}`;
}

export function vectors(file: string): unknown {
  return JSON.parse(readFileSync(new URL(`../vectors/${file}`, import.meta.url), "utf8"));
}

export function hexBytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, "hex"));
}

export const CBOR_CODES: readonly string[] = [
  "cbor_malformed",
  "cbor_truncated",
  "cbor_too_deep",
  "cbor_too_many_items",
  "cbor_bad_utf8",
  "cbor_duplicate_key",
  "cbor_trailing",
];
