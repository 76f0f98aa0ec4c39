/** Reads a file that an operator wrote: a plain file of bounded size, without ever waiting for a writer. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, realpathSync } from "node:fs";
import { sep } from "node:path";

export type ReadFile =
  | { readonly kind: "read"; readonly bytes: Buffer; readonly mode: number }
  | { readonly kind: "missing" }
  | { readonly kind: "wrong"; readonly what: string; readonly mend: string };

export const FILE_BYTES_MAX = 1024 * 1024; // a thousand times a usual one

/**
 * @param inside  the file may be a link, but only to what lies in this folder: mounted secrets are made of such
 *                links, and no other link can make the program read or show what its folder does not hold
 */
export function readTextFile(path: string, inside: string | null = null): ReadFile {
  let fd: number;
  try {
    if (inside !== null) {
      const folder = realpathSync(inside);
      if (!realpathSync(path).startsWith(folder.endsWith(sep) ? folder : folder + sep)) {
        return { kind: "wrong", what: "a link to the outside of its folder", mend: "copy the file here" };
      }
    }
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    return ofErrno(error, path);
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) return { kind: "wrong", what: "not a plain file", mend: "put a plain file here" };
    if (stat.size > FILE_BYTES_MAX) {
      return { kind: "wrong", what: `larger than ${FILE_BYTES_MAX} bytes`, mend: "make it shorter" };
    }
    const bytes = Buffer.alloc(FILE_BYTES_MAX + 1);
    let end = 0;
    for (;;) {
      const count = readSync(fd, bytes, end, bytes.length - end, end);
      end += count;
      if (count === 0 || end === bytes.length) break;
    }
    if (end > FILE_BYTES_MAX) {
      return { kind: "wrong", what: `larger than ${FILE_BYTES_MAX} bytes`, mend: "make it shorter" };
    }
    return { kind: "read", bytes: bytes.subarray(0, end), mode: stat.mode & 0o7777 };
  } catch (error) {
    return ofErrno(error, path);
  } finally {
    closeSync(fd);
  }
}

/** The code of a failed call, for messages. */
export function errnoOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : null;
  return typeof code === "string" ? code : String(error);
}

function ofErrno(error: unknown, path: string): ReadFile {
  const code = errnoOf(error);
  if (code === "ENOENT" && !isLink(path)) return { kind: "missing" };
  if (code === "ENOENT")
    return { kind: "wrong", what: "a link to nothing", mend: "remove it, or mend its target" };
  if (code === "ELOOP") return { kind: "wrong", what: "a link to itself", mend: "put a plain file here" };
  if (code === "EACCES") {
    return { kind: "wrong", what: "not readable", mend: "let the user of this program read it" };
  }
  return { kind: "wrong", what: `not readable (${code})`, mend: "put a plain file here" };
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    return false;
  }
}
