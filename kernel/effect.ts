/** Everything a node or an uploader can want. An effect is a wish until its event returns. */
import type { Address, ConnId, OpId } from "./ids.ts";
import type { Report } from "./report.ts";
import type { DiskRequest } from "./storage/request.ts";

export type { DiskRequest, Place, Transfer } from "./storage/request.ts";

export type Effect =
  | { readonly kind: "send_datagram"; readonly to: Address; readonly bytes: Uint8Array }
  /** Opens a connection; answered by `conn_open` or `conn_closed` with the same id. */
  | { readonly kind: "dial"; readonly conn: ConnId; readonly address: Address }
  /** `told`: answered by `sent`, once for each. */
  | {
      readonly kind: "send_frame";
      readonly conn: ConnId;
      readonly bytes: Uint8Array;
      readonly told: boolean;
    }
  | { readonly kind: "close"; readonly conn: ConnId }
  | { readonly kind: "disk"; readonly op: OpId; readonly request: DiskRequest }
  | { readonly kind: "verify"; readonly op: OpId; readonly checks: readonly SignatureCheck[] }
  /** BLAKE2b-256 of bytes too many to hash inside a decision. */
  | { readonly kind: "digest"; readonly op: OpId; readonly bytes: Uint8Array }
  | { readonly kind: "resolve"; readonly op: OpId; readonly name: string }
  /** A status page of a configured peer: how a server that nobody lists yet learns the base directories. */
  | { readonly kind: "http_get"; readonly op: OpId; readonly address: Address; readonly path: string }
  /** For the log and the simulator: a stable mark and flat fields. Decides nothing. */
  | { readonly kind: "trace"; readonly mark: string; readonly fields: TraceFields }
  /** Signs each payload with every key of the user; answered by `signed`. */
  | {
      readonly kind: "sign";
      readonly op: OpId;
      /** Milliseconds since 1970, as in the payloads. */
      readonly timestamp: number;
      readonly payloads: readonly Uint8Array[];
    }
  /** For the user of an uploader. */
  | { readonly kind: "report"; readonly report: Report }
  /** What is here is known: others may connect. */
  | { readonly kind: "ready" }
  /** It cannot begin; nothing follows. */
  | { readonly kind: "failed"; readonly code: string; readonly detail: string }
  /** After `stop`: everything that had to reach the disk has reached it. */
  | { readonly kind: "stopped" };

export type TraceFields = Readonly<Record<string, string | number | boolean>>;

/** One Ed25519 verification: 32-byte key and 64-byte signature. */
export type SignatureCheck = {
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
  readonly publicKey: Uint8Array;
};
