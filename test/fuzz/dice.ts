/** Random numbers of a fuzzer: 32 bits from one seed (mulberry32), quick, and the same on every machine. */
export type Dice = {
  /** A whole number from 0 up to before `below`, which is at least 1. */
  readonly roll: (below: number) => number;
  /** True once in so many times. */
  readonly once: (inSoMany: number) => boolean;
  readonly pick: <T>(list: readonly T[]) => T;
};

export function createDice(seed: number): Dice {
  let state = seed >>> 0;
  const roll = (below: number): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * below);
  };
  return {
    roll,
    once: (inSoMany) => roll(inSoMany) === 0,
    pick(list) {
      const found = list[roll(list.length)];
      if (found === undefined) throw new Error("picked from an empty list");
      return found;
    },
  };
}
