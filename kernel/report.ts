/** What an uploader has to tell its user; the words are chosen by whoever prints them. */
import type { Address, ImageId, MachineId, VPath } from "./ids.ts";

/** One upload is one source at one virtual path of one cluster. */
export type Report =
  | {
      readonly type: "scan";
      readonly source: string;
      readonly bytes: number;
      readonly bytesTotal: number;
      readonly files: number;
    }
  | {
      readonly type: "scanned";
      readonly source: string;
      readonly path: VPath;
      readonly image: ImageId;
      readonly bytes: number;
      readonly files: number;
      readonly directories: number;
      readonly links: number;
      /** Names of what cannot be synchronised: sockets, devices, pipes. */
      readonly skipped: readonly string[];
    }
  /** Of a reader: what is here of a tree. */
  | { readonly type: "fetching"; readonly path: VPath; readonly bytes: number; readonly bytesTotal: number }
  | ({ readonly type: "progress" } & Subject & Progress)
  | ({ readonly type: "accepted"; readonly host: Address } & Subject)
  | ({
      readonly type: "rejected";
      readonly host: Address;
      readonly reason: string;
      readonly fatal: boolean;
    } & Subject)
  | ({
      readonly type: "received";
      readonly host: string;
      readonly machine: MachineId;
      readonly forwarded: boolean;
      readonly waitingFor: readonly string[];
    } & Subject)
  | ({
      readonly type: "aborted";
      readonly host: string;
      readonly machine: MachineId;
      readonly reason: string;
    } & Subject)
  /** At least one server has all of it: the uploader may go. Once for each upload, then again when there are more. */
  | ({ readonly type: "safe"; readonly servers: number } & Subject)
  /** A server says itself that it holds the image; how many do by now. */
  | ({ readonly type: "confirmed"; readonly host: Address; readonly servers: number } & Subject)
  /** Something is signed later than our clock has it, so that this is signed later than that. */
  | { readonly type: "slow_clock"; readonly behindMs: number }
  | { readonly type: "unreachable"; readonly cluster: string; readonly host: string; readonly reason: string }
  | ({
      readonly type: "finished";
      readonly ok: boolean;
      readonly why: Why;
      readonly servers: readonly string[];
      readonly known: number;
      readonly elapsedMs: number;
    } & Subject &
      Progress)
  | { readonly type: "error"; readonly code: string; readonly detail: string; readonly source: string };

export type Subject = { readonly cluster: string; readonly path: VPath; readonly image: ImageId };

export type Progress = {
  /** Block payload that servers have fetched from us. */
  readonly bytes: number;
  readonly bytesTotal: number;
  readonly accepted: readonly Address[];
  readonly received: readonly string[];
  readonly waitingFor: readonly string[];
  /** Over the last seconds. */
  readonly bytesPerSecond: number;
  /** Until all bytes have gone once; null when that is not known. */
  readonly remainingMs: number | null;
};

export type Why =
  | "received" // every server that is known, or enough of them after the early time
  | "rejected"
  | "deadline"
  | "unreachable";

export type Verdict = "ok" | "failed";
