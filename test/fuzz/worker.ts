/** One target in a thread of its own, so that one that never returns can be told and ended from outside. */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { createCoverage } from "./coverage.ts";
import { createFuzzer, type Finding, shrink } from "./engine.ts";
import { type Progress, SHARED_HEAD_BYTES, type WorkerData } from "./report.ts";
import { corpusOf, loadTarget } from "./targets.ts";

const BATCH_MS = 100; // between two questions for coverage
const SHRINK_MS = 3_000;

async function main(data: WorkerData, port: MessagePort): Promise<void> {
  const head = new Int32Array(data.shared, 0, 2);
  const bytes = new Uint8Array(data.shared, SHARED_HEAD_BYTES);
  let files: readonly string[] = [];
  const coverage = createCoverage((url) => files.some((file) => url.includes(`/${file}`)));
  const target = await loadTarget(data.target);
  if (target === null) throw new Error(`no target ${data.target}`);
  ({ files } = target);
  coverage.news(); // so that every function is known, also those that never run
  const corpus = [...target.seeds(), ...corpusOf(target.name).map(({ input }) => input)];
  const fuzzer = createFuzzer(target, corpus, data.seed, coverage, (input) => {
    const length = Math.min(input.length, bytes.length);
    bytes.set(length === input.length ? input : input.subarray(0, length));
    head[1] = length;
    Atomics.add(head, 0, 1);
  });

  const cpu = process.cpuUsage();
  const until = performance.now() + data.seconds * 1_000;
  let told = performance.now();
  let count = 100;
  const tell = (kind: Progress["kind"]): void => {
    const { user, system } = process.cpuUsage(cpu);
    port.postMessage({
      kind,
      executions: fuzzer.executions(),
      corpus: fuzzer.corpus.length,
      outcomes: fuzzer.outcomes.size,
      ...coverage.summary(),
      cpuSeconds: (user + system) / 1e6,
      reached: kind === "end" ? fuzzer.reached : [],
    } satisfies Progress);
  };
  while (performance.now() < until && fuzzer.executions() < data.executionsMax) {
    const start = performance.now();
    const finding = fuzzer.batch(Math.min(count, data.executionsMax - fuzzer.executions()));
    if (finding !== null) {
      tell("progress");
      port.postMessage(shrink(target, finding, SHRINK_MS) satisfies Finding);
      return;
    }
    const took = performance.now() - start;
    count = Math.max(20, Math.min(20_000, Math.round((count * BATCH_MS) / Math.max(took, 1))));
    if (performance.now() - told < 1_000) continue;
    told = performance.now();
    tell("progress");
  }
  tell("end");
}

if (parentPort === null) throw new Error("runs as a thread of main.ts");
await main(workerData as WorkerData, parentPort);
