/** The daemon as a process: a node of this kernel in a server, signals, and exit codes. */
import { randomBytes } from "node:crypto";
import { availableParallelism, hostname } from "node:os";
import { setFlagsFromString } from "node:v8";
import type { Config } from "../../kernel/config.ts";
import { createNode, step, wakeAt } from "../../kernel/node.ts";
import { statusPage } from "../../kernel/status.ts";
import type { RootName } from "../../kernel/storage/call.ts";
import { now } from "../clock.ts";
import { compiledUrl } from "../compiled.ts";
import { createLineSink } from "../line-sink.ts";
import { createLog, logLevel } from "../log.ts";
import { clockOf } from "./clock-file.ts";
import type { LiveFolder } from "./live-folder.ts";
import { type Ending, type Server, serve } from "./serve.ts";

/** sysexits(3); `docs/exit-codes.md` has the whole table. */
export const EXIT = { ok: 0, usage: 64, software: 70, io: 74, tryAgain: 75, config: 78 } as const;

const STDERR = 2;
const UMASK = 0o022; // trees are made for others to read
const THREADS_MIN = 2; // one for what is short, one for what takes long
/**
 * V8 counts received bytes as garbage of a small heap and collects all of it every 25 MB. Growing by so much more saves
 * a tenth of the processor and costs 20 MiB of memory; 400 would save a fifth and cost 75 MiB.
 */
const HEAP_GROWTH = "--heap-growing-percent=150";

export type DaemonSettings = {
  readonly config: Config;
  readonly host: string;
  readonly db: RootName;
  /** At most; fewer on a machine with few processors. */
  readonly diskThreads: number;
  readonly connectionsMax: number;
  readonly cantal: boolean;
  /** Of a test that steps the clock. */
  readonly clockFile: string | null;
  readonly version: string;
  readonly logMachineId: boolean;
  /** What is odd in the configuration and stops nothing. */
  readonly warnings: readonly string[];
  readonly files: LiveFolder;
};

/** Runs until it is told to stop; the exit code. Ends the process by itself at a bug. */
export async function runDaemon(settings: DaemonSettings): Promise<number> {
  const { config, version } = settings;
  process.umask(UMASK);
  setFlagsFromString(HEAP_GROWTH);
  const sink = createLineSink(STDERR);
  const log = createLog({
    level: logLevel(process.env),
    machine: settings.logMachineId ? config.machine : null,
    write: (line) => sink.write(line),
    mono: () => performance.now(),
  });
  process.on("uncaughtException", (error) => {
    log.trace("crashed", { error: error.message, at: whereOf(error) });
    process.exit(EXIT.software);
  });
  // A signal that comes before the server is there is kept for it.
  let stopAsked = false;
  let server: Server | null = null;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (stopAsked) process.exit(EXIT.ok); // the second one is impatience; recovery is made for that
      stopAsked = true;
      server?.stop();
    });
  }
  process.on("SIGHUP", () => server?.reload());

  const wall = settings.clockFile === null ? Date.now : clockOf(settings.clockFile);
  const node = createNode(config, randomBytes(16).toString("hex"), now(wall));
  log.trace("starting", { version, machine_id: config.machine, pid: process.pid, node: process.version });
  for (const warning of settings.warnings) log.trace("config_warning", { warning });
  try {
    server = await serve({
      host: settings.host,
      port: config.port,
      wall,
      names: [config.hostname, hostname()],
      cantal: settings.cantal,
      connectionsMax: settings.connectionsMax,
      version,
      machine: { step: (event, at) => step(node, event, at), wakeAt: () => wakeAt(node) },
      storage: {
        threads: threadsFor(settings.diskThreads),
        program: compiledUrl("../../kernel/storage/program.ts", import.meta.url).href,
        context: { db: settings.db, roots: config.directories.map(({ root }) => root) },
      },
      page: (path) => statusPage(node, path),
      db: settings.db,
      files: settings.files,
      log,
      about: {
        machine_id: config.machine,
        hostname: config.hostname,
        version,
        directories: config.directories.length,
      },
    });
  } catch (error) {
    const code = errnoOf(error);
    if (code === null) throw error;
    log.trace("start_failed", { code, detail: `${settings.host}:${config.port}: ${adviceOf(code)}` });
    return EXIT.io;
  }
  if (stopAsked) server.stop();
  const ending = await server.ended;
  if (ending.kind === "stopped") log.trace("stopped", {});
  return exitCodeOf(ending);
}

function exitCodeOf(ending: Ending): number {
  if (ending.kind === "stopped") return EXIT.ok;
  if (ending.code === "locked") return EXIT.tryAgain;
  return ending.code === "exchange_unsupported" ? EXIT.config : EXIT.io;
}

function threadsFor(most: number): number {
  // More than processors only wait for each other: a block is digested on one.
  return Math.min(most, Math.max(THREADS_MIN, availableParallelism()));
}

function errnoOf(error: unknown): string | null {
  const code = error instanceof Error && "code" in error ? error.code : null;
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ? code : null;
}

function adviceOf(errno: string): string {
  switch (errno) {
    case "EADDRINUSE":
      return "the address is in use: stop the other server, or choose another --host or --port";
    case "EADDRNOTAVAIL":
      return "this machine does not have the address: choose another --host";
    case "EACCES":
      return "the port needs privileges: choose a --port above 1023";
    default:
      return `the address cannot be used (${errno}): choose another --host or --port`;
  }
}

/** The first place in our own code. */
function whereOf(error: Error): string {
  const line = error.stack?.split("\n").find((each) => /\((file|\/)|at (file|\/)/.test(each)) ?? "";
  return line
    .trim()
    .replace(/^at /, "")
    .replaceAll(/\(?file:\/\/[^ ]*\/(dist|node_modules)\//g, "");
}
