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
const BRIEF_MAX = 160;

/** Text of a file for a message: in quotes, control characters escaped, cut when long. */
export function shown(text: string): string {
  const characters = Array.from(text.slice(0, SHOWN_MAX * 2));
  const cut = characters.length > SHOWN_MAX || text.length > SHOWN_MAX * 2;
  const safe = JSON.stringify(cut ? characters.slice(0, SHOWN_MAX).join("") : text);
  const escaped = harmless(safe);
  return cut ? `${escaped}...` : escaped;
}

/** What a library says of a file, which may repeat all of it: without quotes, escaped, cut when long. */
export function brief(text: string): string {
  return harmless(text.length > BRIEF_MAX ? `${text.slice(0, BRIEF_MAX)}...` : text);
}

/** What a terminal acts on is escaped; JSON leaves half of it as it is. */
function harmless(text: string): string {
  return text.replace(
    // oxlint-disable-next-line no-control-regex
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
