/**
 * Text to a descriptor, written when it is said: nothing is left behind when the process ends. A reader that has gone
 * ends the writing, not the upload.
 */
import { writeSync } from "node:fs";

const AGAIN_MS = 5;

export type Output = { write(text: string | Uint8Array): void };

export function createOutput(fd: number): Output {
  let gone = false;
  return {
    write(text) {
      let rest =
        typeof text === "string" ? Buffer.from(text) : Buffer.from(text.buffer, text.byteOffset, text.length);
      while (rest.length > 0 && !gone) {
        try {
          rest = rest.subarray(writeSync(fd, rest));
        } catch (error) {
          const code = error instanceof Error && "code" in error ? error.code : null;
          // The other end of a pipe may have made it non-blocking: then this waits as a blocking one would.
          if (code === "EAGAIN") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, AGAIN_MS);
          else gone = true;
        }
      }
    },
  };
}
