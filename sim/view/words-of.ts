/** Entries and times in words. */
import type { Entry } from "./recording.ts";
import { FATES } from "./rows.ts";

const SECOND = 1_000_000;

/** As `554.2 ms`, from a second on `12.345 s`. */
export function printClock(micros: number): string {
  return micros < SECOND ? `${(micros / 1000).toFixed(1)} ms` : `${(micros / SECOND).toFixed(3)} s`;
}

/** One sentence: who did or heard what. */
export function sentenceOf(entry: Entry): string {
  switch (entry.kind) {
    case "message": {
      const met = entry.fate === null ? "" : `, ${FATES[entry.fate]}`;
      return `${entry.host} hears ${entry.word} from ${entry.from ?? "somebody"}, ${entry.bytes} bytes${met}`;
    }
    case "mishap":
      return `${entry.word} of ${entry.host} to ${entry.to}, ${entry.bytes} bytes: ${FATES[entry.fate]}`;
    case "local":
      return `${entry.host}: ${entry.word}`;
    default:
      return entry.text;
  }
}

export function printBytes(bytes: number): string {
  if (bytes < 10_000) return `${bytes} B`;
  return bytes < 10_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
