/** A process that judges scripts, one at a time, for the process that started it. */
import { kernelCast } from "../cast.ts";
import { check, type Finding } from "../check.ts";
import { createCrypto } from "../crypto.ts";
import { planScript } from "../plan.ts";
import { parseScript, type Script } from "../script.ts";

export type Task = {
  readonly of: { readonly seed: number } | { readonly script: string };
  readonly twice: boolean;
  readonly shrink: boolean;
};
export type Answer =
  | { readonly ok: true; readonly finding: Finding }
  /** The simulator itself failed. */
  | { readonly ok: false; readonly error: string };

const SHRINK_RUNS_MAX = 150;

const crypto = createCrypto();

process.on("message", (task: Task) => {
  process.send?.(answer(task));
});
process.on("disconnect", () => process.exit());

function answer({ of, twice, shrink }: Task): Answer {
  try {
    const script = "seed" in of ? planScript(of.seed) : scriptOf(of.script);
    const shrinkRunsMax = shrink ? SHRINK_RUNS_MAX : 0;
    return { ok: true, finding: check(script, kernelCast, { crypto, twice, shrinkRunsMax }) };
  } catch (error) {
    return { ok: false, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

function scriptOf(text: string): Script {
  const parsed = parseScript(text);
  if (!parsed.ok) throw new Error(`line ${parsed.line}: ${parsed.what}`);
  return parsed.script;
}
