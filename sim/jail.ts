/** While the simulated world runs, real clocks and entropy throw: whoever asks for them makes runs differ. */
type Clocks = { performance?: { now: () => number } };

export function withoutChance<T>(run: () => T): T {
  const { random } = Math;
  const { now } = Date;
  const performance = (globalThis as Clocks).performance;
  const elapsed = performance?.now;
  Math.random = () => forbidden("Math.random");
  Date.now = () => forbidden("Date.now");
  if (performance !== undefined) performance.now = () => forbidden("performance.now");
  try {
    return run();
  } finally {
    Math.random = random;
    Date.now = now;
    if (performance !== undefined && elapsed !== undefined) performance.now = elapsed;
  }
}

function forbidden(name: string): never {
  throw new Error(`invariant broken: ${name} inside a simulated run`);
}
