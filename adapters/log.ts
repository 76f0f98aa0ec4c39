/**
 * The log: one JSON object a line on stderr, with the stable name of an event and flat fields. What a stranger chose
 * (paths, names, reasons) is cut and escaped; the same line again and again is counted instead of written.
 */
import { pino } from "pino";
import type { TraceFields } from "../kernel/effect.ts";
import { BoundedMap } from "./bounded-map.ts";
import type { Tracer } from "./port.ts";

const VALUE_CHARACTERS_MAX = 256;
const WINDOW_MS = 10_000;
const SAME_LINES_MAX = 5; // of one event with the same fields, in a window
const EVENT_LINES_MAX = 1_000; // of one event whatever its fields: 100 a second
const NAMES_MAX = 4_096; // lines and events that are counted at once

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "silent";
const LEVELS: readonly LogLevel[] = ["trace", "debug", "info", "warn", "error", "silent"];

/** Everything else is `info`: what an operator wants to find a week later, a few lines an image. */
const LEVEL_OF: ReadonlyMap<string, LogLevel> = new Map(
  (
    [
      ["trace", "block_got block_written block_served packet_sent packet_got round"],
      ["debug", "block_retried packet_too_large packet_refused dial_failed conn_open conn_closed"],
      ["debug", "listing_asked"],
      ["warn", "name_unresolved cantal_silent block_refused index_refused download_stalled download_resting"],
      [
        "warn",
        "configuration_kept keys_kept peers_kept config_warning page_failed problem stop_cut frame_refused download_aborted image_missing",
      ],
      ["error", "crashed start_failed disk_failed"],
    ] as const
  ).flatMap(([level, marks]) => marks.split(" ").map((mark) => [mark, level] as const)),
);

export type Log = Tracer;

export type LogOptions = {
  readonly level: LogLevel;
  /** In each line, when several servers write into one log. */
  readonly machine: string | null;
  readonly write: (line: string) => void;
  /** Milliseconds of a clock that never jumps. */
  readonly mono: () => number;
};

type Window = { readonly until: number; count: number; held: number };

export function createLog(options: LogOptions): Log {
  const logger = pino(
    {
      level: options.level,
      base: options.machine === null ? {} : { machine_id: options.machine },
      messageKey: "event",
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (level) => ({ level }) },
    },
    { write: options.write },
  );
  const windows = new BoundedMap<Window>(NAMES_MAX);

  function write(mark: string, fields: TraceFields): void {
    const level = LEVEL_OF.get(mark) ?? "info";
    if (level === "silent") return;
    logger[level](fields, mark);
  }

  /** False when the line is held back; tells how many were, once their window is over. */
  function admit(name: string, linesMax: number, told: TraceFields): boolean {
    const now = options.mono();
    const window = windows.get(name);
    if (window === undefined || now >= window.until) {
      if (window !== undefined && window.held > 0) {
        logger.warn({ ...told, held: window.held, window_ms: WINDOW_MS }, "lines_held_back");
      }
      windows.delete(name); // the newest goes to the end
      windows.set(name, { until: now + WINDOW_MS, count: 1, held: 0 });
      return true;
    }
    window.count += 1;
    if (window.count <= linesMax) return true;
    window.held += 1;
    return false;
  }

  return {
    trace(mark, fields) {
      const level = LEVEL_OF.get(mark) ?? "info";
      if (!logger.isLevelEnabled(level)) return;
      const shown = safeFields(fields, options.machine);
      if (!admit(mark, EVENT_LINES_MAX, { of: mark })) return;
      if (!admit(`${mark} ${JSON.stringify(shown)}`, SAME_LINES_MAX, { of: mark, ...shown })) return;
      write(mark, shown);
    },
  };
}

/** `CIRUELA_LOG`, else `RUST_LOG` as 0.6.12 has it: a level, or `ciruela=LEVEL` among levels of other modules. */
export function logLevel(environment: Readonly<Record<string, string | undefined>>): LogLevel {
  const text = environment["CIRUELA_LOG"] ?? environment["RUST_LOG"] ?? "";
  let level: LogLevel | null = null;
  for (const part of text.toLowerCase().split(",")) {
    const [, module = "", name = ""] = /^(?:\s*([a-z0-9_:]+)=)?\s*([a-z]+)\s*$/.exec(part) ?? [];
    if (module !== "" && !module.startsWith("ciruela")) continue;
    level = LEVELS.find((each) => each === (name === "off" ? "silent" : name)) ?? level;
  }
  return level ?? "info";
}

const RESERVED = new Set(["event", "level", "time"]);

/** A machine that stands in each line already is not named twice. */
function safeFields(fields: TraceFields, machine: string | null): TraceFields {
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([name, value]) => name !== "machine_id" || value !== machine)
      .map(([name, value]) => [
        RESERVED.has(name) || (name === "machine_id" && machine !== null) ? `${name}_` : name,
        typeof value === "string" ? safeText(value) : value,
      ]),
  );
}

/** JSON escapes control characters up to 1f; a terminal acts on these as well, or shows text in another order. */
export function safeText(text: string): string {
  const cut =
    text.length <= VALUE_CHARACTERS_MAX
      ? text
      : `${text.slice(0, VALUE_CHARACTERS_MAX - 3).replace(/[\ud800-\udbff]$/, "")}...`;
  return cut.replace(
    /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
