/**
 * One file of what stands at a path: its index is read from the cluster and verified, the file is edited or replaced,
 * and the tree with it is uploaded on condition that nobody has changed the directory meanwhile. The other files are
 * not needed here: the servers have them.
 *
 *   read -> edited | taken -> unchanged | uploaded | superseded (-> read, if it is to be redone on top)
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { ImageId } from "../../kernel/ids.ts";
import type { Reading } from "../../kernel/reader.ts";
import type { Report } from "../../kernel/report.ts";
import { isContested, type Outcome, outcomeOf, type Settled } from "../../kernel/settle.ts";
import type { RootName } from "../../kernel/storage/call.ts";
import { textOfByteString } from "../../kernel/text.ts";
import type { UploadJob } from "../../kernel/uploader.ts";
import { errnoOf } from "../config/text-file.ts";
import type { SigningKey } from "../keys/private.ts";
import { type FileCommand, PORT } from "./command-line.ts";
import { hostWords } from "./entry-points.ts";
import { agrees, differenceOf, edit, isTerminal } from "./editor.ts";
import { read, readingSentence } from "./read.ts";
import { quoted, shellWord } from "./text.ts";
import { type Ended, upload } from "./upload.ts";
import type { View } from "./view.ts";
import { whoWins } from "./who-wins.ts";

const READ_MS = 30_000;
const SETTLE_MS = 30_000; // after a refusal, for servers to agree

/** What became of it: nothing to do, why nothing was uploaded, or how the upload has ended. */
export type Changed =
  | { readonly kind: "unchanged" }
  | { readonly kind: "failed"; readonly where: "remote" | "local"; readonly message: string }
  | { readonly kind: "uploaded"; readonly ended: Ended };

type Base = Extract<Reading, { ok: true }>;
type Work = {
  readonly command: FileCommand;
  readonly keys: readonly SigningKey[];
  readonly progressMs: number;
  readonly view: View;
  /** Of the file, in its directory, and where it is here, alone in a folder. */
  readonly name: string;
  readonly folder: string;
  readonly file: string;
  /** Whether there is somebody to ask. */
  readonly asks: boolean;
  /** What the editor was given, or what has come to be there since; null while nothing is. */
  fetched: Uint8Array | null;
  editing: boolean;
};

export async function changeFile(
  command: FileCommand,
  progressMs: number,
  keys: readonly SigningKey[],
  view: View,
): Promise<Changed> {
  if (command.kind === "put_file") {
    const wrong = wrongLocal(command.local);
    if (wrong !== null) return { kind: "failed", where: "local", message: wrong };
  }
  const name = textOfByteString(command.file) ?? command.file;
  const folder = mkdtempSync(join(tmpdir(), "ciruela-file-"));
  const file = join(folder, "tree", name);
  const asks = command.kind === "edit" && !command.yes && !command.json && isTerminal();
  const work: Work = {
    command,
    keys,
    progressMs,
    view,
    name,
    folder,
    file,
    asks,
    fetched: null,
    editing: false,
  };
  let changed: Changed | null = null;
  const leave = (tells: boolean) => {
    const isKept = (changed === null || !isDone(changed)) && hasText(work);
    if (!isKept) rmSync(folder, { recursive: true, force: true });
    else if (tells) view.note("text_kept", keptSentence(work));
  };
  // A signal ends the process at once, and JSON has had its last line by then.
  const exited = () => leave(!command.json);
  process.once("exit", exited);
  try {
    mkdirSync(dirname(file), { recursive: true });
    changed = await perform(work);
    return changed;
  } finally {
    process.off("exit", exited);
    leave(true);
  }
}

function isDone(changed: Changed): boolean {
  return changed.kind === "unchanged" || (changed.kind === "uploaded" && changed.ended.succeeded);
}

/** Whether something of the user's is there and nowhere else. An editor that still runs may be about to write it. */
function hasText({ fetched, editing, file }: Work): boolean {
  if (editing) return true;
  if (fetched === null) return false;
  try {
    return Buffer.compare(readFileSync(file), fetched) !== 0;
  } catch {
    return existsSync(file);
  }
}

/** The text is somebody's work: where it is, and how it comes to its place after all. */
function keptSentence({ command, file, name }: Work): string {
  const { port, identityFiles, identityVariables, path, confirm, clusters } = command;
  const options = [
    ...identityFiles.flatMap((each) => ["-i", each]),
    ...identityVariables.flatMap((each) => ["-k", each]),
    ...(confirm === null ? [] : ["--confirm", String(confirm)]),
  ];
  const change = ["-d", path, "-s", file, "-f", name];
  const global = port === PORT ? [] : ["--port", String(port)];
  const words = ["ciruela", ...global, "put-file", ...options, ...change, ...hostWords(clusters)];
  const line = words.map(shellWord).join(" ");
  return `your text is kept in ${quoted(file)}; to put it on top of what is there now: ${line}`;
}

async function perform(work: Work): Promise<Changed> {
  const { command, view } = work;
  let before: Base | null = null;
  for (let left = command.redo; ; left--) {
    const reading = await readBase(work);
    if (!reading.ok) {
      const message = readingSentence(`${command.path} ${quoted(work.name)}`, reading);
      return { kind: "failed", where: "remote", message };
    }
    const prepared = await prepare(work, before, reading);
    if (prepared !== null) return prepared;
    const { ended, seen, finished } = await replace(work, reading);
    const outcome = outcomeOf(ended.succeeded, seen, command.confirm !== null, left);
    if ("by" in outcome && (await isRedone(work, outcome))) {
      before = reading;
      continue;
    }
    const won = outcome.kind === "made";
    if (finished !== null) view.report(won ? { ...finished, ok: true, why: "received" } : finished);
    return { kind: "uploaded", ended: { ...ended, succeeded: won } };
  }
}

function readBase({ command, keys }: Work): Promise<Reading> {
  const { clusters, port, path, file, deadlineMs } = command;
  const entryPoints = clusters[0]?.entryPoints ?? [];
  const wanted = { kind: "file", file, mustExist: command.kind === "edit" } as const;
  const trust = { keys: keys.map(({ publicKey }) => publicKey), mustBeSigned: false };
  return read(path, wanted, { port, entryPoints, deadlineMs: Math.min(READ_MS, deadlineMs) }, trust);
}

/** Brings the file into its state; null when it is to be uploaded. */
async function prepare(work: Work, before: Base | null, now: Base): Promise<Changed | null> {
  const { command, file, asks, view, folder, name } = work;
  const local = command.kind === "put_file" && (statSync(command.local).mode & 0o100) !== 0;
  if (command.kind === "put_file") copyFileSync(command.local, file);
  else {
    const there = now.file?.bytes ?? new Uint8Array();
    const touched = before !== null && Buffer.compare(before.file?.bytes ?? new Uint8Array(), there) !== 0;
    if (touched && !asks)
      return { kind: "failed", where: "remote", message: `${name}: somebody has changed that file too` };
    if (before === null) writeFileSync(file, there, { flag: "wx" });
    work.fetched = there;
    if (before === null || touched) {
      work.editing = true;
      const wrong = await edit(file);
      work.editing = false;
      if (wrong !== null) return { kind: "failed", where: "local", message: wrong };
    }
    if (Buffer.compare(readFileSync(file), there) === 0) return { kind: "unchanged" };
    if (asks) {
      view.note("difference", differenceOf(there, file, folder, name));
      if (!(await agrees(`Upload it to ${command.path}?`)))
        return { kind: "failed", where: "local", message: "not uploaded: nothing was changed" };
    }
  }
  chmodSync(file, (now.file?.executable ?? local) ? 0o755 : 0o644);
  return null;
}

/** How the upload has ended, and when a server has refused it for another change, who has won. */
async function replace(
  { command, folder, keys, progressMs, view }: Work,
  { index, origin }: Base,
): Promise<{
  readonly ended: Ended;
  readonly seen: Settled;
  readonly finished: Extract<Report, { type: "finished" }> | null;
}> {
  const job: UploadJob = {
    source: join(folder, "tree") as RootName,
    path: command.path,
    mode: "replace",
    oldImage: index.image,
    base: index,
    newest: origin.timestamp ?? 0,
  };
  const single = command.clusters.length === 1;
  let ours: ImageId | null = null;
  let finished: Extract<Report, { type: "finished" }> | null = null;
  const refusals: string[] = [];
  const ended = await upload([job], command, progressMs, keys, (report) => {
    if (report.type === "scanned") ours = report.image;
    if (report.type === "rejected" || report.type === "aborted") refusals.push(report.reason);
    // With several clusters each ends for itself.
    if (report.type === "finished" && single) finished = report;
    else view.report(report);
  });
  if (!single || ended.succeeded || !isContested(refusals))
    return { ended, seen: { kind: "open" }, finished };
  const stop = AbortSignal.timeout(SETTLE_MS);
  return { ended, seen: await whoWins(command, index.image, () => ours, stop), finished };
}

/** Whether it is to be made again on top of what has won; a user is asked, whatever number was given. */
async function isRedone(
  { command, view, asks }: Work,
  { kind, by: winner }: Extract<Outcome, { readonly by: ImageId }>,
): Promise<boolean> {
  const message = `${command.path}: superseded: another change was made meanwhile, and ${winner} is there now`;
  if (kind === "redo") {
    view.note("redo", `${message}: made again on top of it`);
    return true;
  }
  if (!asks) {
    view.trouble("superseded", `${message}: run it again, or use --redo`, { winner });
    return false;
  }
  return agrees(`${message}. Make yours again on top of it?`);
}

function wrongLocal(file: string): string | null {
  try {
    return statSync(file).isFile() ? null : `--source ${quoted(file)} is no file`;
  } catch (error) {
    return `--source ${quoted(file)} cannot be read (${errnoOf(error)}): name a file that can`;
  }
}
