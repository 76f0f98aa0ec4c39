/** What a fuzzing thread is told, and what it tells. */
import type { Finding } from "./engine.ts";

export type WorkerData = {
  readonly target: string;
  readonly seed: number;
  readonly seconds: number;
  readonly executionsMax: number;
  /** Two numbers (inputs begun, bytes of the present one) and the bytes themselves. */
  readonly shared: SharedArrayBuffer;
};
export type Progress = {
  readonly kind: "progress" | "end";
  readonly executions: number;
  readonly corpus: number;
  readonly outcomes: number;
  readonly covered: number;
  readonly total: number;
  readonly files: number;
  /** Of this thread, without what the machine did meanwhile. */
  readonly cpuSeconds: number;
  /** What reached new code, at the end. */
  readonly reached: readonly Uint8Array[];
};
export type Report = Progress | Finding;

export const SHARED_HEAD_BYTES = 8;
