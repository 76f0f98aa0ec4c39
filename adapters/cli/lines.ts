/** For people, where nothing can be drawn over: a line at each event that matters, and one an interval. */
import { createFacts, learn, tellOnce } from "./facts.ts";
import type { Output } from "./output.ts";
import {
  finishedSentence,
  interruptedSentences,
  keySentences,
  progressSentence,
  rejectedSentence,
  safeLine,
  scannedSentence,
  scanSentence,
  skippedSentence,
  slowClockSentence,
  sourceSentence,
  unreachableSentence,
} from "./sentences.ts";
import type { View } from "./view.ts";

export type LineOptions = {
  readonly version: string;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Since the start of the run. */
  readonly elapsedMs: () => number;
};

export function createLines({ version, stdout, stderr, elapsedMs }: LineOptions): View {
  const facts = createFacts();
  let publicKeys: readonly string[] = [];
  const say = (sentence: string) => stderr.write(`${sentence}\n`);
  return {
    keys(keys, warnings) {
      publicKeys = keys;
      for (const sentence of keySentences(version, keys, warnings)) say(sentence);
    },
    report(report) {
      const upload = learn(facts, report);
      switch (report.type) {
        case "scan":
          return say(scanSentence(report));
        case "scanned": {
          if (!tellOnce(facts, `scanned ${report.source}`)) return;
          const skipped = skippedSentence(report);
          if (skipped !== null) say(skipped);
          return say(scannedSentence(report, elapsedMs()));
        }
        case "progress":
          if (upload !== null) say(progressSentence(upload));
          return;
        case "rejected":
        case "aborted":
          return say(rejectedSentence(report, publicKeys));
        case "unreachable":
          if (tellOnce(facts, `unreachable ${report.cluster} ${report.host}`))
            say(unreachableSentence(report));
          return;
        case "slow_clock":
          if (tellOnce(facts, "slow_clock")) say(slowClockSentence(report));
          return;
        case "safe":
          if (tellOnce(facts, `safe ${report.cluster} ${report.path}`)) stdout.write(`${safeLine(report)}\n`);
          return;
        case "finished":
          if (upload !== null) say(finishedSentence(upload));
          return;
        case "error":
          return say(`error: ${sourceSentence(report)}`);
        case "fetching": // of a reader
        case "accepted":
        case "confirmed":
        case "received":
          return; // in the next line about the progress
      }
    },
    trouble(_, message) {
      say(`error: ${message}`);
    },
    note: (_, message) => say(message),
    interrupted(signal) {
      for (const sentence of interruptedSentences(facts, signal)) say(sentence);
    },
    result() {},
  };
}
