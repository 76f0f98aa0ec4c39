/** The user's editor, and what a user is shown and asked at a terminal. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline/promises";
import { isatty } from "node:tty";
import { errnoOf } from "../config/text-file.ts";
import { formatBytes, printable, quoted } from "./text.ts";

const EDITOR_VARIABLES = ["CIRUELA_EDITOR", "VISUAL", "EDITOR"];
const EDITORS = ["vim", "vi", "nano", "editor"];
const STDIN = 0;
const STDERR = 2;
const DIFFERENCE_BYTES_MAX = 64 * 1024 * 1024; // of the lines that are shown; of more the sizes are

/** What went wrong, or null. What the editor has written stays in the file in either case. */
export async function edit(file: string): Promise<string | null> {
  const editor = findEditor();
  if (editor === null)
    return `no editor: set ${EDITOR_VARIABLES.join(", ")}, or install one of ${EDITORS.join(", ")}`;
  const status = await runEditor(editor, file);
  if (status !== null) return `the editor ${quoted(editor)} ${status}: nothing was uploaded`;
  return existsSync(file) ? null : `the editor ${quoted(editor)} has removed the file: nothing was uploaded`;
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

/** Whether there is somebody to ask. */
export function isTerminal(): boolean {
  return isatty(STDIN) && isatty(STDERR);
}

/** True for yes; the end of the input is no. */
export async function agrees(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
  process.stderr.write(`${question} [y/n] `);
  try {
    for await (const line of lines) {
      if (/^y(es)?$/i.test(line.trim())) return true;
      if (/^no?$/i.test(line.trim())) return false;
      process.stderr.write("[y/n] ");
    }
    return false;
  } finally {
    lines.close();
  }
}

/** Lines that differ, as `diff` shows them; of what is no text, is too long, or without that program, the sizes. */
export function differenceOf(before: Uint8Array, file: string, folder: string, name: string): string {
  const old = join(folder, "before");
  writeFileSync(old, before);
  const labels = ["--label", printable(name), "--label", `${printable(name)} (edited)`];
  const { status, stdout } = spawnSync("diff", ["-u", ...labels, "--", old, file], {
    maxBuffer: DIFFERENCE_BYTES_MAX,
  });
  const DIFFERENT = 1;
  if (status === DIFFERENT && stdout.length > 0)
    return stdout
      .toString()
      .trimEnd()
      .split("\n")
      .map((line) => printable(line.replaceAll("\t", "    ")))
      .join("\n");
  const sizes = [before.length, statSync(file).size].map(formatBytes).join(" before, ");
  return `${printable(name)}: ${sizes} now`;
}
