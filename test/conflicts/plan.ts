/**
 * Schedules in which uploads of one path meet: a few images, signed again and again, by two keys, with timestamps of
 * which several are equal, at any moment and at any server, over lines of any length, with a split or without.
 */
import { below, chance, keyed, type Prng, sample } from "../../kernel/prng.ts";

export type Schedule = {
  readonly seed: number;
  readonly nodes: number;
  readonly uploads: readonly PlannedUpload[];
  /** Milliseconds that a message and a call of a disk take at most. */
  readonly delayMs: number;
  readonly diskMs: number;
  /** Between these and the others nothing is heard from the one moment to the other. */
  readonly split: { readonly some: readonly number[]; readonly from: number; readonly to: number } | null;
};
export type PlannedUpload = {
  readonly at: number;
  readonly timestamp: number;
  /** Of a few; and of the two keys. */
  readonly image: number;
  readonly key: number;
  /** Servers from 0. */
  readonly to: readonly number[];
};

const NODES = [3, 7] as const;
const UPLOADS = [2, 6] as const;
/** Few, so that what was there before comes back, with another signature. */
const IMAGES = [1, 3] as const;
/** Different timestamps of one schedule, a millisecond apart. */
const STAMPS = [1, 3] as const;
/** All at once, while images are on their way, or one after the other. */
const WITHIN_MS = [0, 20, 200, 2_500] as const;
const DELAYS_MS = [1, 5, 60] as const;
const DISKS_MS = [1, 10, 60] as const;
const BEGIN_MS = 100; // every server has started
const SPLIT_MS_MAX = 2_000;
export const WALL = 1_700_000_000_000;

export function planSchedule(seed: number): Schedule {
  const dice = keyed(seed, "conflicts");
  const nodes = between(dice, NODES);
  const servers = Array.from({ length: nodes }, (_, at) => at);
  const images = between(dice, IMAGES);
  const stamps = between(dice, STAMPS);
  const within = pick(dice, WITHIN_MS);
  const uploads = Array.from(
    { length: between(dice, UPLOADS) },
    (): PlannedUpload => ({
      at: BEGIN_MS + below(dice, within + 1),
      timestamp: WALL + below(dice, stamps),
      image: 1 + below(dice, images),
      key: below(dice, 2),
      to: sample(dice, servers, 1 + below(dice, 3)),
    }),
  );
  const from = below(dice, BEGIN_MS + within + 1);
  const split = chance(dice, 1, 2)
    ? {
        some: sample(dice, servers, 1 + below(dice, nodes - 1)),
        from,
        to: from + below(dice, SPLIT_MS_MAX),
      }
    : null;
  return { seed, nodes, uploads, delayMs: pick(dice, DELAYS_MS), diskMs: pick(dice, DISKS_MS), split };
}

export function printSchedule({ seed, nodes, uploads, delayMs, diskMs, split }: Schedule): string {
  const lines = uploads
    .toSorted((a, b) => a.at - b.at)
    .map(
      ({ at, timestamp, image, key, to }) =>
        `  at ${at} ms image ${image} signed at +${timestamp - WALL} ms with key ${key}, to ${to.join(" ")}`,
    );
  const apart = split === null ? "" : `, ${split.some.join(" ")} apart from ${split.from} to ${split.to} ms`;
  return [
    `schedule ${seed}: ${nodes} servers, messages up to ${delayMs} ms, disks up to ${diskMs} ms${apart}`,
    ...lines,
  ].join("\n");
}

function between(dice: Prng, [least, most]: readonly [number, number]): number {
  return least + below(dice, most - least + 1);
}

function pick<T>(dice: Prng, items: readonly T[]): T {
  return items[below(dice, items.length)] as T;
}
