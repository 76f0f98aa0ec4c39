/** The uploader of the kernel as this process. */
import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import type { Report } from "../../kernel/report.ts";
import {
  createUploader,
  step,
  succeeded,
  UPLOADER_DEFAULTS,
  type UploaderConfig,
  type UploadJob,
  wakeAt,
} from "../../kernel/uploader.ts";
import { now } from "../clock.ts";
import type { SigningKey } from "../keys/private.ts";
import type { ClusterOptions } from "./cluster-options.ts";
import { drive } from "./drive.ts";
import { createSourceStorage } from "./source-storage.ts";

const LOOK_MS = 2_000; // as long as a page may take

export type Ended = {
  readonly succeeded: boolean;
  /** Nothing was announced, because a source could not be read. */
  readonly sourceFailed: boolean;
};

export async function upload(
  uploads: readonly UploadJob[],
  options: ClusterOptions,
  progressMs: number,
  keys: readonly SigningKey[],
  report: (report: Report) => void,
  more: { readonly connections?: number; readonly stop?: AbortSignal } = {},
): Promise<Ended> {
  const config: UploaderConfig = {
    ...UPLOADER_DEFAULTS,
    uploads,
    clusters: options.clusters,
    earlyMs: options.earlyMs,
    earlyShare: options.earlyShare,
    earlyHosts: options.earlyHosts,
    deadlineMs: options.deadlineMs,
    confirm: options.confirm,
    progressMs,
    lookMs: Math.min(LOOK_MS, options.deadlineMs),
    ...(more.connections === undefined ? {} : { connections: more.connections }),
  };
  const state = createUploader(config, randomBytes(16).toString("hex"), now());
  let sourceFailed = false;
  await drive(
    { step: (event, at) => step(state, event, at), wakeAt: () => wakeAt(state) },
    {
      port: options.port,
      storage: await createSourceStorage(Math.min(options.diskThreads, availableParallelism())),
      keys,
      ...(more.stop === undefined ? {} : { stop: more.stop }),
      report(what) {
        if (what.type === "error") sourceFailed = true;
        report(what);
      },
    },
  );
  return { succeeded: succeeded(state), sourceFailed };
}
