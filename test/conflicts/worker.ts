/** A process that judges schedules, some seeds at a time, for the process that started it. */
import { judgeSchedule } from "./judge.ts";
import { planSchedule, printSchedule } from "./plan.ts";

export type Task = { readonly from: number; readonly count: number };
export type Tally = {
  readonly schedules: number;
  readonly conflicts: number;
  readonly equalTimes: number;
  readonly resigned: number;
};
export type Answer = Tally & {
  /** The first that went wrong, in words; or so many from this seed on, one of which never ended. */
  readonly found: {
    readonly seed: number;
    readonly schedules: number;
    readonly schedule: string;
    readonly wrong: string;
  } | null;
};

process.on("message", ({ from, count }: Task) => {
  let [schedules, conflicts, equalTimes, resigned] = [0, 0, 0, 0];
  let found: Answer["found"] = null;
  for (let seed = from; seed < from + count && found === null; seed++) {
    const schedule = planSchedule(seed);
    const verdict = verdictOf(() => judgeSchedule(schedule));
    schedules += 1;
    if (verdict.conflict) conflicts += 1;
    if (verdict.equalTimes) equalTimes += 1;
    if (verdict.resigned) resigned += 1;
    if (verdict.wrong !== null)
      found = { seed, schedules: 1, schedule: printSchedule(schedule), wrong: verdict.wrong };
  }
  const answer: Answer = { schedules, conflicts, equalTimes, resigned, found };
  process.send?.(answer);
});
process.on("disconnect", () => process.exit());

/** A kernel that fails an assertion is wrong too. */
function verdictOf(judge: () => ReturnType<typeof judgeSchedule>): ReturnType<typeof judgeSchedule> {
  try {
    return judge();
  } catch (error) {
    const wrong = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { wrong, conflict: false, equalTimes: false, resigned: false };
  }
}
