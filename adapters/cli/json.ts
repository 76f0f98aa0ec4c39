/**
 * For programs: one object a line on stdout, each with its `type`, the last one of type `result`. Members that mean
 * nothing in a line are left out; names and meanings of members do not change.
 */
import { unreachable } from "../../kernel/assert.ts";
import type { Report } from "../../kernel/report.ts";
import { EXIT } from "./exit.ts";
import { createFacts, type Facts, learn, tellOnce, type UploadFacts } from "./facts.ts";
import type { Output } from "./output.ts";
import { wordsOf } from "./reasons.ts";
import { interruptedSentences, slowClockSentence, sourceSentence, unreachableSentence } from "./sentences.ts";
import { jsonLine } from "./text.ts";
import type { Result, View } from "./view.ts";

export type JsonOptions = { readonly version: string; readonly stdout: Output };

export function createJson({ version, stdout }: JsonOptions): View {
  const facts = createFacts();
  let publicKeys: readonly string[] = [];
  let failure: { readonly reason: string; readonly message: string } | null = null;
  const say = (value: object) => stdout.write(`${jsonLine(value)}\n`);
  const fail = (reason: string, message: string, more: object = {}) => {
    failure ??= { reason, message };
    say({ type: "error", reason, message, ...more });
  };
  return {
    keys(keys) {
      publicKeys = keys;
    },
    report(report) {
      learn(facts, report);
      if (report.type === "error")
        return fail(report.code, sourceSentence(report), { source: report.source });
      if (report.type === "finished" || report.type === "fetching") return; // in the last line; of a reader
      if (report.type === "slow_clock" && !tellOnce(facts, report.type)) return;
      if (report.type === "unreachable" && !tellOnce(facts, `${report.cluster} ${report.host}`)) return;
      say(objectOf(report, publicKeys));
    },
    trouble: fail,
    note(code, message) {
      // That nothing changed is seen in the last line.
      if (code === "text_kept") say({ type: "error", reason: code, message });
    },
    interrupted(signal) {
      fail("interrupted", interruptedSentences(facts, signal).join("\n"));
    },
    result(result) {
      say({ type: "result", version, ...resultOf(result, facts), ...failure });
    },
  };
}

/** What uploads have to tell and stands in a line of its own. */
type Told = Exclude<Report, { type: "error" | "finished" | "fetching" }>;

function objectOf(report: Told, publicKeys: readonly string[]): object {
  switch (report.type) {
    case "scan": {
      const { source, bytes, bytesTotal, files } = report;
      return { type: "scan", done: false, source, bytes, bytes_total: bytesTotal, files };
    }
    case "scanned": {
      const { type: _, bytes, ...rest } = report;
      return { type: "scan", done: true, ...rest, bytes, bytes_total: bytes };
    }
    case "progress": {
      const { bytesTotal, bytesPerSecond: rate, remainingMs, waitingFor, ...rest } = report;
      const measured = { bytes_total: bytesTotal, bytes_per_second: rate, remaining_ms: remainingMs };
      return { ...rest, ...measured, waiting_for: waitingFor };
    }
    case "received": {
      const { machine, waitingFor, ...rest } = report;
      return { ...rest, machine_id: machine, waiting_for: waitingFor };
    }
    case "rejected":
      return { ...report, ...adviceOn(report.reason, publicKeys) };
    case "aborted": {
      const { machine, ...rest } = report;
      return { ...rest, machine_id: machine, ...adviceOn(report.reason, publicKeys) };
    }
    case "unreachable": {
      const { cluster, host } = report;
      return { type: "error", cluster, host, reason: "unreachable", message: unreachableSentence(report) };
    }
    case "slow_clock": {
      const { type: reason, behindMs } = report;
      return { type: "warning", reason, message: slowClockSentence(report), behind_ms: behindMs };
    }
    case "accepted":
    case "confirmed":
    case "safe":
      return report;
    default:
      return unreachable(report);
  }
}

function adviceOn(reason: string, publicKeys: readonly string[]): object {
  const message = wordsOf(reason);
  return {
    ...(message === null ? {} : { message }),
    ...(reason === "signature_mismatch" ? { keys: publicKeys } : {}),
  };
}

function resultOf({ status, elapsedMs }: Result, facts: Facts): object {
  const uploads = [...facts.uploads.values()];
  const [first] = uploads;
  const only = uploads.length === 1 && first !== undefined ? first : null;
  return {
    ok: status === EXIT.ok,
    status,
    partial: status !== EXIT.ok && uploads.some((upload) => upload.finished?.ok === true),
    elapsed_ms: elapsedMs,
    bytes: uploads.reduce((sum, { bytes }) => sum + bytes, 0),
    ...(only === null ? {} : { cluster: only.cluster, path: only.path, image: only.image }),
    ...(status !== EXIT.ok && only?.finished ? { reason: only.finished.why } : {}),
    uploads: uploads.map(uploadOf),
  };
}

function uploadOf(upload: UploadFacts): object {
  const { cluster, path, image, bytes, accepted, received, confirmed, safe, finished } = upload;
  return {
    cluster,
    path,
    image,
    ok: finished?.ok === true,
    reason: finished?.why ?? "unfinished",
    bytes,
    accepted,
    rejected: Object.fromEntries(upload.rejected),
    aborted: Object.fromEntries(upload.aborted),
    received,
    confirmed,
    safe,
    servers: finished?.known ?? received.length,
    elapsed_ms: finished?.elapsedMs ?? null,
  };
}
