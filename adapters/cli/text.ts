/** What people read: text of strangers made harmless to a terminal, and amounts in their usual units. */

const TEXT_MAX = 1_024; // characters of one foreign text that are still worth reading
/** Control characters, what turns the direction of writing, line separators, and halves of characters. */
const HARMFUL = /[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|\p{Surrogate}/gu;

/** Foreign text on one line: what a terminal would act upon is shown as an escape. */
export function printable(text: string): string {
  const safe = text.slice(0, TEXT_MAX).replace(HARMFUL, escapeOf);
  return text.length > TEXT_MAX ? `${safe}...` : safe;
}

/** The same in quotes: an argument as it was written. */
export function quoted(text: string): string {
  const safe = text
    .slice(0, TEXT_MAX)
    .replace(/["\\]/g, (character) => `\\${character}`)
    .replace(HARMFUL, escapeOf);
  return text.length > TEXT_MAX ? `"${safe}..."` : `"${safe}"`;
}

const PLAIN_WORD = /^[A-Za-z0-9_%+:,./@-]+$/;

/** A word for a shell, whole: who pastes it gives it as it is. Control characters need a shell that knows `$'\n'`. */
export function shellWord(text: string): string {
  if (PLAIN_WORD.test(text)) return text;
  if (text.search(HARMFUL) < 0) return `'${text.replaceAll("'", "'\\''")}'`;
  const escaped = text.replace(/['\\]/g, (character) => `\\${character}`).replace(HARMFUL, octalOf);
  return `$'${escaped}'`;
}

function octalOf(character: string): string {
  const bytes = Array.from(Buffer.from(character));
  return bytes.map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
}

/** An object as one line of JSON; what JSON leaves raw and a terminal acts upon is escaped too. */
export function jsonLine(value: object): string {
  return JSON.stringify(value).replace(HARMFUL, escapeOf);
}

function escapeOf(character: string): string {
  if (character === "\n") return "\\n";
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

const UNITS = ["KiB", "MiB", "GiB", "TiB"];

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${Math.floor(bytes)} B`;
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1023.95 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(1)} ${UNITS[unit]}`;
}

/** As 0.6.12 writes it: `0.123s` below a second, one decimal below ten, then whole seconds. */
export function formatElapsed(ms: number): string {
  if (ms < 1_000) return `${(ms / 1_000).toFixed(3)}s`;
  return ms < 10_000 ? `${(ms / 1_000).toFixed(1)}s` : `${Math.floor(ms / 1_000)}s`;
}

/** `0:07`, `12:00`, `3:00:00`. */
export function formatClock(ms: number): string {
  const seconds = Math.ceil(ms / 1_000);
  const two = (value: number): string => String(value).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${two(seconds % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}
