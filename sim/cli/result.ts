/** What is written down of one seed. */
import type { Finding } from "../check.ts";

export type Result = Pick<
  Finding,
  | "digest"
  | "steps"
  | "time"
  | "serverTime"
  | "excused"
  | "excuses"
  | "convergedAfter"
  | "isValid"
  | "marks"
  | "faults"
  | "cells"
> & { readonly name: string; readonly trouble: string | null };

export function resultOf(name: string, finding: Finding): Result {
  const { digest, steps, time, serverTime, excused, excuses, convergedAfter, isValid, marks, faults, cells } =
    finding;
  const trouble =
    finding.trouble === null
      ? null
      : finding.trouble.kind === "violation"
        ? finding.trouble.failure.detail
        : "two runs differed";
  return {
    name,
    trouble,
    digest,
    steps,
    time,
    serverTime,
    excused,
    excuses,
    convergedAfter,
    isValid,
    marks,
    faults,
    cells,
  };
}
