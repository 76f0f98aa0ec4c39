/** A change is signed later than what it changes, whatever the clock says; that it was behind is told. */
import { now } from "../clock.ts";
import type { View } from "./view.ts";

/** @param newest  of what is there, milliseconds since 1970 */
export function warnOfClock(view: View, newest: number): void {
  if (newest >= now().wall)
    view.note("slow_clock", "warning: the clock of this machine is behind what was signed last: set it");
}
