/** The command line of `ciruela-server`: the options of 0.6.12, and some of ours. */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { isIP } from "node:net";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { type MachineId, parseMachineId } from "../../kernel/ids.ts";
import { parseDuration } from "./duration.ts";
import { shown } from "./problem.ts";
import { errnoOf } from "./text-file.ts";

export type ServerOptions = {
  readonly configBaseDir: string;
  readonly dbDir: string;
  readonly host: string;
  readonly port: number;
  readonly maxConnections: number;
  readonly metadataThreads: number;
  readonly diskThreads: number;
  readonly cantal: boolean;
  readonly machineId: MachineId;
  readonly hostname: string;
  /** Whose number of milliseconds is added to the clock; of a test. */
  readonly clockFile: string | null;
  readonly logMachineId: boolean;
  readonly aggressiveIndexGc: boolean;
  /** Milliseconds from one reading of all images to the next. */
  readonly scrubEvery: number;
  /** Judge the configuration, print what is wrong, and end. */
  readonly checkConfig: boolean;
  readonly acceptUnlisted: boolean;
};

export type CommandLine =
  | { readonly kind: "run"; readonly options: ServerOptions }
  /** For stdout; exit 0. */
  | { readonly kind: "print"; readonly text: string }
  /** For stderr. */
  | { readonly kind: "stop"; readonly text: string; readonly exit: typeof EXIT_USAGE | typeof EXIT_CONFIG };

export const EXIT_USAGE = 64;
export const EXIT_CONFIG = 78;

const PORT = 24_783;
const WEEK_MS = 604_800_000;
const SCRUB_MS_MIN = 1_000; // as often as anything is read at all
const CONNECTIONS = 1_000;
const CONNECTIONS_MAX = 1_000_000; // more than one process can hold open
const THREADS_MAX = 1_024;

/** What the command line says that the options do not: tests put their own in. */
export type Surroundings = { readonly version: string; readonly machineIdFile: string };

export function parseServerOptions(args: readonly string[], around: Surroundings): CommandLine {
  let printed = "";
  const command = describeServer(around.version, (text) => (printed += text));
  try {
    command.parse(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: "print", text: printed };
    const what = error.message.replace(/^error: /, "");
    return { kind: "stop", text: `ciruela-server: ${what}\nTry ciruela-server --help\n`, exit: EXIT_USAGE };
  }
  const { overrideMachineId, overrideHostname, overrideClock, ...rest } = command.opts<Parsed>();
  const machine = overrideMachineId ?? readMachineId(around.machineIdFile);
  if (machine === null || typeof machine === "object") {
    const what = machine === null ? "is not 32 hex digits" : `is not readable (${machine.code})`;
    const mend = "mend it (systemd-machine-id-setup), or give --override-machine-id";
    return {
      kind: "stop",
      text: `ciruela-server: ${around.machineIdFile} ${what}: ${mend}\n`,
      exit: EXIT_CONFIG,
    };
  }
  const overridden = { hostname: overrideHostname ?? ownName(), clockFile: overrideClock ?? null };
  return { kind: "run", options: { ...rest, ...overridden, machineId: machine } };
}

/** All options, which `--help`, the completions and the manual show. */
export function describeServer(version: string, write: (text: string) => void): Command {
  return new Command("ciruela-server")
    .description("Serves, receives and keeps in step the directories of a configuration folder.")
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({
      writeOut: write,
      writeErr: () => {}, // the error that is thrown says it
    })
    .option("-c, --config-base-dir <dir>", "configuration folder", text("DIR"), "/etc/ciruela")
    .option("--db-dir <dir>", "database; must exist", text("DIR"), "/var/lib/ciruela")
    .option("--host <ip>", "address to listen on, TCP and UDP", address, "0.0.0.0")
    .option("--port <n>", "TCP and UDP port, also assumed for peers", number(1, 65_535), PORT)
    .option("--max-connections <n>", "connections at once", number(1, CONNECTIONS_MAX), CONNECTIONS)
    .option("--metadata-threads <n>", "taken for scripts of 0.6.12, not used", number(1, THREADS_MAX), 2)
    .option("--disk-threads <n>", "workers for image data", number(1, THREADS_MAX), 8)
    .option("--cantal", "take peers from a local cantal instead of peers.txt", false)
    .option("--override-machine-id <hex32>", "instead of /etc/machine-id, for tests", machineId)
    .option("--override-hostname <name>", "name that clients are told", text("NAME"))
    .option(
      "--override-clock <file>",
      "add the milliseconds in this file to the clock, for tests",
      text("FILE"),
    )
    .option("--log-machine-id", "begin log lines with machine id and time", false)
    .option("--aggressive-index-gc", "collect indexes after every round of cleanup", false)
    .addOption(
      new Option("--scrub-every <time>", "how often all images are read again, to find what a disk has lost")
        .argParser(duration)
        .default(WEEK_MS, "7 days"),
    )
    .option("--accept-unlisted", "take datagrams from addresses outside of peers.txt, as 0.6.12 does", false)
    .option("--check-config", "judge the configuration, print what is wrong, and end", false)
    .version(version, "--version", "print the version")
    .helpOption("-h, --help", "print this");
}

type Parsed = Omit<ServerOptions, "machineId" | "hostname"> & {
  readonly overrideMachineId?: MachineId;
  readonly overrideHostname?: string;
  readonly overrideClock?: string;
};

/** 32 hex digits and at most one byte more, as 0.6.12 takes them; null for anything else. */
function readMachineId(file: string): MachineId | { readonly code: string } | null {
  try {
    const found = readFileSync(file, "latin1");
    return found.length <= 33 ? parseMachineId(found.slice(0, 32).toLowerCase()) : null;
  } catch (error) {
    return { code: errnoOf(error) };
  }
}

function ownName(): string {
  return hostname() || "localhost";
}

function text(what: string): (value: string) => string {
  return (value) => {
    if (value === "" || value.includes("\0"))
      throw new InvalidArgumentError(`${what} is empty or holds a zero byte.`);
    return value;
  };
}

function address(value: string): string {
  if (isIP(value) === 0)
    throw new InvalidArgumentError(`${shown(value)} is no IP address; names are not taken here.`);
  return value;
}

function number(min: number, max: number): (value: string) => number {
  return (value) => {
    const parsed = /^[0-9]{1,9}$/.test(value) ? Number(value) : Number.NaN;
    if (parsed >= min && parsed <= max) return parsed;
    throw new InvalidArgumentError(`${shown(value)} is no whole number from ${min} to ${max}.`);
  };
}

/** In milliseconds, from a second on. */
function duration(value: string): number {
  const parsed = parseDuration(value);
  if (!parsed.ok) throw new InvalidArgumentError(`${shown(value)} is no time: ${parsed.detail}.`);
  if (parsed.value < SCRUB_MS_MIN) throw new InvalidArgumentError(`${shown(value)} is less than a second.`);
  return parsed.value;
}

function machineId(value: string): MachineId {
  const parsed = parseMachineId(value.toLowerCase());
  if (parsed === null) throw new InvalidArgumentError(`${shown(value)} is not 32 hex digits.`);
  return parsed;
}
