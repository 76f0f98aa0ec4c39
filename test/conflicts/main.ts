/** `npm run conflicts`: see `--help`. */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { EXIT_USAGE, wrongUsage } from "../usage.ts";
import { mutantOf, type Search, search } from "./search.ts";

const EXIT_FOUND = 1;
const SCHEDULES = 1_000;

const HELP = `Usage: npm run conflicts -- [options]

Random schedules of uploads to one path of 3 to 7 servers: several images, equal timestamps, the same image signed again
and by another key, slow lines and disks, a split. Each has to end with the calculated winner, and all its signatures, on
every server, and no server may show an older version than before. The kernels are those of production; lines, disks and
signatures cost nothing.

  --schedules N   how many (${SCHEDULES})
  --seed N        of the first; the others follow (1)
  --jobs N        processes side by side; one a processor
  --mutant NAME   plants the bug test/mutants/NAME.mutant, which has to be found
  --json          the summary as one JSON object
  --help          this

Status: 0 all well, ${EXIT_FOUND} a schedule went wrong and is printed, ${EXIT_USAGE} wrong usage.
`;

type Options = { readonly asked: Search; readonly json: boolean };

async function main(args: readonly string[]): Promise<number> {
  const options = await readOptions(args);
  if (typeof options === "number") return options;
  const { asked, json } = options;
  const began = performance.now();
  const progress = process.stderr.isTTY
    ? (done: number) => void process.stderr.write(`${done} of ${asked.schedules}\r`)
    : () => undefined;
  const { found, ...tally } = await search({ ...asked, progress });
  const seconds = (performance.now() - began) / 1_000;
  const status = found === null ? 0 : EXIT_FOUND;
  if (json) return say(`${JSON.stringify({ ...tally, seconds, found })}\n`, status);
  const rate = Math.round(tally.schedules / seconds);
  const text = [
    ...(found === null
      ? []
      : [found.schedule, found.wrong, `again: --seed ${found.seed} --schedules ${found.schedules}`]),
    `${tally.schedules} schedules in ${seconds.toFixed(0)} s, ${rate} a second: ${tally.conflicts} with several images accepted, ${tally.equalTimes} of them with equal timestamps, ${tally.resigned} with an image signed again; ${found === null ? "all ended with the winner everywhere" : "one went wrong"}`,
  ];
  return say(`${text.join("\n")}\n`, status);
}

/** What is thrown here is of the command line; what is thrown elsewhere is a fault of ours, and is shown whole. */
async function readOptions(args: readonly string[]): Promise<Options | number> {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        schedules: { type: "string" },
        seed: { type: "string" },
        jobs: { type: "string" },
        mutant: { type: "string" },
        json: { type: "boolean" },
        help: { type: "boolean" },
      },
    });
    if (values.help === true) return say(HELP, 0);
    const asked = {
      schedules: numberOf("--schedules", values.schedules) ?? SCHEDULES,
      seed: numberOf("--seed", values.seed) ?? 1,
      jobs: numberOf("--jobs", values.jobs) ?? availableParallelism(),
      mutant: values.mutant === undefined ? null : await mutantOf(values.mutant),
    };
    return { asked, json: values.json === true };
  } catch (error) {
    return wrongUsage("conflicts", error instanceof Error ? error.message : String(error));
  }
}

function numberOf(option: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  const number = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (number === 0) throw new RangeError(`${option} ${text}: write a whole number from 1`);
  return number;
}

function say(text: string, status: number): number {
  process.stdout.write(text);
  return status;
}

process.exitCode = await main(process.argv.slice(2));
