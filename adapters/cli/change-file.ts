/**
 * One file of what stands at a path: its index is read from the cluster and verified, the file is edited or replaced,
 * and the tree with it is uploaded on condition that nobody has changed the directory meanwhile. The other files are
 * not needed here: the servers have them.
 *
 *   read -> edited | taken -> unchanged | uploaded
 */
import { spawn } from "node:child_process";
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
import { delimiter, dirname, join } from "node:path";
import type { RootName } from "../../kernel/storage/call.ts";
import { textOfByteString } from "../../kernel/text.ts";
import type { UploadJob } from "../../kernel/uploader.ts";
import { errnoOf } from "../config/text-file.ts";
import type { SigningKey } from "../keys/private.ts";
import type { FileCommand } from "./command-line.ts";
import { read, readingSentence } from "./read.ts";
import { quoted } from "./text.ts";
import { type Ended, upload } from "./upload.ts";
import type { View } from "./view.ts";

const EDITOR_VARIABLES = ["CIRUELA_EDITOR", "VISUAL", "EDITOR"];
const EDITORS = ["vim", "vi", "nano", "editor"];
const READ_MS = 30_000;

/** What became of it: nothing to do, why nothing was uploaded, or how the upload has ended. */
export type Changed =
  | { readonly kind: "unchanged" }
  | { readonly kind: "failed"; readonly where: "remote" | "local"; readonly message: string }
  | { readonly kind: "uploaded"; readonly ended: Ended };

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
  const { path, clusters, port } = command;
  const name = textOfByteString(command.file) ?? command.file;
  const from = {
    port,
    entryPoints: clusters[0]?.entryPoints ?? [],
    deadlineMs: Math.min(READ_MS, command.deadlineMs),
  };
  const wanted = { kind: "file", file: command.file, mustExist: command.kind === "edit" } as const;
  const trust = { keys: keys.map(({ publicKey }) => publicKey), mustBeSigned: false };
  const reading = await read(path, wanted, from, trust);
  if (!reading.ok) {
    const message = readingSentence(`${path} ${quoted(name)}`, reading);
    return { kind: "failed", where: "remote", message };
  }
  const folder = mkdtempSync(join(tmpdir(), "ciruela-file-"));
  const file = join(folder, name);
  let keep = false;
  try {
    mkdirSync(dirname(file), { recursive: true });
    const before = reading.file;
    if (command.kind === "edit") {
      const edited = await edit(file, before?.bytes ?? new Uint8Array());
      if (edited !== null) return { kind: "failed", where: "local", message: edited };
      if (before !== null && Buffer.compare(readFileSync(file), before.bytes) === 0)
        return { kind: "unchanged" };
    } else {
      copyFileSync(command.local, file);
    }
    const local = command.kind === "put_file" && (statSync(command.local).mode & 0o100) !== 0;
    chmodSync(file, (before?.executable ?? local) ? 0o755 : 0o644);
    const job: UploadJob = {
      source: folder as RootName,
      path,
      mode: "replace",
      oldImage: reading.index.image,
      base: reading.index,
      newest: reading.origin.timestamp ?? 0,
    };
    const ended = await upload([job], command, progressMs, keys, (report) => view.report(report));
    keep = command.kind === "edit" && !ended.succeeded;
    if (keep) view.note("text_kept", `your text is kept in ${quoted(file)}`);
    return { kind: "uploaded", ended };
  } finally {
    if (!keep) rmSync(folder, { recursive: true, force: true });
  }
}

/** What went wrong, or null. */
async function edit(file: string, bytes: Uint8Array): Promise<string | null> {
  const editor = findEditor();
  if (editor === null)
    return `no editor: set ${EDITOR_VARIABLES.join(", ")}, or install one of ${EDITORS.join(", ")}`;
  writeFileSync(file, bytes, { flag: "wx" });
  const status = await runEditor(editor, file);
  if (status !== null) return `the editor ${quoted(editor)} ${status}: nothing was changed`;
  return existsSync(file) ? null : `the editor ${quoted(editor)} has removed the file: nothing was changed`;
}

/** The first variable that is set, whole, as 0.6.12 takes it; else the first that is in PATH. */
function findEditor(): string | null {
  for (const name of EDITOR_VARIABLES) {
    const editor = process.env[name] ?? "";
    if (editor !== "") return editor;
  }
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return EDITORS.find((name) => folders.some((folder) => existsSync(join(folder, name)))) ?? null;
}

/** While it runs, Ctrl-C is for the editor. Null when it ended with 0. */
async function runEditor(editor: string, file: string): Promise<string | null> {
  const ignore = () => {};
  const listeners = process.listeners("SIGINT");
  process.removeAllListeners("SIGINT");
  process.on("SIGINT", ignore);
  try {
    return await new Promise((done) => {
      const child = spawn(editor, [file], { stdio: "inherit" });
      child.once("error", (error) => done(`cannot be started (${errnoOf(error)})`));
      child.once("close", (status, signal) => {
        if (status === 0) done(null);
        else done(status === null ? `was ended by ${signal}` : `ended with status ${status}`);
      });
    });
  } finally {
    process.off("SIGINT", ignore);
    for (const listener of listeners) process.on("SIGINT", listener);
  }
}

function wrongLocal(file: string): string | null {
  try {
    return statSync(file).isFile() ? null : `--source ${quoted(file)} is no file`;
  } catch (error) {
    return `--source ${quoted(file)} cannot be read (${errnoOf(error)}): name a file that can`;
  }
}
