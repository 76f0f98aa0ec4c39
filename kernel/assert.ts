/**
 * States an invariant of our own code, in words. A failure is a bug and ends the process: bytes and requests from
 * outside are parsed or refused, never asserted. Assertions stay on in production.
 */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${invariant}`);
}

/** Makes the compiler prove that every case of a union was thought about. */
export function unreachable(value: never): never {
  throw new Error(`invariant broken: a value outside its union: ${JSON.stringify(value)}`);
}
