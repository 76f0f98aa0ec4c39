/** `npm run fuzz -- TARGET`: reads changed inputs until the time is over or one of them crashes the target or hangs it. */
import { createHash, randomInt } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { EXIT_USAGE, wrongUsage } from "../usage.ts";
import { type Finding, judge } from "./engine.ts";
import { corpusFolder, loadTarget, PLANTED_NAMES, TARGET_NAMES } from "./targets.ts";
import { type Progress, type Report, SHARED_HEAD_BYTES, type WorkerData } from "./report.ts";

const EXIT_FOUND = 1;
const SECONDS = 60;
const SHARED_BYTES = 1024 * 1024;
const STUCK_MS = 10_000; // in one input: no honest one takes a hundredth of it
const LOOK_MS = 500;

const HELP = `Usage: npm run fuzz -- TARGET... [options]

Feeds changed inputs to a parser until the time is over. A throw (a law that does not hold is one) or a hang ends it:
the input is made smaller, written to a file, and the status is 1.

  TARGET                ${TARGET_NAMES.join(", ")}, or all
  --seconds N           how long for each target (${SECONDS})
  --executions N        end after so many inputs of each target
  --seed N              of the random numbers; printed, and another one each time
  --replay FILE         read this one input, and say what it does
  --out DIR             where a finding is written (fuzz-found)
  --grow                add what reached new code to test/fuzz/corpus/TARGET
  --quiet               one line for each target, at its end
  --list                the targets and their laws
  --help                this

${PLANTED_NAMES.join(", ")} are broken on purpose.
Status: 0 nothing was found, ${EXIT_FOUND} something was, ${EXIT_USAGE} wrong usage.
`;

/** Threads do not get the loader for TypeScript that this one has. */
const BOOT = `import("tsx/esm/api").then(({ register }) => {
  register();
  return import(require("node:worker_threads").workerData.entry);
});`;
const entry = new URL("./worker.ts", import.meta.url).href;

type Options = {
  readonly seconds: number;
  readonly executionsMax: number;
  readonly seed: number;
  readonly out: string;
  readonly grow: boolean;
  readonly quiet: boolean;
};

type Asked =
  | { readonly kind: "list" }
  | { readonly kind: "replay"; readonly name: string; readonly input: Uint8Array }
  | { readonly kind: "fuzz"; readonly names: readonly string[]; readonly options: Options };

async function main(args: readonly string[]): Promise<number> {
  const asked = readOptions(args);
  if (typeof asked === "number") return asked;
  if (asked.kind === "list") return list();
  if (asked.kind === "replay") return replay(asked.name, asked.input);
  for (const name of asked.names) {
    const status = await fuzz(name, asked.options);
    if (status !== 0) return status;
  }
  return 0;
}

/** What is thrown here is of the command line; what is thrown elsewhere is a fault of ours, and is shown whole. */
function readOptions(args: readonly string[]): Asked | number {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        seconds: { type: "string" },
        executions: { type: "string" },
        seed: { type: "string" },
        replay: { type: "string" },
        out: { type: "string" },
        grow: { type: "boolean" },
        quiet: { type: "boolean" },
        list: { type: "boolean" },
        help: { type: "boolean" },
      },
    });
    if (values.help === true) return say(HELP);
    if (values.list === true) return { kind: "list" };
    const names = positionals.includes("all") ? TARGET_NAMES : positionals;
    const strange = names.find((name) => !TARGET_NAMES.includes(name) && !PLANTED_NAMES.includes(name));
    if (strange !== undefined) throw new RangeError(`no target ${JSON.stringify(strange)}; see --list`);
    const [name] = names;
    if (name === undefined) throw new RangeError("name a target; see --list");
    if (values.replay !== undefined)
      return { kind: "replay", name, input: Uint8Array.from(readFileSync(values.replay)) };
    const options: Options = {
      seconds: numberOf("--seconds", values.seconds) ?? (values.executions === undefined ? SECONDS : 1e9),
      executionsMax: numberOf("--executions", values.executions) ?? Number.MAX_SAFE_INTEGER,
      seed: numberOf("--seed", values.seed) ?? randomInt(1, 2 ** 31),
      out: values.out ?? "fuzz-found",
      grow: values.grow === true,
      quiet: values.quiet === true,
    };
    return { kind: "fuzz", names, options };
  } catch (error) {
    return wrongUsage("fuzz", error instanceof Error ? error.message : String(error));
  }
}

function numberOf(option: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  const number = /^\d{1,12}$/.test(text) ? Number(text) : 0;
  if (number === 0) throw new RangeError(`${option} ${text}: write a whole number from 1`);
  return number;
}

async function list(): Promise<number> {
  for (const name of [...TARGET_NAMES, ...PLANTED_NAMES]) {
    const target = await loadTarget(name);
    say(`${name.padEnd(14)} ${target?.about}\n`);
  }
  return 0;
}

async function replay(name: string, input: Uint8Array): Promise<number> {
  const target = await loadTarget(name);
  const finding = target === null ? null : judge(target, input);
  say(
    finding === null ? `${name}: ${target?.run(input)}\n` : `${name}: ${finding.kind}: ${finding.detail}\n`,
  );
  return finding === null ? 0 : EXIT_FOUND;
}

async function fuzz(name: string, options: Options): Promise<number> {
  say(`${name}: seed ${options.seed}\n`);
  const shared = new SharedArrayBuffer(SHARED_HEAD_BYTES + SHARED_BYTES);
  const { seed, seconds, executionsMax } = options;
  const workerData: WorkerData = { target: name, seed, seconds, executionsMax, shared };
  const worker = new Worker(BOOT, { eval: true, workerData: { ...workerData, entry } });
  const start = performance.now();
  const finding = await new Promise<Finding | null>((done, failed) => {
    const look = lookForStuck(shared, (stuck) => done(stuck));
    worker.on("message", (message: Report) => {
      if ("input" in message) return done(message);
      if (message.kind === "end" || !options.quiet)
        say(`${name}: ${lineOf(message, performance.now() - start)}\n`);
      if (message.kind !== "end") return;
      if (options.grow) grow(name, message.reached);
      done(null);
    });
    worker.on("error", failed);
    worker.on("exit", () => clearInterval(look));
  });
  await worker.terminate();
  return finding === null ? 0 : tell(name, finding, options, performance.now() - start);
}

/** An input that is still the same after a while is one that the target does not come back from. */
function lookForStuck(shared: SharedArrayBuffer, stuck: (finding: Finding) => void): NodeJS.Timeout {
  const head = new Int32Array(shared, 0, 2);
  let begun = 0;
  let since = performance.now();
  return setInterval(() => {
    const now = Atomics.load(head, 0);
    if (now !== begun || now === 0) {
      begun = now;
      since = performance.now();
    } else if (performance.now() - since > STUCK_MS) {
      const input = new Uint8Array(shared, SHARED_HEAD_BYTES, head[1]).slice();
      stuck({ kind: "hang", input, detail: `no answer in ${STUCK_MS} ms` });
    }
  }, LOOK_MS);
}

function lineOf(progress: Progress, ms: number): string {
  const { executions, corpus, outcomes, covered, total, files, cpuSeconds } = progress;
  const number = (value: number) => Math.round(value).toLocaleString("en-US");
  const share = total === 0 ? 0 : (covered / total) * 100;
  return [
    `${(ms / 1_000).toFixed(0)} s`,
    `${number(executions)} executions`,
    `${number(executions / (ms / 1_000))}/s (${number(executions / Math.max(cpuSeconds, 0.001))}/s of a processor)`,
    `coverage ${share.toFixed(1)} % of ${number(total)} characters in ${files} files`,
    `corpus ${corpus}`,
    `outcomes ${outcomes}`,
  ].join(", ");
}

function tell(name: string, finding: Finding, options: Options, ms: number): number {
  const file = join(options.out, `${name}-${hashOf(finding.input)}.bin`);
  mkdirSync(options.out, { recursive: true });
  writeFileSync(file, finding.input);
  say(`${name}: ${finding.kind} after ${(ms / 1_000).toFixed(1)} s: ${finding.detail}\n`);
  say(`${name}: ${finding.input.length} bytes in ${file}\n`);
  say(`again:  npm run fuzz -- ${name} --replay ${file}\n`);
  say(`keep it, when it is mended: mv ${file} ${corpusFolder(name)}/\n`);
  return EXIT_FOUND;
}

function grow(name: string, reached: readonly Uint8Array[]): void {
  mkdirSync(corpusFolder(name), { recursive: true });
  for (const input of reached) writeFileSync(join(corpusFolder(name), `${hashOf(input)}.bin`), input);
  say(`${name}: ${reached.length} inputs added to ${corpusFolder(name)}\n`);
}

function hashOf(input: Uint8Array): string {
  return createHash("sha256").update(input).digest("hex").slice(0, 12);
}

function say(text: string): number {
  process.stdout.write(text);
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
