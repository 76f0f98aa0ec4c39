/** How fast the bytes of a transfer go, over its last seconds; and when they will have gone. */
import type { MonoMs } from "../ids.ts";

type Sample = { readonly at: MonoMs; readonly bytes: number };

/** Oldest first. */
export type Meter = { readonly samples: Sample[] };

const WINDOW_MS = 8_000; // longer than one fsync of a server, short enough to show that something has stopped

export function createMeter(): Meter {
  return { samples: [] };
}

/** Takes what was served until now; a sample that is older than the window leaves when a newer one covers it. */
export function measure(meter: Meter, bytes: number, at: MonoMs): void {
  const { samples } = meter;
  samples.push({ at, bytes });
  while (samples.length > 2 && at - (samples[1]?.at ?? at) >= WINDOW_MS) samples.shift();
}

export function bytesPerSecond({ samples }: Meter): number {
  const first = samples[0];
  const last = samples.at(-1);
  if (first === undefined || last === undefined || last.at <= first.at) return 0;
  return Math.floor(((last.bytes - first.bytes) * 1_000) / (last.at - first.at));
}

/** Null when nothing moves, and when everything has gone once: what follows is for further servers. */
export function remainingMs(meter: Meter, bytesTotal: number): number | null {
  const rate = bytesPerSecond(meter);
  const left = bytesTotal - (meter.samples.at(-1)?.bytes ?? 0);
  return rate === 0 || left <= 0 ? null : Math.ceil((left * 1_000) / rate);
}
