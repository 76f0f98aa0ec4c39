/** What a page carries: a run, and the way back to the command line. */
import type { States } from "./record.ts";
import type { Recording } from "./recording.ts";

export type Embedded = {
  readonly recording: Recording;
  /** As `Seed 7`, or the name of a script. */
  readonly name: string;
  /** The digest that Node computed in a run of its own. */
  readonly digest: string;
  /** The bug that is planted in the kernel of the page; null when it is the kernel as it is. */
  readonly mutant: {
    readonly name: string;
    readonly file: string;
    readonly before: string;
    readonly after: string;
  } | null;
};

/** What the page asks of the simulator in it, and hears. */
export type Asked = { readonly script: string; readonly states: States };
export type Heard =
  | { readonly kind: "progress"; readonly steps: number }
  | { readonly kind: "done"; readonly recording: Recording }
  /** The script is none: a line, counted from 1, and what is wrong with it. */
  | { readonly kind: "refused"; readonly line: number; readonly what: string }
  /** The simulator itself failed. */
  | { readonly kind: "failed"; readonly error: string };
