/** Lines to a descriptor, in order: written at once, and kept up to a bound while the reader does not keep up. */
import { writeSync } from "node:fs";

const BACKLOG_BYTES_MAX = 1024 * 1024;
const AGAIN_MS = 50;

export type LineSink = {
  /** Whole lines; what is beyond the bound is dropped and counted. */
  write(line: string): void;
  droppedCount(): number;
};

export function createLineSink(fd: number): LineSink {
  let backlog: Buffer[] = [];
  let backlogBytes = 0;
  let dropped = 0;
  let timer: NodeJS.Timeout | null = null;
  let gone = false;

  /** What is left of the bytes. */
  function push(bytes: Buffer): Buffer {
    let rest = bytes;
    while (rest.length > 0) {
      try {
        rest = rest.subarray(writeSync(fd, rest));
      } catch (error) {
        const code = error instanceof Error && "code" in error ? error.code : null;
        if (code === "EAGAIN") return rest;
        gone = true; // EPIPE, ENOSPC, ...: a log that cannot be written must not end the server
        return Buffer.alloc(0);
      }
    }
    return rest;
  }

  function drain(): void {
    timer = null;
    const rest = push(Buffer.concat(backlog));
    backlog = rest.length > 0 ? [rest] : [];
    backlogBytes = rest.length;
    if (rest.length > 0) timer = setTimeout(drain, AGAIN_MS);
  }

  return {
    write(line) {
      if (gone) return;
      const bytes = Buffer.from(line);
      if (timer === null) {
        const rest = push(bytes);
        if (rest.length === 0) return;
        backlog = [rest];
        backlogBytes = rest.length;
        timer = setTimeout(drain, AGAIN_MS);
      } else if (backlogBytes + bytes.length <= BACKLOG_BYTES_MAX) {
        backlog.push(bytes);
        backlogBytes += bytes.length;
      } else {
        dropped += 1;
      }
    },
    droppedCount: () => dropped,
  };
}
