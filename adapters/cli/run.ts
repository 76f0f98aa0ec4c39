/** One run of the client, from the words of the command line to the exit status. */
import { readVersion } from "../version.ts";
import { parseCommandLine, type SyncCommand } from "./command-line.ts";
import { EXIT, EXIT_OF } from "./exit.ts";
import { createJson } from "./json.ts";
import { createLines } from "./lines.ts";
import { createOutput } from "./output.ts";
import type { View } from "./view.ts";

const STDOUT = 1;
const STDERR = 2;
const LINE_MS = 30_000; // 0.6.12's
const JSON_MS = 1_000;
const SIGNALS = { SIGINT: EXIT.interrupted, SIGTERM: EXIT.terminated } as const;

export async function run(words: readonly string[]): Promise<number> {
  const stdout = createOutput(STDOUT);
  const stderr = createOutput(STDERR);
  const elapsedMs = () => Math.round(performance.now());
  const version = readVersion();
  const command = parseCommandLine(words, version);
  if (!command.ok) {
    // The command line could not be read, so what it wishes is looked for in its words.
    const view = words.includes("--json")
      ? createJson({ version, stdout })
      : createLines({ version, stdout, stderr, elapsedMs });
    view.trouble(command.code, command.detail);
    view.result({ status: EXIT_OF[command.code], elapsedMs: elapsedMs() });
    return EXIT_OF[command.code];
  }
  const { value } = command;
  if (value.kind !== "sync") {
    (value.kind === "text" ? stdout : stderr).write(value.text);
    return EXIT.ok;
  }
  const view = value.json
    ? createJson({ version, stdout })
    : createLines({ version, stdout, stderr, elapsedMs });
  for (const [signal, status] of Object.entries(SIGNALS)) {
    process.once(signal, () => {
      view.interrupted(signal);
      view.result({ status, elapsedMs: elapsedMs() });
      process.exit(status);
    });
  }
  const status = await sync(value, view);
  view.result({ status, elapsedMs: elapsedMs() });
  return status;
}

async function sync(command: SyncCommand, view: View): Promise<number> {
  const { findPrivateKeys } = await import("../keys/private.ts");
  const { printPublicKey } = await import("../keys/public.ts");
  const found = findPrivateKeys(
    { files: command.identityFiles, variables: command.identityVariables },
    process.env,
  );
  if (found.problems.length > 0) {
    for (const problem of found.problems) view.trouble("keys", problem);
    return EXIT_OF.keys;
  }
  view.keys(
    found.keys.map(({ publicKey }) => printPublicKey(publicKey)),
    found.warnings,
  );
  const { upload } = await import("./upload.ts");
  const progressMs = command.progressMs ?? (command.json ? JSON_MS : LINE_MS);
  const ended = await upload(command, progressMs, found.keys, (report) => view.report(report));
  if (ended.sourceFailed) return EXIT.destination;
  return ended.succeeded ? EXIT.ok : EXIT.upload;
}
