/** What people and pipelines read of a run. */
import type { Row } from "./row.ts";
import type { Result } from "./run.ts";

export type Summary = {
  readonly type: "summary";
  readonly rows: number;
  readonly green: number;
  readonly red: number;
  readonly skipped: number;
  readonly seconds: number;
  /** The outcomes are those of planted faults: green means found. */
  readonly planted: boolean;
};

const word = { green: "ok", red: "FAILED", skipped: "skipped" } as const;
const plantedWord = { green: "found", red: "NOT FOUND", skipped: "skipped" } as const;

export function summaryOf(results: readonly Result[], seconds: number, planted: boolean): Summary {
  const count = (kind: Result["outcome"]["kind"]) =>
    results.filter(({ outcome }) => outcome.kind === kind).length;
  const [green, red, skipped] = [count("green"), count("red"), count("skipped")];
  return { type: "summary", rows: results.length, green, red, skipped, seconds, planted };
}

export function lineOf({ row, outcome, seconds }: Result, planted: boolean): string {
  const what = (planted ? plantedWord : word)[outcome.kind];
  const why = outcome.kind === "skipped" ? outcome.why : planted ? row.plant.what : row.title;
  return `${row.id.padEnd(38)} ${what.padEnd(10)} ${seconds.toFixed(1).padStart(5)}  ${why}`;
}

/** Below the table: what failed, what was expected, and the ends of the logs. */
export function troubleOf({ row, outcome }: Result): string {
  if (outcome.kind !== "red") return "";
  return `\n${row.id}: ${row.title}\n  ${outcome.why}\n${outcome.logs.replace(/^/gm, "  | ")}\n`;
}

export function objectOf({ row, outcome, seconds }: Result, planted: boolean): object {
  const why = outcome.kind === "green" ? {} : { why: outcome.why };
  return {
    type: "row",
    id: row.id,
    title: row.title,
    outcome: (planted ? plantedWord : word)[outcome.kind].toLowerCase().replace(" ", "_"),
    ...(planted ? { plant: row.plant.what } : {}),
    ...why,
    seconds: Math.round(seconds * 10) / 10,
  };
}

export function summaryLine({ rows, green, red, skipped, seconds, planted }: Summary): string {
  const [good, bad] = planted ? ["found", "not found"] : ["ok", "failed"];
  return `${rows} rows: ${green} ${good}, ${red} ${bad}, ${skipped} skipped and not judged; ${seconds.toFixed(0)} s`;
}

export function listLine({ id, cluster, title, needs = [] }: Row): string {
  const features = needs.map(({ role, feature }) => `${role}: ${feature}`).join("; ");
  return `${id.padEnd(38)} ${cluster.padEnd(5)} ${title}${features === "" ? "" : ` (needs ours: ${features})`}`;
}
