/**
 * Reads messages as far as they are judged: a CBOR reader of its own, of definite lengths only, which is all that is
 * sent. Bytes are views of what is read.
 */
import { utf8Decode } from "../../kernel/text.ts";

/** Byte strings are Uint8Array, maps are Map; null and undefined are null. */
export type Plain =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly Plain[]
  | ReadonlyMap<Plain, Plain>;

export type Frame = {
  readonly kind: "notification" | "request" | "response";
  readonly type: string;
  /** Of a notification 0. */
  readonly id: number;
  readonly body: Plain;
};

const KINDS = ["notification", "request", "response"] as const;

/** Null when it is no message. */
export function readFrame(bytes: Uint8Array): Frame | null {
  const frame = readPlain(bytes);
  if (!Array.isArray(frame)) return null;
  const [number, type] = frame as readonly Plain[];
  const kind = KINDS[Number(number)];
  if (kind === undefined || typeof type !== "string") return null;
  const id = kind === "notification" ? 0 : frame[2];
  return typeof id === "number" ? { kind, type, id, body: (frame.at(-1) ?? null) as Plain } : null;
}

/** One member of a map; null when there is none. */
export function memberOf(value: Plain, name: string): Plain {
  return value instanceof Map ? ((value as ReadonlyMap<Plain, Plain>).get(name) ?? null) : null;
}

/** Null when it is not exactly one item. */
function readPlain(bytes: Uint8Array): Plain {
  let at = 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

  function length(info: number): number {
    if (info < 24) return info;
    const width = 2 ** (info - 24);
    const from = at;
    at += width;
    switch (width) {
      case 1:
        return view.getUint8(from);
      case 2:
        return view.getUint16(from);
      case 4:
        return view.getUint32(from);
      case 8:
        return view.getUint32(from) * 2 ** 32 + view.getUint32(from + 4);
      default:
        throw new RangeError("no definite length");
    }
  }

  function take(count: number): Uint8Array {
    if (count > bytes.length - at) throw new RangeError("ends early");
    at += count;
    return bytes.subarray(at - count, at);
  }

  function item(): Plain {
    const head = view.getUint8(at);
    at += 1;
    const info = head & 31;
    switch (head >> 5) {
      case 0:
        return length(info);
      case 1:
        return -1 - length(info);
      case 2:
        return take(length(info));
      case 3:
        return utf8Decode(take(length(info)));
      case 4: {
        const out: Plain[] = [];
        for (let left = length(info); left > 0; left--) out.push(item());
        return out;
      }
      case 5: {
        const out = new Map<Plain, Plain>();
        for (let left = length(info); left > 0; left--) out.set(item(), item());
        return out;
      }
      case 6:
        length(info);
        return item();
      default:
        return simple(info);
    }
  }

  function simple(info: number): Plain {
    if (info === 27) return view.getFloat64((at += 8) - 8);
    length(info);
    return info === 20 || info === 21 ? info === 21 : null;
  }

  try {
    const value = item();
    return at === bytes.length ? value : null;
  } catch (failure) {
    if (failure instanceof RangeError) return null;
    throw failure;
  }
}
