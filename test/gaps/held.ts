/** What keeps a mistake of 0.6.12 from coming back. */
export type Held =
  /** A bug on purpose of `test/mutants/`, which the simulator finds. */
  | { readonly kind: "found"; readonly mutant: string }
  /** One of this folder, which the test kills that it names. */
  | { readonly kind: "planted"; readonly mutant: string }
  /** A test, where no bug of a line or two makes the old behaviour. */
  | { readonly kind: "tested"; readonly file: string; readonly title: string }
  /** By what holds another entry. */
  | { readonly kind: "same"; readonly id: string }
  /** It is as it was, or cannot be here. */
  | { readonly kind: "struck"; readonly reason: string };

/** What 0.6.12 did, in a few words, and everything that holds it here. */
export type Entry = readonly [id: string, was: string, held: readonly (Held | readonly Held[])[]];

export function found(...mutants: readonly string[]): readonly Held[] {
  return mutants.map((mutant) => ({ kind: "found", mutant }));
}

export function planted(mutant: string): Held {
  return { kind: "planted", mutant };
}

/** @param title  as it stands in the file, with its placeholders */
export function tested(file: string, title: string): Held {
  return { kind: "tested", file, title };
}

export function same(id: string): Held {
  return { kind: "same", id };
}

export function struck(reason: string): Held {
  return { kind: "struck", reason };
}

export function heldBy([, , held]: Entry): readonly Held[] {
  return held.flat();
}
