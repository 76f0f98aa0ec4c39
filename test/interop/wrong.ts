/** What a row throws when a server, a client or a disk is not as the specification says; anything else is a bug of the suite. */
export class Wrong extends Error {}

export function wrong(what: string): never {
  throw new Wrong(what);
}

/** Compares by the JSON of both sides, and says both. */
export function same(what: string, found: unknown, expected: unknown): void {
  const [left, right] = [JSON.stringify(found), JSON.stringify(expected)];
  if (left !== right) wrong(`${what}: expected ${right}, found ${left}`);
}

export function holds(what: string, found: boolean): void {
  if (!found) wrong(what);
}
