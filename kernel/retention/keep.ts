/**
 * Which images of an auto-clean base directory stay: all recent ones up to `keepMax`, those of the keep list, and at
 * least the `keepMin` newest.
 *
 * Source: specification of the configuration, section 5; `cleanup.json` of its vectors.
 */
import { compareText } from "../text.ts";

/** `since`: milliseconds since 1970 of the oldest signature, so that signing an image again makes it no younger. */
export type Aged = { readonly name: string; readonly since: number };

export type KeepRules = {
  readonly keepMin: number;
  readonly keepMax: number;
  readonly keepRecentMs: number;
};

/**
 * Names that stay.
 *
 * @param images   of one base directory, each name once, in any order
 * @param listed   whether the keep list has a name
 * @param nowWall  milliseconds since 1970
 */
export function selectKept(
  images: readonly Aged[],
  listed: (name: string) => boolean,
  { keepMin, keepMax, keepRecentMs }: KeepRules,
  nowWall: number,
): ReadonlySet<string> {
  if (images.length <= keepMin) return new Set(images.map(({ name }) => name));
  const sorted = images.toSorted(newestFirst);
  const recent = sorted.filter(({ since }) => since >= nowWall - keepRecentMs).slice(0, keepMax);
  const kept = new Set(recent.map(({ name }) => name));
  for (const { name } of sorted) if (listed(name)) kept.add(name);
  for (const { name } of sorted) {
    if (kept.size >= keepMin) break;
    kept.add(name);
  }
  return kept;
}

/** Of one age by name, so that all servers choose the same. */
function newestFirst(a: Aged, b: Aged): number {
  return b.since - a.since || compareText(a.name, b.name);
}
