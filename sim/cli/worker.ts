/** A process that judges scripts, one at a time, for the process that started it. */
import { kernelCast } from "../cast.ts";
import { check, type Finding } from "../check.ts";
import { createCrypto } from "../crypto.ts";
import { createFastCrypto } from "./fast-crypto.ts";
import { planScript } from "../plan.ts";
import { linesOf } from "../lines.ts";
import { parseScript } from "../parse.ts";
import type { Script } from "../script.ts";
import { storyOf } from "../story.ts";
import { recordRun, type States } from "../view/record.ts";

export type Task = {
  readonly of: { readonly seed: number } | { readonly script: string };
  readonly twice: boolean;
  readonly shrinkRunsMax: number;
  /** Every event as a line of JSON; why it failed, in sentences. */
  readonly trace?: boolean;
  readonly story?: boolean;
  /** Everything that a view shows; or what happened alone, without what everybody knew. */
  readonly record?: "all" | "events";
};
export type Answer =
  | { readonly ok: true; readonly finding: Finding }
  /** The simulator itself failed. */
  | { readonly ok: false; readonly error: string };

const WHOLE_STEPS_MAX = 20_000; // about 2 MB of a page

const crypto = createCrypto(await createFastCrypto());

process.on("message", (task: Task) => {
  process.send?.(answer(task));
});
process.on("disconnect", () => process.exit());

function answer({ of, twice, shrinkRunsMax, trace, story, record }: Task): Answer {
  try {
    const script = "seed" in of ? planScript(of.seed) : scriptOf(of.script);
    const finding = check(script, kernelCast, { crypto, twice, shrinkRunsMax });
    const more = {
      ...(trace === true ? { trace: linesOf(script, kernelCast, crypto) } : {}),
      ...(story === true ? { story: storyOf(script, kernelCast, crypto) } : {}),
      ...(record === undefined
        ? {}
        : { recording: recordRun(script, kernelCast, { crypto, states: statesOf(record, finding) }) }),
    };
    return { ok: true, finding: { ...finding, ...more } };
  } catch (error) {
    return { ok: false, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

/** Of a long run, of the host that failed alone: a page computes the others when they are looked at. */
function statesOf(record: "all" | "events", { steps, trouble }: Finding): States {
  if (record === "events") return [];
  if (steps <= WHOLE_STEPS_MAX) return "all";
  return trouble?.kind === "violation" && trouble.failure.host !== null ? [trouble.failure.host] : [];
}

function scriptOf(text: string): Script {
  const parsed = parseScript(text);
  if (!parsed.ok) throw new Error(`line ${parsed.line}: ${parsed.what}`);
  return parsed.script;
}
