/** CBOR as 0.6.12 writes it (wire.md 4): short heads, maps of text keys in order, numbers from 2^32 up as bigint. */
import { Encoder } from "cbor-x";

const codec = new Encoder({
  useRecords: false,
  variableMapSize: true,
  tagUint8Array: false,
  mapsAsObjects: false,
});

export type Fields = ReadonlyMap<unknown, unknown>;

export function encode(value: unknown): Buffer {
  return Buffer.from(codec.encode(value));
}

/** Throws on what is no CBOR. */
export function decode(bytes: Uint8Array): unknown {
  return codec.decode(bytes);
}

/** A map in the order in which it is written here. */
export function map(fields: Readonly<Record<string, unknown>>): Map<string, unknown> {
  return new Map(Object.entries(fields));
}

export function asMap(value: unknown): Fields {
  return value instanceof Map ? value : new Map();
}

export function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Byte strings as hex digits; anything else as nothing. */
export function asHex(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : "";
}
