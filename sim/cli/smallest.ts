/** The smallest script that fails as a seed or a script does. */
import type { Finding } from "../check.ts";
import type { Hunters, What } from "./options.ts";
import { findingOf, type Work, workOf } from "./work.ts";

export type Smallest = { readonly finding: Finding; readonly script: string; readonly work: Work };

const RUNS_MAX = 3_000;

export async function smallestOf(hunters: Hunters, what: What): Promise<Smallest> {
  const work = await workOf(what);
  const finding = await findingOf(hunters, { of: work.of(0), twice: false, shrinkRunsMax: RUNS_MAX });
  const shrunk = finding.trouble?.kind === "violation" ? finding.trouble.shrunk : null;
  return { finding, script: shrunk ?? finding.script, work };
}
