/** How many connections a process may have, so that enough of its descriptors are left for the disk. */
import { readFileSync } from "node:fs";

/** The runtime, its threads, listening sockets, and a path of the deepest tree for each thread of the disk. */
const FILES_RESERVED = 256;
/** Of a limit that is too small for that, so much is for connections. */
const SHARE = 1 / 4;

/** @param files  descriptors that the process may have, or null when that is not known */
export function connectionsFor(asked: number, files: number | null): number {
  if (files === null) return asked;
  return Math.min(asked, Math.floor(Math.max(files - FILES_RESERVED, files * SHARE)));
}

/** Null where there is no /proc, and without a limit. */
export function filesMax(): number | null {
  try {
    return limitIn(readFileSync("/proc/self/limits", "utf8"));
  } catch {
    return null;
  }
}

/** The soft limit of open files, in the text of Linux. */
export function limitIn(text: string): number | null {
  const digits = /^Max open files +([0-9]+) /m.exec(text)?.[1];
  return digits === undefined ? null : Number(digits);
}
