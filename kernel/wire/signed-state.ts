/** What justifies an image at a path: the content of a state file, and an entry of a base directory's listing. */
import type { ImageId } from "../ids.ts";

/** An Ed25519 signature (64 bytes, R and S) over `[path, image, timestamp]`; timestamp in milliseconds since 1970. */
export type Signature = { readonly timestamp: number; readonly bytes: Uint8Array };

/** Signatures are sorted by timestamp, then by bytes. */
export type SignedState = { readonly image: ImageId; readonly signatures: readonly Signature[] };

/** Image names of one base directory with their states, sorted by the UTF-8 bytes of the name. */
export type Listing = readonly (readonly [name: string, state: SignedState])[];
