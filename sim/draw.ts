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
  /** The same for an identity that nobody else draws by: there are a million pairs of a thousand hosts. */
  own(...identity: readonly string[]): Source;
};

export type Source = { next(): Prng };

/** Counted in one place, so that who draws by the name and who keeps the source share the count. */
class Counted implements Source {
  readonly #key: Key;
  #count = 0;

  constructor(key: Key) {
    this.#key = key;
  }

  next(): Prng {
    this.#count += 1;
    return streamOf(this.#key, String(this.#count));
  }
}

export function createDraws(seed: string): Draws {
  const sources = new Map<string, Counted>();
  const begin = keyOf(seed);

  function source(name: string): Counted {
    const known = sources.get(name);
    if (known !== undefined) return known;
    const made = new Counted(streamOf(begin, name));
    sources.set(name, made);
    return made;
  }

  return {
    next: (...identity) => source(identity.join("\n")).next(),
    source: (...identity) => source(identity.join("\n")),
    own: (...identity) => new Counted(streamOf(begin, identity.join("\n"))),
  };
}
