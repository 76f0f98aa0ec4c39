/** The rules of a directory with auto-clean, as a script has them. */
import { printTime } from "./print-time.ts";

export type CleanRules = {
  /** The newest images, of which so many stay. */
  readonly min: number;
  /** Of those that are not older than `recent` microseconds, so many stay. */
  readonly max: number;
  readonly recent: number;
  /** There is a keep list; what it names stays. */
  readonly list: boolean;
};

export function printClean({ min, max, recent, list }: CleanRules): string {
  return `${min},${max},${printTime(recent)}${list ? ",list" : ""}`;
}
