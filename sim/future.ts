/** Other ends of a script: what was done up to a moment stays, and something else comes after it. */
import { planScript } from "./plan.ts";
import type { Line, Script } from "./script.ts";

/** Not drawn anew: the work of the cluster, and what its servers are. */
const OF_THE_BEGINNING: ReadonlySet<Line["verb"]["kind"]> = new Set(["upload", "config"]);

/** What is done before `at` (virtual microseconds), and then `lines`. */
export function withFuture(script: Script, at: number, lines: readonly Line[]): Script {
  const past = script.lines.filter((line) => line.at < at);
  return { ...script, lines: [...past, ...lines].toSorted((a, b) => a.at - b.at) };
}

/**
 * What is done before `at`, the uploads that come later, and the faults of another seed, `at` later than it plans them.
 * What happens by chance before `at` is the same, because its draws are of the script's own seed.
 */
export function plannedFuture(script: Script, at: number, seed: number): Script {
  const uploads = script.lines.filter((line) => line.at >= at && line.verb.kind === "upload");
  const planned = planScript(seed, script.cluster.nodes).lines.filter(
    ({ verb }) => !OF_THE_BEGINNING.has(verb.kind),
  );
  const faults = planned.map((line) => ({ ...line, at: at + line.at }));
  return withFuture(script, at, [...uploads, ...faults]);
}
