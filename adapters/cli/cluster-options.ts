import type { ClusterJob, Confirm } from "../../kernel/uploader.ts";

/** Which servers, which keys, and when it is enough: the same for every command. */
export type ClusterOptions = {
  readonly port: number;
  readonly diskThreads: number;
  readonly clusters: readonly ClusterJob[];
  readonly identityFiles: readonly string[];
  readonly identityVariables: readonly string[];
  readonly earlyMs: number;
  /** Of a thousand. */
  readonly earlyShare: number;
  readonly earlyHosts: number;
  readonly deadlineMs: number;
  /** Null: receipts are enough. */
  readonly confirm: Confirm | null;
  /** Null: the default, which depends on who reads. */
  readonly progressMs: number | null;
  readonly json: boolean;
};
