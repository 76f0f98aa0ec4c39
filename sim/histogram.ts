/** Measured values in order: quantiles, and how many lie between bounds. */

export type Histogram = {
  readonly count: number;
  /** The least value that at least this share of all does not exceed; null of nothing. `share` from 0 to 1. */
  quantile(share: number): number | null;
  readonly max: number | null;
  /** How many are at most each bound and above the one before; the last are above all bounds. Bounds ascend. */
  between(bounds: readonly number[]): readonly number[];
};

export function histogramOf(values: readonly number[]): Histogram {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    count: sorted.length,
    quantile: (share) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null,
    max: sorted.at(-1) ?? null,
    between(bounds) {
      const counts = Array.from({ length: bounds.length + 1 }, () => 0);
      for (const value of sorted) {
        const found = bounds.findIndex((bound) => value <= bound);
        const at = found === -1 ? bounds.length : found;
        counts[at] = (counts[at] ?? 0) + 1;
      }
      return counts;
    },
  };
}
