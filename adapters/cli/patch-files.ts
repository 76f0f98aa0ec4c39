/** The local side of `ciruela patch`: what is put, entry by entry, and a folder that has it where it is to be. */
import {
  chmodSync,
  constants,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import type { Edit, Edited } from "../../kernel/index/edit.ts";
import { type Result, accepted, refused } from "../../kernel/result.ts";
import { type ByteString, byteStringOfText, bytesOf } from "../../kernel/text.ts";
import { errnoOf } from "../config/text-file.ts";
import type { Change } from "./patch-line.ts";
import { quoted } from "./text.ts";

/** Edits of the kernel; for each that puts, the local file, and for each the change that it is from. */
export type Expanded = {
  readonly edits: readonly Edit[];
  readonly locals: ReadonlyMap<number, string>;
  readonly changeOf: readonly number[];
};

export function expand(changes: readonly Change[]): Result<Expanded, "source"> {
  const edits: Edit[] = [];
  const locals = new Map<number, string>();
  const changeOf: number[] = [];
  for (const [at, change] of changes.entries()) {
    if (change.kind !== "put") edits.push(change);
    else {
      try {
        putLocal(change.local, change.path, edits, locals);
      } catch (error) {
        return refused(
          "source",
          `${quoted(change.local)} cannot be read (${errnoOf(error)}): name one that can`,
        );
      }
    }
    while (changeOf.length < edits.length) changeOf.push(at);
  }
  return accepted({ edits, locals, changeOf });
}

/** A directory entry by entry; what is no file, directory or link is left out, as in an upload. */
function putLocal(local: string, path: ByteString, edits: Edit[], locals: Map<number, string>): void {
  const found = lstatSync(local);
  if (found.isDirectory()) {
    edits.push({ kind: "make_directory", path });
    for (const name of readdirSync(local).toSorted((a, b) => (a < b ? -1 : 1)))
      putLocal(join(local, name), `${path}/${byteStringOfText(name)}` as ByteString, edits, locals);
  } else if (found.isFile() || found.isSymbolicLink()) {
    locals.set(edits.length, local);
    edits.push({ kind: "put", path, executable: found.isFile() && (found.mode & 0o100) !== 0 });
  }
}

/** Copies what is put into a folder: what changes meanwhile is not uploaded in part. */
export function stagePuts({ puts }: Edited, { locals }: Expanded, folder: string): Result<true, "source"> {
  for (const { edit, path, executable } of puts) {
    const local = locals.get(edit) ?? "";
    const target = Buffer.concat([Buffer.from(folder), bytesOf(path)]);
    try {
      mkdirSync(parentOf(target), { recursive: true });
      if (lstatSync(local).isSymbolicLink()) {
        symlinkSync(readlinkSync(local, { encoding: "buffer" }), target);
        continue;
      }
      copyFileSync(local, target, constants.COPYFILE_FICLONE);
      chmodSync(target, executable ? 0o755 : 0o644);
    } catch (error) {
      return refused("source", `${quoted(local)} cannot be copied (${errnoOf(error)})`);
    }
  }
  return accepted(true);
}

/** Of a path that may be no text: up to its last slash. */
function parentOf(path: Buffer): Buffer {
  return path.subarray(0, path.lastIndexOf(0x2f));
}
