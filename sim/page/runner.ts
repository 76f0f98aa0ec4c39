/** The simulator in the page: runs scripts for it, in a worker, or in the page itself where there are no workers. */
import { kernelCast } from "../cast.ts";
import { createCrypto } from "../crypto.ts";
import { parseScript } from "../parse.ts";
import type { Asked, Heard } from "../view/embedded.ts";
import { recordRun } from "../view/record.ts";

const PROGRESS_STEPS = 2_000;
const crypto = createCrypto();

function run({ script, states }: Asked, say: (heard: Heard) => void): void {
  const parsed = parseScript(script);
  if (!parsed.ok) return say({ kind: "refused", line: parsed.line, what: parsed.what });
  try {
    const progress = (steps: number): void => {
      if (steps % PROGRESS_STEPS === 0) say({ kind: "progress", steps });
    };
    say({
      kind: "done",
      recording: recordRun(parsed.script, kernelCast, { crypto, states, progress }),
    });
  } catch (error) {
    say({ kind: "failed", error: error instanceof Error ? error.message : String(error) });
  }
}

if (typeof document === "undefined") {
  addEventListener("message", (event: MessageEvent<Asked>) => run(event.data, (heard) => postMessage(heard)));
} else {
  Object.assign(globalThis, { ciruelaRun: run });
}
