/** What happens, in sentences for people; the forms of lines that 0.6.12 has too are kept. */
import type { Report } from "../../kernel/report.ts";
import { labelOf } from "./entry-points.ts";
import type { Facts, UploadFacts } from "./facts.ts";
import { WHY_WORDS, wordsOf, wordsOfSource } from "./reasons.ts";
import { formatBytes, formatClock, formatElapsed, printable, quoted } from "./text.ts";

const NAMES_MAX = 3;

export function nameOf({ cluster, path }: { readonly cluster: string; readonly path: string }): string {
  return printable(`${labelOf(cluster)}:${path}`);
}

export function keySentences(
  version: string,
  publicKeys: readonly string[],
  warnings: readonly string[],
): readonly string[] {
  const count = `${publicKeys.length} private key${publicKeys.length === 1 ? "" : "s"}`;
  return [
    ...warnings.map((warning) => `warning: ${printable(warning)}`),
    ...(publicKeys.length === 0
      ? [
          "warning: no private key found, servers will refuse: make one with `ssh-keygen -t ed25519`, or give one with -i",
        ]
      : []),
    `Ciruela ${version}: read ${count}, listing public:`,
    ...publicKeys.map((key) => `  ${key}`),
  ];
}

export function scannedSentence(report: Extract<Report, { type: "scanned" }>, elapsedMs: number): string {
  const { image, directories, files, links, bytes } = report;
  const counts = `${directories} dirs, ${files} files, ${links} symlinks`;
  return `Done ${image.slice(0, 8)}. Indexed ${counts} (${formatBytes(bytes)}) in ${formatElapsed(elapsedMs)}.`;
}

/** Null when nothing was left out. */
export function skippedSentence({ source, skipped }: Extract<Report, { type: "scanned" }>): string | null {
  if (skipped.length === 0) return null;
  const names = skipped.slice(0, NAMES_MAX).map(quoted).join(", ");
  const more = skipped.length > NAMES_MAX ? ", ..." : "";
  return `warning: ${quoted(source)}: left out what is no file, directory or link: ${names}${more}`;
}

export function scanSentence({ source, bytes, bytesTotal }: Extract<Report, { type: "scan" }>): string {
  return `Indexing ${quoted(source)}: ${formatBytes(bytes)} of ${formatBytes(bytesTotal)}`;
}

/** One line a server and upload, with what to do. */
export function rejectedSentence(
  report: Extract<Report, { type: "rejected" | "aborted" }>,
  publicKeys: readonly string[],
): string {
  const verb = report.type === "rejected" ? "rejected by" : "aborted by";
  const reason = printable(report.reason);
  const words = wordsOf(report.reason);
  const keys = publicKeys.length === 0 ? "none" : publicKeys.join(", ");
  const tried = report.reason === "signature_mismatch" ? `; public keys tried: ${keys}` : "";
  return `${nameOf(report)}: ${verb} ${printable(report.host)}: ${reason}${words === null ? "" : `: ${words}`}${tried}`;
}

export function slowClockSentence({ behindMs }: Extract<Report, { type: "slow_clock" }>): string {
  const by = `by ${formatClock(behindMs)} or more`;
  return `warning: the clock of this machine is behind what was signed last, ${by}: set it`;
}

export function unreachableSentence(report: Extract<Report, { type: "unreachable" }>): string {
  return `${printable(labelOf(report.cluster))}: cannot reach ${printable(report.host)}: ${printable(report.reason)}`;
}

export function sourceSentence({ source, code, detail }: Extract<Report, { type: "error" }>): string {
  // A path that was mistyped is no entry that went away while the others were read.
  const isRoot = code === "missing" && detail.startsWith("root:");
  const words = isRoot
    ? "no such directory; name one that is there"
    : (wordsOfSource(code) ?? printable(code));
  return `${quoted(source)}: ${words} (${printable(code)}: ${printable(detail)})`;
}

/** The only line that stdout has. */
export function safeLine({ servers, image }: Extract<Report, { type: "safe" }>): string {
  return `safe to disconnect: ${servers} servers hold all blocks of ${image}`;
}

export function progressSentence(upload: UploadFacts): string {
  const { bytes, bytesTotal, bytesPerSecond, remainingMs } = upload;
  const rate = bytesPerSecond > 0 ? `, ${formatBytes(bytesPerSecond)}/s` : "";
  const rest = remainingMs === null ? "" : `, ${formatClock(remainingMs)} left`;
  const amount = ` (${formatBytes(bytes)} of ${formatBytes(bytesTotal)} sent${rate}${rest})`;
  return `Progress of ${nameOf(upload)}: ${shareOf(bytes, bytesTotal)}%${amount}${failuresOf(upload)}${waitingOf(upload)}`;
}

/** What is beyond one whole copy goes to further servers, and is no larger share. */
export function shareOf(bytes: number, total: number): number {
  return total === 0 ? 100 : Math.min(100, Math.floor((bytes / total) * 100));
}

export function finishedSentence(upload: UploadFacts): string {
  const { finished, received } = upload;
  if (finished === null) return progressSentence(upload);
  const time = ` in ${formatElapsed(finished.elapsedMs)}`;
  if (!finished.ok) {
    const { why } = finished;
    const words = why === "received" ? WHY_WORDS.rejected : WHY_WORDS[why];
    return `Upload error: network error: ${words}. Overall progress: ${nameOf(upload)}: fetched from ${hostsOf(received, finished.known)}${confirmedBy(upload)}${failuresOf(upload)}${waitingOf(upload)}${time}`;
  }
  if (received.length === 0) {
    return `Upload to ${nameOf(upload)}: left as it is${failuresOf(upload)}${time}`; // append_weak
  }
  return `Upload to ${nameOf(upload)}: fetched from ${hostsOf(received, finished.known)}${confirmedBy(upload)}${failuresOf(upload)}${time}`;
}

/** What is known at a signal. */
export function interruptedSentences(facts: Facts, signal: string): readonly string[] {
  const uploads = [...facts.uploads.values()];
  if (uploads.length === 0) return [`${signal}: nothing was uploaded`];
  return uploads.map((upload) => {
    const about = `${signal}: ${nameOf(upload)}:`;
    const { received, finished } = upload;
    if (finished?.ok === true)
      return `${about} finished before, fetched from ${hostsOf(received, finished.known)}`;
    if (received.length > 0) {
      const one = received.length === 1;
      const verbs = one ? ["holds", "gives"] : ["hold", "give"];
      return `${about} ${hostsOf(received, received.length)} ${verbs[0]} all blocks of ${upload.image} and ${verbs[1]} them to the others`;
    }
    return upload.accepted.length > 0
      ? `${about} no server has reported all blocks of ${upload.image}: run the command again`
      : `${about} no server has accepted it`;
  });
}

function confirmedBy({ servers }: UploadFacts): string {
  return servers === 0 ? "" : `, confirmed by ${servers} hosts`;
}

function failuresOf({ rejected, aborted }: UploadFacts): string {
  return [
    ...[...rejected].map(([host, reason]) => `, rejected by ${printable(host)}: ${printable(reason)}`),
    ...[...aborted].map(([host, reason]) => `, aborted by ${printable(host)}: ${printable(reason)}`),
  ].join("");
}

function waitingOf({ waitingFor }: UploadFacts): string {
  const { length } = waitingFor;
  return length === 0 ? "" : `, ${length} servers left: ${listOf(waitingFor, "[...]")}`;
}

function hostsOf(names: readonly string[], known: number): string {
  const hosts =
    names.length > 0 && names.length <= NAMES_MAX ? names.map(printable).join(", ") : `${names.length} hosts`;
  return known > names.length ? `${hosts} (out of ${known} hosts)` : hosts;
}

function listOf(names: readonly string[], more: string): string {
  return names.slice(0, NAMES_MAX).map(printable).join(", ") + (names.length > NAMES_MAX ? more : "");
}
