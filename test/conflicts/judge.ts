/** Whether a schedule ends as it must: the winner is calculated from what was accepted, and is on every server. */
import { toHex } from "../../kernel/text.ts";
import type { SignedState } from "../../kernel/wire/signed-state.ts";
import { imageOf } from "../kernel/rig.ts";
import { type Cluster, PATH, runSchedule, type Server } from "./cluster.ts";
import type { PlannedUpload, Schedule } from "./plan.ts";
import { nameOf, timeOf } from "./toy-disk.ts";

export type Verdict = {
  /** What is wrong, in words; null when the winner is on every server. */
  readonly wrong: string | null;
  /** Several images were accepted; with one timestamp; one image with several signatures. */
  readonly conflict: boolean;
  readonly equalTimes: boolean;
  readonly resigned: boolean;
};

/** After the last upload and the split: more rounds of gossip than any cluster of this size needs. */
const SETTLE_MS_MAX = 60_000;
const LOOK_MS = 250;
/** What was reached has to stay. */
const STAY_MS = 2_500;

export function judgeSchedule(schedule: Schedule): Verdict {
  const cluster = runSchedule(schedule);
  const last = Math.max(schedule.split?.to ?? 0, ...schedule.uploads.map(({ at }) => at));
  let ms = last;
  let lack: string | null = "nothing has happened";
  while (lack !== null && ms < last + SETTLE_MS_MAX) {
    ms += LOOK_MS;
    cluster.runUntil(ms);
    lack = cluster.isAtRest() ? lackOf(schedule, cluster) : "messages are on their way";
  }
  cluster.runUntil(ms + STAY_MS);
  const back = cluster.servers.flatMap(({ disk }, at) =>
    disk.stepsBack.map((what) => `n${at} shows ${what}`),
  );
  const taken = schedule.uploads.filter((_, nth) => cluster.accepted.has(nth));
  const images = new Set(taken.map(({ image }) => image));
  return {
    wrong: back[0] ?? lackOf(schedule, cluster) ?? (lack === null ? null : "it never comes to rest"),
    conflict: images.size > 1,
    equalTimes: taken.some((a) => taken.some((b) => a.timestamp === b.timestamp && a.image !== b.image)),
    resigned: taken.length > images.size,
  };
}

function lackOf(schedule: Schedule, { servers, accepted }: Cluster): string | null {
  const taken = schedule.uploads.filter((_, nth) => accepted.has(nth));
  const winner = taken.reduce<PlannedUpload | null>(
    (best, each) => (best === null || isGreater(each, best) ? each : best),
    null,
  );
  if (winner === null) return "no upload was accepted";
  for (const [at, { disk }] of servers.entries()) {
    const own = disk.shown.get(PATH);
    const what = `image ${winner.image} of ${winner.timestamp} is the winner`;
    if (own === undefined) return `n${at} has nothing, and ${what}`;
    if (own.image !== imageOf(winner.image) || timeOf(own) !== winner.timestamp)
      return `n${at} has ${nameOf(own)}, and ${what}`;
    if (disk.promised.size > 0)
      return `n${at} still promises ${[...disk.promised.values()].map(({ state }) => nameOf(state)).join(" ")}`;
  }
  const lists = servers.map(({ disk }: Server) => listOf(disk.shown.get(PATH)));
  const other = lists.findIndex((list) => list !== lists[0]);
  return other < 0 ? null : `n0 has the signatures ${lists[0]}, and n${other} has ${lists[other]}`;
}

/** Greater timestamp, then greater id; said here once more, and not taken from the kernel. */
function isGreater(a: PlannedUpload, b: PlannedUpload): boolean {
  return a.timestamp > b.timestamp || (a.timestamp === b.timestamp && a.image > b.image);
}

function listOf(state: SignedState | undefined): string {
  return (state?.signatures ?? []).map(({ bytes }) => toHex(bytes.subarray(0, 4))).join(" ");
}
