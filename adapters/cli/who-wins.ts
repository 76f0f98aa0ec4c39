/** How a conditional replace of one cluster ends, by what its servers have. */
import type { ImageId, VPath } from "../../kernel/ids.ts";
import { type Settled, settled } from "../../kernel/settle.ts";
import type { ClusterOptions } from "./cluster-options.ts";
import { survey } from "./read.ts";

const WATCH_MS = 1_000; // between two looks
const LOOK_MS = 60_000;

/** Looks at what the servers have until they agree on something new. */
export async function whoWins(
  { path, port, clusters }: Pick<ClusterOptions, "port" | "clusters"> & { readonly path: VPath },
  before: ImageId,
  ours: () => ImageId | null,
  done: AbortSignal,
): Promise<Settled> {
  const entryPoints = clusters[0]?.entryPoints ?? [];
  while (!done.aborted) {
    await pause(WATCH_MS, done);
    const image = ours();
    if (image === null || done.aborted) continue;
    const found = settled(await survey(path, { port, entryPoints, deadlineMs: LOOK_MS }), before, image);
    if (found.kind !== "open") return found;
  }
  return { kind: "open" };
}

function pause(ms: number, done: AbortSignal): Promise<void> {
  return new Promise((resume) => {
    const timer = setTimeout(resume, ms);
    done.addEventListener("abort", () => {
      clearTimeout(timer);
      resume();
    });
  });
}
