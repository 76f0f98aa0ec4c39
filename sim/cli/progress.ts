/** How far a long campaign is: a bar on a terminal, else a line now and then. On standard error. */
import { clearInterval, setInterval } from "node:timers";

export type Progress = { count(done: number): void; end(): void };

const LINE_MS = 10_000;
const BAR_MS = 100;
const BAR_CHARACTERS = 30;

export function startProgress(total: number, stream: NodeJS.WriteStream): Progress {
  const began = performance.now();
  let done = 0;
  const elapsed = (): string => `${Math.round((performance.now() - began) / 1000)} s`;
  const line = (): void => void stream.write(`${done} of ${total} seeds, ${elapsed()}\n`);
  const bar = (): void => {
    const filled = Math.floor((done * BAR_CHARACTERS) / total);
    const drawn = "#".repeat(filled).padEnd(BAR_CHARACTERS, ".");
    stream.write(`\r[${drawn}] ${done} of ${total} seeds, ${elapsed()} `);
  };
  const timer = stream.isTTY ? setInterval(bar, BAR_MS) : setInterval(line, LINE_MS);
  return {
    count(now) {
      done = now;
    },
    end() {
      clearInterval(timer);
      if (stream.isTTY) stream.write("\r\u001b[K");
    },
  };
}
