/** `npm run gaps`: the mistakes of 0.6.12, planted one after the other, and whether their tests see them. */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { gapMutants } from "./gap-mutant.ts";
import { PAGE, page } from "./page.ts";
import { EXIT_USAGE, wrongUsage } from "../usage.ts";
import { inCopy, tryMutants } from "./run.ts";

const EXIT_FOUND = 1;
const EXIT_STOPPED = 130;

const HELP = `Usage: npm run gaps [-- options]

Plants each bug of test/gaps/ in a copy of the sources and runs the one test that it names, which has to fail.

  --only ID   those of this entry, by the beginning of their names: B16, W2
  --json      one object a line in place of the table
  --write     write ${PAGE}, and plant nothing
  --help      this

Status: 0 all were killed; ${EXIT_FOUND} one was not, its test is not there, or did not come to its end, which shows nothing;
${EXIT_USAGE} wrong usage.
`;

process.exitCode = await main().catch((error: unknown) => {
  if (error instanceof Error && error.name === "AbortError") return EXIT_STOPPED;
  throw error;
});

async function main(): Promise<number> {
  const options = readOptions();
  if (typeof options === "number") return options;
  if (options.write) {
    writeFileSync(PAGE, page());
    return 0;
  }
  const only = options.only;
  const chosen = gapMutants().filter(({ name }) => only === undefined || name.startsWith(`${only}-`));
  if (chosen.length === 0) {
    return wrongUsage("gaps", `no mutant of test/gaps/ begins with ${only}-`);
  }
  const survivors = await inCopy(async (folder, stopped) => {
    let count = 0;
    for await (const [each, verdict] of tryMutants(folder, chosen, stopped)) {
      if (verdict !== "killed") count += 1;
      const { name: mutant, file, title: test } = each;
      const [id = ""] = mutant.split("-");
      const row = options.json
        ? JSON.stringify({ id, mutant, file, test, verdict })
        : `${id.padEnd(4)} ${mutant.padEnd(40)} ${file} > ${test} ${verdict}`;
      process.stdout.write(`${row}\n`);
    }
    return count;
  });
  if (!options.json) process.stdout.write(`${chosen.length - survivors} of ${chosen.length} killed\n`);
  return survivors === 0 ? 0 : EXIT_FOUND;
}

function readOptions():
  | { readonly only: string | undefined; readonly json: boolean; readonly write: boolean }
  | number {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: "string" },
        json: { type: "boolean", default: false },
        write: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) {
      process.stdout.write(HELP);
      return 0;
    }
    return { only: values.only, json: values.json, write: values.write };
  } catch (error) {
    return wrongUsage("gaps", error instanceof Error ? error.message : String(error));
  }
}
