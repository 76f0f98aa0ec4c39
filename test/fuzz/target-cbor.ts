/** The guard and the codec behind it, compared with a decoder of somebody else's. */
import { decode as strictDecode } from "cborg";
import { type Cbor, decodeCbor, encodeCbor } from "../../kernel/wire/cbor.ts";
import type { Target } from "./engine.ts";
import { CBOR_CODES, hexBytes, hold, known, roughly, sameBytes, vectors } from "./laws.ts";
import { mutateCbor } from "./mutate-cbor.ts";

const CODES = new Set(CBOR_CODES);

export const cbor: Target = {
  name: "cbor",
  about:
    "decodeCbor: a value or a code; what is read says the same to cborg; written and read again it is the same",
  files: ["kernel/wire/guard.ts", "kernel/wire/cbor.ts", "kernel/wire/open-strings.ts"],
  msPerMiB: 50,
  seeds() {
    const { messages } = vectors("wire.json") as { messages: readonly { hex: string }[] };
    const { packets } = vectors("gossip.json") as { packets: readonly { hex: string }[] };
    return [...messages, ...packets].map(({ hex }) => hexBytes(hex));
  },
  mutate: mutateCbor(["path", "image", "signatures", "a"]),
  run(input) {
    const lax = decodeCbor(input, "ignore");
    const decoded = decodeCbor(input, "refuse");
    if (!decoded.ok) {
      hold(
        decoded.code === "cbor_trailing" || !lax.ok,
        "bytes behind the item are all that the two differ in",
      );
      return known(decoded.code, CODES) + (lax.ok ? " lax" : "");
    }
    hold(lax.ok, "what is read with nothing behind it is read anyway");
    const value = narrowed(decoded.value);
    if (value === undefined) return "read, and never written";
    const printed = encodeCbor(value);
    const again = decodeCbor(printed, "refuse");
    hold(again.ok, "what is written is read");
    hold(sameBytes(written(again.value), printed), "decode after encode is the same");
    if (!input.includes(0x5f) && !input.includes(0x7f)) {
      // The other decoder knows no open strings.
      const strict: unknown = strictDecode(input, { useMaps: true, strict: false, allowBigInt: true });
      hold(sameBytes(written(strict), printed), "another decoder reads the same");
    }
    return `ok ${shapeOf(decoded.value)} ${roughly(input.length)}`;
  },
};

function written(value: unknown): Uint8Array {
  const plain = narrowed(value);
  return plain === undefined ? new Uint8Array() : encodeCbor(plain);
}

/**
 * As the encoder takes it: eight-byte numbers come as bigint. Undefined for what it never writes: a number that is no safe
 * integer, or what is no text nor bytes as a key.
 */
function narrowed(value: unknown): Cbor | undefined {
  if (typeof value === "bigint") return value <= Number.MAX_SAFE_INTEGER ? Number(value) : undefined;
  if (typeof value === "number") return Number.isSafeInteger(value) ? value : undefined;
  if (Array.isArray(value)) {
    const items = value.map(narrowed);
    return items.every((item) => item !== undefined) ? items : undefined;
  }
  if (!(value instanceof Map)) return value as Cbor;
  const map = new Map<string | Uint8Array, Cbor>();
  for (const [key, each] of value) {
    const [name, inner] = [narrowed(key), narrowed(each)];
    if ((typeof name !== "string" && !(name instanceof Uint8Array)) || inner === undefined) return undefined;
    map.set(name, inner);
  }
  return map;
}

function shapeOf(value: unknown): string {
  if (Array.isArray(value)) return `array ${roughly(value.length)}`;
  return value instanceof Map ? `map ${roughly(value.size)}` : typeof value;
}
