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
  "listing_asked",
  "own_machine_id_heard",
  "recovered",
  "start_failed",
  "upload_accepted",
  "upload_refused",
];

/** With no failure in n seeds, the rate of failing seeds is below 3/n in 95 of 100 such campaigns. */
const RULE_OF_THREE = 3;

export function describeHunt(results: readonly Result[], seconds: number | null): string {
  const sum = (of: (each: Result) => number): number => results.reduce((total, each) => total + of(each), 0);
  const failures = results.filter(({ trouble }) => trouble !== null);
  const faults = counted(results.map((each) => each.faults));
  const cells = counted(results.map((each) => each.cells));
  const marks = counted(results.map((each) => each.marks));
  const hit = sum((each) => Object.values(each.faults).reduce((all, one) => all + one, 0));
  const events = sum(({ steps }) => steps);
  const days = sum(({ serverTime }) => serverTime) / SECOND / 86_400;
  const simulated = sum(({ time }) => time) / SECOND;
  const speed =
    seconds === null
      ? ""
      : `, ${Math.round(events / seconds)} events and ${Math.round(simulated / seconds)} simulated seconds a second`;
  const missing = (names: readonly string[], seen: ReadonlyMap<string, number>): string => {
    const lacking = names.filter((name) => !seen.has(name));
    return lacking.length === 0 ? "none" : lacking.join(", ");
  };
  const cellsSeen = CELLS.filter((cell) => cells.has(cell)).length;
  return [
    `${results.length} seeds${seconds === null ? "" : ` in ${seconds.toFixed(0)} s`}, ${failures.length} failed${speed}`,
    `simulated: ${days.toFixed(2)} days of servers (${(days / 365.25).toFixed(4)} years), ${events} events`,
    failures.length === 0
      ? `failing seeds are fewer than 1 in ${Math.floor(results.length / RULE_OF_THREE)}, at 95 %`
      : failures.map(({ name, trouble }) => `${name}: ${trouble}`).join("\n"),
    `excused paths: ${sum(({ excused }) => excused)}, in ${results.filter(({ excused }) => excused > 0).length} seeds`,
    `faults that hit: ${hit}: ${printed(faults)}`,
    `marks: ${printed(marks)}`,
    `marks never seen: ${missing([...MARKS, ...SIGHTS], marks)}`,
    `faults never seen: ${missing(FAULT_NAMES, faults)}`,
    `fault x phase: ${cellsSeen} of ${CELLS.length} seen; never: ${missing(CELLS, cells)}`,
    `cells that should not be: ${[...cells.keys()].filter((cell) => !CELLS.includes(cell)).join(", ")}`,
  ].join("\n");
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
