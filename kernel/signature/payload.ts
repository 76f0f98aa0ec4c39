/**
 * The signed bytes of an upload: the CBOR array [path: text, image: 32 bytes, timestamp: uint, milliseconds since
 * 1970], and nothing else. Source: specification of the wire protocol, section 7.
 */
import type { ImageId, VPath } from "../ids.ts";
import { fromHex } from "../text.ts";
import { encodeCbor } from "../wire/cbor.ts";

export function uploadPayload(path: VPath, image: ImageId, timestamp: number): Uint8Array<ArrayBuffer> {
  return encodeCbor([path, fromHex(image), timestamp]);
}
