/** A sequence diagram of plain text: a lane for each host, faults across them, the verdict at the end. */
import { printAt } from "../script.ts";
import type { Recording } from "./recording.ts";
import { lanesOf, levelOf, type Row, rowsOf } from "./rows.ts";

const TIME_WIDTH = 10;
const LANE_WIDTH_MIN = 7;
const LANE_WIDTH_MAX = 24;
const NOT_SHOWN_MAX = 6; // names of hosts without a lane

/** @param width columns that a line may have, 40 or more */
export function diagramOf(recording: Recording, width: number): readonly string[] {
  const rows = rowsOf(recording, levelOf(recording));
  const room = width - TIME_WIDTH;
  const lanes = lanesOf(recording, rows, Math.max(1, Math.floor(room / LANE_WIDTH_MIN)));
  const laneWidth = Math.min(LANE_WIDTH_MAX, Math.floor(room / lanes.length));
  const columns = new Map(lanes.map((host, at) => [host, at * laneWidth + 1]));
  const head =
    " ".repeat(TIME_WIDTH) + lanes.map((host) => ` ${cut(host, laneWidth - 2)}`.padEnd(laneWidth)).join("");
  const hidden = recording.hosts.filter((host) => !columns.has(host));
  const lines = rows.flatMap((row) => {
    const drawn = drawRow(row, columns, room);
    return drawn === null
      ? []
      : drawn.map((text, at) => (at === 0 ? printAt(row.time) : "").padStart(TIME_WIDTH - 1) + text);
  });
  const more = hidden.length === 0 ? [] : [`without ${named(hidden)}`];
  return [head.trimEnd(), ...merged(lines), ...more];
}

/** What stands beside the time; null when none of its hosts has a lane. */
function drawRow(row: Row, columns: ReadonlyMap<string, number>, room: number): readonly string[] | null {
  const { kind, host, peer, text } = row;
  if (kind === "fault") return [` ! ${cut(text, room - 2)}`];
  if (kind === "end") return wrapped(text, room - 2).map((line) => ` # ${line}`);
  const at = host === null ? undefined : columns.get(host);
  const other = peer === null ? undefined : columns.get(peer);
  const line = lifelines(columns, room);
  if (kind === "mark" || kind === "local") {
    if (at === undefined) return null;
    write(line, at, `${kind === "mark" ? "\u25cf" : "\u00b7"} ${text}`);
    return [line.join("").trimEnd()];
  }
  const lost = kind === "lost";
  const [from, to] = lost ? [at, other] : [other, at];
  if (from === undefined || to === undefined || from === to) {
    const [shown, arrow] =
      from === undefined ? [to, `\u2190 ${lost ? host : peer}`] : [from, `\u2192 ${lost ? peer : host}`];
    if (shown === undefined) return null;
    write(line, shown, `${lost ? "!" : "\u00b7"} ${arrow} ${text}`);
    return [line.join("").trimEnd()];
  }
  drawArrow(line, from, to, text, lost);
  return [line.join("").trimEnd()];
}

function lifelines(columns: ReadonlyMap<string, number>, room: number): string[] {
  const line = Array.from({ length: room }, () => " ");
  for (const at of columns.values()) if (at < room) line[at] = "\u2502";
  return line;
}

/** The word stands in the arrow where it fits, else behind it. */
function drawArrow(line: string[], from: number, to: number, text: string, lost: boolean): void {
  const [left, right] = [Math.min(from, to), Math.max(from, to)];
  for (let at = left + 1; at < right; at++) line[at] = "\u2500";
  const end = from < to ? right - 1 : left + 1;
  line[end] = lost ? "\u2717" : from < to ? "\u25b6" : "\u25c0";
  const inside = right - left - 3;
  if (text.length + 2 <= inside) {
    write(line, left + 1 + Math.floor((right - left - text.length - 2) / 2), ` ${text} `);
  } else {
    write(line, right + 1, ` ${text} `);
  }
}

function write(line: string[], at: number, text: string): void {
  const shown = cut(text, line.length - at);
  for (let place = 0; place < shown.length; place++) line[at + place] = shown[place] ?? " ";
}

function cut(text: string, width: number): string {
  if (text.length <= width) return text;
  return width <= 1 ? text.slice(0, Math.max(0, width)) : `${text.slice(0, width - 1)}\u2026`;
}

function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(cut(word, width));
  }
  return lines;
}

/** Equal lines one after the other, but for their time, are one. */
function merged(lines: readonly string[]): readonly string[] {
  const out: string[] = [];
  let count = 1;
  for (const [place, line] of lines.entries()) {
    if (
      lines[place - 1]?.slice(TIME_WIDTH) === line.slice(TIME_WIDTH) &&
      line.slice(TIME_WIDTH).trim() !== ""
    ) {
      count += 1;
      continue;
    }
    if (count > 1) out.push(`${" ".repeat(TIME_WIDTH)}(${count} times)`);
    count = 1;
    out.push(line);
  }
  if (count > 1) out.push(`${" ".repeat(TIME_WIDTH)}(${count} times)`);
  return out;
}

function named(hosts: readonly string[]): string {
  const more = hosts.length - NOT_SHOWN_MAX;
  return more <= 0 ? hosts.join(", ") : `${hosts.slice(0, NOT_SHOWN_MAX).join(", ")} and ${more} more`;
}
