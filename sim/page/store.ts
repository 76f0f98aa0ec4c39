/** What the page shows, in one place. Everybody who draws is told after a change, once a frame. */
import type { Embedded } from "../view/embedded.ts";
import type { Recording } from "../view/recording.ts";
import { lanesOf, type Level, levelOf, type Row, rowsOf } from "../view/rows.ts";

export const TABS = ["cause", "state", "disk", "blocks", "script"] as const;
export type Tab = (typeof TABS)[number];

export type Running =
  | { readonly kind: "idle" }
  | { readonly kind: "running"; readonly steps: number }
  | { readonly kind: "trouble"; readonly what: string };

export type Shown = {
  readonly embedded: Embedded;
  /** The run that is looked at: the one that came with the page, or one that was made here. */
  readonly recording: Recording;
  /** Was it computed in this browser? */
  readonly ranHere: boolean;
  readonly running: Running;
  /** Entries: the chosen moment, and the one that was chosen before it. */
  readonly chosen: number;
  readonly before: number;
  readonly level: Level;
  /** Hosts that were asked for; none is a choice by what happened. */
  readonly wanted: readonly string[];
  readonly host: string;
  readonly tab: Tab;
};

export type Store = {
  get(): Shown;
  set(change: Partial<Shown>): void;
  /** Chooses a moment; the host that it happened at is looked at from then on. */
  choose(entry: number): void;
  show(recording: Recording, ranHere: boolean): void;
  onChange(draw: (shown: Shown) => void): void;
  rows(): readonly Row[];
};

export function createStore(embedded: Embedded): Store {
  const { recording } = embedded;
  const listeners: ((shown: Shown) => void)[] = [];
  let shown: Shown = {
    embedded,
    recording,
    ranHere: false,
    running: { kind: "idle" },
    chosen: startOf(recording),
    before: Math.max(0, startOf(recording) - 1),
    level: levelOf(recording),
    wanted: [],
    host: hostOf(recording, startOf(recording)),
    tab: recording.failure === null ? "state" : "cause",
  };
  let drawn = true;
  let rows: { readonly of: Recording; readonly level: Level; readonly rows: readonly Row[] } | null = null;

  function set(change: Partial<Shown>): void {
    shown = { ...shown, ...change };
    if (!drawn) return;
    drawn = false;
    requestAnimationFrame(() => {
      drawn = true;
      for (const draw of listeners) draw(shown);
    });
  }

  return {
    get: () => shown,
    set,
    choose(entry) {
      const last = shown.recording.entries.length - 1;
      const chosen = Math.min(Math.max(0, entry), last);
      if (chosen === shown.chosen) return;
      set({ before: shown.chosen, chosen, host: shown.recording.entries[chosen]?.host ?? shown.host });
    },
    show(next, ranHere) {
      const last = shown.recording;
      const same = next.digest === last.digest && next.script === last.script;
      // Of a long run, what one host knows comes after another, and what is there already stays.
      const both = {
        states: { ...last.states, ...next.states },
        disks: { ...last.disks, ...next.disks },
        whole: last.whole || next.whole,
      };
      const chosen = same ? shown.chosen : startOf(next);
      set({
        recording: same ? { ...last, ...both } : next,
        ranHere,
        running: { kind: "idle" },
        ...(same
          ? {}
          : { chosen, before: Math.max(0, chosen - 1), level: levelOf(next), host: hostOf(next, chosen) }),
      });
    },
    onChange(draw) {
      listeners.push(draw);
      draw(shown);
    },
    rows() {
      const { recording: of, level } = shown;
      if (rows?.of !== of || rows.level !== level) rows = { of, level, rows: rowsOf(of, level) };
      return rows.rows;
    },
  };
}

/** Is it written down what this host knows? */
export function isKnown({ whole, states }: Recording, host: string): boolean {
  return whole || states[host] !== undefined;
}

/** Where a look begins: at the event that failed, else at the end. */
function startOf({ failing, entries }: Recording): number {
  return failing ?? entries.length - 1;
}

function hostOf({ entries, hosts, failure }: Recording, at: number): string {
  return entries[at]?.host ?? failure?.host ?? hosts[0] ?? "";
}

export function lanesShown(
  { recording, wanted }: Shown,
  rows: readonly Row[],
  most: number,
): readonly string[] {
  return lanesOf(recording, rows, most, wanted);
}
