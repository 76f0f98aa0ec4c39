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

function textAt(bytes: Uint8Array, at: number): string {
  const length = (bytes[at] ?? 0) - TEXT;
  if (length < 1 || length > LENGTH_MAX || at + length >= bytes.length) return "?";
  return String.fromCharCode(...bytes.subarray(at + 1, at + 1 + length));
}
