/** What is wrong in a file of the operator, where, and how to mend it. */
export type Problem = {
  readonly file: string;
  /** From 1. A problem of the file as a whole is at 1:1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly col: number;
  readonly what: string;
  readonly mend: string;
};

export function printProblem({ file, line, col, what, mend }: Problem): string {
  return `${file}:${line}:${col}: ${what}: ${mend}`;
}

export function wholeFile(file: string, what: string, mend: string): Problem {
  return { file, line: 1, col: 1, what, mend };
}

const SHOWN_MAX = 60; // characters of a wrong text that still fit on a line with the advice

/** Text of a file for a message: in quotes, control characters escaped, cut when long. */
export function shown(text: string): string {
  const characters = Array.from(text.slice(0, SHOWN_MAX * 2));
  const cut = characters.length > SHOWN_MAX || text.length > SHOWN_MAX * 2;
  const safe = JSON.stringify(cut ? characters.slice(0, SHOWN_MAX).join("") : text);
  // JSON leaves these as they are, and a terminal acts on them.
  const escaped = safe.replace(
    /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return cut ? `${escaped}...` : escaped;
}
