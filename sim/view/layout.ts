/**
 * Where the rows of a sequence diagram stand, in pixels. Every row has a band of its own and one label in it, cut to
 * what fits, so that labels never overlap; only the rows of the window that is looked at are laid out.
 */
import type { Row } from "./rows.ts";

export const ROW_HEIGHT = 34;
export const TIME_WIDTH = 80;
/** Of one character of the label's font, at 12 px of a monospaced face. */
export const CHAR_WIDTH = 7.25;
const LANE_WIDTH_MIN = 84;
const LABEL_HEIGHT = 16;
const LABEL_TOP = 2;
const ARROW_TOP = 24;
const MARK_TOP = 17;
const BESIDE = 12; // from a lane to what is written beside it
const MARGIN = 8;

export type Drawn = {
  readonly row: Row;
  /** Place among the rows. */
  readonly at: number;
  readonly top: number;
  readonly label: {
    readonly text: string;
    readonly x: number;
    readonly y: number;
    readonly width: number;
    readonly height: number;
  };
  /** A message: from one lane to another, or from the edge where its other host has no lane. */
  readonly arrow: { readonly from: number; readonly to: number; readonly y: number } | null;
  /** What happens at one host. */
  readonly dot: { readonly x: number; readonly y: number } | null;
};

/** How many lanes a width has room for. */
export function lanesThatFit(width: number): number {
  return Math.max(2, Math.floor((width - TIME_WIDTH - MARGIN) / LANE_WIDTH_MIN));
}

/** The middle of each lane. */
export function laneCentres(lanes: readonly string[], width: number): ReadonlyMap<string, number> {
  const each = (width - TIME_WIDTH - MARGIN) / Math.max(1, lanes.length);
  return new Map(lanes.map((host, at) => [host, Math.round(TIME_WIDTH + each * (at + 0.5))]));
}

/** @param top and `height` are of the window, in pixels from the first row */
export function layRows(
  rows: readonly Row[],
  lanes: readonly string[],
  width: number,
  window: { readonly top: number; readonly height: number },
): readonly Drawn[] {
  const centres = laneCentres(lanes, width);
  const first = Math.max(0, Math.floor(window.top / ROW_HEIGHT) - 1);
  const last = Math.min(rows.length, Math.ceil((window.top + window.height) / ROW_HEIGHT) + 1);
  return rows.slice(first, last).map((row, offset) => layRow(row, first + offset, centres, width));
}

/** Rows of which a lane is shown, and those that are of all. */
export function isShown({ kind, host, peer }: Row, lanes: ReadonlySet<string>): boolean {
  if (kind === "fault" || kind === "end") return true;
  return (host !== null && lanes.has(host)) || (peer !== null && lanes.has(peer));
}

function layRow(row: Row, at: number, centres: ReadonlyMap<string, number>, width: number): Drawn {
  const top = at * ROW_HEIGHT;
  const { kind, host, peer } = row;
  const here = host === null ? undefined : centres.get(host);
  const there = peer === null ? undefined : centres.get(peer);
  const common = { row, at, top };
  if (kind === "fault" || kind === "end") {
    const label = labelOf(row.text, TIME_WIDTH + BESIDE, top + (ROW_HEIGHT - LABEL_HEIGHT) / 2, width);
    return { ...common, label, arrow: null, dot: null };
  }
  if (kind === "mark" || kind === "local") {
    const x = here ?? TIME_WIDTH;
    const y = top + MARK_TOP;
    return {
      ...common,
      label: besides(row.text, x, y - LABEL_HEIGHT / 2, width),
      arrow: null,
      dot: { x, y },
    };
  }
  const [from, to] = kind === "lost" ? [here, there] : [there, here];
  const known = from ?? to ?? TIME_WIDTH;
  const [sender, receiver] = kind === "lost" ? [host, peer] : [peer, host];
  const text = `${from === undefined ? `${sender ?? "?"} \u2192 ` : ""}${row.text}${to === undefined ? ` \u2192 ${receiver ?? "?"}` : ""}`;
  const arrow = { from: from ?? stub(known, width), to: to ?? stub(known, width), y: top + ARROW_TOP };
  const middle = (arrow.from + arrow.to) / 2;
  const wide = Math.min(width - TIME_WIDTH - MARGIN, text.length * CHAR_WIDTH);
  const left = Math.min(Math.max(TIME_WIDTH, middle - wide / 2), width - MARGIN - wide);
  return { ...common, label: labelOf(text, left, top + LABEL_TOP, width), arrow, dot: null };
}

/** The end of an arrow to a host without a lane. */
function stub(from: number, width: number): number {
  return from + 60 < width ? from + 48 : from - 48;
}

/** On the side of a lane that has more room. */
function besides(text: string, lane: number, y: number, width: number): Drawn["label"] {
  const wanted = text.length * CHAR_WIDTH;
  const right = width - MARGIN - lane - BESIDE;
  const left = lane - BESIDE - TIME_WIDTH;
  if (wanted <= right || right >= left) return labelOf(text, lane + BESIDE, y, width);
  const wide = Math.min(wanted, left);
  return labelOf(text, lane - BESIDE - wide, y, lane - BESIDE + MARGIN);
}

/** @param edge what the label may not pass, without a margin */
function labelOf(text: string, x: number, y: number, edge: number): Drawn["label"] {
  const room = Math.max(1, Math.floor((edge - MARGIN - x + 0.5) / CHAR_WIDTH));
  const shown = text.length <= room ? text : `${text.slice(0, Math.max(0, room - 1))}\u2026`;
  return { text: shown, x, y, width: shown.length * CHAR_WIDTH, height: LABEL_HEIGHT };
}
