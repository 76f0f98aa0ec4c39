/** How far a `get` is: a line that is drawn over at a terminal, now and then one in a pipe, objects for programs. */
import { isatty } from "node:tty";
import type { Report } from "../../kernel/report.ts";
import type { Output } from "./output.ts";
import { drawFetching, screenNow } from "./picture.ts";
import { shareOf } from "./sentences.ts";
import type { Teller } from "./teller.ts";
import { formatBytes } from "./text.ts";

const STDERR = 2;
const LINE_MS = 30_000; // as of uploads
const JSON_MS = 1_000;

export type FetchProgress = {
  report(report: Report): void;
  /** Nothing of it stays on the screen. */
  end(): void;
};

export function createFetchProgress(json: boolean, tell: Teller, stderr: Output): FetchProgress {
  const drawable = !json && isatty(STDERR) && process.env["TERM"] !== "dumb";
  const interval = json ? JSON_MS : LINE_MS;
  let toldAt = performance.now();
  let shown = false;
  return {
    report(report) {
      if (report.type !== "fetching") return;
      const { path, bytes, bytesTotal } = report;
      if (drawable) {
        stderr.write(`\r${drawFetching(report, screenNow())}\u001b[K`);
        shown = true;
        return;
      }
      if (performance.now() - toldAt < interval) return;
      toldAt = performance.now();
      const share = shareOf(bytes, bytesTotal);
      tell.note(`Progress of ${path}: ${share}% (${formatBytes(bytes)} of ${formatBytes(bytesTotal)})`, {
        type: "progress",
        path,
        bytes,
        bytes_total: bytesTotal,
      });
    },
    end() {
      if (shown) stderr.write("\r\u001b[K");
      shown = false;
    },
  };
}
