/** A smaller script that still goes wrong: lines are taken away, many at once and then one by one, then servers. */
import type { Script } from "./script.ts";

/**
 * @param fails    whether a script still goes wrong in the same way; called at most `runsMax` times
 * @returns a script that fails and from which no single line can go, unless the calls were used up before
 */
export function shrinkScript(script: Script, fails: (smaller: Script) => boolean, runsMax: number): Script {
  let best = script;
  let runs = 0;
  const accept = (smaller: Script): boolean => {
    if (runs >= runsMax) return false;
    runs += 1;
    if (!fails(smaller)) return false;
    best = smaller;
    return true;
  };

  /** True when something went. */
  function pass(size: number): boolean {
    let shorter = false;
    let from = 0;
    while (from < best.lines.length) {
      const lines = best.lines.filter((_, at) => at < from || at >= from + size);
      if (accept({ ...best, lines })) shorter = true;
      else from += size;
    }
    return shorter;
  }

  for (let size = Math.ceil(best.lines.length / 2); size > 1; size = Math.ceil(size / 2)) pass(size);
  while (pass(1));
  while (best.cluster.nodes > 1) {
    if (!accept({ ...best, cluster: { ...best.cluster, nodes: best.cluster.nodes - 1 } })) break;
  }
  return best;
}
