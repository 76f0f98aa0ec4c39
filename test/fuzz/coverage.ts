/**
 * Which code has run, asked of V8 itself: block counts of the wanted files, folded into one mark for each character of
 * the compiled text. Asking takes about a millisecond and sets the counts back, so it is done once for a batch.
 */
import { type Profiler, Session } from "node:inspector";

export type Coverage = {
  /** Characters of the wanted files that have run since the last question, and never before. Remembers them. */
  readonly news: () => number;
  /** The same, without remembering: for finding out which input of a batch it was. */
  readonly wouldBeNews: () => boolean;
  readonly summary: () => { readonly covered: number; readonly total: number; readonly files: number };
  readonly stop: () => void;
};

/** Of a character: in no function, in one and never run, run. */
const OUTSIDE = 0;
const IDLE = 1;
const RAN = 2;

/** Starts counting: before the files are loaded, so that what runs at their loading counts too. */
export function createCoverage(isWanted: (url: string) => boolean): Coverage {
  const session = new Session();
  session.connect();
  post(session, "Profiler.enable");
  post(session, "Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  const marks = new Map<string, Uint8Array>();

  function take(remember: boolean): number {
    let fresh = 0;
    const { result } = post(
      session,
      "Profiler.takePreciseCoverage",
    ) as Profiler.TakePreciseCoverageReturnType;
    for (const script of result) {
      if (!isWanted(script.url)) continue;
      for (const { ranges } of script.functions) {
        const [whole] = ranges;
        if (whole === undefined || whole.startOffset === 0) continue; // the file itself, which ran when it was loaded
        const known = grown(marks.get(script.url), whole.endOffset);
        marks.set(script.url, known);
        fresh += freshOf(known, ranges, remember);
      }
    }
    return fresh;
  }
  return {
    news: () => take(true),
    wouldBeNews: () => take(false) > 0,
    summary() {
      let covered = 0;
      let total = 0;
      for (const known of marks.values()) {
        for (const mark of known) {
          if (mark !== OUTSIDE) total += 1;
          if (mark === RAN) covered += 1;
        }
      }
      return { covered, total, files: marks.size };
    },
    stop: () => session.disconnect(),
  };
}

function grown(known: Uint8Array | undefined, length: number): Uint8Array {
  if (known !== undefined && known.length >= length) return known;
  const longer = new Uint8Array(length);
  longer.set(known ?? []);
  return longer;
}

/** Ranges are nested, outer ones first: the innermost says whether a character has run. */
function freshOf(known: Uint8Array, ranges: readonly Profiler.CoverageRange[], remember: boolean): number {
  const [whole] = ranges;
  if (whole === undefined) return 0;
  const start = whole.startOffset;
  const ran = new Uint8Array(whole.endOffset - start);
  for (const { startOffset, endOffset, count } of ranges)
    ran.fill(count > 0 ? RAN : IDLE, startOffset - start, endOffset - start);
  let fresh = 0;
  for (let at = 0; at < ran.length; at++) {
    const mark = ran[at] ?? IDLE;
    if (known[start + at] === OUTSIDE) known[start + at] = IDLE;
    if (mark !== RAN || known[start + at] === RAN) continue;
    fresh += 1;
    if (remember) known[start + at] = RAN;
  }
  return fresh;
}

/** Answers come before `post` returns: the session is of this thread. */
function post(session: Session, method: string, parameters: object = {}): unknown {
  let answer: unknown = null;
  session.post(method, parameters, (error, value) => {
    if (error !== null) throw error;
    answer = value;
  });
  return answer;
}
