/** `npm run interop`: see `--help`, and docs/compatibility.md for what it is for. */
import { EXIT_OF, isInHub, runInHub } from "./place.ts";
import { HELP, type Options, parseOptions } from "./options.ts";
import { killAll } from "./processes.ts";
import { lineOf, listLine, objectOf, summaryLine, summaryOf, troubleOf } from "./report.ts";
import type { Row } from "./row.ts";
import { wrongUsage } from "../usage.ts";
import { ROWS } from "./rows.ts";
import { runRows, stopAll } from "./run.ts";

process.exitCode = await main();

async function main(): Promise<number> {
  const parsed = parseOptions(process.argv.slice(2));
  if (parsed.kind === "help") {
    process.stdout.write(HELP);
    return 0;
  }
  if (parsed.kind === "wrong") return wrongUsage("interop", parsed.what);
  const { options } = parsed;
  const strange = options.only.find((pattern) => !ROWS.some((row) => matches(row, pattern)));
  if (strange !== undefined)
    return wrongUsage("interop", `--only ${strange}: there is no such row; --list shows them`);
  const { only } = options;
  const rows = ROWS.filter((row) => only.length === 0 || only.some((pattern) => matches(row, pattern)));
  if (options.list) {
    process.stdout.write(rows.map((row) => `${listLine(row)}\n`).join(""));
    return 0;
  }
  if (options.netns && !isInHub()) {
    const status = await runInHub("--netns");
    return typeof status === "number" ? status : wrongUsage("interop", status);
  }
  return judge(rows, options);
}

async function judge(rows: readonly Row[], { plant, json, ...options }: Options): Promise<number> {
  for (const [signal, status] of Object.entries(EXIT_OF))
    process.once(signal, () => void stopAll().then(() => process.exit(status)));
  process.once("exit", killAll);
  const began = performance.now();
  let done = 0;
  const results = await runRows(rows, { ...options, plant }, (result) => {
    done += 1;
    const text = json ? JSON.stringify(objectOf(result, plant)) : lineOf(result, plant);
    process.stdout.write(`${text}\n`);
    process.stderr.write(`${troubleOf(result)}${done} of ${rows.length}\r`);
  });
  process.stderr.write("\n");
  const summary = summaryOf(results, (performance.now() - began) / 1_000, plant);
  process.stdout.write(`${json ? JSON.stringify(summary) : summaryLine(summary)}\n`);
  return summary.red === 0 ? 0 : 1;
}

function matches({ id }: Row, pattern: string): boolean {
  return pattern.endsWith("*") ? id.startsWith(pattern.slice(0, -1)) : id === pattern;
}
