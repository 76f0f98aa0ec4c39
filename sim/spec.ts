/** Who takes part in a run, and the machines that are judged. */
import type { TraceFields } from "../kernel/effect.ts";
import type { Address } from "../kernel/ids.ts";
import type { Report } from "../kernel/report.ts";
import type { RootName } from "../kernel/storage/call.ts";
import type { Process, Start } from "./computer.ts";
import type { Observation } from "./oracle.ts";
import type { CleanRules } from "./clean.ts";
import type { UploadVerb } from "./script.ts";

/** A server as the script describes it. */
export type NodeSpec = {
  readonly name: string;
  readonly address: Address;
  /** 32 hex digits. */
  readonly machine: string;
  readonly db: RootName;
  readonly directories: readonly { readonly key: string; readonly root: RootName }[];
  readonly levels: number;
  readonly append: boolean;
  readonly clean: CleanRules | null;
  /** As it is just now; null when it cannot be read. */
  readonly keepList: readonly string[] | null;
  /** The servers in its peer file. */
  readonly peers: readonly { readonly name: string; readonly address: Address }[];
  /** Secrets (32 bytes) whose public keys may write. */
  readonly signers: readonly Uint8Array[];
};

/** A client with one upload; its tree is on its disk at `source`. */
export type ClientSpec = {
  readonly name: string;
  readonly address: Address;
  readonly db: RootName;
  readonly source: RootName;
  readonly id: number;
  readonly upload: UploadVerb;
  readonly servers: readonly Address[];
  readonly secret: Uint8Array;
  /** The image that has to be there, 64 hex digits; null when any may. */
  readonly oldImage: string | null;
};

/** The machines that are judged, and how to read what they say. */
export type Cast = {
  /** Its messages and marks are the kernel's, so that they are judged as well as what its servers show. */
  readonly speaks: boolean;
  node(spec: NodeSpec, start: Start): Process;
  client(spec: ClientSpec, start: Start): Process;
  /** What a server's or a client's word says about an upload, if anything. */
  observe(host: NodeSpec | ClientSpec, seen: Seen, lookup: Lookup): readonly Observation[];
};

/** What a machine says: to its log, or to its user. */
export type Seen =
  | { readonly kind: "mark"; readonly mark: string; readonly fields: TraceFields }
  | { readonly kind: "report"; readonly report: Report };

export type Lookup = {
  /** The uploads signed with this image at this path, at this time: milliseconds since 1970. */
  uploadsOf(path: string, image: string, timestamp: number): readonly number[];
  hostOfMachine(machine: string): string | null;
  hostOfAddress(address: string): string | null;
};
