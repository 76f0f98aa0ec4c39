/** What is said of a chaos run at its end. */
import type { AttackCount } from "./attacks.ts";
import type { Judge } from "./judge.ts";
import { type Fault, LINE_FAULTS, SERVER_FAULTS } from "./plan.ts";

/** Fewer before the first fault, or in any minute, and the run does not count. */
export const UPLOADS_A_MINUTE = 20;
/** Of one server, whatever is done to it. */
export const MEBIBYTES_MAX = 256;

export type Summary = {
  readonly seed: number;
  readonly minutes: number;
  readonly faults: readonly Fault[];
  readonly attacks: Readonly<Record<string, AttackCount>>;
  readonly figures: ReturnType<Judge["figures"]>;
  /** Uploads a minute that were received before the first fault. */
  readonly before: number;
  /** Uploads that were begun in each minute. */
  readonly perMinute: readonly number[];
  /** Disks that were looked at. */
  readonly looks: number;
  /** From the end of the last fault until all servers were alike and at rest. */
  readonly settledMs: number;
  readonly mebibytes: readonly number[];
  readonly wrong: readonly string[];
};

export function objectOf({ faults, perMinute, ...rest }: Summary): object {
  return {
    ...rest,
    faults: faults.length,
    kinds: countsOf(faults),
    least_uploads_a_minute: Math.min(...perMinute),
  };
}

export function textOf(summary: Summary): string {
  const { seed, minutes, faults, figures, before, perMinute, looks, settledMs, mebibytes, wrong } = summary;
  const kinds = Object.entries(countsOf(faults)).map(([kind, count]) => `  ${kind.padEnd(26)} ${count}`);
  return [
    `seed ${seed}, ${minutes} minutes, ${faults.length} faults`,
    ...kinds,
    "attacks: how many, how many came to the server, was it away, what was sent, what shows that it came",
    ...Object.entries(summary.attacks).map(([name, each]) => `  ${name.padEnd(26)} ${lineOf(each)}`),
    `uploads: ${figures.uploads} begun, ${figures.accepted} accepted, ${figures.received} confirmed by a server`,
    `uploads a minute: ${before} confirmed before the first fault, at least ${Math.min(...perMinute)} begun in any`,
    `looks at a disk: ${looks}`,
    `all servers alike and at rest ${(settledMs / 1_000).toFixed(0)} s after the last fault`,
    `most MiB of each server: ${mebibytes.join(" ")}`,
    `violations: ${wrong.length}`,
    ...wrong.map((what) => `  ${what}`),
    "",
  ].join("\n");
}

function lineOf({ attacks, reached, away, tries, seen }: AttackCount): string {
  const shown = Object.entries(seen).map(([kind, count]) => `${count} ${kind}`);
  return `${attacks}, ${reached}, ${away}, ${tries}, ${shown.join(" ")}`;
}

function countsOf(faults: readonly Fault[]): Readonly<Record<string, number>> {
  const count = (kind: string): number => faults.filter((fault) => fault.kind === kind).length;
  const kinds = [...SERVER_FAULTS, ...LINE_FAULTS, "hostile"];
  const cuts = faults.filter((fault) => fault.kind === "power_cut" && fault.journal === "written").length;
  const counts = kinds.map((kind): [string, number] => [kind, count(kind)]);
  return { ...Object.fromEntries(counts), "power_cut, journal written": cuts };
}
