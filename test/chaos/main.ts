/** `npm run chaos`: see `--help`. */
import { randomInt } from "node:crypto";
import { build } from "../adapters/built.ts";
import { EXIT_OF, isInHub, runInHub } from "../interop/place.ts";
import { expectNeeds } from "../system/rig/needs.ts";
import { HELP, type Options, parseOptions } from "./options.ts";
import { stopAll } from "./field.ts";
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
  const status = await runInHub("it");
  return typeof status === "number" ? status : wrongUsage("chaos", status);
}

async function run({ minutes, plant, json, ...options }: Options): Promise<number> {
  let stopping: Promise<never> | null = null;
  for (const [signal, status] of Object.entries(EXIT_OF)) {
    process.on(signal, () => {
      stopping ??= stopAll().then(() => process.exit(status));
    });
  }
  expectNeeds("ip", "nsenter", "mkfs.ext4", "losetup", "/usr/bin/python3");
  const seed = options.seed ?? randomInt(1, SEED_MAX);
  await build();
  process.stderr.write(`seed ${seed}\n`);
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  const summary = await runChaos({ minutes, seed, plant }, say).catch((error: unknown) => {
    if (stopping === null) throw error;
    return stopping; // what fails because all is taken away is no news
  });
  process.stdout.write(json ? `${JSON.stringify(objectOf(summary))}\n` : textOf(summary));
  return summary.wrong.length === 0 ? 0 : 1;
}
