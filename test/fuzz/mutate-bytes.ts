/** Changes that know nothing of the format: bits, bytes, and runs of bytes moved, repeated, cut or taken elsewhere. */
import type { Dice } from "./dice.ts";

export type Mutate = (dice: Dice, input: Uint8Array, other: Uint8Array) => Uint8Array;

const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x20, 0x0a, 0x2f, 0x5c, 0x1f, 0x3f, 0x5f, 0x7b, 0x9f, 0xbf, 0xfb];
const RUN_MAX = 32; // bytes that move at once, most of the time

export const mutateBytes: Mutate = (dice, input, other) => {
  let bytes = input;
  for (let more = 1 + dice.roll(4); more > 0; more--) bytes = once(dice, bytes, other);
  return bytes;
};

function once(dice: Dice, input: Uint8Array, other: Uint8Array): Uint8Array {
  const at = dice.roll(input.length + 1);
  const run = 1 + dice.roll(Math.min(RUN_MAX, Math.max(1, input.length)));
  switch (dice.roll(8)) {
    case 0: {
      const out = input.slice();
      if (out.length > 0) out[at % out.length] = (out[at % out.length] ?? 0) ^ (1 << dice.roll(8));
      return out;
    }
    case 1: {
      const out = input.slice();
      if (out.length > 0) out[at % out.length] = dice.once(2) ? dice.pick(EDGES) : dice.roll(256);
      return out;
    }
    case 2:
      return joined(input.subarray(0, at), Uint8Array.of(dice.pick(EDGES)), input.subarray(at));
    case 3:
      return joined(input.subarray(0, at), input.subarray(at + run));
    case 4: {
      const from = dice.roll(input.length + 1);
      return joined(input.subarray(0, at), input.subarray(from, from + run), input.subarray(at));
    }
    case 5: {
      const from = dice.roll(other.length + 1);
      return joined(input.subarray(0, at), other.subarray(from, from + run), input.subarray(at));
    }
    case 6:
      return joined(input.subarray(0, at), other.subarray(dice.roll(other.length + 1)));
    default:
      return dice.once(4) ? input.slice(0, at) : input.slice();
  }
}

/** A run of the input so often that the whole has about so many bytes: what is slow with length shows itself. */
export function inflate(dice: Dice, input: Uint8Array, bytes: number): Uint8Array {
  const start = dice.roll(input.length + 1);
  const run = input.subarray(start, start + 1 + dice.roll(Math.min(64, input.length + 1)));
  if (run.length === 0) return input.slice();
  const times = Math.ceil(bytes / run.length);
  const out = new Uint8Array(input.length + run.length * times);
  out.set(input.subarray(0, start));
  for (let time = 0; time < times; time++) out.set(run, start + time * run.length);
  out.set(input.subarray(start), start + run.length * times);
  return out;
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
