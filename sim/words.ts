/** The kind of a message by its first bytes, for stories that are told afterwards. Nothing is decoded or decided by it. */
const MESSAGE_KEY = [0x67, ...Array.from("message", (each) => each.charCodeAt(0)), 0x82];
const TEXT = 0x60;
const LENGTH_MAX = 23; // of a text whose length is in its first byte

/** `GetBlock`, `BaseDirs`; `?` for what has no such word. */
export function wordOf(what: "datagram" | "frame", bytes: Uint8Array): string {
  if (what === "frame") return textAt(bytes, 2);
  for (let at = 0; at + MESSAGE_KEY.length < bytes.length; at++) {
    if (MESSAGE_KEY.every((byte, offset) => bytes[at + offset] === byte))
      return textAt(bytes, at + MESSAGE_KEY.length);
  }
  return "?";
}

const RESPONSE = 2;
const DATA_KEY = [0x64, ...Array.from("data", (each) => each.charCodeAt(0))];
const BYTES_HEADS: Readonly<Record<number, number>> = { 0x58: 1, 0x59: 2, 0x5a: 4 }; // to the bytes of their length

export function isAnswer(frame: Uint8Array): boolean {
  return frame[1] === RESPONSE;
}

/** The block that a frame brings; null when it brings none. */
export function blockOf(frame: Uint8Array): Uint8Array | null {
  if (!isAnswer(frame) || wordOf("frame", frame) !== "GetBlock") return null;
  const key = frame.findIndex((_, at) => DATA_KEY.every((byte, offset) => frame[at + offset] === byte));
  if (key < 0) return null;
  const at = key + DATA_KEY.length;
  const head = frame[at] ?? 0;
  if (head >= 0x40 && head <= 0x57) return frame.subarray(at + 1, at + 1 + head - 0x40);
  const size = BYTES_HEADS[head];
  if (size === undefined) return null;
  let length = 0;
  for (const byte of frame.subarray(at + 1, at + 1 + size)) length = length * 256 + byte;
  return frame.subarray(at + 1 + size, at + 1 + size + length);
}

function textAt(bytes: Uint8Array, at: number): string {
  const length = (bytes[at] ?? 0) - TEXT;
  if (length < 1 || length > LENGTH_MAX || at + length >= bytes.length) return "?";
  return String.fromCharCode(...bytes.subarray(at + 1, at + 1 + length));
}
