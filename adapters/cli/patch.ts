/**
 * `ciruela patch`: the index of a directory is read and verified, the changes are made in it, and the result is uploaded
 * as one conditional replace; of the tree only what is put is here.
 *
 *   read -> changed -> staged -> uploading <-> watching (who wins) -> ours | superseded (-> read, if it is to be redone)
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unreachable } from "../../kernel/assert.ts";
import { applyEdits, type Edited, type EditRefusal } from "../../kernel/index/edit.ts";
import { differencesBetween } from "../../kernel/index/difference.ts";
import { overlay } from "../../kernel/index/overlay.ts";
import { BLOCK_BYTES } from "../../kernel/index/packed.ts";
import type { ImageId } from "../../kernel/ids.ts";
import type { Reading } from "../../kernel/reader.ts";
import type { Report } from "../../kernel/report.ts";
import { isConflict, isContested, type Outcome, outcomeOf, type Settled } from "../../kernel/settle.ts";
import type { RootName } from "../../kernel/storage/call.ts";
import type { UploadJob } from "../../kernel/uploader.ts";
import { errnoOf } from "../config/text-file.ts";
import type { SigningKey } from "../keys/private.ts";
import { SYSEXIT } from "./exit.ts";
import { indexOfDirectory, sealTree } from "./local-index.ts";
import { EXIT_OF_READING, nameOf } from "./look.ts";
import { expand, stagePuts } from "./patch-files.ts";
import { type Change, type PatchCommand, parseChanges } from "./patch-line.ts";
import { read, readingSentence, trustOf } from "./read.ts";
import type { Teller } from "./teller.ts";
import { printable, quoted } from "./text.ts";
import { type Ended, upload } from "./upload.ts";
import { whoWins } from "./who-wins.ts";
import type { View } from "./view.ts";

const READ_MS = 60_000;
const SETTLE_MS = 30_000; // after the upload has ended, for servers to agree
const STDIN = 0;

/** Who is told, and how often. */
type Telling = { readonly view: View; readonly progressMs: number; readonly tell: Teller };
type Base = Extract<Reading, { ok: true }>;

/** The exit status. */
export async function patch(
  command: PatchCommand,
  { view, progressMs, tell }: Telling,
  keys: readonly SigningKey[],
): Promise<number> {
  const fail = (code: string, message: string, status: number, more: object = {}): number => {
    view.trouble(code, message, more);
    return status;
  };
  const changes = changesOf(command);
  if (typeof changes === "string") return fail("usage", changes, SYSEXIT.usage);
  const expanded = expand(changes);
  if (!expanded.ok) return fail("source", expanded.detail, SYSEXIT.noInput);
  const trust = trustOf(command);
  if (!trust.ok) return fail("keys", trust.detail, SYSEXIT.config);
  const { path, port, clusters } = command;
  const entryPoints = clusters[0]?.entryPoints ?? [];
  for (let left = command.redo; ; left--) {
    const from = { port, entryPoints, deadlineMs: Math.min(READ_MS, command.deadlineMs) };
    const reading = await read(path, { kind: "index" }, from, trust.value);
    if (!reading.ok) return fail(reading.code, readingSentence(path, reading), EXIT_OF_READING[reading.code]);
    if (reading.index.hashName !== "blake2b/256" || reading.index.blockBytes !== BLOCK_BYTES)
      return fail("unsupported", `${path}: its index is of another kind than uploads have`, SYSEXIT.data);
    const edited = applyEdits(reading.index, expanded.value.edits);
    if (!edited.ok) {
      const change = changes[expanded.value.changeOf[Number(edited.detail)] ?? 0];
      const message = `${path}: ${printChange(change)}: ${edited.code}: ${EDIT_WORDS[edited.code]}`;
      return fail(edited.code, message, edited.code === "no_such_entry" ? SYSEXIT.noInput : SYSEXIT.data);
    }
    const folder = mkdtempSync(join(tmpdir(), "ciruela-patch-"));
    try {
      const staged = stagePuts(edited.value, expanded.value, folder);
      if (!staged.ok) return fail("source", staged.detail, SYSEXIT.noInput);
      if (command.dryRun) return await dryRun(reading, edited.value, folder, tell, fail);
      const telling = { view, progressMs, tell };
      const ended = await replace(command, reading, edited.value, { folder, left }, telling, keys);
      if (typeof ended === "number") return ended;
      const message = `${path}: superseded: another change was made meanwhile, and ${ended.by} is there now`;
      if (ended.kind === "superseded")
        return fail("superseded", `${message}: run it again, or use --redo`, SYSEXIT.again, {
          winner: ended.by,
        });
      view.note("redo", `${message}: made again on top of it`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

/** All changes in their order, or what is wrong with them. */
function changesOf({ changes, changesFile }: PatchCommand): readonly Change[] | string {
  if (changesFile === null) return changes;
  const name = `--changes ${quoted(changesFile)}`;
  try {
    const more = parseChanges(readFileSync(changesFile === "-" ? STDIN : changesFile, "utf8"));
    return more.ok ? [...changes, ...more.value] : `${name}: ${more.detail}`;
  } catch (error) {
    return `${name} cannot be read (${errnoOf(error)})`;
  }
}

async function dryRun(
  { index }: Base,
  { base }: Edited,
  folder: string,
  tell: Teller,
  fail: (code: string, message: string, status: number) => number,
): Promise<number> {
  const staged = await indexOfDirectory(folder);
  if (!staged.ok) return fail("source", staged.detail, SYSEXIT.local);
  const made = await sealTree(overlay(base, staged.value));
  for (const { kind, path } of differencesBetween(index, made))
    tell.data(`${kind}  ${printable(nameOf(path))}`, { type: "difference", kind, path: nameOf(path) });
  tell.note(`${index.image} would become ${made.image}, with ${staged.value.totalBytes} bytes from here`, {
    type: "dry_run",
    image: made.image,
    old_image: index.image,
    bytes: staged.value.totalBytes,
  });
  return SYSEXIT.ok;
}

/** The exit status, or the image that was faster. */
async function replace(
  command: PatchCommand,
  { index, origin }: Base,
  { base }: Edited,
  { folder, left }: { readonly folder: string; readonly left: number },
  { view, progressMs }: Telling,
  keys: readonly SigningKey[],
): Promise<number | Extract<Outcome, { readonly by: ImageId }>> {
  const job: UploadJob = {
    source: folder as RootName,
    path: command.path,
    mode: "replace",
    oldImage: index.image,
    base,
    newest: origin.timestamp ?? 0,
  };
  let ours: ImageId | null = null;
  let finished: Extract<Report, { type: "finished" }> | null = null;
  const refusals: string[] = [];
  const stop = new AbortController();
  const done = new AbortController();
  const uploading = upload(
    [job],
    command,
    progressMs,
    keys,
    (report) => {
      if (report.type === "scanned") ours = report.image;
      if (report.type === "rejected" || report.type === "aborted") refusals.push(report.reason);
      // How it ends is known when it is known who wins.
      if (report.type === "finished") finished = report;
      else view.report(report);
    },
    { connections: 1, stop: stop.signal }, // the index goes to one server, which gives it to the others
  );
  const watching = whoWins(command, index.image, () => ours, done.signal);
  const tellEnd = (won: boolean): void => {
    if (finished !== null) view.report(won ? { ...finished, ok: true, why: "received" } : finished);
  };
  const mustSay = command.confirm !== null;
  const first = await Promise.race([uploading, watching]);
  const ended = "succeeded" in first ? first : mustSay && first.kind === "ours" ? await uploading : null;
  const seen = "succeeded" in first ? await afterUpload(first, refusals, watching, done) : first;
  const outcome = outcomeOf(ended?.succeeded === true, seen, mustSay, left);
  done.abort();
  stop.abort();
  await uploading;
  const won = outcome.kind === "made";
  tellEnd(won);
  if (won && ours === index.image) view.note("unchanged", "warning: nothing is changed.");
  if ("by" in outcome) return outcome;
  return won ? SYSEXIT.ok : exitOf(ended?.sourceFailed === true, finished, refusals);
}

/** What is seen in the end; only for servers that have met another change something is waited for. */
async function afterUpload(
  { succeeded, sourceFailed }: Ended,
  refusals: readonly string[],
  watching: Promise<Settled>,
  done: AbortController,
): Promise<Settled> {
  if (succeeded || sourceFailed || !isContested(refusals)) return { kind: "open" };
  const timer = setTimeout(() => done.abort(), SETTLE_MS);
  try {
    return await watching;
  } finally {
    clearTimeout(timer);
  }
}

function exitOf(
  sourceFailed: boolean,
  finished: Extract<Report, { type: "finished" }> | null,
  refusals: readonly string[],
): number {
  if (sourceFailed) return SYSEXIT.local;
  if (!refusals.every(isConflict)) return SYSEXIT.refused;
  return finished?.why === "unreachable" ? SYSEXIT.unreachable : SYSEXIT.again;
}

const EDIT_WORDS: Readonly<Record<EditRefusal, string>> = {
  no_such_entry: "there is nothing of that name: see `ciruela ls`",
  already_there: "something is there already: remove it first",
  is_a_directory: "that is a directory: name a file",
  is_a_link: "that is a link: remove it first, or name the file that it leads to",
  not_a_directory: "a part of that path is no directory: choose another",
  into_itself: "a directory cannot come into itself: choose another path",
  is_the_root: "that is the directory itself: name something in it",
  path_too_long: "a path would become longer than an index can have: shorten it",
};

function printChange(change: Change | undefined): string {
  if (change === undefined) return "a change";
  switch (change.kind) {
    case "put":
      return `put ${quoted(change.local)} ${quoted(nameOf(change.path))}`;
    case "rename":
    case "copy":
      return `${change.kind} ${quoted(nameOf(change.from))} ${quoted(nameOf(change.to))}`;
    case "remove":
      return `remove ${quoted(nameOf(change.path))}`;
    case "set_exec":
      return `${change.executable ? "set" : "clear"}-exec ${quoted(nameOf(change.path))}`;
    default:
      return unreachable(change);
  }
}
