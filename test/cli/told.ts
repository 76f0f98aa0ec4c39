/** Reports of a run of one upload to one cluster, as its views are told; and outputs that keep what they get. */
import type { Output } from "../../adapters/cli/output.ts";
import type { Address, ImageId, MachineId, VPath } from "../../kernel/ids.ts";
import type { Progress, Report } from "../../kernel/report.ts";

export const IMAGE = "ab".repeat(32) as ImageId;
export const SUBJECT = { cluster: "n1.example.org", path: "/site/current" as VPath, image: IMAGE };
const ADDRESS = "10.0.0.1:24783" as Address;
const MACHINE = "1".repeat(32) as MachineId;
const MIB = 1024 * 1024;

export function progress(changes: Partial<Progress> = {}): Report {
  return {
    type: "progress",
    ...SUBJECT,
    bytes: 50 * MIB,
    bytesTotal: 200 * MIB,
    accepted: [ADDRESS],
    received: [],
    waitingFor: ["n1", "n2"],
    bytesPerSecond: 10 * MIB,
    remainingMs: 15_000,
    ...changes,
  };
}

export const SCAN: Extract<Report, { type: "scan" }> = {
  type: "scan",
  source: "./build",
  bytes: 0,
  bytesTotal: 200 * MIB,
  files: 3,
};

export const SCANNED: Report = {
  type: "scanned",
  source: "./build",
  path: SUBJECT.path,
  image: IMAGE,
  bytes: 200 * MIB,
  files: 3,
  directories: 2,
  links: 1,
  skipped: ["/socket"],
};

export const ACCEPTED: Report = { type: "accepted", host: ADDRESS, ...SUBJECT };

export function received(number: number, waitingFor: readonly string[]): readonly Report[] {
  const who = { host: `n${number}`, machine: MACHINE, forwarded: false, waitingFor };
  return [
    { type: "received", ...who, ...SUBJECT },
    { type: "safe", servers: number, ...SUBJECT },
  ];
}

export function rejected(reason: string): Report {
  return { type: "rejected", host: ADDRESS, reason, fatal: true, ...SUBJECT };
}

export const ABORTED: Report = {
  type: "aborted",
  host: "n2",
  machine: MACHINE,
  reason: "disk_full",
  ...SUBJECT,
};

export const UNREACHABLE: Report = {
  type: "unreachable",
  cluster: SUBJECT.cluster,
  host: ADDRESS,
  reason: "no connection",
};

export function finished(ok: boolean): Report {
  const end = { ok, why: ok ? "received" : "rejected", servers: ["n1", "n2"], known: 2 } as const;
  return {
    ...(progress({ received: ["n1", "n2"], waitingFor: [] }) as Progress & Report),
    ...SUBJECT,
    type: "finished",
    ...end,
    elapsedMs: 1_234,
  };
}

export type Kept = Output & { text: string };

export function keep(): Kept {
  const kept: Kept = {
    text: "",
    write(text) {
      kept.text += String(text);
    },
  };
  return kept;
}
