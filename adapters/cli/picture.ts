/** What a terminal shows of uploads that run: lines that fit its width, made of facts alone. */
import type { Report } from "../../kernel/report.ts";
import type { UploadFacts } from "./facts.ts";
import { nameOf, shareOf } from "./sentences.ts";
import { formatBytes, formatClock, printable } from "./text.ts";

export type Screen = { readonly columns: number; readonly rows: number; readonly color: boolean };

const BAR_MAX = 30;
const BAR_MIN = 8;
const GREEN = 32;
const YELLOW = 33;
const RED = 31;

/** Two lines an upload: how much has gone, and who has it. What does not fit the screen is counted. */
export function drawUploads(uploads: readonly UploadFacts[], screen: Screen): readonly string[] {
  const open = uploads.filter(({ finished }) => finished === null);
  const room = Math.max(1, Math.floor((screen.rows - 2) / 2));
  const shown = open.slice(0, room);
  const more = open.length - shown.length;
  return [
    ...shown.flatMap((upload) => [drawBar(upload, screen), drawHosts(upload, screen)]),
    ...(more === 0 ? [] : [fit(`and ${more} more uploads`, screen.columns)]),
  ];
}

export function drawScan(scan: Extract<Report, { type: "scan" }>, screen: Screen): string {
  const { source, bytes, bytesTotal } = scan;
  return drawLine(`Indexing ${printable(source)}`, bytes, bytesTotal, amountOf(bytes, bytesTotal), screen);
}

export function drawFetching(
  { path, bytes, bytesTotal }: Extract<Report, { type: "fetching" }>,
  screen: Screen,
): string {
  return drawLine(printable(path), bytes, bytesTotal, amountOf(bytes, bytesTotal), screen);
}

/** Of the terminal that stderr is. */
export function screenNow(): Screen {
  const { columns, rows } = process.stderr;
  const noColor = process.env["NO_COLOR"] ?? "";
  return { columns: columns > 0 ? columns : 80, rows: rows > 0 ? rows : 24, color: noColor === "" };
}

function drawBar(upload: UploadFacts, screen: Screen): string {
  const { bytes, bytesTotal, bytesPerSecond, remainingMs } = upload;
  const rate = bytesPerSecond > 0 ? ` ${formatBytes(bytesPerSecond)}/s` : "";
  const rest = remainingMs === null ? "" : ` ${formatClock(remainingMs)}`;
  return drawLine(nameOf(upload), bytes, bytesTotal, amountOf(bytes, bytesTotal) + rate + rest, screen);
}

function amountOf(bytes: number, total: number): string {
  return `${shareOf(bytes, total)}% ${formatBytes(bytes)} of ${formatBytes(total)}`;
}

/** The numbers stay whole as long as they can; the name gives way first, then the bar. */
function drawLine(name: string, bytes: number, total: number, numbers: string, screen: Screen): string {
  const columns = screen.columns - 1; // the last column makes some terminals begin a line
  const left = columns - widthOf(numbers) - 2;
  const bar = Math.min(BAR_MAX, Math.floor(left / 2) - 2);
  if (bar < BAR_MIN) return fit(`${numbers} ${name}`, screen.columns);
  const full = Math.floor((shareOf(bytes, total) * bar) / 100);
  const picture = `[${paint("#".repeat(full), GREEN, screen)}${"-".repeat(bar - full)}]`;
  return `${fit(name, left - bar - 1)} ${picture} ${numbers}`;
}

type Group = { readonly about: string; readonly names: readonly string[]; readonly color: number };

function drawHosts(upload: UploadFacts, screen: Screen): string {
  const groups: readonly Group[] = [
    { about: "has it", names: upload.received, color: GREEN },
    { about: "fetching", names: upload.waitingFor, color: YELLOW },
    { about: "gave up", names: [...upload.aborted.keys()], color: RED },
    { about: "refused", names: [...upload.rejected.keys()], color: RED },
  ];
  const filled = groups.filter(({ names }) => names.length > 0);
  if (filled.length === 0) {
    const said = upload.accepted.length > 0 ? `accepted by ${upload.accepted.join(", ")}` : "connecting";
    return fit(`  ${said}`, screen.columns);
  }
  let room = screen.columns - 3;
  const parts: string[] = [];
  for (const { about, names, color } of filled) {
    const text = groupText(about, names, room);
    if (text === null) break;
    parts.push(paint(text, color, screen));
    room -= widthOf(text) + 2;
  }
  return parts.length === 0 ? "" : `  ${parts.join("; ")}`;
}

/** As many names as there is room for, then the number of the others; null when not even the number fits. */
function groupText(about: string, names: readonly string[], room: number): string | null {
  let best: string | null = null;
  for (let count = 0; count <= names.length; count++) {
    const left = names.length - count;
    const list = names.slice(0, count).map(printable).join(", ");
    const more = left === 0 ? "" : count === 0 ? String(names.length) : ` and ${left} more`;
    const text = `${about}: ${list}${more}`;
    if (widthOf(text) > room) break;
    best = text;
  }
  return best;
}

function paint(text: string, color: number, screen: Screen): string {
  return screen.color && text !== "" ? `\u001b[${color}m${text}\u001b[39m` : text;
}

/** Cut to less than so many columns. */
function fit(text: string, columns: number): string {
  if (widthOf(text) < columns) return text;
  let out = "";
  let width = 1;
  for (const character of text) {
    width += widthOf(character);
    if (width >= columns) break;
    out += character;
  }
  return `${out}~`;
}

/** East Asian wide characters and pictures take two columns, combining marks none. Source: Unicode annex 11. */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const NONE = /\p{Mn}/u;

export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += WIDE.test(character) ? 2 : NONE.test(character) ? 0 : 1;
  return width;
}
