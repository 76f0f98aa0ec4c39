/** What the commands say about themselves. */
export const USAGES = {
  run: `run (--seed N | --seeds A..B | FILE) [--check] [--mutant NAME] [--no-shrink] [--trace ndjson]
    [--shard I/N] [--out FILE] [--jobs N]
  Runs seeds, or a script; - reads standard input. One in ten seeds is run twice, the second time with its servers
  made and listed in another order. Before an option the word \`run\` may be left out; --script FILE is FILE.
    --check         every one twice, and the first event and field that differ
    --trace ndjson  every event of one run, one JSON object a line
    --no-shrink     a failing script as it is
    --shard 2/3     the second of three parts, for --out and \`merge\`
    --out FILE      a line for each seed`,
  hunt: `hunt [--minutes N] [--first SEED] [--mutant NAME] [--shard I/N] [--out FILE] [--jobs N]
  Seeds until the time is over or one fails: how many, simulated time of all servers, faults by kind, the upper bound
  of the rate of failures that is left at 95 %, and every mark, fault and phase that was not seen, by name.`,
  replay: `replay FILE [--mutant NAME]
  A script again, on the code as it is. Says what \`// fails:\` in it says and whether that is still so, and which lines
  do not apply any more because they meet nothing that they could change.`,
  shrink: `shrink (--seed N | FILE) [--mutant NAME]
  The smallest script that fails with the same code: without any one of its lines it would not.`,
  why: `why (--seed N | FILE) [--mutant NAME]
  What led to a failure, in sentences: who sent what to whom, which fault hit it, which promise was broken. Lines with
  * are of the script, lines with ! are messages that a fault met.`,
  keep: `keep (--seed N | FILE) --name WORDS [--mutant NAME]
  Shrinks a failure and files it as test/sim/scripts/WORDS.sim, where npm test runs it from then on.`,
  merge: `merge FILE... [--out FILE]
  The results of shards as one: in any order, of any number, also more than once.`,
  mutants: `mutants [NAME...] [--seeds N] [--jobs N]
  Plants each bug of test/mutants/, counts the seeds until it is found, shrinks it, and without names writes the table
  of docs/mutants.md.`,
} as const;

export const USAGE = `npm run sim -- COMMAND ...

Runs the kernel in a simulated cluster under faults, and judges it. Without a command: a planted bug is found, made
small and explained, and then the same seeds without it.

${Object.values(USAGES).join("\n\n")}

--mutant NAME plants the bug test/mutants/NAME.mutant in a copy of the kernel. --jobs N is processes side by side, and
changes no result. \`run\` ends with \`digest HEX\`: the same for the same run, on every machine.
Exit: 0 all well, 1 a promise was broken, 2 two runs of one script differed, 64 a wrong command line.
`;
