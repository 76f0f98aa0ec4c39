/**
 * Which faults hit, and in the middle of what: a count for each kind, and for each kind in each phase of the server that
 * it hit. A fault that never meets a phase is a place nobody has looked at. Sights are what the reliability notes want
 * seen now and then (section 3.4), as far as it exists.
 */
import type { FsCall } from "../kernel/storage/call.ts";
import type { DiskRequest } from "../kernel/storage/request.ts";
import type { OpId } from "../kernel/ids.ts";
import type { Host } from "./computer.ts";
import { type Activity, type Phase, phasesOf } from "./phases.ts";

export type Counts = Readonly<Record<string, number>>;

export type Tally = {
  /** `host` null: it hit nobody in particular. Only servers have phases. */
  hit(kind: string, host: Host | null): void;
  saw(sight: Sight): void;
  phasesAt(host: Host): ReadonlySet<Phase>;
  /** Follows the downloads of a server by what it says. */
  marked(host: string, mark: string, path: string): void;
  /** Follows the commits of a server by what they do. */
  performed(host: string, call: FsCall, request: DiskRequest["kind"], op: OpId): void;
  /** What counts the traffic. */
  measure(traffic: () => number): void;
  /** How much of it there was before the first fault hit; null when none has. */
  calm(): number | null;
  faults(): Counts;
  /** `kind phase`. */
  cells(): Counts;
  sights(): Counts;
};

export const SIGHTS = [
  "cut_between_U11_U12",
  "cut_between_U12_U13",
  "cut_between_U13_U14",
  "cut_between_RM2_RM3",
  "cut_between_RM3_RM4",
  "cut_again_in_recovery",
  "equal_timestamps_met",
  "exchange_refused",
  "sync_failed",
  "no_space_at_rename",
  "slow_reader_closed",
  "clock_stepped_hours",
  "clock_stepped_years",
  "machine_changed",
  "news_in_several_packets",
  "upload_replaced_in_flight",
] as const;
export type Sight = (typeof SIGHTS)[number];

/** What is done to a cluster without harm: no fault. */
const HARMLESS = ["upload", "rate", "join"];
const ENDS = ["download_done", "download_aborted", "download_superseded"];
/** How far a commit has come, by the calls of its last steps: U11 is a rename to the image's name, U13 one of a promise. */
const STEPS: readonly Sight[] = ["cut_between_U11_U12", "cut_between_U12_U13", "cut_between_U13_U14"];
/** Of a removal: RM2 is the rename of a floor, RM3 that of the image. */
const REMOVAL_STEPS: readonly Sight[] = ["cut_between_RM2_RM3", "cut_between_RM3_RM4"];

export function createTally(isServer: (host: string) => boolean): Tally {
  const faults: Record<string, number> = {};
  const cells = new Map<string, Map<Phase, number>>();
  const sights: Record<string, number> = {};
  const downloads = new Map<string, Set<string>>();
  /** By server and request, how many of U11, U12 and U13 are done. */
  const commits = new Map<string, Map<OpId, number>>();
  /** The same of RM2 and RM3. */
  const removals = new Map<string, Map<OpId, number>>();

  /** What a host was about when it was looked at last: most faults hit it in the same. */
  const looked = new Map<Host, Activity & { readonly phases: ReadonlySet<Phase> }>();

  let traffic = (): number => 0;
  let calm: number | null = null;

  function saw(sight: Sight): void {
    sights[sight] = (sights[sight] ?? 0) + 1;
  }

  function phasesAt(host: Host): ReadonlySet<Phase> {
    const last = looked.get(host);
    const down = host.state() === "down";
    const starting = host.station.state === "closed";
    const requests = host.requests();
    const connecting = host.isConnecting();
    const reconciling = host.isReconciling();
    const fetching = (downloads.get(host.name)?.size ?? 0) > 0;
    if (
      last?.down === down &&
      last.starting === starting &&
      last.requests === requests &&
      last.connecting === connecting &&
      last.reconciling === reconciling &&
      last.fetching === fetching
    )
      return last.phases;
    const activity = { down, starting, requests, connecting, reconciling, fetching };
    const phases = phasesOf(activity);
    looked.set(host, { ...activity, phases });
    return phases;
  }

  function powerCut(host: Host, phases: ReadonlySet<Phase>): void {
    if (phases.has("recovering")) saw("cut_again_in_recovery");
    for (const [running, steps] of [
      [commits, STEPS],
      [removals, REMOVAL_STEPS],
    ] as const) {
      for (const done of running.get(host.name)?.values() ?? []) {
        const step = steps[done - 1];
        if (step !== undefined) saw(step);
      }
      running.delete(host.name);
    }
  }

  return {
    saw,
    phasesAt,
    measure(next) {
      traffic = next;
    },
    calm: () => calm,
    hit(kind, host) {
      if (calm === null && !HARMLESS.includes(kind)) calm = traffic();
      faults[kind] = (faults[kind] ?? 0) + 1;
      if (host === null || !isServer(host.name)) return;
      const phases = phasesAt(host);
      let met = cells.get(kind);
      if (met === undefined) cells.set(kind, (met = new Map<Phase, number>()));
      for (const phase of phases) met.set(phase, (met.get(phase) ?? 0) + 1);
      if (kind === "crash_weak" || kind === "crash_ordered") powerCut(host, phases);
    },
    marked(host, mark, path) {
      const running = downloads.get(host) ?? new Set<string>();
      if (mark === "download_started") downloads.set(host, running.add(path));
      else if (ENDS.includes(mark)) running.delete(path);
      else if (mark === "recovered") downloads.delete(host);
      if (mark === "download_superseded") saw("upload_replaced_in_flight");
    },
    performed(host, call, request, op) {
      if (request === "remove") {
        const running = removals.get(host) ?? new Map<OpId, number>();
        removals.set(host, running);
        if (call.call === "rename" && !running.has(op)) running.set(op, 1);
        else if (call.call === "rename" && running.get(op) === 1) running.set(op, 2);
        else if (call.call === "unlink") running.set(op, 3);
      }
      if (request !== "commit") return;
      const running = commits.get(host) ?? new Map<OpId, number>();
      commits.set(host, running);
      const done = running.get(op) ?? 0;
      if (call.call === "rename") {
        const isForeign = call.to.startsWith("."); // what stood in the way, set aside
        if (!isForeign) running.set(op, call.mode === "replace" ? 3 : 1);
      } else if (call.call === "sync" && (done === 1 || done === 3)) {
        if (done === 3) running.delete(op);
        else running.set(op, 2);
      }
    },
    faults: () => faults,
    cells: () =>
      Object.fromEntries(
        [...cells].flatMap(([kind, met]) =>
          Array.from(met, ([phase, count]) => [`${kind} ${phase}`, count] as const),
        ),
      ),
    sights: () => sights,
  };
}
