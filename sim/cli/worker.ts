/** A process that judges scripts, one at a time, for the process that started it. */
import { castWith } from "../cast.ts";
import { check, type Finding } from "../check.ts";
import type { Limits } from "../../kernel/config.ts";
import { createCrypto } from "../crypto.ts";
import { createFastCrypto } from "./fast-crypto.ts";
import { planScript } from "../plan.ts";
import { linesOf } from "../lines.ts";
import { parseScript } from "../parse.ts";
import { DEFAULT_CLUSTER, type Script } from "../script.ts";
import type { Cast } from "../spec.ts";
import { storyOf } from "../story.ts";
import { recordRun, type States } from "../view/record.ts";

export type Task = {
  /** `drawnFrom`: what fast-check finds in so many runs from that seed; a cluster at rest, when it finds nothing. */
  readonly of:
    | { readonly seed: number }
    | { readonly script: string }
    | { readonly runs: number; readonly drawnFrom: number };
  readonly twice: boolean;
  readonly shrinkRunsMax: number;
  /** Limits of the servers that are not as they usually are. */
  readonly limits?: Partial<Limits>;
  readonly nodes?: number;
  readonly sent?: boolean;
  readonly past?: number;
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
  void answer(task).then((done) => process.send?.(done));
});
process.on("disconnect", () => process.exit());

async function answer({ of, trace, story, record, limits = {}, nodes, ...asked }: Task): Promise<Answer> {
  try {
    const cast = castWith(limits);
    const script =
      "drawnFrom" in of
        ? await drawn(of, cast)
        : "seed" in of
          ? planScript(of.seed, nodes ?? null)
          : scriptOf(of.script);
    const finding = check(script, cast, { crypto, ...asked });
    const more = {
      ...(trace === true ? { trace: linesOf(script, cast, crypto) } : {}),
      ...(story === true ? { story: storyOf(script, cast, crypto) } : {}),
      ...(record === undefined
        ? {}
        : { recording: recordRun(script, cast, { crypto, states: statesOf(record, finding) }) }),
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

/** fast-check is read only where it is wanted. */
async function drawn(
  search: { readonly runs: number; readonly drawnFrom: number },
  cast: Cast,
): Promise<Script> {
  const { counterexampleOf } = await import("../property.ts");
  const found = counterexampleOf(cast, { runs: search.runs, seed: search.drawnFrom, crypto });
  return found?.script ?? { seed: 0, cluster: DEFAULT_CLUSTER, lines: [] };
}

function scriptOf(text: string): Script {
  const parsed = parseScript(text);
  if (!parsed.ok) throw new Error(`line ${parsed.line}: ${parsed.what}`);
  return parsed.script;
}
