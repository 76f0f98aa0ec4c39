/**
 * The run by which speed is measured: the planner's swarm of faults in a cluster of a given size, over ten minutes. All
 * its times are stretched, so that outages fill the same share of the run as in a campaign.
 */
import { planScript } from "./plan.ts";
import type { Script } from "./script.ts";
import { SECOND } from "./timeline.ts";

/** Virtual microseconds between the first line of a plan and its last, about. */
const PLANNED = 25 * SECOND;

/** `length` in virtual seconds; at 25 it is what a campaign runs. */
export function standardMix(seed: number, nodes: number, length: number): Script {
  const script = planScript(seed, nodes);
  const factor = (length * SECOND) / PLANNED;
  return {
    ...script,
    lines: script.lines.map(({ at, ...line }) => ({ at: Math.round(at * factor), ...line })),
  };
}
