/** `merge`: the results of shards as one. */
import { command, EXIT } from "./command.ts";
import { describeHunt } from "./hunt-text.ts";
import { mergeResults, readResults, writeLines } from "./results.ts";

const FILES_MAX = 10_000;

export const mergeCommand = command({
  usage: `merge FILE... [--out FILE]
  The results of shards as one: in any order, of any number, also more than once.`,
  values: ["--out"],
  words: [1, FILES_MAX],
  parse: ({ options, words }) => ({ files: words, out: options.get("--out") ?? null }),
  run: merge,
});

type Merge = { readonly files: readonly string[]; readonly out: string | null };

async function merge({ files, out }: Merge): Promise<number> {
  const merged = mergeResults(await readResults(files));
  if (out !== null) await writeLines(out, merged);
  process.stdout.write(`${describeHunt(merged, null)}\n`);
  return merged.some(({ trouble }) => trouble !== null) ? EXIT.violation : EXIT.ok;
}
