/**
 * A wall clock that steps when a file says so: tests of what wrong clocks do to real servers have no other, because a
 * time namespace of Linux has no wall clock of its own.
 */
import { readFileSync } from "node:fs";

const AGAIN_MS = 200;

/**
 * Milliseconds since 1970, as the file has them until the process ends.
 *
 * @param file  one whole number: so many milliseconds are added to the clock of this machine
 */
export function clockOf(file: string): () => number {
  let offsetMs = readOffset(file) ?? 0;
  const timer = setInterval(() => {
    offsetMs = readOffset(file) ?? offsetMs; // half written, or gone for a moment
  }, AGAIN_MS);
  timer.unref();
  return () => Date.now() + offsetMs;
}

/** Null for a file that is not there or is no such number. */
export function readOffset(file: string): number | null {
  try {
    const found = /^(-?\d{1,14})\n?$/.exec(readFileSync(file, "latin1"))?.[1];
    return found === undefined ? null : Number(found);
  } catch {
    return null;
  }
}
