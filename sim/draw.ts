/**
 * Random draws by identity: which thing, what kind, and the how-manieth time. Leaving one thing out changes no draw of
 * another.
 */
import { type Key, keyOf, type Prng, streamOf } from "../kernel/prng.ts";

export type Draws = {
  /** The stream of the next occurrence of this identity. */
  next(...identity: readonly string[]): Prng;
  /** The streams of one identity, for who draws often: the same as by `next`, and counted together with them. */
  source(...identity: readonly string[]): Source;
};

export type Source = { next(): Prng };

type Counted = Source & { readonly key: Key; count: number };

export function createDraws(seed: string): Draws {
  const sources = new Map<string, Counted>();

  function source(name: string): Counted {
    const known = sources.get(name);
    if (known !== undefined) return known;
    const made: Counted = {
      key: keyOf(seed, name),
      count: 0,
      next() {
        made.count += 1;
        return streamOf(made.key, String(made.count));
      },
    };
    sources.set(name, made);
    return made;
  }

  return {
    next: (...identity) => source(identity.join("\n")).next(),
    source: (...identity) => source(identity.join("\n")),
  };
}
