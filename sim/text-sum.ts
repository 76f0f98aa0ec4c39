/** 64 bits of a text. Short ones are remembered, by all runs of a process: which they are changes no sum. */

export type Sum = { readonly low: number; readonly high: number };

const REMEMBERED_MAX = 16_384;
const REMEMBERED_LENGTH_MAX = 128;

const known = new Map<string, Sum>();

export function sumOfText(text: string): Sum {
  const before = known.get(text);
  if (before !== undefined) return before;
  const sum = summed(text);
  if (text.length > REMEMBERED_LENGTH_MAX) return sum;
  if (known.size >= REMEMBERED_MAX) known.clear();
  known.set(text, sum);
  return sum;
}

function summed(text: string): Sum {
  let low = Math.imul(text.length ^ 0x2545f491, 0x85ebca6b);
  let high = 0x5bd1e995;
  for (let at = 0; at < text.length; at++) {
    low = Math.imul(low ^ text.charCodeAt(at), 0x85ebca6b);
    low = (low << 15) | (low >>> 17);
    high = (Math.imul(high, 0xc2b2ae35) + low) | 0;
  }
  return { low, high };
}
