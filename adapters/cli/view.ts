/** What a run tells its user, whoever prints it: lines for people, a bar, or objects for programs. */
import type { Report } from "../../kernel/report.ts";

export type View = {
  /** Public keys of the user, as lines of key files; and what is odd about where they were found. */
  keys(publicKeys: readonly string[], warnings: readonly string[]): void;
  report(report: Report): void;
  /** Nothing was begun, or a bug has ended it. */
  trouble(code: string, message: string, more?: object): void;
  /** What the user should know besides. */
  note(code: "unchanged" | "text_kept" | "redo" | "edits" | "difference", message: string): void;
  /** A signal came before the end. */
  interrupted(signal: string): void;
  /** Once, after everything else. */
  result(result: Result): void;
};

export type Result = {
  readonly status: number;
  readonly elapsedMs: number;
};
