/** For people at a terminal: the sentences of `lines.ts`, and below them a picture that is drawn anew in its place. */
import type { Report } from "../../kernel/report.ts";
import { createFacts, learn } from "./facts.ts";
import { createLines, type LineOptions } from "./lines.ts";
import type { Output } from "./output.ts";
import { drawScan, drawUploads, type Screen } from "./picture.ts";
import type { View } from "./view.ts";

export type BarOptions = LineOptions & {
  /** As it is now: windows change their size. */
  readonly screen: () => Screen;
};

export function createBar(options: BarOptions): View {
  const { stderr, screen } = options;
  const facts = createFacts();
  let scans = new Map<string, Extract<Report, { type: "scan" }>>();
  let shown: readonly string[] = [];

  function erase(): void {
    if (shown.length === 0) return;
    stderr.write(`\r${shown.length > 1 ? `\u001b[${shown.length - 1}A` : ""}\u001b[J`);
    shown = [];
  }

  function draw(): void {
    const now = screen();
    const picture = [
      ...[...scans.values()].slice(0, now.rows - 1).map((scan) => drawScan(scan, now)),
      ...(scans.size > 0 ? [] : drawUploads([...facts.uploads.values()], now)),
    ];
    if (picture.join("\n") === shown.join("\n")) return;
    erase();
    stderr.write(picture.join("\n"));
    shown = picture;
  }

  /** What is said stands above the picture, also what stdout has: it may be the same terminal. */
  const above = (output: Output): Output => ({
    write(text) {
      erase();
      output.write(text);
    },
  });
  const lines = createLines({ ...options, stdout: above(options.stdout), stderr: above(stderr) });

  return {
    keys: (publicKeys, warnings) => lines.keys(publicKeys, warnings),
    report(report) {
      learn(facts, report);
      if (report.type === "scan") scans.set(report.source, report);
      else if (report.type !== "progress") lines.report(report);
      if (report.type === "scanned") scans.delete(report.source);
      if (report.type === "error") scans = new Map();
      draw();
    },
    trouble(code, message) {
      erase();
      lines.trouble(code, message);
    },
    note(code, message) {
      erase();
      lines.note(code, message);
    },
    interrupted(signal) {
      erase();
      lines.interrupted(signal);
    },
    result(result) {
      erase();
      lines.result(result);
    },
  };
}
