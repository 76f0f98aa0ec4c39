/**
 * A hash of plain values in the order in which they come: four 32-bit lanes of multiply and rotate, not for secrets.
 * Long arrays of bytes are summed up once: whoever hands one over never changes it. So are texts, most of which are names
 * of fields and hosts that come again and again.
 */
import { type Sum, sumOfText } from "./text-sum.ts";

export type RollingHash = {
  number(value: number): void;
  text(value: string): void;
  /** Any plain value, by its kind, content and order. */
  plain(value: unknown): void;
  /** 32 bits of all so far. */
  short(): number;
  /** 32 hex digits of all so far. */
  digest(): string;
};

const SUMMED_BYTES_MIN = 64;
const REMEMBERED_BYTES_MIN = 2_048; // a shorter one is summed up in less time than it is found

export function createRollingHash(): RollingHash {
  let a = 0x1e3779b9;
  let b = 0x243f6a88;
  let c = 0x37e15162;
  let d = 0x6a09e667;
  const sums = new WeakMap<Uint8Array, Sum>();
  let last: Uint8Array | null = null;
  let lastSum: Sum = { low: 0, high: 0 };

  function word(value: number): void {
    a = Math.imul(a ^ value, 0x85ebca6b);
    a = ((a << 13) | (a >>> 19)) ^ (a >>> 16);
    b = (Math.imul(b, 0xc2b2ae35) + a) | 0;
    b ^= b >>> 15;
  }

  /** The other half of the state follows, so that all of it depends on everything. */
  function settle(): void {
    c = (Math.imul(c ^ a, 0x27d4eb2f) + b) | 0;
    c ^= c >>> 16;
    d = (Math.imul(d ^ b, 0x165667b1) + c) | 0;
    d ^= d >>> 13;
  }

  function number(value: number): void {
    if (Number.isSafeInteger(value)) {
      word(1);
      word(value | 0);
      word(Math.floor(value / 2 ** 32) | 0);
    } else {
      word(10);
      text(String(value));
    }
  }

  function text(value: string): void {
    const { low, high } = sumOfText(value);
    word(2);
    word(low);
    word(high);
    settle();
  }

  function bytes(value: Uint8Array): void {
    word(3);
    word(value.length);
    if (value.length < SUMMED_BYTES_MIN) {
      for (let at = 0; at < value.length; at++) word(value[at] as number);
      return settle();
    }
    // One packet goes to several addresses.
    if (value !== last) {
      last = value;
      lastSum = value.length < REMEMBERED_BYTES_MIN ? sumOf(value) : rememberedSum(value);
    }
    word(lastSum.low);
    word(lastSum.high);
    settle();
  }

  function rememberedSum(value: Uint8Array): Sum {
    let sum = sums.get(value);
    if (sum === undefined) sums.set(value, (sum = sumOf(value)));
    return sum;
  }

  function plain(value: unknown): void {
    if (typeof value === "string") return text(value);
    if (typeof value === "number") return number(value);
    if (typeof value === "boolean") return word(value ? 11 : 12);
    if (typeof value === "bigint") {
      word(13);
      return text(String(value));
    }
    if (value === null || value === undefined) return word(value === null ? 4 : 5);
    if (value instanceof Uint8Array) return bytes(value);
    if (Array.isArray(value)) {
      word(6);
      for (const each of value as readonly unknown[]) plain(each);
      return word(7);
    }
    if (value instanceof Map) {
      word(6);
      for (const [key, each] of value) {
        plain(key);
        plain(each);
      }
      return word(7);
    }
    if (value instanceof Set) {
      word(6);
      for (const each of value) plain(each);
      return word(7);
    }
    if (ArrayBuffer.isView(value)) {
      return bytes(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    }
    word(8);
    const fields = value as Readonly<Record<string, unknown>>;
    for (const key of Object.keys(fields)) {
      const each = fields[key];
      if (typeof each === "function") continue;
      text(key);
      plain(each);
    }
    word(9);
    settle();
  }

  return {
    number,
    text,
    plain,
    short: () => a >>> 0,
    digest: () => [a, b, c, d].map((lane) => (lane >>> 0).toString(16).padStart(8, "0")).join(""),
  };
}

/** 64 bits of the content, four bytes at a step. */
function sumOf(bytes: Uint8Array): Sum {
  const count = bytes.length >> 2;
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const words = new Int32Array(aligned.buffer, aligned.byteOffset, count);
  let low = 0x2545f491;
  let high = 0x5bd1e995;
  for (let at = 0; at < count; at++) {
    low = Math.imul(low ^ (words[at] as number), 0x85ebca6b);
    low = (low << 15) | (low >>> 17);
    high = (Math.imul(high, 0xc2b2ae35) + low) | 0;
  }
  for (let at = count * 4; at < bytes.length; at++) {
    low = Math.imul(low ^ (bytes[at] as number), 0x27d4eb2f);
    high = (Math.imul(high, 0x165667b1) + low) | 0;
  }
  return { low, high };
}
