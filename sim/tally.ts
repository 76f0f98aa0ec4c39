/**
 * Which faults hit, and in the middle of what: a count for each kind, and for each kind in each phase of the server
 * that it hit. A fault that never meets a phase is a place nobody has looked at.
 */
import type { DiskRequest } from "../kernel/storage/request.ts";
import type { Host } from "./host.ts";

/** What a server is about, the most telling first. */
export const PHASES = [
  "down",
  "recovering",
  "committing",
  "promising",
  "preparing",
  "indexing",
  "fetching",
  "cleaning",
  "idle",
] as const;
export type Phase = (typeof PHASES)[number];

export type Counts = Readonly<Record<string, number>>;

export type Tally = {
  /** `host` null: it hit nobody in particular. */
  hit(kind: string, host: Host | null): void;
  /** Follows the downloads of a server by what it says. */
  marked(host: string, mark: string, path: string): void;
  faults(): Counts;
  /** `kind phase`. */
  cells(): Counts;
};

const BY_REQUEST: readonly (readonly [Phase, readonly DiskRequest["kind"][]])[] = [
  ["recovering", ["recover"]],
  ["committing", ["commit"]],
  ["promising", ["put_intent", "put_state"]],
  ["preparing", ["prepare_stage"]],
  ["indexing", ["store_index", "load_index"]],
];
const CLEANING: readonly DiskRequest["kind"][] = ["abort", "delete_old"];
const ENDS = ["download_done", "download_aborted", "download_superseded"];

export function createTally(): Tally {
  const faults: Record<string, number> = {};
  const cells: Record<string, number> = {};
  const downloads = new Map<string, Set<string>>();

  function phaseOf(host: Host): Phase {
    if (host.state() === "down") return "down";
    const running = host.requests();
    for (const [phase, kinds] of BY_REQUEST) if (kinds.some((kind) => running.has(kind))) return phase;
    if ((downloads.get(host.name)?.size ?? 0) > 0) return "fetching";
    return CLEANING.some((kind) => running.has(kind)) ? "cleaning" : "idle";
  }

  return {
    hit(kind, host) {
      faults[kind] = (faults[kind] ?? 0) + 1;
      if (host === null) return;
      const cell = `${kind} ${phaseOf(host)}`;
      cells[cell] = (cells[cell] ?? 0) + 1;
    },
    marked(host, mark, path) {
      const running = downloads.get(host) ?? new Set<string>();
      if (mark === "download_started") downloads.set(host, running.add(path));
      else if (ENDS.includes(mark)) running.delete(path);
      else if (mark === "recovered") downloads.delete(host);
    },
    faults: () => faults,
    cells: () => cells,
  };
}
