/** `npm run chaos`: see `--help`. */
import { randomInt } from "node:crypto";
import { build } from "../adapters/built.ts";
import { isInHub, runInHub } from "../interop/place.ts";
import { expectNeeds } from "../system/rig/needs.ts";
import { HELP, type Options, parseOptions } from "./options.ts";
import { objectOf, textOf } from "./report.ts";
import { wrongUsage } from "../usage.ts";
import { runChaos } from "./run.ts";

const SEED_MAX = 1_000_000;

process.exitCode = await main();

async function main(): Promise<number> {
  const parsed = parseOptions(process.argv.slice(2));
  if (parsed.kind === "help") {
    process.stdout.write(HELP);
    return 0;
  }
  if (parsed.kind === "wrong") return wrongUsage("chaos", parsed.what);
  if (isInHub()) return run(parsed.options);
  await build();
  const status = await runInHub();
  return typeof status === "number" ? status : wrongUsage("chaos", status);
}

async function run({ minutes, plant, json, ...options }: Options): Promise<number> {
  expectNeeds("ip", "nsenter", "mkfs.ext4", "losetup", "/usr/bin/python3");
  const seed = options.seed ?? randomInt(1, SEED_MAX);
  process.stderr.write(`seed ${seed}\n`);
  const summary = await runChaos({ minutes, seed, plant }, (text) => void process.stderr.write(`${text}\n`));
  process.stdout.write(json ? `${JSON.stringify(objectOf(summary))}\n` : textOf(summary));
  return summary.wrong.length === 0 ? 0 : 1;
}
