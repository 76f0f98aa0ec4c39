/** `hunt`: seeds until the time is over or one fails. */
import type { Command } from "./arguments.ts";
import { describeHunt } from "./hunt-text.ts";
import { resultOf } from "./result.ts";
import { writeResults } from "./results.ts";
import { describeTrouble } from "./text.ts";
import { EXIT, findingsOf, workOf } from "./work.ts";

const TWICE_EACH = 50;
const SEEDS_MAX = 1_000_000;

export async function hunt(command: Extract<Command, { kind: "hunt" }>): Promise<number> {
  const { minutes, from, shard, out, mutant } = command;
  const work = await workOf({ kind: "seeds", from, to: from + SEEDS_MAX - 1 }, shard);
  const began = performance.now();
  const findings = await findingsOf(command, {
    count: work.count,
    task: (at) => ({ of: work.of(at), twice: at % TWICE_EACH === 0, shrinkRunsMax: 150 }),
    more: () => performance.now() - began < minutes * 60_000,
    quiet: true,
  });
  const last = findings.length - 1;
  const bad = findings[last];
  const seconds = (performance.now() - began) / 1000;
  const results = findings.map((finding, at) => resultOf(work.nameOf(at), finding));
  process.stdout.write(`${describeHunt(results, seconds)}\n`);
  if (out !== null) await writeResults(out, findings, work.nameOf);
  if (bad === undefined || bad.trouble === null) return EXIT.ok;
  process.stdout.write(
    `\n${describeTrouble(work.nameOf(last), bad, { what: work.wordsOf(last), mutant })}\n`,
  );
  return EXIT[bad.trouble.kind];
}
