#!/usr/bin/env node
/** `ciruela-server`: the command line and the configuration folder, judged before anything is touched. */
import { existsSync, statSync, writeSync } from "node:fs";
import { resolve } from "node:path";
import type { RootName } from "../../kernel/storage/call.ts";
import { printProblem, type Problem, wholeFile } from "../config/problem.ts";
import { EXIT_CONFIG, parseServerOptions, type ServerOptions } from "../config/server-options.ts";
import { errnoOf } from "../config/text-file.ts";
import { readVersion } from "../version.ts";
import { readOffset } from "./clock-file.ts";
import { connectionsFor, filesMax } from "./open-files.ts";

const EXIT_OK = 0;
const STDOUT = 1;
const STDERR = 2;
const SOON_MS = 10_000; // between collections of indexes that are asked for eagerly: as often as images are judged
const OWN_FILES = "/proc/self/fd";
const MACHINE_ID_FILE = "/etc/machine-id";

async function main(args: readonly string[]): Promise<number> {
  const version = readVersion();
  const command = parseServerOptions(args, { version, machineIdFile: MACHINE_ID_FILE });
  if (command.kind === "print") {
    print(STDOUT, command.text);
    return EXIT_OK;
  }
  if (command.kind === "stop") {
    print(STDERR, command.text);
    return command.exit;
  }
  return start(command.options, version);
}

async function start(options: ServerOptions, version: string): Promise<number> {
  const path = options.configBaseDir;
  const missing = [
    ...folderProblems(path, "-c DIR"),
    ...(options.checkConfig ? [] : folderProblems(options.dbDir, "--db-dir DIR")),
  ];
  if (!options.checkConfig && !existsSync(OWN_FILES))
    missing.push(
      wholeFile(OWN_FILES, "not there", "mount procfs at /proc: paths start at directories held open there"),
    );
  const { clockFile } = options;
  if (clockFile !== null && readOffset(clockFile) === null)
    missing.push(wholeFile(clockFile, "no number of milliseconds", "write one whole number, such as -60000"));
  if (missing.length > 0) return refuse(missing);
  // Loaded when it is needed: help and the version are there at once.
  const { readFolder } = await import("../config/folder.ts");
  const { rootWarnings } = await import("../config/roots.ts");
  const read = readFolder(path);
  if (!read.ok) return refuse([...read.warnings, ...read.problems]);
  const { folder } = read;
  const warnings = [...read.warnings, ...rootWarnings(path, folder)];
  if (options.checkConfig) {
    if (read.gaps.length > 0) return refuse([...warnings, ...read.gaps]);
    for (const warning of warnings) print(STDERR, `${printProblem(warning)}\n`);
    const { directories, keys, peers } = folder;
    const counts = `directories: ${directories.length}, master keys: ${keys.master.length}, peers: ${peers.length}`;
    print(STDOUT, `${path}: sound (${counts})\n`);
    return EXIT_OK;
  }
  const { DEFAULT_LIMITS } = await import("../../kernel/config.ts");
  const { createLiveFolder } = await import("./live-folder.ts");
  const { runDaemon } = await import("./daemon.ts");
  const files = filesMax();
  const connectionsMax = connectionsFor(options.maxConnections, files);
  const fewer =
    connectionsMax < options.maxConnections
      ? [
          `only ${connectionsMax} connections at once, because only ${files} files may be open: raise the limit of open files`,
        ]
      : [];
  return runDaemon({
    config: {
      machine: options.machineId,
      hostname: options.hostname,
      port: options.port,
      directories: folder.directories,
      acceptUnlisted: options.acceptUnlisted,
      limits: {
        ...DEFAULT_LIMITS,
        scrubEveryMs: options.scrubEvery,
        scrubAfterMs: Math.min(DEFAULT_LIMITS.scrubAfterMs, options.scrubEvery),
        ...(options.aggressiveIndexGc ? { indexCollectMs: SOON_MS } : {}),
      },
    },
    host: options.host,
    db: resolve(options.dbDir) as RootName,
    diskThreads: options.diskThreads,
    connectionsMax,
    version,
    logMachineId: options.logMachineId,
    cantal: options.cantal,
    clockFile: options.clockFile,
    warnings: [...warnings.map(printProblem), ...fewer],
    files: createLiveFolder(path, folder),
  });
}

function refuse(problems: readonly Problem[]): number {
  for (const problem of problems) print(STDERR, `${printProblem(problem)}\n`);
  return EXIT_CONFIG;
}

/** A folder that must be there: a mistyped name must not look like an empty configuration. */
function folderProblems(path: string, option: string): readonly Problem[] {
  try {
    if (statSync(path).isDirectory()) return [];
    return [wholeFile(path, "not a folder", `name a folder with ${option}`)];
  } catch (error) {
    const code = errnoOf(error);
    const what = code === "ENOENT" ? "no such folder" : `cannot be read (${code})`;
    return [wholeFile(path, what, `make it, or name another with ${option}`)];
  }
}

function print(fd: number, text: string): void {
  try {
    writeSync(fd, text);
  } catch {
    // Nobody listens: the exit code says it as well.
  }
}

process.exit(await main(process.argv.slice(2)));
