/**
 * Random draws by identity: which thing, what kind, and the how-manieth time. Leaving one thing out changes no draw of
 * another.
 */
import { keyed, type Prng } from "../kernel/prng.ts";

export type Draws = {
  /** The stream of the next occurrence of this identity. */
  next(...identity: readonly string[]): Prng;
};

export function createDraws(seed: string): Draws {
  const counts = new Map<string, number>();
  return {
    next(...identity) {
      const name = identity.join("\n");
      const nth = (counts.get(name) ?? 0) + 1;
      counts.set(name, nth);
      return keyed(seed, name, String(nth));
    },
  };
}
