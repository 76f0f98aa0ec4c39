/**
 * Two measurements of each of several runs, compared run by run: what varies from run to run is in both, so that a
 * small difference shows that would drown between two samples.
 */
export type Paired = {
  readonly runs: number;
  readonly meanA: number;
  readonly meanB: number;
  /** Of B less A: its mean, and half the width of the interval that has the true mean in 95 of 100 such experiments. */
  readonly difference: number;
  readonly margin: number;
  /** Runs in which B is less, the same, and more. */
  readonly less: number;
  readonly same: number;
  readonly more: number;
  /** How likely so uneven a split is when neither is better: the sign test, both sides, without the runs that tie. */
  readonly chance: number;
};

const NORMAL_95 = 1.959_964;

/** @param pairs  at least one */
export function comparePairs(pairs: readonly (readonly [a: number, b: number])[]): Paired {
  const runs = pairs.length;
  const mean = (values: readonly number[]): number => values.reduce((sum, each) => sum + each, 0) / runs;
  const differences = pairs.map(([a, b]) => b - a);
  const difference = mean(differences);
  const squares = differences.reduce((sum, each) => sum + (each - difference) ** 2, 0);
  const deviation = runs < 2 ? Infinity : Math.sqrt(squares / (runs - 1));
  const less = differences.filter((each) => each < 0).length;
  const more = differences.filter((each) => each > 0).length;
  return {
    runs,
    meanA: mean(pairs.map(([a]) => a)),
    meanB: mean(pairs.map(([, b]) => b)),
    difference,
    margin: runs < 2 ? Infinity : (studentQuantile(runs - 1) * deviation) / Math.sqrt(runs),
    less,
    same: runs - less - more,
    more,
    chance: signTest(less, more),
  };
}

/** Of 97.5 %. Source: Cornish and Fisher's expansion, Abramowitz and Stegun 26.7.5; within 1 % from 3 degrees on. */
function studentQuantile(degrees: number): number {
  if (degrees === 1) return 12.706;
  if (degrees === 2) return 4.303;
  const z = NORMAL_95;
  const terms = [
    (z ** 3 + z) / 4,
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96,
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384,
  ];
  return terms.reduce((sum, term, at) => sum + term / degrees ** (at + 1), z);
}

/** Exact: the sum of both tails of a binomial distribution of one half. */
function signTest(less: number, more: number): number {
  const tosses = less + more;
  if (tosses === 0) return 1;
  let tail = 0;
  for (let heads = 0; heads <= Math.min(less, more); heads++) tail += share(tosses, heads);
  return Math.min(1, 2 * tail);
}

/** The chance of `heads` in so many tosses, by factors that stay within range. */
function share(tosses: number, heads: number): number {
  let product = 1;
  let halves = tosses;
  for (let at = 1; at <= heads; at++) {
    product *= (tosses - heads + at) / at;
    while (product > 1 && halves > 0) {
      product /= 2;
      halves -= 1;
    }
  }
  return product * 2 ** -halves;
}
