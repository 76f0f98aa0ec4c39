/** What a campaign has looked at: seeds, time, faults, and by name what it has not seen. */
import { CELLS, FAULT_NAMES } from "../kinds.ts";
import { SIGHTS } from "../tally.ts";
import { SECOND } from "../timeline.ts";
import type { Result } from "./result.ts";

/** Marks of the kernel that a campaign has to see: each is a branch of the protocol that only faults reach. */
const MARKS = [
  "block_refused",
  "block_retried",
  "disk_failed",
  "download_aborted",
  "download_done",
  "download_resting",
  "download_stalled",
  "download_started",
  "download_superseded",
  "frame_refused",
  "image_missing",
  "index_refused",
  "last_run_cut",
  "listing_asked",
  "looks_again",
  "own_machine_id_heard",
  "peer_id_changed",
  "recovered",
  "start_failed",
  "upload_accepted",
  "upload_refused",
  ...SIGHTS,
];

const NAMED_MAX = 10;
const RAREST_SHOWN = 8;

/** With no failure in n seeds, the rate of failing seeds is below 3/n in 95 of 100 such campaigns. */
const RULE_OF_THREE = 3;

export function describeHunt(results: readonly Result[], seconds: number | null): string {
  const sum = (of: (each: Result) => number): number => results.reduce((total, each) => total + of(each), 0);
  const faults = counted(results.map((each) => each.faults));
  const cells = counted(results.map((each) => each.cells));
  const marks = counted(results.map((each) => each.marks));
  const lacking = [
    ...describeLack("marks", MARKS, marks),
    ...describeLack("faults", FAULT_NAMES, faults),
    ...describeLack("cells", CELLS, cells),
  ];
  const impossible = [...cells.keys()].filter((cell) => !CELLS.includes(cell));
  return [
    ...describeRuns(results, seconds),
    `faults that hit: ${sum((each) => total(each.faults))}: ${printed(faults)}`,
    `marks: ${printed(new Map(MARKS.flatMap((name) => (marks.has(name) ? [[name, marks.get(name) ?? 0]] : []))))}`,
    `fault x phase: ${CELLS.length - lackOf(CELLS, cells).length} of ${CELLS.length} cells seen, ${describeRarest(cells)}`,
    ...(impossible.length === 0
      ? []
      : [`cells that sim/kinds.ts calls impossible: ${impossible.join(", ")}`]),
    ...(lacking.length === 0
      ? ["everything that can be seen was seen"]
      : ["NOT EVERYTHING WAS SEEN: hunt longer, or find out why it does not happen", ...lacking]),
  ].join("\n");
}

function describeRuns(results: readonly Result[], seconds: number | null): readonly string[] {
  const sum = (of: (each: Result) => number): number => results.reduce((all, each) => all + of(each), 0);
  const failures = results.filter(({ trouble }) => trouble !== null);
  const excused = results.filter((each) => each.excused > 0);
  const invalid = results.filter(({ isValid }) => !isValid);
  const events = sum(({ steps }) => steps);
  const days = sum(({ serverTime }) => serverTime) / SECOND / 86_400;
  const simulated = sum(({ time }) => time) / SECOND;
  const speed =
    seconds === null
      ? ""
      : `, ${Math.round(events / seconds)} events and ${Math.round(simulated / seconds)} simulated seconds a second`;
  const share = ((100 * excused.length) / Math.max(1, results.length)).toFixed(1);
  const valid = results.length - invalid.length;
  return [
    `${results.length} seeds${seconds === null ? "" : ` in ${seconds.toFixed(0)} s`}, ${failures.length} failed${speed}`,
    `simulated: ${(days / 365.25).toFixed(4)} years of servers (${days.toFixed(2)} days), ${events} events`,
    failures.length === 0
      ? `failing seeds are fewer than 1 in ${Math.floor(valid / RULE_OF_THREE)}, at 95 %`
      : failures.map(({ name, trouble }) => `${name}: ${trouble}`).join("\n"),
    `invalid, since hardly anything was said before the first fault: ${invalid.length}${named(invalid)}`,
    `excused paths: ${sum((each) => each.excused)}, in ${share} % of the seeds${named(excused)}`,
    ...(excused.length === 0 ? [] : [`  why: ${printed(counted(excused.map((each) => each.excuses)))}`]),
  ];
}

function named(results: readonly Result[]): string {
  if (results.length === 0) return "";
  const more = results.length > NAMED_MAX ? ` and ${results.length - NAMED_MAX} more` : "";
  return `: ${results
    .slice(0, NAMED_MAX)
    .map(({ name }) => name)
    .join(", ")}${more}`;
}

function lackOf(names: readonly string[], seen: ReadonlyMap<string, number>): readonly string[] {
  return names.filter((name) => !seen.has(name));
}

function describeLack(
  what: string,
  names: readonly string[],
  seen: ReadonlyMap<string, number>,
): readonly string[] {
  const lacking = lackOf(names, seen);
  return lacking.length === 0
    ? []
    : [`  ${what} never seen, ${lacking.length} of ${names.length}: ${lacking.join(", ")}`];
}

/** How sure it is that the next campaign sees all, too. */
function describeRarest(cells: ReadonlyMap<string, number>): string {
  const sorted = CELLS.filter((cell) => cells.has(cell)).toSorted(
    (a, b) => (cells.get(a) ?? 0) - (cells.get(b) ?? 0),
  );
  const rarest = sorted.slice(0, RAREST_SHOWN).map((cell) => `${cell} ${cells.get(cell) ?? 0}`);
  return `the rarest: ${rarest.join(", ")}`;
}

function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((all, one) => all + one, 0);
}

function counted(each: readonly Readonly<Record<string, number>>[]): ReadonlyMap<string, number> {
  const total = new Map<string, number>();
  for (const counts of each) {
    for (const [name, count] of Object.entries(counts)) total.set(name, (total.get(name) ?? 0) + count);
  }
  return total;
}

function printed(counts: ReadonlyMap<string, number>): string {
  const sorted = [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([name, count]) => `${name} ${count}`).join(", ");
}
