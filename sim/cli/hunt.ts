/** `hunt`: seeds until the time is over or one fails. */
import { command, EXIT, Usage } from "./command.ts";
import { describeHunt } from "./hunt-text.ts";
import { type Campaign, campaignOf, seedOf } from "./options.ts";
import { resultOf } from "./result.ts";
import { writeResults } from "./results.ts";
import { describeTrouble } from "./text.ts";
import { findingsOf, workOf } from "./work.ts";

const TWICE_EACH = 50;
const SEEDS_MAX = 1_000_000;

export const huntCommand = command({
  usage: `hunt [--minutes N] [--first SEED] [--mutant NAME] [--shard I/N] [--out FILE] [--jobs N]
  Seeds until the time is over or one fails: how many, simulated time of all servers, faults by kind, the upper bound
  of the rate of failures that is left at 95 %, and every mark, fault and phase that was not seen, by name.`,
  values: ["--minutes", "--first", "--mutant", "--jobs", "--shard", "--out"],
  parse(given) {
    const minutes = given.options.get("--minutes") ?? "1";
    if (!/^\d{1,5}(\.\d+)?$/.test(minutes)) throw new Usage(`--minutes ${minutes} is no number`);
    const from = seedOf("--first", given.options.get("--first") ?? "1");
    return { minutes: Number(minutes), from, ...campaignOf(given) };
  },
  run: hunt,
});

type Hunt = Campaign & { readonly minutes: number; readonly from: number };

async function hunt({ minutes, from, shard, out, ...hunters }: Hunt): Promise<number> {
  const { mutant } = hunters;
  const work = await workOf({ kind: "seeds", from, to: from + SEEDS_MAX - 1 }, shard);
  const began = performance.now();
  const findings = await findingsOf(hunters, {
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
