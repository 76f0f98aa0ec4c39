/**
 * Messages over a link, as types. Ids are hex text, times numbers, data views of the received frame.
 * Source: specification of the wire protocol, sections 8 to 10.
 */
import type { BlockHash, Digest, ImageId, MachineId, VPath } from "../ids.ts";
import type { Listing } from "./signed-state.ts";

/** Chosen by who asks, unique per connection and direction. */
export type RequestId = number;

/** Servers that have the path's key configured, without the one that answers. */
export type Hosts = ReadonlyMap<MachineId, string>;

export type Upload = {
  readonly path: VPath;
  readonly image: ImageId;
  readonly timestamp: number;
  /** 64 bytes each, all over the same payload. */
  readonly signatures: readonly Uint8Array[];
};

/** Where a block is: virtual path of the image, absolute path of the file in it, byte offset. */
export type BlockHint = { readonly path: VPath; readonly file: string; readonly offset: number };

export type Request =
  | ({ readonly type: "AppendDir" } & Upload)
  | ({ readonly type: "ReplaceDir"; readonly oldImage: ImageId | null } & Upload)
  | { readonly type: "GetIndex"; readonly image: ImageId; readonly hint: VPath | null }
  | { readonly type: "GetIndexAt"; readonly path: VPath }
  | { readonly type: "GetBlock"; readonly hash: BlockHash; readonly hint: BlockHint | null }
  | { readonly type: "GetBaseDir"; readonly path: VPath };

export type UploadAnswer = {
  readonly accepted: boolean;
  readonly reason: string | null;
  readonly hosts: Hosts;
};

export type Response =
  | ({ readonly type: "AppendDir" } & UploadAnswer)
  | ({ readonly type: "ReplaceDir" } & UploadAnswer)
  | { readonly type: "GetIndex"; readonly data: Uint8Array }
  | { readonly type: "GetIndexAt"; readonly data: Uint8Array | null; readonly hosts: Hosts }
  | { readonly type: "GetBlock"; readonly data: Uint8Array }
  | {
      readonly type: "GetBaseDir";
      readonly configHash: Digest;
      readonly keepListHash: Digest;
      readonly listing: Listing;
    }
  | { readonly type: "Error"; readonly text: string };

export type Receipt = {
  readonly image: ImageId;
  readonly path: VPath;
  readonly machine: MachineId;
  readonly hostname: string;
  readonly forwarded: boolean;
};

export type Notification =
  | { readonly type: "PublishImage"; readonly image: ImageId }
  | ({ readonly type: "ReceivedImage" } & Receipt)
  | ({ readonly type: "AbortedImage"; readonly reason: string } & Receipt);

export type Message =
  | { readonly kind: "request"; readonly id: RequestId; readonly request: Request }
  | { readonly kind: "response"; readonly id: RequestId; readonly response: Response }
  | { readonly kind: "notification"; readonly notification: Notification };
