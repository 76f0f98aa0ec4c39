/** What a campaign says to people: its findings, and how to see a bad one again. */
import type { Finding, Trouble } from "../check.ts";
import { histogramOf } from "../histogram.ts";
import { printTime } from "../print-time.ts";
import { SECOND } from "../timeline.ts";

/** The part of the command line that names what was run, and the mutant, if any. */
export type Repeat = { readonly what: string; readonly mutant: string | null };

export function describeGreen(name: string, findings: readonly Finding[], seconds: number): string {
  const sum = (of: (finding: Finding) => number): number =>
    findings.reduce((total, finding) => total + of(finding), 0);
  const virtual = sum(({ time }) => time) / SECOND;
  const slowest = Math.max(...findings.map(({ convergedAfter }) => convergedAfter ?? 0)) / SECOND;
  return [
    `${name}: all well in ${seconds.toFixed(1)} s`,
    `virtual time ${hours(virtual)}, ${sum(({ steps }) => steps)} events`,
    `speed: ${Math.round(sum(({ steps }) => steps) / seconds)} events and ${Math.round(virtual / seconds)} simulated seconds a second`,
    describeTraffic(findings),
    `slowest to agree after the last fault: ${slowest.toFixed(2)} s; excused paths: ${sum(({ excused }) => excused)}`,
    `seen: ${describeCounts(findings.map(({ marks }) => marks))}`,
    `done: ${describeCounts(findings.map(({ script }) => verbsOf(script)))}`,
  ].join("\n");
}

function describeTraffic(findings: readonly Finding[]): string {
  const total = findings.reduce((sum, { traffic }) => sum + traffic.total, 0);
  const clients = findings.reduce((sum, { traffic }) => sum + traffic.clients, 0);
  const up = Math.max(...findings.map(({ traffic }) => traffic.upMost));
  const down = Math.max(...findings.map(({ traffic }) => traffic.downMost));
  const reached = histogramOf(findings.flatMap(({ efficiencies }) => efficiencies));
  const [least, middle, most] = [0, 0.5, 1].map((share) => reached.quantile(share)?.toFixed(3));
  return [
    `sent: ${megabytes(total)}, of it by clients ${megabytes(clients)}; most of one server ${megabytes(up)} up, ${megabytes(down)} down`,
    reached.count === 0
      ? "efficiency of uploads: no line had a bound"
      : `efficiency of ${reached.count} uploads (least time / time): ${least} to ${most}, median ${middle}`,
  ].join("\n");
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(2)} MB`;
}

function hours(seconds: number): string {
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

function verbsOf(script: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const line of script.split("\n")) {
    const [, verb] = /^(?:at \S+ )?(\w+)/.exec(line) ?? [];
    if (verb === undefined || verb === "seed" || verb === "cluster") continue;
    counts[verb] = (counts[verb] ?? 0) + 1;
  }
  return counts;
}

function describeCounts(each: readonly Readonly<Record<string, number>>[]): string {
  const total = new Map<string, number>();
  for (const counts of each) {
    for (const [name, count] of Object.entries(counts)) total.set(name, (total.get(name) ?? 0) + count);
  }
  const sorted = [...total].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([name, count]) => `${name} ${count}`).join(", ");
}

export function describeTrouble(name: string, finding: Finding, repeat: Repeat): string {
  const { trouble, script, steps, time } = finding;
  if (trouble === null) return `${name}: all well`;
  const command = `npm run sim -- ${repeat.what}${suffix(repeat)}`;
  if (trouble.kind === "nondeterminism") {
    return [
      `${name}: two runs differed after ${steps} steps, ${printTime(time)} of virtual time`,
      trouble.again === finding.digest
        ? `  both with the digest ${finding.digest}, but not in what a server or client knew meanwhile`
        : `  ${finding.digest} and ${trouble.again}`,
      ...(trouble.where === null ? [] : [trouble.where]),
      `script:\n${indented(script)}`,
      `repeat: ${command}`,
    ].join("\n");
  }
  return [
    ...describeViolation(name, trouble, script),
    `repeat: ${command}`,
    ...smaller(trouble, repeat),
  ].join("\n");
}

function describeViolation(
  name: string,
  { failure, events }: Extract<Trouble, { kind: "violation" }>,
  script: string,
): readonly string[] {
  return [
    `${name}: ${failure.detail}`,
    `at step ${failure.step}, ${printTime(failure.time)} of virtual time`,
    `last events:\n${indented(events.join("\n"))}`,
    `script:\n${indented(script)}`,
  ];
}

function smaller({ shrunk }: Extract<Trouble, { kind: "violation" }>, repeat: Repeat): readonly string[] {
  if (shrunk === null) return [];
  const lines = shrunk.trimEnd().split("\n").length;
  return [
    `the same with ${lines} lines:`,
    `npm run sim -- --script -${suffix(repeat)} <<'END'\n${shrunk}END`,
  ];
}

function suffix({ mutant }: Repeat): string {
  return mutant === null ? "" : ` --mutant ${mutant}`;
}

function indented(text: string): string {
  return text.trimEnd().replace(/^/gm, "  ");
}
