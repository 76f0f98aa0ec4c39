/** One run of the client, from the words of the command line to the exit status. */
import { isatty } from "node:tty";
import { unreachable } from "../../kernel/assert.ts";
import type { SigningKey } from "../keys/private.ts";
import { readVersion } from "../version.ts";
import {
  type CommandLine,
  type FileCommand,
  NEW_COMMANDS,
  commandIn,
  type NewCommand,
  parseCommandLine,
  type SyncCommand,
} from "./command-line.ts";
import { EXIT, EXIT_OF, SYSEXIT, SYSEXIT_OF } from "./exit.ts";
import type { OldUploadCommand } from "./old-upload.ts";
import type { PatchCommand } from "./patch-line.ts";
import { createOutput } from "./output.ts";
import { createTeller, type Teller } from "./teller.ts";
import type { Ended } from "./upload.ts";
import type { View } from "./view.ts";

const STDOUT = 1;
const STDERR = 2;
/** By name: the module is not loaded by commands that sign nothing. */
const AGENT_REFUSED = "AgentRefused";
const LINE_MS = 30_000; // 0.6.12's
const JSON_MS = 1_000;
const DRAW_MS = 250;
const SIGNALS = { SIGINT: EXIT.interrupted, SIGTERM: EXIT.terminated } as const;

/** How it is told, and how often. */
type Telling = { readonly view: View; readonly progressMs: number };

export async function run(words: readonly string[]): Promise<number> {
  const version = readVersion();
  const command = parseCommandLine(words, version);
  if (!command.ok) {
    // The command line could not be read, so what it wishes is looked for in its words.
    if (isNew(words)) {
      const tell = tellerOf(words.includes("--json"), version);
      return told(tell, tell.fail(command.code, command.detail, SYSEXIT_OF[command.code]));
    }
    const { view } = await tellingOf({ json: words.includes("--json"), progressMs: 0 }, version);
    view.trouble(command.code, command.detail);
    return ended(view, EXIT_OF[command.code]);
  }
  const { value } = command;
  if (value.kind === "text" || value.kind === "hint") {
    createOutput(value.kind === "text" ? STDOUT : STDERR).write(value.text);
    return EXIT.ok;
  }
  if (value.kind === "completion") {
    const { completionOf } = await import("./completion/completion.ts");
    createOutput(STDOUT).write(completionOf(value.shell, version));
    return EXIT.ok;
  }
  if (isNewCommand(value)) return runNew(value, version);
  const telling = await tellingOf(value, version);
  const { view } = telling;
  for (const [signal, status] of Object.entries(SIGNALS)) {
    process.once(signal, () => {
      view.interrupted(signal);
      process.exit(ended(view, status));
    });
  }
  const crashed = (error: unknown): never => {
    if (error instanceof Error && error.name === AGENT_REFUSED) {
      view.trouble("keys", `the agent did not sign: ${error.message}: look at \`ssh-add -l\``);
      process.exit(ended(view, value.kind === "patch" ? SYSEXIT_OF.keys : EXIT_OF.keys));
    }
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    view.trouble("bug", `a bug of this program: ${what}`);
    process.exit(ended(view, value.kind === "patch" ? SYSEXIT.bug : EXIT.bug));
  };
  process.once("uncaughtException", crashed);
  return ended(view, await perform(value, telling, version).catch(crashed));
}

function isNew(words: readonly string[]): boolean {
  return NEW_COMMANDS.some((name) => name === commandIn(words));
}

function isNewCommand(command: CommandLine): command is NewCommand {
  return command.kind !== "patch" && isNew([command.kind]);
}

/** A signal lets what was begun be tidied away. */
async function runNew(command: NewCommand, version: string): Promise<number> {
  const tell = tellerOf(command.json, version);
  const stop = new AbortController();
  let interrupted: number | null = null;
  for (const [signal, status] of Object.entries(SIGNALS)) {
    process.once(signal, () => {
      interrupted = status;
      stop.abort();
    });
  }
  const crashed = (error: unknown): number => {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return tell.fail("bug", `a bug of this program: ${what}`, SYSEXIT.bug);
  };
  process.once("uncaughtException", (error) => process.exit(told(tell, crashed(error))));
  const status = await performNew(command, tell, stop.signal).catch(crashed);
  return told(tell, interrupted ?? status);
}

async function performNew(command: NewCommand, tell: Teller, stop: AbortSignal): Promise<number> {
  if (command.kind === "audit") return (await import("./audit.ts")).audit(command, tell);
  return (await import("./look.ts")).look(command, tell, stop);
}

function tellerOf(json: boolean, version: string): Teller {
  return createTeller({ json, version, stdout: createOutput(STDOUT), stderr: createOutput(STDERR) });
}

function told(tell: Teller, status: number): number {
  tell.result(status, elapsedMs());
  return status;
}

function ended(view: View, status: number): number {
  view.result({ status, elapsedMs: elapsedMs() });
  return status;
}

function elapsedMs(): number {
  return Math.round(performance.now());
}

/** Views are loaded when there is something to view: help is there at once. */
async function tellingOf(
  { json, progressMs }: Pick<SyncCommand, "json" | "progressMs">,
  version: string,
): Promise<Telling> {
  const stdout = createOutput(STDOUT);
  if (json) {
    const { createJson } = await import("./json.ts");
    return { view: createJson({ version, stdout }), progressMs: progressMs ?? JSON_MS };
  }
  const lines = { version, stdout, stderr: createOutput(STDERR), elapsedMs };
  const drawable = isatty(STDERR) && process.env["TERM"] !== "dumb";
  // Who names an interval wants lines.
  if (!drawable || progressMs !== null) {
    const { createLines } = await import("./lines.ts");
    return { view: createLines(lines), progressMs: progressMs ?? LINE_MS };
  }
  const { createBar } = await import("./bar.ts");
  const { screenNow } = await import("./picture.ts");
  return { view: createBar({ ...lines, screen: screenNow }), progressMs: DRAW_MS };
}

async function perform(
  command: SyncCommand | FileCommand | PatchCommand | OldUploadCommand,
  { view, progressMs }: Telling,
  version: string,
): Promise<number> {
  if (command.kind === "sync" && command.dryRun) {
    const { dryRun } = await import("./dry-run.ts");
    return dryRun(command, tellerOf(command.json, version), view);
  }
  const { gatherKeys } = await import("../keys/gather.ts");
  const { printPublicKey } = await import("../keys/public.ts");
  const found = await gatherKeys(
    { files: command.identityFiles, variables: command.identityVariables },
    process.env,
  );
  if (found.problems.length > 0) {
    for (const problem of found.problems) view.trouble("keys", problem);
    return command.kind === "patch" ? SYSEXIT_OF.keys : EXIT_OF.keys;
  }
  view.keys(
    found.keys.map(({ publicKey }) => printPublicKey(publicKey)),
    found.warnings,
  );
  if (command.kind === "patch") {
    const { patch } = await import("./patch.ts");
    return patch(command, { view, progressMs, tell: tellerOf(command.json, version) }, found.keys);
  }
  if (command.kind !== "sync" && command.kind !== "upload")
    return change(command, { view, progressMs }, found.keys);
  const { upload } = await import("./upload.ts");
  if (command.kind === "upload") {
    const statuses: number[] = [];
    for (const { job, clusters } of command.parts) {
      const own = { ...command, clusters };
      const ended = await upload([job], own, progressMs, found.keys, (report) => view.report(report));
      statuses.push(ended.sourceFailed ? EXIT.usage : ended.succeeded ? EXIT.ok : EXIT.destination);
    }
    return Math.max(...statuses);
  }
  const { uploads } = command;
  return exitOf(await upload(uploads, command, progressMs, found.keys, (report) => view.report(report)));
}

async function change(
  command: FileCommand,
  { view, progressMs }: Telling,
  keys: readonly SigningKey[],
): Promise<number> {
  const { changeFile } = await import("./change-file.ts");
  const changed = await changeFile(command, progressMs, keys, view);
  switch (changed.kind) {
    case "unchanged":
      view.note("unchanged", "warning: file is unchanged.");
      return EXIT.ok;
    case "failed": {
      const code = changed.where === "remote" ? "remote" : "source";
      view.trouble(code, changed.message);
      return EXIT_OF[code];
    }
    case "uploaded":
      return exitOf(changed.ended);
    default:
      return unreachable(changed);
  }
}

function exitOf({ succeeded, sourceFailed }: Ended): number {
  if (sourceFailed) return EXIT.destination;
  return succeeded ? EXIT.ok : EXIT.upload;
}
